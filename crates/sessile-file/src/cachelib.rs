//! The files of cachelib's `FileSystemCache`, which Flask-Session keeps sessions in.
//!
//! | cachelib | name | content |
//! |---|---|---|
//! | 0.1 to 0.6 | MD5 of the key | two pickles: when it ends, and the value |
//! | 0.7 to 0.15 | MD5 of the key | when it ends, in 4 bytes of the machine's order; the value's pickle |
//! | 0.16 on | SHA-256 of the key | the same |
//!
//! It ends at a second since 1970, 0 being never. Pickles are written as
//! protocol 5 by the engine; nothing here loads one but for numbers.

use md5::{Digest as _, Md5};
use sessile_core::Timestamp;
use sessile_core::Value;
use sessile_formats::pickle;
use sha2::Sha256;

use crate::CachelibNames;
use crate::folder::hex;

/// The key of the file that counts the others.
pub const COUNT_KEY: &str = "__wz_cache_count";

/// Enough of an entry of any cachelib to know when it ends.
pub(crate) const HEAD: usize = 32;

/// Ends the names of files that cachelib does not take for entries.
pub(crate) const NOT_AN_ENTRY: &str = ".__wz_cache";

/// A file's name for a key.
pub fn file_name(key: &[u8], names: CachelibNames) -> String {
    match names {
        CachelibNames::Sha256 => hex(&Sha256::digest(key)),
        CachelibNames::Md5 => hex(&Md5::digest(key)),
    }
}

/// Whether an entry can have this name.
pub(crate) fn is_entry(name: &str) -> bool {
    matches!(name.len(), 32 | 64)
        && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The content of an entry: its end, `None` for never, and the pickle.
///
/// Ends beyond the year 2106 are written as the last moment that 4 bytes hold.
pub fn encode(end: Option<Timestamp>, pickle: &[u8]) -> Vec<u8> {
    let mut content = Vec::with_capacity(4 + pickle.len());
    content.extend(seconds(end).to_ne_bytes());
    content.extend(pickle);
    content
}

/// When an entry ends, as it is written; what has passed never becomes 0, which is never.
pub(crate) fn seconds(end: Option<Timestamp>) -> u32 {
    match end {
        None => 0,
        Some(end) => {
            let secs = end.as_millis().div_euclid(1000).clamp(1, u32::MAX.into());
            u32::try_from(secs).unwrap_or(u32::MAX)
        }
    }
}

/// The moment behind the first bytes of an entry.
pub(crate) fn end_of(head: [u8; 4]) -> Option<Timestamp> {
    match u32::from_ne_bytes(head) {
        0 => None,
        secs => Some(Timestamp::from_secs(secs.into())),
    }
}

/// What an entry's file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded<'c> {
    /// When it ends; `None` for never.
    pub end: Option<Timestamp>,
    /// The pickle of the value.
    pub pickle: &'c [u8],
    /// Whether it is written as cachelib writes since 0.7.
    pub is_current: bool,
}

/// Reads an entry of any cachelib; `None` for a file that is none.
///
/// Two pickles are told from 4 bytes and a pickle by the first being a whole
/// one of a number, with another after it.
pub fn decode(content: &[u8]) -> Option<Decoded<'_>> {
    if let Some((end, pickle)) = two_pickles(content) {
        return Some(Decoded { end, pickle, is_current: false });
    }
    let (head, pickle) = content.split_first_chunk::<4>()?;
    Some(Decoded { end: end_of(*head), pickle, is_current: true })
}

/// The pickles of an expiry as every protocol since 1 begins and ends them.
fn two_pickles(content: &[u8]) -> Option<(Option<Timestamp>, &[u8])> {
    let number_at = match content {
        [0x80, _, 0x95, ..] => 11,
        [0x80, ..] => 2,
        _ => 0,
    };
    let len = match content.get(number_at)? {
        b'J' => 5,
        b'K' => 2,
        b'M' => 3,
        _ => return None,
    };
    let (first, rest) = content.split_at_checked(number_at + len + 1)?;
    if first.last() != Some(&b'.') || rest.first() != Some(&0x80) {
        return None;
    }
    match pickle::read(first).ok()? {
        Value::Int(0) => Some((None, rest)),
        Value::Int(secs) => Some((Some(Timestamp::from_secs(secs)), rest)),
        _ => None,
    }
}

/// The content of the file that counts: it never ends.
pub fn encode_count(entries: usize) -> Vec<u8> {
    let count = Value::Int(i64::try_from(entries).unwrap_or(i64::MAX));
    // A number has always a pickle.
    encode(None, &pickle::write(&count).unwrap_or_default())
}

/// The count in its file.
pub(crate) fn decode_count(content: &[u8]) -> Option<usize> {
    match pickle::read(decode(content)?.pickle).ok()? {
        Value::Int(count) => Some(usize::try_from(count).unwrap_or(0)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PICKLE: &[u8] = b"\x80\x05}\x94.";

    #[test]
    fn every_generation_is_told_apart_whatever_its_seconds_are() {
        for secs in (0..=u16::MAX).map(|low| 0x6957_0000 | u32::from(low)) {
            let end = Timestamp::from_secs(secs.into());
            let current = encode(Some(end), PICKLE);
            let wanted = Decoded { end: Some(end), pickle: PICKLE, is_current: true };
            assert_eq!(decode(&current), Some(wanted));
            let number = [&b"J"[..], &secs.to_le_bytes(), b"."].concat();
            for head in [&b""[..], b"\x80\x02", b"\x80\x05\x95\x06\0\0\0\0\0\0\0"] {
                let old = [head, &number, PICKLE].concat();
                assert_eq!(decode(&old), Some(Decoded { is_current: false, ..wanted }));
            }
        }
        let never = [b"K\0.", PICKLE].concat();
        let wanted = Decoded { end: None, pickle: PICKLE, is_current: false };
        assert_eq!(decode(&never), Some(wanted));
        assert_eq!(decode(b"abc"), None);
    }

    #[test]
    fn the_count_is_kept_as_cachelib_keeps_it() {
        assert_eq!(encode_count(3), b"\0\0\0\0\x80\x05K\x03.");
        for count in [0, 3, 500, 70_000] {
            assert_eq!(decode_count(&encode_count(count)), Some(count));
        }
        assert_eq!(decode_count(b"\0\0\0\0\x80\x05\x8c\x01x\x94."), None);
    }
}
