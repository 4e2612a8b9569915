//! What was read, as JSON and in words.

use sessile::{Map, Timestamp, Value};
use sessile_formats::flask::TaggedJson;
use sessile_formats::itsdangerous::Codec as _;

use super::format::Opened;
use super::way::format_name;
use super::{Found, Signature, WhichKey};
use crate::args::Format;
use crate::human;
use crate::outcome::Failure;

/// The payload alone. An id is text, everything else JSON.
pub(super) fn payload(format: Format, opened: &Opened) -> Result<String, Failure> {
    match (format, &opened.payload) {
        (Format::FlaskSessionSid, Value::Str(sid)) => Ok(format!("{sid}\n")),
        (_, payload) => json(payload.clone()),
    }
}

/// Everything as one JSON object.
pub(super) fn everything(
    found: &Found,
    signature: Signature,
    now: Timestamp,
) -> Result<String, Failure> {
    let Found { opened, way, name, .. } = found;
    let mut all = Map::new();
    all.insert("format", format_name(way.format));
    if let Some(salt) = &way.salt {
        all.insert("salt", salt.as_str());
    }
    if let Some(name) = name {
        all.insert("name", name.as_str());
    }
    match signature {
        Signature::NotChecked => {
            all.insert("signature", "not checked");
        }
        Signature::Good(WhichKey { place, of }) => {
            all.insert("signature", "good");
            all.insert("key", int(place));
            all.insert("keys", int(of));
        }
    }
    if let Some(at) = opened.signed_at {
        all.insert("signed_at", human::exact(at));
        all.insert("age_seconds", now.as_secs().saturating_sub(at.as_secs()));
    }
    if let Some(record) = &opened.record {
        let moments = [
            ("created", record.created),
            ("seen", record.seen),
            ("authenticated", record.authenticated),
            ("ends_when_idle", record.idle_deadline()),
            ("ends_at_the_latest", record.absolute),
        ];
        for (name, moment) in moments {
            all.insert(name, moment.map_or(Value::Null, |at| human::exact(at).into()));
        }
        let subject = record.subject.as_ref();
        all.insert("subject", subject.map_or(Value::Null, |it| it.as_str().into()));
        all.insert("permanent", record.permanent);
    }
    all.insert("payload", opened.payload.clone());
    json(Value::Map(all))
}

/// What is known of the signature, in one line.
pub(super) fn facts(found: &Found, signature: Signature, now: Timestamp) -> String {
    let opened = &found.opened;
    let mut line = match signature {
        Signature::NotChecked => "signature not checked: anybody may have written this".to_owned(),
        Signature::Good(WhichKey { place: 1, .. }) => "signature good".to_owned(),
        Signature::Good(WhichKey { place, of }) => {
            format!("signature good, with an old key ({place} of {of}, newest first)")
        }
    };
    if let Some(at) = opened.signed_at {
        line += &format!("; signed {}, {}", human::exact(at), human::relative(at, now));
    }
    if let Some(record) = &opened.record {
        if let Some(at) = record.created {
            line += &format!("; began {}", human::relative(at, now));
        }
        if let Some(at) = record.ends() {
            let word = if record.has_ended(now) { "ended" } else { "ends" };
            line += &format!("; {word} {}", human::relative(at, now));
        }
    }
    if let Some(name) = &found.name {
        line += &format!("; cookie {name:?}");
    }
    if found.guessed {
        line += &format!("; made as {}", found.way.options());
    }
    line
}

fn json(value: Value) -> Result<String, Failure> {
    let text = TaggedJson::UNSORTED.dumps(&printable(value)).map_err(|error| {
        Failure::unreadable(format!("the payload has no form in JSON: {error}"))
    })?;
    // Escaped to ASCII, so nothing in it can steer a terminal.
    Ok(format!("{}\n", String::from_utf8_lossy(&text)))
}

/// Types that Flask has no tag for become what JSON has. The formats bound the depth.
fn printable(value: Value) -> Value {
    match value {
        Value::Set(items) | Value::List(items) => {
            Value::List(items.into_iter().map(printable).collect())
        }
        Value::Tuple(items) => Value::Tuple(items.into_iter().map(printable).collect()),
        Value::Map(map) => {
            let pairs = map.into_iter().map(|(key, value)| (key, printable(value)));
            let mut printable = Map::new();
            for (key, value) in pairs {
                printable.insert(key, value);
            }
            Value::Map(printable)
        }
        Value::Classed(of) => printable(of.value),
        Value::TimeDelta(micros) => Value::Str(format!("{micros} µs")),
        Value::Time(time, None) => Value::Str(time.to_string()),
        Value::Time(time, Some(offset)) => Value::Str(format!("{time} {offset}")),
        other => other,
    }
}

fn int(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
