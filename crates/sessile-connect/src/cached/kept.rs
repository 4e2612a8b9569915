//! What lies in the front under a key.
//!
//! | bytes | what |
//! |-------|------|
//! | 2 | `c1` |
//! | 1 | `L` a session, `M` a mark |
//! | 8 | until when it counts, in milliseconds since 1970, big-endian |
//! | … | for a session, the entry with the back's version, as `native` encodes it |

use bytes::{Buf as _, Bytes};

use sessile_core::Timestamp;
use sessile_core::native::{decode_entry, encode_versioned};
use sessile_core::store::{Entry, Record, Version};

const MAGIC: [u8; 2] = *b"c1";

pub(super) struct Kept {
    pub(super) until: Timestamp,
    pub(super) what: What,
}

#[allow(clippy::large_enum_variant)] // One lives briefly on the stack per load.
pub(super) enum What {
    Session(Record, Version),
    Mark,
}

impl Kept {
    pub(super) fn into_record(self) -> Record {
        let mut payload = Vec::from(MAGIC);
        payload.push(match &self.what {
            What::Session(..) => b'L',
            What::Mark => b'M',
        });
        payload.extend(self.until.as_millis().to_be_bytes());
        if let What::Session(record, version) = self.what {
            payload.extend(encode_versioned(&record, &version));
        }
        // The front may forget it then; whether it counts is read from `until`.
        Record::ending(payload, Some(self.until))
    }

    /// `None` if it is none of ours: whatever it is, it is not believed.
    pub(super) fn from_record(record: &Record) -> Option<Self> {
        let mut payload: Bytes = record.payload.clone();
        let (head, _) = payload.split_first_chunk::<11>()?;
        let [c, one, kind, until @ ..] = *head;
        let until = Timestamp::from_millis(i64::from_be_bytes(until));
        if [c, one] != MAGIC {
            return None;
        }
        payload.advance(11);
        let what = match kind {
            b'M' => What::Mark,
            b'L' => match decode_entry(payload).ok()? {
                Entry::Live(record, version) => What::Session(record, version),
                Entry::Moved { .. } | Entry::Unreadable(_) => return None,
            },
            _ => return None,
        };
        Some(Self { until, what })
    }
}
