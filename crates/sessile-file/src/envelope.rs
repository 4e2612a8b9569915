//! What is in a session's file.
//!
//! | bytes | what |
//! |-------|------|
//! | 4 | `SsF`, and the version 1 |
//! | 16 | the start of the SHA-256 of all that follows |
//! | 8 | when it ends, in milliseconds since 1970, little-endian; the largest number is never |
//! | 1 + 2 | the key: 0 a hash, 1 text; its length, little-endian |
//! | … | the key |
//! | … | the entry, as `sessile_core::native` encodes it |

use bytes::{Buf as _, Bytes};
use sessile_core::native::{DecodeError, decode_entry, encode_live, encode_moved};
use sessile_core::store::{Entry, Record, Unreadable, Version};
use sessile_core::{StoreKey, Timestamp};
use sha2::{Digest as _, Sha256};

const MAGIC: [u8; 3] = *b"SsF";
const VERSION: u8 = 1;
const CHECKED_FROM: usize = 20;

/// Enough of a file to know when it ends.
pub(crate) const HEAD: usize = CHECKED_FROM + 8;

/// An entry with a counted version, which is the only kind this store makes.
pub(crate) enum Content {
    Live(Record, u64),
    Moved { to: StoreKey, until: Timestamp },
}

impl Content {
    pub(crate) fn passed(&self, now: Timestamp) -> bool {
        match self {
            Self::Live(record, _) => record.has_ended(now),
            Self::Moved { until, .. } => now >= *until,
        }
    }

    pub(crate) fn into_entry(self) -> Entry {
        match self {
            Self::Live(record, version) => Entry::Live(record, Version::Number(version)),
            Self::Moved { to, until } => Entry::Moved { to, until },
        }
    }
}

pub(crate) fn live(key: &StoreKey, record: &Record, version: u64) -> Vec<u8> {
    seal(key, record.ends(), &encode_live(record, version))
}

pub(crate) fn moved(key: &StoreKey, to: &StoreKey, until: Timestamp) -> Vec<u8> {
    seal(key, Some(until), &encode_moved(to, until))
}

fn seal(key: &StoreKey, end: Option<Timestamp>, entry: &[u8]) -> Vec<u8> {
    let name = key.as_bytes();
    let mut file = Vec::with_capacity(HEAD + 3 + name.len() + entry.len());
    file.extend(MAGIC);
    file.push(VERSION);
    file.extend([0; 16]);
    file.extend(end.map_or(i64::MAX, Timestamp::as_millis).to_le_bytes());
    file.push(u8::from(key.hash().is_none()));
    // Longer keys are refused before they come here.
    file.extend(u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes());
    file.extend(name);
    file.extend(entry);
    let (head, checked) = file.split_at_mut(CHECKED_FROM);
    let digest = Sha256::digest(&*checked);
    for (to, from) in head.iter_mut().skip(4).zip(digest) {
        *to = from;
    }
    file
}

/// When a file ends, from its first bytes; unchecked, so only a reason to look closer.
pub(crate) fn end_of(head: &[u8]) -> Option<Timestamp> {
    let head = head.strip_prefix(&MAGIC)?.strip_prefix(&[VERSION])?;
    let end = head.get(16..24)?.try_into().ok().map(i64::from_le_bytes)?;
    Some(Timestamp::from_millis(end))
}

/// Reads a file whole. The payload shares its memory.
///
/// # Errors
///
/// [`Unreadable`] when anything differs from what was written.
pub(crate) fn open(mut file: Bytes) -> Result<(StoreKey, Content), Unreadable> {
    let cut_off = || Unreadable::new("a session's file is cut off or not ours");
    let version = *file.strip_prefix(&MAGIC).and_then(<[u8]>::first).ok_or_else(cut_off)?;
    if version > VERSION {
        return Err(newer());
    }
    let (head, checked) = file.split_at_checked(CHECKED_FROM).ok_or_else(cut_off)?;
    if version != VERSION || head.get(4..) != Sha256::digest(checked).get(..16) {
        return Err(Unreadable::new("a session's file was altered"));
    }
    let rest = checked.get(8..).ok_or_else(cut_off)?;
    let ([kind, low, high], rest) = rest.split_first_chunk().ok_or_else(cut_off)?;
    let length = usize::from(u16::from_le_bytes([*low, *high]));
    let name = rest.get(..length).ok_or_else(cut_off)?;
    let key = match kind {
        0 => StoreKey::from_hash(name.try_into().map_err(|_| cut_off())?),
        _ => StoreKey::from_text(std::str::from_utf8(name).map_err(|_| cut_off())?),
    };
    file.advance(HEAD + 3 + length);
    let content = match decode_entry(file) {
        Ok(Entry::Live(record, Version::Number(version))) => Content::Live(record, version),
        Ok(Entry::Moved { to, until }) => Content::Moved { to, until },
        Ok(Entry::Live(_, Version::Bytes(_))) => {
            return Err(Unreadable::new("a version is no number"));
        }
        Ok(Entry::Unreadable(why)) => return Err(why),
        Err(DecodeError::Newer) => return Err(newer()),
        Err(_) => return Err(Unreadable::new("a session's record cannot be read")),
    };
    Ok((key, content))
}

fn newer() -> Unreadable {
    Unreadable::new("a newer release wrote a session; upgrade")
}
