//! Flask-Session: records and ids.

use serde_json::json;
use sessile_core::Value;
use sessile_core::format::flask_session::{self, Format};
use sessile_core::format::msgpack;

use super::input::{Input, missing};
use super::{Answer, Raised};
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
    match input.text("format")? {
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
    match input.get("length_bytes").and_then(serde_json::Value::as_u64) {
        Some(length) if length == random.len() as u64 => Ok(json!(flask_session::sid(&random))),
        _ => Err(missing("length_bytes")),
    }
}
