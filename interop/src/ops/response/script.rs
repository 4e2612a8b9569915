//! The operations of a script, done to a session.

use serde_json::Value as Json;
use sessile_core::{Session, Timestamp, Value};
use sessile_formats::django::expiry;

use super::super::Raised;
use super::super::input::{self, Input, missing};
use crate::typed;

/// Does the whole script.
pub(super) fn run(session: &Session, input: &Input<'_>) -> Result<(), Raised> {
    let now = input.now()?;
    steps(input)?.into_iter().try_for_each(|step| perform(session, step, now))
}

/// Whether any step changes the session.
pub(super) fn writes(input: &Input<'_>) -> Result<bool, Raised> {
    let session = Session::anonymous();
    run(&session, input)?;
    Ok(session.is_modified())
}

/// Whether any step looks at the session.
pub(super) fn touches(input: &Input<'_>) -> Result<bool, Raised> {
    Ok(!steps(input)?.is_empty())
}

/// The steps one by one, for who does some of them otherwise.
pub(super) fn steps<'a>(input: &Input<'a>) -> Result<Vec<&'a Json>, Raised> {
    input::items(input.get("script").ok_or_else(|| missing("script"))?)
}

pub(super) fn perform(session: &Session, step: &Json, now: Timestamp) -> Result<(), Raised> {
    let step = input::items(step)?;
    let part = |at: usize| step.get(at).copied().ok_or_else(|| missing("a step's part"));
    let name = input::text(part(0)?)?;
    let key = part(1).and_then(input::text);
    let key = || key.as_deref().map_err(Clone::clone);
    let value = |at: usize| typed::to_value(part(at)?).map_err(Raised::Unsupported);
    match &*name {
        "get" | "getitem" => drop(session.get_value(key()?)),
        "in" | "contains" | "has_key" => drop(session.contains_key(key()?)),
        "len" | "bool" | "iter" | "keys" | "values" | "items" => drop(session.len()),
        "set" | "setitem" => session.insert_value(key()?, value(2)?),
        "setdefault" => {
            if !session.contains_key(key()?) {
                session.insert_value(key()?, value(2)?);
            }
        }
        "pop" | "del" | "delete" => drop(session.remove(key()?)),
        "popitem" => {
            let last = session.to_map().pop_last();
            if let Some((Value::Str(key), _)) = last {
                session.remove(&key);
            }
        }
        "update" => {
            // Noted as a change whatever it holds, as in Flask and Starlette.
            session.mark_modified();
            let Value::Map(entries) = value(1)? else { return Err(missing("a step's mapping")) };
            for (key, value) in entries {
                let Value::Str(key) = key else { return Err(missing("a step's key")) };
                session.insert_value(key, value);
            }
        }
        "clear" => session.clear(),
        "flush" => session.flush(),
        "cycle_key" | "cycle_id" | "regenerate" => session.cycle_id(),
        "set_test_cookie" | "test_cookie" => session.insert_value("testcookie", "worked"),
        "delete_test_cookie" => drop(session.remove("testcookie")),
        "test_cookie_worked" => drop(session.get_value("testcookie")),
        "get_expiry_age" | "get_expiry_date" | "get_expire_at_browser_close" => {
            drop(session.get_value(expiry::EXPIRY_KEY));
        }
        "set_expiry" => match expiry::stored(value(1)?, now) {
            Ok(Some(expiry)) => session.insert_value(expiry::EXPIRY_KEY, expiry),
            Ok(None) => drop(session.remove(expiry::EXPIRY_KEY)),
            Err(error) => return Err(Raised::exception(error.python_class(), error)),
        },
        "permanent" => session.set_permanent(value(1)? == Value::Bool(true)),
        "mark" | "modified" => session.mark_modified(),
        "nested" => {
            let item = value(2)?;
            session.edit_in_place(key()?, |found| match found {
                Value::List(items) => items.push(item),
                Value::Map(map) => {
                    map.insert("nested", item);
                }
                _ => {}
            });
        }
        other => return Err(Raised::Unsupported(format!("the script's operation {other:?}"))),
    }
    Ok(())
}
