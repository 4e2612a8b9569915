//! A record, and what a store keeps under a key, as one string of bytes.

use std::time::Duration;

use bytes::{Buf as _, Bytes};

use super::DecodeError::{self, Malformed};
use super::wire::{Reader, push_bytes, push_signed, push_varint};
use crate::id::{StoreKey, Subject};
use crate::store::{Entry, Record, Version};
use sessile_formats::Timestamp;

const RECORD_VERSION: u8 = 2;
const ENTRY_VERSION: u8 = 1;

const IDLE: u8 = 1 << 5;
const PERMANENT: u8 = 1 << 6;
const SUBJECT: u8 = 1 << 7;

const LIVE: u8 = 0;
const LIVE_FOREIGN: u8 = 1;
const MOVED: u8 = 2;
const MOVED_FOREIGN: u8 = 3;

/// How far the clocks of two servers may be apart.
pub const CLOCK_LEEWAY: Duration = Duration::from_secs(60);

/// Whether the record says it began later than `now` and [`CLOCK_LEEWAY`]
/// allow. Such a session is not to be used: its deadlines mean nothing.
pub fn created_ahead_of(record: &Record, now: Timestamp) -> bool {
    record.created.is_some_and(|created| created > now + CLOCK_LEEWAY)
}

/// The record as bytes: version, flags, times, idle span, subject, payload.
pub fn encode_record(record: &Record) -> Vec<u8> {
    let mut out = Vec::with_capacity(record_bytes(record));
    push_record(&mut out, record);
    out
}

/// Enough room for `record`: the payload, and the rest at its usual size.
pub(super) fn record_bytes(record: &Record) -> usize {
    let subject = record.subject.as_ref().map_or(0, |subject| subject.as_str().len() + 2);
    record.payload.len() + subject + 40
}

pub(super) fn push_record(out: &mut Vec<u8>, record: &Record) {
    out.push(RECORD_VERSION);
    let times =
        [record.created, record.seen, record.rotated, record.authenticated, record.absolute];
    let mut flags = 0;
    for (bit, time) in times.iter().enumerate() {
        flags |= u8::from(time.is_some()) << bit;
    }
    let idle = record.idle_millis();
    if idle.is_some() {
        flags |= IDLE;
    }
    if record.permanent {
        flags |= PERMANENT;
    }
    if record.subject.is_some() {
        flags |= SUBJECT;
    }
    out.push(flags);
    // The first time stands for itself, the others for their distance from it.
    let mut base: Option<i64> = None;
    for time in times.into_iter().flatten().map(Timestamp::as_millis) {
        push_signed(out, time.wrapping_sub(base.unwrap_or(0)));
        base.get_or_insert(time);
    }
    if let Some(idle) = idle {
        push_varint(out, idle.unsigned_abs());
    }
    if let Some(subject) = &record.subject {
        push_bytes(out, subject.as_str().as_bytes());
    }
    out.extend_from_slice(&record.payload);
}

/// Reads what [`encode_record`] writes. The payload shares the memory of
/// `record` and is not looked into.
///
/// # Errors
///
/// [`DecodeError::Newer`] when a newer release wrote it, else [`DecodeError::Malformed`].
pub fn decode_record(mut record: Bytes) -> Result<Record, DecodeError> {
    let mut reader = Reader::new(&record);
    reader.version(RECORD_VERSION)?;
    let flags = reader.byte()?;
    let mut times = [None; 5];
    let mut base: Option<i64> = None;
    for (bit, time) in times.iter_mut().enumerate() {
        if flags & (1 << bit) != 0 {
            let millis = base.unwrap_or(0).wrapping_add(reader.signed()?);
            base.get_or_insert(millis);
            *time = Some(Timestamp::from_millis(millis));
        }
    }
    let idle = if flags & IDLE != 0 {
        let millis = i64::try_from(reader.varint()?).map_err(|_| Malformed)?;
        Record::idle_from_millis(millis)
    } else {
        None
    };
    let subject = if flags & SUBJECT != 0 {
        let len = reader.varint()?;
        Some(Subject::new(reader.text(len)?).ok_or(Malformed)?)
    } else {
        None
    };
    let header = record.len() - reader.rest().len();
    record.advance(header);
    let [created, seen, rotated, authenticated, absolute] = times;
    Ok(Record {
        payload: record,
        created,
        seen,
        rotated,
        authenticated,
        idle,
        absolute,
        permanent: flags & PERMANENT != 0,
        subject,
    })
}

/// A live entry as bytes, for a store that counts versions. As
/// [`encode_entry`], without an [`Entry`] at hand.
pub fn encode_live(record: &Record, version: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(record_bytes(record) + 12);
    out.extend([ENTRY_VERSION, LIVE]);
    push_varint(&mut out, version);
    push_record(&mut out, record);
    out
}

/// An entry that points to `to` until the moment given, as bytes.
pub fn encode_moved(to: &StoreKey, until: Timestamp) -> Vec<u8> {
    let mut out = Vec::with_capacity(48);
    let kind = if to.hash().is_some() { MOVED } else { MOVED_FOREIGN };
    out.extend([ENTRY_VERSION, kind]);
    push_signed(&mut out, until.as_millis());
    out.extend_from_slice(to.as_bytes());
    out
}

/// What a store keeps under a key, as bytes; `None` for what cannot be read.
pub fn encode_entry(entry: &Entry) -> Option<Vec<u8>> {
    Some(match entry {
        Entry::Live(record, version) => encode_versioned(record, version),
        Entry::Moved { to, until } => encode_moved(to, *until),
        Entry::Unreadable(_) => return None,
    })
}

/// A live entry as bytes, with a version of any store.
pub fn encode_versioned(record: &Record, version: &Version) -> Vec<u8> {
    let version = match version {
        Version::Number(version) => return encode_live(record, *version),
        Version::Bytes(version) => version,
    };
    let mut out = Vec::with_capacity(record_bytes(record) + version.len() + 12);
    out.extend([ENTRY_VERSION, LIVE_FOREIGN]);
    push_bytes(&mut out, version);
    push_record(&mut out, record);
    out
}

/// Reads what [`encode_entry`] writes. The payload shares the memory of `entry`.
///
/// # Errors
///
/// [`DecodeError::Newer`] when a newer release wrote it, else [`DecodeError::Malformed`].
pub fn decode_entry(mut entry: Bytes) -> Result<Entry, DecodeError> {
    let mut reader = Reader::new(&entry);
    reader.version(ENTRY_VERSION)?;
    let version = match reader.byte()? {
        LIVE => Version::Number(reader.varint()?),
        LIVE_FOREIGN => Version::Bytes(entry.slice_ref(reader.bytes()?)),
        MOVED => {
            let until = Timestamp::from_millis(reader.signed()?);
            let to = StoreKey::from_hash(reader.array()?);
            reader.finish()?;
            return Ok(Entry::Moved { to, until });
        }
        MOVED_FOREIGN => {
            let until = Timestamp::from_millis(reader.signed()?);
            let to = std::str::from_utf8(reader.rest()).map_err(|_| Malformed)?;
            return Ok(Entry::Moved { to: StoreKey::from_text(to), until });
        }
        _ => return Err(Malformed),
    };
    let header = entry.len() - reader.rest().len();
    entry.advance(header);
    Ok(Entry::Live(decode_record(entry)?, version))
}
