//! Python's pickles of plain data.

use serde_json::json;
use sessile_formats::pickle;

use super::input::Input;
use super::{Answer, Raised};
use crate::typed;

pub(super) fn perform(op: &str, input: &Input<'_>) -> Option<Answer> {
    Some(match op {
        "pickle_dumps" => dumps(input),
        "pickle_loads" => loads(input),
        _ => return None,
    })
}

fn dumps(input: &Input<'_>) -> Answer {
    match pickle::write(&input.value("value")?) {
        Ok(bytes) => Ok(json!(typed::to_hex(&bytes))),
        Err(error) => Err(Raised::exception(error.python_class(), error)),
    }
}

fn loads(input: &Input<'_>) -> Answer {
    match pickle::read(&input.hex("data")?) {
        Ok(value) => Ok(typed::from_value(&value)),
        Err(error) => Err(Raised::exception(error.python_class(), error)),
    }
}
