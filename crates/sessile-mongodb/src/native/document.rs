//! Records as documents.
//!
//! | field | of a session | of a pointer |
//! |---|---|---|
//! | `_id` | the key as text | the same |
//! | `format` | 2 | 2 |
//! | `version` | a counter that starts anywhere | absent |
//! | `created`, `seen`, `rotated`, `authenticated` | when known | absent |
//! | `idle` | how many milliseconds it lives without activity, if that is limited | absent |
//! | `idle_until` | the deadline that `seen` and `idle` make, if any; a TTL index goes by it | absent |
//! | `absolute` | its absolute deadline, if any; a TTL index goes by it | its end |
//! | `permanent`, `payload` | always | absent |
//! | `subject` | if any | absent |
//! | `from` | while it replaces that key: see `rotation.rs` | absent |
//! | `to` | absent | the key it leads to |
//! | `dead` | absent | true: it leads nowhere |

use bytes::Bytes;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Document, RawBsonRef, RawDocument, doc};
use sessile_core::store::{Record, Unreadable, Version};
use sessile_core::{StoreKey, Subject, Timestamp};

use crate::fault::unreadable;

/// Documents of a later release have another number and are left alone.
pub(super) const FORMAT: i32 = 2;

/// What a session's document may lack.
const OPTIONAL: [&str; 7] =
    ["created", "rotated", "authenticated", "idle", "idle_until", "absolute", "subject"];

/// A document that was found.
pub(super) enum Found {
    Session {
        record: Record,
        version: Version,
        /// The key it replaces, until that is made sure.
        from: Option<String>,
    },
    Pointer {
        to: StoreKey,
        until: Timestamp,
    },
    /// A pointer that leads nowhere.
    Dead,
}

/// A version that this store made; no document has the number of any other.
pub(super) fn number(version: &Version) -> i64 {
    match version {
        Version::Number(number) => i64::try_from(*number).unwrap_or(-1),
        Version::Bytes(_) => -1,
    }
}

pub(super) fn version(number: i64) -> Version {
    Version::Number(number.unsigned_abs())
}

/// All of a session but its key.
pub(super) fn fields(record: &Record, version: i64) -> Document {
    let mut fields = doc! {
        "format": FORMAT,
        "version": version,
        "permanent": record.permanent,
        "payload": binary(&record.payload),
    };
    let mut put = |name: &str, value: Option<Bson>| {
        if let Some(value) = value {
            fields.insert(name, value);
        }
    };
    put("created", record.created.map(date));
    put("seen", record.seen.map(date));
    put("rotated", record.rotated.map(date));
    put("authenticated", record.authenticated.map(date));
    put("idle", record.idle_millis().map(Bson::Int64));
    put("absolute", record.absolute.map(date));
    put("idle_until", record.idle_deadline().map(date));
    put("subject", record.subject.as_ref().map(|it| it.as_str().into()));
    fields
}

/// The change of a session's document into this record; `seen` does not go backward.
pub(super) fn change(record: &Record, version: i64) -> Document {
    let mut set = fields(record, version);
    let seen = set.remove("seen");
    let mut unset = Document::new();
    for name in OPTIONAL.iter().filter(|name| !set.contains_key(**name)) {
        unset.insert(*name, "");
    }
    let mut change = update(set, unset);
    if let Some(seen) = seen {
        change.insert("$max", doc! { "seen": seen });
    }
    change
}

/// The change of a session's document when it was seen: `record` is what it is then.
pub(super) fn renewal(record: &Record) -> Document {
    let mut later = Document::new();
    if let Some(seen) = record.seen {
        later.insert("seen", date(seen));
    }
    if let Some(end) = record.idle_deadline() {
        later.insert("idle_until", date(end));
    }
    if later.is_empty() {
        Document::new()
    } else {
        doc! { "$max": later }
    }
}

/// The change of a session's document into a pointer, a dead one if it ends never or at once.
pub(super) fn point(to: &StoreKey, until: Option<Timestamp>, dead: bool) -> Document {
    let mut set = doc! { "to": to.to_text() };
    let mut unset = doc! { "version": "", "permanent": "", "payload": "", "from": "", "seen": "" };
    for name in OPTIONAL {
        unset.insert(name, "");
    }
    if let Some(until) = until {
        unset.remove("absolute");
        set.insert("absolute", date(until));
    }
    if dead {
        set.insert("dead", true);
    }
    update(set, unset)
}

