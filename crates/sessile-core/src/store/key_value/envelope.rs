//! The values that a key-value store is given.
//!
//! | offset | bytes | what |
//! |-------:|------:|------|
//! | 0      | 2     | `k1`: ours, first format |
//! | 2      | 1     | `L` live, `U` unseen, `M` moved and followed, `T` moved and not followed |
//! | 3      | 8     | number of the write; renewals leave it alone |
//! | 11     | 8     | new with every change |
//!
//! The first 19 bytes are the value's stamp where the store has none of its own. Then:
//!
//! | of | what |
//! |----|------|
//! | `L` | the record, in the native format |
//! | `U` | the 32 bytes of the old key, then the record |
//! | `M`, `T` | the end of its grace or use (milliseconds since 1970, big-endian), the 32 bytes of the new key |

use bytes::{Buf as _, Bytes};

use crate::id::StoreKey;
use crate::native::{decode_record, encode_record};
use crate::store::rotation::{Pointer, Stored};
use crate::store::{Record, Unreadable};
use sessile_formats::Timestamp;

/// How many bytes of a value tell it from all others.
pub const STAMP_BYTES: usize = 19;

const MAGIC: [u8; 2] = *b"k1";

fn value(kind: u8, number: u64, change: u64, rest: &[&[u8]]) -> Bytes {
    let length = STAMP_BYTES + rest.iter().map(|part| part.len()).sum::<usize>();
    let mut value = Vec::with_capacity(length);
    value.extend(MAGIC);
    value.push(kind);
    value.extend(number.to_be_bytes());
    value.extend(change.to_be_bytes());
    rest.iter().for_each(|part| value.extend_from_slice(part));
    value.into()
}

pub(super) fn live(record: &Record, number: u64, change: u64) -> Bytes {
    value(b'L', number, change, &[&encode_record(record)])
}

pub(super) fn unseen(record: &Record, number: u64, change: u64, from: &[u8; 32]) -> Bytes {
    value(b'U', number, change, &[from, &encode_record(record)])
}

pub(super) fn moved(to: &[u8; 32], pointer: &Pointer, change: u64) -> Bytes {
    let kind = if pointer.followed { b'M' } else { b'T' };
    value(kind, change, change, &[&pointer.until.as_millis().to_be_bytes(), to])
}

/// Reads what the others write. The payload shares the value's memory.
pub(super) fn read(value: Bytes) -> Stored {
    parse(value).unwrap_or(Stored::Unreadable)
}

fn parse(mut value: Bytes) -> Option<Stored> {
    if value.len() < STAMP_BYTES || !value.starts_with(&MAGIC) {
        return None;
    }
    value.advance(MAGIC.len());
    let kind = value.get_u8();
    let number = value.get_u64();
    value.advance(8);
    match kind {
        b'L' => Some(Stored::Live(decode_record(value).ok()?, number)),
        b'U' => {
            let from = key(&mut value)?;
            Some(Stored::Unseen { record: decode_record(value).ok()?, number, from })
        }
        b'M' | b'T' => {
            let until = Timestamp::from_millis(value.try_get_i64().ok()?);
            let to = key(&mut value)?;
            let whole = value.is_empty();
            let pointer = Pointer { to, followed: kind == b'M', until, kept: until };
            whole.then_some(Stored::Moved(pointer))
        }
        _ => None,
    }
}

fn key(value: &mut Bytes) -> Option<StoreKey> {
    let hash = *value.first_chunk()?;
    value.advance(size_of_val(&hash));
    Some(StoreKey::from_hash(hash))
}

/// What a reader of an entry that is [`Stored::Unreadable`] is told.
pub(super) fn unreadable() -> Unreadable {
    Unreadable::new("a value is not what sessile writes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Subject;

    fn record() -> Record {
        let at = |millis| Some(Timestamp::from_millis(millis));
        Record {
            payload: Bytes::from_static(b"\0data\xff"),
            created: at(1),
            seen: at(-2),
            rotated: None,
            authenticated: at(i64::MAX),
            idle: Some(std::time::Duration::from_millis(5)),
            absolute: None,
            permanent: true,
            subject: Subject::new("Zoë"),
        }
    }

    #[test]
    fn every_part_comes_back() {
        let Stored::Live(found, 7) = read(live(&record(), 7, 1)) else { panic!() };
        assert!(found == record());
        let Stored::Unseen { record: found, number: 8, from } =
            read(unseen(&record(), 8, 1, &[3; 32]))
        else {
            panic!()
        };
        assert!(found == record() && from == StoreKey::from_hash([3; 32]));
        for grace in [None, Some(Timestamp::from_secs(9))] {
            let pointer = Pointer::new(&StoreKey::from_hash([4; 32]), &record(), grace);
            let Stored::Moved(found) = read(moved(&[4; 32], &pointer, 1)) else { panic!() };
            assert!(found.to == pointer.to && found.until == pointer.until);
            assert_eq!(found.followed, grace.is_some());
        }
    }

    #[test]
    fn f23_what_is_cut_off_altered_or_newer_is_unreadable() {
        let empty = Record { payload: Bytes::new(), ..record() };
        let pointer = Pointer::new(&StoreKey::from_hash([4; 32]), &empty, None);
        for whole in
            [live(&empty, 7, 1), unseen(&empty, 7, 1, &[3; 32]), moved(&[4; 32], &pointer, 1)]
        {
            assert!(!matches!(read(whole.clone()), Stored::Unreadable));
            for length in 0..whole.len() {
                assert!(matches!(read(whole.slice(..length)), Stored::Unreadable), "{length}");
            }
            for first in ["k2L", "k1X", "x1L", "\u{80}\u{4}K"] {
                let mut other = whole.to_vec();
                other.splice(..3, first.bytes());
                assert!(matches!(read(other.into()), Stored::Unreadable), "{first:?}");
            }
        }
        let longer = [&moved(&[4; 32], &pointer, 1)[..], b"x"].concat();
        assert!(matches!(read(longer.into()), Stored::Unreadable));
    }
}
