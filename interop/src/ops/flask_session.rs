//! Flask-Session: records and ids.

use serde_json::json;
use sessile_core::{Timestamp, Value};
use sessile_file::{CachelibNames, Options, cachelib};
use sessile_formats::flask_session::{self, Format};
use sessile_formats::{msgpack, pickle};

use super::input::{Input, missing};
use super::{Answer, Raised};
use crate::case::Case;
use crate::typed;

pub(super) fn perform(op: &str, input: &Input<'_>) -> Option<Answer> {
    Some(match op {
        "fs_encode" => encode(input),
        "fs_decode" => decode(input),
        "fs_sid" => sid(input),
        _ => return None,
    })
}

fn format(input: &Input<'_>) -> Result<Format, Raised> {
    match &*input.text("format")? {
        "msgpack" => Ok(Format::Msgpack),
        "json" => Ok(Format::Json),
        _ => Err(missing("format")),
    }
}

fn encode(input: &Input<'_>) -> Answer {
    let format = format(input)?;
    let written = match (input.value("value")?, format) {
        (Value::Map(map), _) => flask_session::encode(&map, format),
        (other, Format::Msgpack) => msgpack::write(&other),
        (other, Format::Json) => flask_session::write_json(&other),
    };
    match written {
        Ok(bytes) => Ok(json!(typed::to_hex(&bytes))),
        Err(error) => Err(Raised::exception(error.python_class(), error)),
    }
}

fn decode(input: &Input<'_>) -> Answer {
    match flask_session::decode(&input.hex("data")?, format(input)?) {
        Ok(value) => Ok(typed::from_value(&value)),
        Err(error) => Err(Raised::exception(error.python_class(), error)),
    }
}

fn sid(input: &Input<'_>) -> Answer {
    let random = input.hex("random_hex")?;
    match input.count("length_bytes")? {
        Some(length) if length == random.len() => Ok(json!(flask_session::sid(&random))),
        _ => Err(missing("length_bytes")),
    }
}

/// A file of cachelib's, and that we read it back. A case of an older cachelib
/// names its versions in its id: nothing else tells which one wrote it.
pub(super) fn file(case: &Case, input: &Input<'_>) -> Answer {
    let key = &*input.bytes("key")?;
    if let Some(entries) = input.count("entries")? {
        let content = cachelib::encode_count(entries);
        let name = cachelib::file_name(key, CachelibNames::Sha256);
        return Ok(json!({"filename": name, "data": typed::to_hex(&content)}));
    }
    let pickle = pickle::write(&input.value("value")?)
        .map_err(|error| Raised::exception(error.python_class(), error))?;
    // A timeout of 0 is never.
    let timeout = input.whole("timeout")?.unwrap_or(0);
    let end = match timeout {
        0 => None,
        secs => Some(Timestamp::from_millis(input.now()?.as_millis() + secs * 1000)),
    };
    let secs = end.map_or(0, |end| end.as_millis().div_euclid(1000));
    let old = case.id.split_once(".old.cachelib-").map(|(_, versions)| versions);
    let number = pickle::write(&Value::Int(secs)).unwrap_or_default();
    let (content, names) = match old {
        None => (cachelib::encode(end, &pickle), CachelibNames::Sha256),
        Some("0.7-to-0.15") => (cachelib::encode(end, &pickle), CachelibNames::Md5),
        Some("0.5-to-0.6") => ([&number[..], &pickle].concat(), CachelibNames::Md5),
        // The number in protocol 1: protocol 5's without its head.
        Some("0.1-to-0.4") => {
            let bare = number.get(if number.get(2) == Some(&0x95) { 11 } else { 2 }..);
            ([bare.unwrap_or_default(), &pickle].concat(), CachelibNames::Md5)
        }
        Some(_) => return Err(missing("a cachelib that is known")),
    };
    let read = cachelib::decode(&content).ok_or_else(|| missing("an entry"))?;
    if (read.end, read.pickle) != (end, &pickle[..]) {
        return Err(Raised::Unsupported("the entry does not read back".into()));
    }
    let mut answer = json!({
        "filename": cachelib::file_name(key, names),
        "data": typed::to_hex(&content),
        "expires": secs,
    });
    if old.is_none() {
        answer["mode"] = json!(format!("0o{:o}", Options::default().mode));
    }
    Ok(answer)
}