/// MongoDB before 5.0 refuses an empty `$unset`.
fn update(set: Document, unset: Document) -> Document {
    let mut update = doc! { "$set": set };
    if !unset.is_empty() {
        update.insert("$unset", unset);
    }
    update
}

pub(super) fn read(document: &RawDocument) -> Result<Found, Unreadable> {
    match get(document, "format")? {
        Some(RawBsonRef::Int32(FORMAT)) => {}
        _ => return Err(unreadable("format")),
    }
    if let Some(to) = text(document, "to")? {
        if get(document, "dead")?.is_some() {
            return Ok(Found::Dead);
        }
        let until = time(document, "absolute")?.ok_or_else(|| unreadable("absolute"))?;
        return Ok(Found::Pointer { to: key(to), until });
    }
    let version = match get(document, "version")? {
        Some(RawBsonRef::Int64(number)) if number >= 0 => version(number),
        _ => return Err(unreadable("version")),
    };
    let permanent = match get(document, "permanent")? {
        Some(RawBsonRef::Boolean(permanent)) => permanent,
        _ => return Err(unreadable("permanent")),
    };
    let subject = match text(document, "subject")? {
        Some(name) => Some(Subject::new(name).ok_or_else(|| unreadable("subject"))?),
        None => None,
    };
    let record = Record {
        payload: bytes(document, "payload")?,
        created: time(document, "created")?,
        seen: time(document, "seen")?,
        rotated: time(document, "rotated")?,
        authenticated: time(document, "authenticated")?,
        idle: match get(document, "idle")? {
            None => None,
            Some(RawBsonRef::Int64(millis)) if millis >= 0 => Record::idle_from_millis(millis),
            Some(_) => return Err(unreadable("idle")),
        },
        absolute: time(document, "absolute")?,
        permanent,
        subject,
    };
    let from = text(document, "from")?.map(str::to_owned);
    Ok(Found::Session { record, version, from })
}

/// A hash in hexadecimal digits, or a key of a foreign layout as it is.
pub(super) fn key(text: &str) -> StoreKey {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return StoreKey::from_text(text) };
    let hash: Option<Vec<u8>> =
        pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
    match hash.and_then(|hash| <[u8; 32]>::try_from(hash).ok()) {
        Some(hash) => StoreKey::from_hash(hash),
        None => StoreKey::from_text(text),
    }
}

/// The key of a document of ours.
pub(super) fn key_of(document: &RawDocument) -> Result<StoreKey, Unreadable> {
    text(document, "_id")?.map(key).ok_or_else(|| unreadable("_id"))
}

pub(crate) fn date(time: Timestamp) -> Bson {
    DateTime::from_millis(time.as_millis()).into()
}

pub(crate) fn binary(payload: &Bytes) -> Bson {
    Binary { subtype: BinarySubtype::Generic, bytes: payload.to_vec() }.into()
}

fn get<'a>(
    document: &'a RawDocument,
    field: &'static str,
) -> Result<Option<RawBsonRef<'a>>, Unreadable> {
    document.get(field).map_err(|_| unreadable(field))
}

pub(crate) fn text<'a>(
    document: &'a RawDocument,
    field: &'static str,
) -> Result<Option<&'a str>, Unreadable> {
    match get(document, field)? {
        None => Ok(None),
        Some(RawBsonRef::String(text)) => Ok(Some(text)),
        Some(_) => Err(unreadable(field)),
    }
}

pub(crate) fn time(
    document: &RawDocument,
    field: &'static str,
) -> Result<Option<Timestamp>, Unreadable> {
    match get(document, field)? {
        None | Some(RawBsonRef::Null) => Ok(None),
        Some(RawBsonRef::DateTime(time)) => {
            Ok(Some(Timestamp::from_millis(time.timestamp_millis())))
        }
        Some(_) => Err(unreadable(field)),
    }
}

pub(crate) fn bytes(document: &RawDocument, field: &'static str) -> Result<Bytes, Unreadable> {
    match get(document, field)? {
        Some(RawBsonRef::Binary(binary)) if binary.subtype == BinarySubtype::Generic => {
            Ok(Bytes::copy_from_slice(binary.bytes))
        }
        _ => Err(unreadable(field)),
    }
}
