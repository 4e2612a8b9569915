//! Whole requests: a script of session operations, and the headers that come of it.
//!
//! An input names the configuration, the cookie that came, what the store
//! holds and a `script` of operations such as `["set", "a", 1]`; the answer
//! holds the status, `Set-Cookie`, `Vary` and, with a store, the calls to it.
//!
//! Each original opens its session before the script and saves it afterwards,
//! touched or not; so do these.

mod config;
mod script;
mod stored;

use serde_json::{Value as Json, json};
use sessile_core::{Begun, Config, Engine, OpenError, Session, StoreOp};

use super::input::{Input, missing};
use super::{Answer, Raised};
use crate::typed;

pub(super) fn perform(op: &str, input: &Input<'_>) -> Option<Answer> {
    Some(match op {
        "flask_response" => flask(input),
        "starlette_response" => starlette(input),
        "fs_response" => stored::flask_session(input),
        "django_response" => django(input),
        _ => return None,
    })
}

/// What a request came to.
struct Outcome {
    /// The session's data before the script.
    seen: Json,
    set_cookie: Vec<String>,
    vary: bool,
}

fn answer(status: u64, set_cookie: Vec<String>, vary: bool) -> Json {
    json!({"status": status, "set_cookie": set_cookie, "vary": vary.then_some("Cookie")})
}

fn flask(input: &Input<'_>) -> Answer {
    let Some(config) = config::flask(input)? else {
        // No SECRET_KEY: a session that can be read and not written.
        let writes = script::writes(input)?;
        return Ok(answer(if writes { 500 } else { 200 }, Vec::new(), false));
    };
    match request(config.config, input, false) {
        // Flask notices a wrong SameSite when it writes the cookie.
        Ok(outcome) if config.bad_same_site && !outcome.set_cookie.is_empty() => {
            Ok(answer(500, Vec::new(), outcome.vary))
        }
        Ok(outcome) => Ok(answer(200, outcome.set_cookie, outcome.vary)),
        Err(Failed::Status500) => Ok(answer(500, Vec::new(), script::touches(input)?)),
        Err(Failed::Raised(raised)) => Err(raised),
    }
}

fn django(input: &Input<'_>) -> Answer {
    let status = input.count("view_status")?.unwrap_or(200) as u64;
    match request(config::django(input)?, input, status >= 500) {
        Ok(outcome) => Ok(answer(status, outcome.set_cookie, outcome.vary)),
        Err(Failed::Status500) => Err(Raised::Unsupported("a refused configuration".into())),
        Err(Failed::Raised(raised)) => Err(raised),
    }
}

fn starlette(input: &Input<'_>) -> Answer {
    match request(config::starlette(input)?, input, false) {
        Ok(Outcome { seen, set_cookie, vary }) => {
            let vary: &[&str] = if vary { &["Cookie"] } else { &[] };
            Ok(json!({"seen": seen, "set_cookie": set_cookie, "vary": vary}))
        }
        Err(Failed::Status500) => Err(Raised::Unsupported("a refused configuration".into())),
        Err(Failed::Raised(raised)) => Err(raised),
    }
}

enum Failed {
    /// What a framework answers with a 500.
    Status500,
    Raised(Raised),
}

impl From<Raised> for Failed {
    fn from(raised: Raised) -> Self {
        Self::Raised(raised)
    }
}

/// One request through the engine, opened and settled whatever the script does.
fn request(config: Config, input: &Input<'_>, server_error: bool) -> Result<Outcome, Failed> {
    let now = input.now()?;
    let engine = Engine::new(config).map_err(|_| Failed::Status500)?;
    let cookie = input.optional_bytes("cookie")?;
    let session: Session = match engine.begin(cookie.as_deref(), now) {
        Ok(Begun::Ready(opened)) => opened.session,
        Ok(Begun::Load(_)) => return Err(Raised::Unsupported("a stored session".into()).into()),
        Err(OpenError::Payload(error)) => {
            let class = error.python_class().unwrap_or("Exception");
            return Err(Raised::exception(class, error).into());
        }
        Err(OpenError::Store(error)) => return Err(Raised::Unsupported(error.to_string()).into()),
    };
    let seen = typed::from_value(&session.peek().into());
    script::run(&session, input)?;
    let plan = engine
        .settle(&session, server_error, now, &mut |_| {
            Err(sessile_core::RandomError::new("none here"))
        })
        .map_err(|_| Failed::Status500)?;
    if !matches!(plan.store, StoreOp::Nothing) {
        return Err(missing("a store").into());
    }
    let set_cookie = plan.response.cookie.iter().map(|cookie| cookie.as_str().to_owned()).collect();
    Ok(Outcome { seen, set_cookie, vary: plan.response.vary })
}
