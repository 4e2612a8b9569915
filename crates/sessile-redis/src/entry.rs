//! The value of a key in our own layout.
//!
//! | offset | bytes | what |
//! |-------:|------:|------|
//! | 0      | 2     | `s2`: ours, second format |
//! | 2      | 1     | `L` live, `M` moved, `P` live once the old key has moved (cluster), `T` moved, no longer followed (cluster) |
//!
//! A live or pending one goes on (numbers big-endian, moments in milliseconds
//! since 1970, the smallest number for none):
//!
//! | offset | bytes | what |
//! |-------:|------:|------|
//! | 3      | 8     | version |
//! | 11     | 8     | idle span, in milliseconds |
//! | 19     | 8     | absolute deadline |
//! | 27     | 8     | seen |
//! | 35     | 8     | created |
//! | 43     | 8     | rotated |
//! | 51     | 8     | authenticated |
//! | 59     | 1     | 1 when permanent |
//! | 60     | 1     | length of the subject, 0 for none |
//! | 61     | …     | subject, then payload; in a pending one the old key's name comes between, its length in two bytes |
//!
//! A moved one: the end of its grace in 8 bytes, and the new key's name
//! without the prefix.
//!
//! The places are fixed because scripts compare and set them.

use bytes::Bytes;
use sessile_core::store::{Entry, Record, Unreadable, Version};
use sessile_core::{StoreKey, Subject, Timestamp};

use crate::keys::member;

const MAGIC: [u8; 2] = *b"s2";
const NONE: i64 = i64::MIN;
const FIXED: usize = 61;

/// A value as it is stored.
pub(crate) enum Stored {
    Live(Record, u64),
    Moved {
        to: StoreKey,
        until: Timestamp,
    },
    /// Live if the key named has moved here.
    Pending(Record, u64, StoreKey),
    /// Moved, and not to be followed by readers.
    Tombstone {
        to: StoreKey,
    },
}

impl Stored {
    /// What a caller sees of it, where no second look is needed.
    pub(crate) fn into_entry(self) -> Option<Entry> {
        match self {
            Self::Live(record, version) => Some(Entry::Live(record, Version::Number(version))),
            Self::Moved { to, until } => Some(Entry::Moved { to, until }),
            Self::Pending(..) | Self::Tombstone { .. } => None,
        }
    }
}

pub(crate) fn millis(moment: Option<Timestamp>) -> [u8; 8] {
    moment.map_or(NONE, Timestamp::as_millis).to_be_bytes()
}

pub(crate) fn live(record: &Record, version: u64) -> Vec<u8> {
    written(record, version, None)
}

/// The offset of the last byte of a live one's subject.
pub(crate) fn end_of_subject(record: &Record) -> usize {
    FIXED - 1 + record.subject.as_ref().map_or(0, |subject| subject.as_str().len())
}

pub(crate) fn pending(record: &Record, version: u64, old: &StoreKey) -> Vec<u8> {
    written(record, version, Some(&member(old)))
}

fn written(record: &Record, version: u64, old: Option<&str>) -> Vec<u8> {
    let subject = record.subject.as_ref().map_or("", Subject::as_str).as_bytes();
    let mut value = Vec::with_capacity(FIXED + subject.len() + record.payload.len() + 80);
    value.extend(MAGIC);
    value.push(if old.is_some() { b'P' } else { b'L' });
    value.extend(version.to_be_bytes());
    value.extend(record.idle_millis().unwrap_or(NONE).to_be_bytes());
    for moment in
        [record.absolute, record.seen, record.created, record.rotated, record.authenticated]
    {
        value.extend(millis(moment));
    }
    value.push(u8::from(record.permanent));
    // A subject is no longer than 200 bytes.
    value.push(u8::try_from(subject.len()).unwrap_or(0));
    value.extend(subject);
    if let Some(old) = old {
        value.extend(u16::try_from(old.len()).unwrap_or(u16::MAX).to_be_bytes());
        value.extend(old.as_bytes());
    }
    value.extend_from_slice(&record.payload);
    value
}

pub(crate) fn moved(to: &StoreKey, until: Timestamp) -> Vec<u8> {
    pointer(b'M', to, until)
}

pub(crate) fn tombstone(to: &StoreKey, until: Timestamp) -> Vec<u8> {
    pointer(b'T', to, until)
}

fn pointer(kind: u8, to: &StoreKey, until: Timestamp) -> Vec<u8> {
    let name = member(to);
    let mut value = Vec::with_capacity(11 + name.len());
    value.extend(MAGIC);
    value.push(kind);
    value.extend(until.as_millis().to_be_bytes());
    value.extend(name.as_bytes());
    value
}

