//! The two names of a session: the secret in the browser, and what the store is asked for.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// Random bytes in a session id of ours: 192 bits, beyond the 128 that OWASP ASVS 5.0 (7.2.3) asks.
pub const ID_BYTES: usize = 24;
const ID_TEXT: usize = ID_BYTES / 3 * 4;
/// A hash of 32 bytes in base64.
const HASH_TEXT: usize = 43;

/// The secret a browser holds. Whoever knows it is the visitor, so it never
/// prints, and is wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionId(IdText);

#[derive(Clone, PartialEq, Eq)]
enum IdText {
    /// Ours, in place: most requests carry one. ASCII.
    Native(Zeroizing<[u8; ID_TEXT]>),
    Foreign(Zeroizing<String>),
}

impl SessionId {
    /// A fresh id of ours from random bytes of the caller.
    pub fn from_random(bytes: &[u8; ID_BYTES]) -> Self {
        let mut text = Zeroizing::new([b'A'; ID_TEXT]);
        // The buffer holds exactly what the bytes take, without padding.
        let _ = URL_SAFE_NO_PAD.encode_slice(bytes, &mut *text);
        Self(IdText::Native(text))
    }

    /// An id of ours as a browser sent it; `None` if it has not the length of
    /// one. Says nothing of whether we issued it: only finding it does.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text: &[u8; ID_TEXT] = text.try_into().ok()?;
        text.is_ascii().then(|| Self(IdText::Native(Zeroizing::new(*text))))
    }

    /// The id as text for a cookie, header, link or form.
    pub fn expose(&self) -> &str {
        match &self.0 {
            IdText::Native(text) => std::str::from_utf8(&**text).unwrap_or_default(),
            IdText::Foreign(text) => text,
        }
    }

    /// An id in a foreign spelling, which that format's own rules have checked.
    pub fn foreign(text: impl Into<String>) -> Self {
        Self(IdText::Foreign(Zeroizing::new(text.into())))
    }

    /// What the store is asked for in our own layout: a hash, so that a stolen
    /// copy of the store opens no session.
    pub fn store_key(&self) -> StoreKey {
        StoreKey::hashed(match &self.0 {
            IdText::Native(text) => &**text,
            IdText::Foreign(text) => text.as_bytes(),
        })
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(…)")
    }
}

/// What a store is asked for: a hash of the id in our own layout, prefix and id in foreign ones.
///
/// A foreign key contains the id itself, so no `StoreKey` prints.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoreKey(Repr);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Repr {
    Hashed([u8; 32]),
    Text(Box<str>),
}

impl StoreKey {
    /// The key of our own layout for this id.
    pub(crate) fn hashed(id: &[u8]) -> Self {
        Self(Repr::Hashed(Sha256::digest(id).into()))
    }

    /// A key of our own layout read back from a store.
    pub fn from_hash(hash: [u8; 32]) -> Self {
        Self(Repr::Hashed(hash))
    }

    /// A key of a foreign layout, such as Flask-Session's `session:…`.
    pub fn from_text(text: impl Into<Box<str>>) -> Self {
        Self(Repr::Text(text.into()))
    }

    /// The hash, in our own layout.
    pub fn hash(&self) -> Option<&[u8; 32]> {
        match &self.0 {
            Repr::Hashed(hash) => Some(hash),
            Repr::Text(_) => None,
        }
    }

    /// The key as bytes: 32 of them in our own layout, text in foreign ones.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Hashed(hash) => hash,
            Repr::Text(text) => text.as_bytes(),
        }
    }

    /// The key as text, for stores with text keys: lower-case hex in our own
    /// layout, as it is in foreign ones. A secret in the latter: never log it.
    pub fn to_text(&self) -> String {
        use std::fmt::Write as _;
        match &self.0 {
            Repr::Hashed(hash) => hash.iter().fold(String::with_capacity(64), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            }),
            Repr::Text(text) => text.to_string(),
        }
    }

    /// The key whose hash [`to_text`](Self::to_text) wrote, and of no other text.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut hash = [0; 32];
        if text.len() != 2 * hash.len() {
            return None;
        }
        for (byte, pair) in hash.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let &[high, low] = pair else { return None };
            *byte = lower_hex(high).ok()? << 4 | lower_hex(low).ok()?;
        }
        Some(Self::from_hash(hash))
    }

    /// Writes the name that says which kind of key it is, for stores that keep both
    /// kinds under text keys: `h:` and the hash in base64url, or `t:` and the text.
    ///
    /// Shorter than hex: Redis keeps a small hash in a third of the room while no field of it is
    /// longer than 64 bytes (`hash-max-listpack-value`).
    pub fn push_name(&self, name: &mut String) {
        match &self.0 {
            Repr::Hashed(hash) => {
                name.push_str("h:");
                URL_SAFE_NO_PAD.encode_string(hash, name);
            }
            Repr::Text(text) => {
                name.push_str("t:");
                name.push_str(text);
            }
        }
    }

    /// The name that [`push_name`](Self::push_name) writes.
    pub fn to_name(&self) -> String {
        let mut name = String::with_capacity(2 + self.as_bytes().len().div_ceil(3) * 4);
        self.push_name(&mut name);
        name
    }

    /// The key of a name that [`push_name`](Self::push_name) wrote, and of no other.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        match name {
            [b'h', b':', text @ ..] if text.len() == HASH_TEXT => {
                let mut hash = [0; 32];
                // One spelling alone: bits that are left over must be nought.
                let read = URL_SAFE_NO_PAD.decode_slice(text, &mut hash);
                (read == Ok(hash.len())).then(|| Self::from_hash(hash))
            }
            [b't', b':', text @ ..] => std::str::from_utf8(text).ok().map(Self::from_text),
            _ => None,
        }
    }

    /// A name for this session that may be shown to its owner and given back
    /// to end it. It opens nothing.
    pub fn handle(&self) -> Handle {
        let digest = Sha256::new().chain_update(b"sessile handle\0").chain_update(self.as_bytes());
        let digest: [u8; 32] = digest.finalize().into();
        let mut short = [0; 12];
        short.copy_from_slice(&digest[..12]);
        Handle(short)
    }
}

