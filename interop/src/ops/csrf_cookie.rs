//! The cookie that Django answers with when a page has asked for a token.

use std::borrow::Cow;

use serde_json::{Value as Json, json};
use sessile_core::csrf::django::DjangoCookie;
use sessile_core::{SameSite, Timestamp};
use sessile_formats::django::csrf as token;

use super::input::{Input, missing};
use super::{Answer, Raised};
use crate::case::{Case, Out};

/// What the request brought, and what a new secret would be.
const BROUGHT: [&str; 2] = ["cookie", "csrf_cookie"];
const DRAWN: [&str; 4] = ["secret", "new_secret", "random", "token"];

/// A case says what came and what is set; its answer may be the header alone, a list of headers,
/// or these beside other parts of the response. Ours has the shape that the case wants.
pub(super) fn answer(case: &Case, input: &Input<'_>) -> Answer {
    let headers = headers(case, input)?;
    match &case.out {
        Out::Ok { ok: Json::Object(wanted) } => wanted
            .keys()
            .map(|name| Ok((name.clone(), part(name, &headers)?)))
            .collect::<Result<serde_json::Map<_, _>, _>>()
            .map(Json::Object),
        Out::Ok { ok: Json::Array(_) } => Ok(json!(headers)),
        _ => Ok(json!(headers.first())),
    }
}

/// One member of the answer.
fn part(name: &str, headers: &[String]) -> Answer {
    Ok(match name {
        "status" => json!(200),
        "set_cookie" | "set-cookie" | "cookies" => json!(headers),
        "cookie" | "header" => json!(headers.first()),
        // With the cookie in use, the response depends on it.
        "vary" => json!((!headers.is_empty()).then_some("Cookie")),
        other => return Err(missing(&format!("{other} of the answer"))),
    })
}

/// The headers that Django's `get_token` leads to: one, whatever came, unless the secret is kept
/// in the session.
fn headers(case: &Case, input: &Input<'_>) -> Result<Vec<String>, Raised> {
    let settings = ["settings", "config", "kw"].into_iter().find(|name| input.get(name).is_some());
    let settings = settings.map(|name| input.nested(name));
    let settings = settings.as_ref().unwrap_or(input);
    if settings.flag("CSRF_USE_SESSIONS")? {
        return Ok(Vec::new());
    }
    let first = |names: &[&str]| -> Result<Option<Cow<'_, str>>, Raised> {
        let mut found = names.iter().filter_map(|name| input.optional_text(name).transpose());
        found.next().transpose()
    };
    // One of the old length is unmasked; one that is none makes way for a new one.
    let brought = first(&BROUGHT)?.filter(|it| token::check_format(it).is_ok());
    let drawn = first(&DRAWN)?;
    let rotates = input.flag("rotate")?;
    let secret = brought.filter(|_| !rotates).or(drawn).ok_or_else(|| missing("secret"))?;
    let secret = token::unmask(&secret).unwrap_or_else(|| secret.into_owned());
    let refused = |error: &dyn std::fmt::Display| Raised::Unsupported(error.to_string());
    let made_at = case.made_at.map(Timestamp::from_secs);
    let now = input.moment("now")?.or(made_at).ok_or_else(|| missing("now"))?;
    let cookie = cookie(settings)?.set(&secret, now).map_err(|error| refused(&error))?;
    Ok(vec![cookie.as_str().to_owned()])
}

/// The settings `CSRF_COOKIE_*`.
fn cookie(settings: &Input<'_>) -> Result<DjangoCookie, Raised> {
    let mut cookie = DjangoCookie::default();
    let text = |name: &str| Ok(settings.optional_text(name)?.map(Cow::into_owned));
    cookie.name = text("CSRF_COOKIE_NAME")?.unwrap_or(cookie.name);
    if settings.given("CSRF_COOKIE_AGE").is_some() {
        cookie.age = settings.whole("CSRF_COOKIE_AGE")?;
    }
    cookie.domain = text("CSRF_COOKIE_DOMAIN")?.filter(|domain| !domain.is_empty());
    cookie.path = text("CSRF_COOKIE_PATH")?.unwrap_or(cookie.path);
    cookie.secure = settings.flag("CSRF_COOKIE_SECURE")?;
    cookie.http_only = settings.flag("CSRF_COOKIE_HTTPONLY")?;
    match settings.given("CSRF_COOKIE_SAMESITE") {
        None => {}
        Some(Json::Null | Json::Bool(false)) => cookie.same_site = None,
        Some(_) => {
            let text = settings.text("CSRF_COOKIE_SAMESITE")?;
            let parsed = (!text.is_empty()).then(|| SameSite::parse(&text)).transpose();
            let words = "samesite must be \"lax\", \"none\", or \"strict\".";
            cookie.same_site = parsed.map_err(|_| Raised::exception("ValueError", words))?;
        }
    }
    Ok(cookie)
}