/// Reads what the others write. The payload shares its memory.
///
/// # Errors
///
/// [`Unreadable`]: it is nothing that the others write.
pub(crate) fn read(value: Vec<u8>) -> Result<Stored, Unreadable> {
    let value = Bytes::from(value);
    let mut rest = match value.strip_prefix(&MAGIC) {
        Some(rest) => rest,
        None if value.first() == Some(&b's') && value.get(1).is_some_and(u8::is_ascii_digit) => {
            return Err(Unreadable::new("a newer release wrote a session; upgrade"));
        }
        None => return Err(Unreadable::new("a key holds something other than a session of ours")),
    };
    let cut_off = || Unreadable::new("a session's entry is cut off");
    let [kind] = take(&mut rest).ok_or_else(cut_off)?;
    if matches!(kind, b'M' | b'T') {
        let until =
            Timestamp::from_millis(i64::from_be_bytes(take(&mut rest).ok_or_else(cut_off)?));
        let to = StoreKey::from_name(rest)
            .ok_or_else(|| Unreadable::new("a pointer names no key of ours"))?;
        return Ok(match kind {
            b'M' => Stored::Moved { to, until },
            _ => Stored::Tombstone { to },
        });
    }
    if !matches!(kind, b'L' | b'P') {
        return Err(Unreadable::new("a newer release wrote a session; upgrade"));
    }
    let mut number = || take(&mut rest).ok_or_else(cut_off);
    let version = u64::from_be_bytes(number()?);
    let idle = match i64::from_be_bytes(number()?) {
        NONE => None,
        millis => Some(
            Record::idle_from_millis(millis)
                .ok_or_else(|| Unreadable::new("a session's idle limit is before its activity"))?,
        ),
    };
    let mut moment = || {
        let millis = i64::from_be_bytes(number()?);
        Ok::<_, Unreadable>((millis != NONE).then_some(Timestamp::from_millis(millis)))
    };
    let (absolute, seen) = (moment()?, moment()?);
    let (created, rotated, authenticated) = (moment()?, moment()?, moment()?);
    let [permanent, length] = take(&mut rest).ok_or_else(cut_off)?;
    let name = rest.split_off(..usize::from(length)).ok_or_else(cut_off)?;
    let subject = match std::str::from_utf8(name).ok() {
        Some("") => None,
        name => Some(
            name.and_then(Subject::new)
                .ok_or_else(|| Unreadable::new("a session's user is no name"))?,
        ),
    };
    let old = if kind == b'P' {
        let length = u16::from_be_bytes(take(&mut rest).ok_or_else(cut_off)?);
        let name = rest.split_off(..usize::from(length)).ok_or_else(cut_off)?;
        Some(
            StoreKey::from_name(name)
                .ok_or_else(|| Unreadable::new("a session's old key is none of ours"))?,
        )
    } else {
        None
    };
    let record = Record {
        payload: value.slice_ref(rest),
        created,
        seen,
        rotated,
        authenticated,
        idle,
        absolute,
        permanent: permanent == 1,
        subject,
    };
    Ok(match old {
        None => Stored::Live(record, version),
        Some(old) => Stored::Pending(record, version, old),
    })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn record() -> Record {
        let at = |millis| Some(Timestamp::from_millis(millis));
        Record {
            payload: Bytes::from_static(b"\0data\xff"),
            created: at(1),
            seen: at(-2),
            rotated: None,
            authenticated: at(i64::MAX),
            idle: Some(Duration::from_millis(5)),
            absolute: None,
            permanent: true,
            subject: Subject::new("Zoë"),
        }
    }

    #[test]
    fn every_field_comes_back() {
        let Ok(Stored::Live(found, 7)) = read(live(&record(), 7)) else { panic!() };
        assert!(found == record());
        let old = StoreKey::from_text("session:old");
        let Ok(Stored::Pending(found, 8, from)) = read(pending(&record(), 8, &old)) else {
            panic!()
        };
        assert!(found == record() && from == old);
        let until = Timestamp::from_secs(9);
        let Ok(Stored::Moved { to, until: at }) = read(moved(&old, until)) else { panic!() };
        assert!(to == old && at == until);
    }

    #[test]
    fn f23_what_is_cut_off_altered_or_newer_is_refused() {
        let whole = live(&Record { payload: Bytes::new(), ..record() }, 7);
        for length in 0..whole.len() {
            assert!(read(whole[..length].to_vec()).is_err(), "{length} bytes");
        }
        for first in ["s3L", "s2X", "x2L", "\u{80}\u{4}K"] {
            let mut other = whole.clone();
            other.splice(..3, first.bytes());
            assert!(read(other).is_err(), "{first:?}");
        }
    }
}