/// A key of our own layout is a SHA-256 already, so eight of its bytes are hash
/// enough. They are not the first ones: `MemoryStore` picks its shard by those.
impl Hash for StoreKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.0 {
            Repr::Hashed([_, _, _, _, _, _, _, _, a, b, c, d, e, f, g, h, ..]) => {
                state.write_u64(u64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h]));
            }
            Repr::Text(text) => text.hash(state),
        }
    }
}

impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreKey(…)")
    }
}

/// A session's public name: shown in lists and logs, useless as a credential.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Handle([u8; 12]);

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// As [`Display`](fmt::Display) writes it.
impl serde::Serialize for Handle {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({self})")
    }
}

/// Reads what [`Display`](fmt::Display) writes, and nothing else.
impl FromStr for Handle {
    type Err = BadHandle;

    fn from_str(text: &str) -> Result<Self, BadHandle> {
        let digits = text.as_bytes();
        if digits.len() != 24 {
            return Err(BadHandle);
        }
        let mut bytes = [0; 12];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let &[high, low] = pair else { return Err(BadHandle) };
            *byte = lower_hex(high)? << 4 | lower_hex(low)?;
        }
        Ok(Self(bytes))
    }
}

fn lower_hex(digit: u8) -> Result<u8, BadHandle> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(BadHandle),
    }
}

/// A text that is no [`Handle`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BadHandle;

impl fmt::Display for BadHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a session's handle is 24 hexadecimal digits in lower case")
    }
}

sessile_formats::debug_reads_like_display!(BadHandle);

impl std::error::Error for BadHandle {}

/// The user a session belongs to: the application's own name or number for them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject(Arc<str>);

/// A subject is no longer than this many bytes, so that every store can index it.
pub const SUBJECT_MAX_BYTES: usize = 200;

impl Subject {
    /// `None` when `name` is empty, over [`SUBJECT_MAX_BYTES`], or holds control characters.
    pub fn new(name: impl Into<Arc<str>>) -> Option<Self> {
        let name = name.into();
        let fits = !name.is_empty() && name.len() <= SUBJECT_MAX_BYTES;
        (fits && !name.chars().any(char::is_control)).then_some(Self(name))
    }

    /// The name as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name as given.
impl serde::Serialize for Subject {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_back_to_its_key() {
        let hash = SessionId::from_random(&[7; ID_BYTES]).store_key();
        for key in [hash, StoreKey::from_text("h:ü"), StoreKey::from_text("")] {
            let mut name = String::new();
            key.push_name(&mut name);
            assert!(StoreKey::from_name(name.as_bytes()).is_some_and(|found| found == key));
        }
        let (second, hex) = (format!("h:{}B", "A".repeat(42)), format!("h:{}", "a7".repeat(32)));
        let padded = format!("h:{}=", "A".repeat(43));
        let others = [&second, &hex, &padded].map(|it| it.as_bytes());
        let others = others.into_iter().chain([&b""[..], b"h", b"h:", b"h:a7", b"u:x", b"t:\xff"]);
        others.for_each(|other| assert!(StoreKey::from_name(other).is_none(), "{other:?}"));
    }

    #[test]
    fn a_hash_in_hex_leads_back_to_its_key() {
        let key = SessionId::from_random(&[7; ID_BYTES]).store_key();
        assert_eq!(StoreKey::from_hex(&key.to_text()), Some(key.clone()));
        for other in ["", "a7", &key.to_text().to_uppercase(), &"g".repeat(64), &"ü".repeat(32)] {
            assert_eq!(StoreKey::from_hex(other), None, "{other}");
        }
    }

    #[test]
    fn a_handle_is_read_in_its_one_spelling() {
        let handle = SessionId::from_random(&[7; ID_BYTES]).store_key().handle();
        let text = handle.to_string();
        assert_eq!(text.parse(), Ok(handle));
        for wrong in ["", &text[1..], &text.to_uppercase(), &format!("{text}0"), &"ü".repeat(12)] {
            assert_eq!(wrong.parse::<Handle>(), Err(BadHandle), "{wrong}");
        }
    }
}
