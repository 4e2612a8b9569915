//! Going through everything a store holds, page by page.

use super::{BoxFuture, Listing, Record, StoreError, StoreErrorKind};
use crate::id::StoreKey;

/// Going through everything a store holds.
pub trait Scan: Send + Sync {
    /// The live entries after `after`, expired ones possibly among them; pointers
    /// are none. Entries that cannot be read are counted. `limit` is a wish: a page may
    /// hold a few more, or none although others follow.
    ///
    /// An entry that is there from the first page to the last is seen at least
    /// once. One that comes, goes or is written meanwhile may be missed or seen
    /// twice. A cursor stays good over a restart of the caller.
    fn scan<'a>(
        &'a self,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>>;
}

/// Some entries of a store, and where to go on.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The entries.
    pub entries: Vec<(StoreKey, Record)>,
    /// How many others of this page [cannot be read](super::Entry::Unreadable).
    pub unreadable: usize,
    /// Where the next page begins; `None` after the last, and only then. How full
    /// a page is says nothing: what was on it may have gone while it was read.
    pub next: Option<Cursor>,
}

impl Page {
    /// What was listed, and where to go on.
    pub fn of(listing: Listing, next: Option<Cursor>) -> Self {
        let Listing { sessions: entries, unreadable } = listing;
        Self { entries, unreadable, next }
    }
}

/// A place within a store, meaningful only to the store that made it.
///
/// It may name a key, which in foreign layouts is a secret, so it never prints.
#[derive(Clone, PartialEq, Eq)]
pub struct Cursor(Box<[u8]>);

impl Cursor {
    /// A cursor that was kept as bytes.
    pub fn from_bytes(bytes: impl Into<Box<[u8]>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes to keep it by.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The place after a key, in stores that go in key order.
    pub fn after_key(key: &StoreKey) -> Self {
        let kind = if key.hash().is_some() { b'h' } else { b't' };
        Self(std::iter::once(kind).chain(key.as_bytes().iter().copied()).collect())
    }

    /// The key of [`after_key`](Self::after_key), for the store called `store`.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Unsupported`]: the cursor is of another store.
    pub fn key(&self, store: &'static str) -> Result<StoreKey, StoreError> {
        let key = match self.0.split_first() {
            Some((b'h', hash)) => hash.try_into().ok().map(StoreKey::from_hash),
            Some((b't', text)) => std::str::from_utf8(text).ok().map(StoreKey::from_text),
            _ => None,
        };
        let strange = || StoreError::new(store, StoreErrorKind::Unsupported);
        key.ok_or_else(|| strange().because("the cursor is of another kind of store"))
    }
}

impl std::fmt::Debug for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cursor(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_keeps_the_kind_of_its_key() {
        let hash = StoreKey::from_hash([b't'; 32]);
        let text = StoreKey::from_text("t".repeat(32));
        for key in [hash, text] {
            let kept = Cursor::from_bytes(Cursor::after_key(&key).as_bytes());
            assert!(kept.key("test").unwrap() == key);
        }
        for other in [&b""[..], b"h", b"x1", b"t\xff"] {
            assert!(Cursor::from_bytes(other).key("test").is_err());
        }
    }
}
