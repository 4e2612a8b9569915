//! Flask: tagged JSON and the session cookie.

use serde_json::Value as Json;
use sessile_core::{KeyRing, Map};
use sessile_formats::error::PayloadError;
use sessile_formats::flask::{FlaskCookie, FlaskCookieOptions, TaggedJson};
use sessile_formats::itsdangerous::Codec as _;

use super::input::{Input, key, missing};
use super::itsdangerous::{options, text};
use super::{Answer, Raised};
use crate::typed;

/// `PERMANENT_SESSION_LIFETIME`, 31 days, in seconds.
const LIFETIME: f64 = 2_678_400.0;
/// The key of cases that name none; `null` is no key.
const DEFAULT_KEY: &str = "dev-secret";

pub(super) fn perform(op: &str, input: &Input<'_>) -> Option<Answer> {
    Some(match op {
        "tagged_dumps" => tagged_dumps(input),
        "tagged_loads" => tagged_loads(input),
        "flask_cookie_dumps" => dumps(input),
        "flask_open_session" => open(input),
        _ => return None,
    })
}

/// The value inside an output of these operations.
pub(super) fn reread(op: &str, input: &Input<'_>, text: &str) -> Option<Json> {
    if op != "flask_cookie_dumps" {
        return None;
    }
    let session = cookies(input).ok()?.loads(text, None, input.now().ok()?).ok()?;
    Some(typed::from_value(&session.into()))
}

fn payload(error: &PayloadError) -> Raised {
    Raised::exception(error.python_class(), error)
}

fn json(input: &Input<'_>) -> Result<TaggedJson, Raised> {
    Ok(TaggedJson { sort_keys: input.flag("sort_keys")? })
}

fn tagged_dumps(input: &Input<'_>) -> Answer {
    let bytes = json(input)?.dumps(&input.value("value")?).map_err(|error| payload(&error))?;
    Ok(text(&bytes))
}

fn tagged_loads(input: &Input<'_>) -> Answer {
    let value = TaggedJson::IN_APP.loads(&input.bytes("text")?);
    value.map(|value| typed::from_value(&value)).map_err(|error| payload(&error))
}

fn cookies(input: &Input<'_>) -> Result<FlaskCookie, Raised> {
    input.only("serializer", "tagged-json")?;
    let signer = options(input)?;
    let keys = KeyRing::from_oldest_first(input.keys("keys")?).map_err(|_| missing("keys"))?;
    let options = FlaskCookieOptions {
        salt: signer.salt,
        derivation: signer.derivation,
        digest: signer.digest,
        json: json(input)?,
        ..FlaskCookieOptions::default()
    };
    Ok(FlaskCookie::new(&keys, options))
}

fn dumps(input: &Input<'_>) -> Answer {
    let cookie = cookies(input)?.dumps(&input.map("value")?, input.now()?);
    cookie.map(Json::from).map_err(|error| payload(&error))
}

fn open(input: &Input<'_>) -> Answer {
    let config = input.nested("config");
    let secret = match (config.given("SECRET_KEY"), config.optional_bytes("SECRET_KEY")?) {
        (None, _) => DEFAULT_KEY.as_bytes().into(),
        (_, Some(secret)) if !secret.is_empty() => secret,
        // Without a key there is no session, not even an empty one.
        _ => return Ok(Json::Null),
    };
    let mut fallbacks = config.keys("SECRET_KEY_FALLBACKS")?;
    fallbacks.reverse();
    let keys = KeyRing::new(key(&secret)?).with_fallbacks(fallbacks);
    let lifetime = config.number("PERMANENT_SESSION_LIFETIME")?.unwrap_or(LIFETIME);
    let cookie = input.optional_text("cookie")?;
    let cookies = FlaskCookie::new(&keys, FlaskCookieOptions::default());
    let session: Result<Map, _> =
        cookies.open(cookie.as_deref(), Some(lifetime as i64), input.now()?);
    session
        .map(|session| typed::from_value(&session.into()))
        .map_err(|error| Raised::exception(error.python_class(), error.python_message()))
}
