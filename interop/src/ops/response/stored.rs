//! Whole requests of Flask-Session: the headers, and the calls to the store.
//!
//! Flask-Session draws an id as soon as it opens a session without one, deletes
//! under ids that nothing was stored under, and writes the whole session where
//! we move its deadline. These show in its calls and nowhere else, so they are
//! played here, around what the engine decides.

use bytes::Bytes;
use serde_json::{Value as Json, json};
use sessile_core::store::{Entry, Record, Version};
use sessile_core::{Begun, Engine, Loaded, Session, StoreOp, Timestamp};

use super::super::input::{Input, missing};
use super::super::{Answer, Raised};
use super::{config, script};
use crate::typed;

/// Longer than this, memcached takes an expiry for a moment: 30 days.
const MEMCACHED_SPAN: u64 = 2_592_000;

pub(super) fn flask_session(input: &Input<'_>) -> Answer {
    let config::Flask { config, bad_same_site } = config::flask_session(input)?;
    let (prefix, length) = (config.key_prefix.clone(), config.id_length);
    let lifetime = config.permanent_lifetime.absolute.ok_or_else(|| missing("a lifetime"))?;
    let now = input.now()?;
    let expiry = match &*input.text("type")? {
        "memcached" if lifetime.as_secs() > MEMCACHED_SPAN => {
            (now + lifetime).as_millis().div_euclid(1000)
        }
        _ => i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX),
    };
    let engine = Engine::new(config).map_err(|error| Raised::Unsupported(error.to_string()))?;
    let mut ids = Ids { prefix, length, drawn: 0 };
    let mut calls = Vec::new();
    let (session, mut key) = open(&engine, input, now, &mut ids, &mut calls)?;
    for step in script::steps(input)? {
        let regenerates = step.get(0).and_then(Json::as_str) == Some("regenerate");
        let empty = session.to_map().iter().all(|(key, _)| key.as_str() == Some("_permanent"));
        if !regenerates {
            script::perform(&session, step, now)?;
        } else if !empty {
            calls.push(json!(["delete", key]));
            key = ids.draw();
            session.cycle_id();
        }
    }
    let drawn = ids.drawn;
    let mut random = |bytes: &mut [u8]| {
        Ids::fill(bytes, drawn);
        Ok(())
    };
    let answer = |status: u64, set_cookie: &[String], vary: bool, calls: &[Json]| json!({"status": status, "set_cookie": set_cookie, "vary": vary.then_some("Cookie"), "store": calls});
    let Ok(plan) = engine.settle(&session, false, now, &mut random) else {
        return Ok(answer(500, &[], session.is_accessed(), &calls));
    };
    let encoded = |data| engine.encode(data, now).map_err(|_| missing("data with a stored form"));
    match &plan.store {
        StoreOp::Create { record, .. }
        | StoreOp::Update { record, .. }
        | StoreOp::Replace { record, .. } => {
            calls.push(json!(["set", key, typed::to_hex(&record.payload), expiry]));
        }
        StoreOp::Touch { .. } => {
            let data = encoded(&session.peek())?;
            calls.push(json!(["set", key, typed::to_hex(&data), expiry]));
        }
        StoreOp::Nothing if plan.response.cookie.is_some() => calls.push(json!(["delete", key])),
        StoreOp::Nothing => {}
    }
    let set_cookie: Vec<_> =
        plan.response.cookie.iter().map(|cookie| cookie.as_str().to_owned()).collect();
    let sends = plan.response.cookie.is_some() && !matches!(plan.store, StoreOp::Nothing);
    if bad_same_site && sends {
        // The error's own response is saved once more, in vain.
        calls.extend(calls.last().cloned());
        return Ok(answer(500, &[], plan.response.vary, &calls));
    }
    Ok(answer(200, &set_cookie, plan.response.vary, &calls))
}

/// The session, and the key that Flask-Session has for it.
fn open(
    engine: &Engine,
    input: &Input<'_>,
    now: Timestamp,
    ids: &mut Ids,
    calls: &mut Vec<Json>,
) -> Result<(Session, String), Raised> {
    let cookie = input.optional_bytes("cookie")?;
    let refused = |error: &dyn std::fmt::Display| Raised::Unsupported(error.to_string());
    let at = match engine.begin(cookie.as_deref(), now).map_err(|error| refused(&error))? {
        Begun::Ready(opened) => return Ok((opened.session, ids.draw())),
        Begun::Load(at) => at,
    };
    let key = String::from_utf8_lossy(at.key().as_bytes()).into_owned();
    calls.push(json!(["get", key]));
    let stored = input.nested("stored");
    let entry = match stored.get(&key) {
        None => None,
        Some(_) => {
            let payload = Bytes::from(stored.hex(&key)?);
            if engine.decode(&payload).is_none() {
                return Err(Raised::exception(
                    "UnpicklingError",
                    "Failed to deserialize session data",
                ));
            }
            Some(Entry::Live(record(payload.clone()), Version::Bytes(payload)))
        }
    };
    let lives = entry.is_some();
    match engine.loaded(at, entry, now) {
        Loaded::Ready(opened) => Ok((opened.session, if lives { key } else { ids.draw() })),
        Loaded::Follow(_) => Err(missing("an entry without pointers")),
    }
}

fn record(payload: Bytes) -> Record {
    Record::new(payload)
}

/// New ids: byte i of the n-th, counted from 1, is i + n.
struct Ids {
    prefix: String,
    length: usize,
    drawn: u8,
}

impl Ids {
    /// The next one's key.
    fn draw(&mut self) -> String {
        self.drawn = self.drawn.wrapping_add(1);
        let mut bytes = vec![0; self.length];
        Self::fill(&mut bytes, self.drawn);
        format!("{}{}", self.prefix, sessile_formats::flask_session::sid(&bytes))
    }

    fn fill(bytes: &mut [u8], number: u8) {
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = (at as u8).wrapping_add(number);
        }
    }
}
