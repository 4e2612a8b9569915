//! CSRF: Django's tokens and decisions, Flask-WTF's.

use serde_json::{Value as Json, json};
use sessile_core::Value;
use sessile_core::csrf::{django, flask_wtf};
use sessile_formats::django::csrf as token;

use super::input::{Input, key, missing};
use super::{Answer, Raised};
use crate::typed;

pub(super) fn perform(op: &str, input: &Input<'_>) -> Option<Answer> {
    Some(match op {
        "csrf_mask" => text(input, "secret").and_then(|secret| {
            let masked = token::mask(secret, text(input, "mask")?);
            masked.map(Json::from).ok_or_else(|| Raised::exception("ValueError", ""))
        }),
        "csrf_unmask" => text(input, "token").and_then(|masked| {
            let secret = token::unmask(masked);
            secret.map(Json::from).ok_or_else(|| Raised::exception("ValueError", ""))
        }),
        "csrf_check_format" => text(input, "token").and_then(|it| match token::check_format(it) {
            Ok(()) => Ok(Json::Null),
            Err(invalid) => Err(Raised::exception("InvalidTokenFormat", invalid)),
        }),
        "csrf_match" => text(input, "token")
            .and_then(|it| Ok(json!(token::matches(it, text(input, "secret")?)))),
        "csrf_decide" => decide(input),
        "wtf_generate" => generate(input),
        "wtf_validate" => validate(input),
        "wtf_protect" => protect(input),
        _ => return None,
    })
}

/// A text that may be empty.
fn text<'a>(input: &Input<'a>, name: &str) -> Result<&'a str, Raised> {
    input.text(name)
}

fn optional<'a>(input: &Input<'a>, name: &str) -> Option<&'a str> {
    input.get(name).and_then(Json::as_str)
}

fn texts(json: &Json) -> Vec<String> {
    json.as_array().into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect()
}

/// A mapping, plain or in typed form.
fn members(json: Option<&Json>) -> Vec<(String, Json)> {
    let Some(object) = json.and_then(Json::as_object) else { return Vec::new() };
    if object.get("$t").and_then(Json::as_str) != Some("dict") {
        return object.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    }
    let pairs = object.get("v").and_then(Json::as_array).into_iter().flatten();
    pairs
        .filter_map(|pair| Some((pair.get(0)?.as_str()?.to_owned(), pair.get(1)?.clone())))
        .collect()
}

fn setting<'s>(settings: &'s [(String, Json)], name: &str) -> Option<&'s Json> {
    settings.iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

fn decide(input: &Input<'_>) -> Answer {
    let settings = members(input.get("settings"));
    let named = |name: &str| setting(&settings, name).and_then(Json::as_str);
    let mut rules = django::Rules::default();
    if let Some(origins) = setting(&settings, "CSRF_TRUSTED_ORIGINS") {
        rules = rules
            .with_trusted_origins(texts(origins))
            .map_err(|bad| Raised::exception("ImproperlyConfigured", bad))?;
    }
    if let Some(header) = named("CSRF_HEADER_NAME") {
        rules = rules.with_header_name(header);
    }
    let hosts = setting(&settings, "ALLOWED_HOSTS").or_else(|| input.get("ALLOWED_HOSTS"));
    if let Some(hosts) = hosts {
        rules.allowed_hosts = texts(hosts);
    }
    rules.use_sessions =
        setting(&settings, "CSRF_USE_SESSIONS").and_then(Json::as_bool).unwrap_or(false);
    let domain = if rules.use_sessions { "SESSION_COOKIE_DOMAIN" } else { "CSRF_COOKIE_DOMAIN" };
    rules.cookie_domain = named(domain).map(str::to_owned);
    let in_session = ["session", "session_secret", "session_token", "_csrftoken", "secret"];
    let secret = if rules.use_sessions {
        let stored = in_session.iter().find_map(|name| optional(input, name));
        stored.map_or(django::Secret::Missing, django::Secret::Session)
    } else {
        optional(input, "cookie").map_or(django::Secret::Missing, django::Secret::Cookie)
    };
    let secure = input.flag("secure");
    let request = django::Request {
        method: input.text("method")?,
        host: input.text_or("host", ""),
        port: input.text_or("port", if secure { "443" } else { "80" }),
        secure,
        origin: optional(input, "origin"),
        referer: optional(input, "referer"),
        secret,
        form_token: optional(input, "post"),
        header_token: optional(input, "header"),
    };
    if input.flag("exempt") {
        return Ok(json!({"accept": true}));
    }
    Ok(match django::decide(&rules, &request) {
        Ok(()) => json!({"accept": true}),
        Err(refusal) => json!({"accept": false, "reason": refusal.to_string()}),
    })
}

fn tokens(secret: &str) -> Result<flask_wtf::Tokens, Raised> {
    Ok(flask_wtf::Tokens::new(&key(secret)?))
}

/// What the session holds; `null` stands for no such key.
fn in_session(input: &Input<'_>) -> Result<Option<Value>, Raised> {
    input.get("session_value").map(typed::to_value).transpose().map_err(Raised::Unsupported)
}

fn generate(input: &Input<'_>) -> Answer {
    let value = in_session(input)?.ok_or_else(|| missing("session_value"))?;
    let token = tokens(input.text("key")?)?.generate(&value, input.now()?);
    token.map(Json::from).ok_or_else(|| missing("session_value"))
}

fn raised(refusal: flask_wtf::Refusal) -> Raised {
    match refusal {
        flask_wtf::Refusal::Raised(class) => Raised::exception(class, ""),
        refusal => Raised::exception("ValidationError", refusal),
    }
}

fn validate(input: &Input<'_>) -> Answer {
    let limit = input.get("time_limit").and_then(Json::as_i64);
    let value = in_session(input)?;
    tokens(input.text("key")?)?
        .validate(optional(input, "token"), value.as_ref(), limit, input.now()?)
        .map(|()| Json::Null)
        .map_err(raised)
}

fn protect(input: &Input<'_>) -> Answer {
    let config = members(input.get("config"));
    let text = |name: &str| setting(&config, name).and_then(Json::as_str);
    let flag = |name: &str| setting(&config, name).and_then(Json::as_bool);
    let list = |name: &str| setting(&config, name).map(texts);
    let mut rules = flask_wtf::Rules::default();
    rules.enabled = flag("WTF_CSRF_ENABLED").unwrap_or(rules.enabled);
    rules.check_default = flag("WTF_CSRF_CHECK_DEFAULT").unwrap_or(rules.check_default);
    rules.methods = list("WTF_CSRF_METHODS").unwrap_or(rules.methods);
    rules.headers = list("WTF_CSRF_HEADERS").unwrap_or(rules.headers);
    rules.ssl_strict = flag("WTF_CSRF_SSL_STRICT").unwrap_or(rules.ssl_strict);
    if let Some(name) = text("WTF_CSRF_FIELD_NAME") {
        rules.field_name = name.to_owned();
    }
    if let Some(limit) = setting(&config, "WTF_CSRF_TIME_LIMIT") {
        rules.time_limit = limit.as_i64();
    }
    let secret = text("WTF_CSRF_SECRET_KEY").or_else(|| text("SECRET_KEY"));
    let tokens = tokens(secret.ok_or_else(|| missing("config"))?)?;

    let fields: Vec<(String, String)> = members(input.get("form"))
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())))
        .collect();
    let headers = members(input.get("headers"));
    let header = |name: &str| {
        let found = headers.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
        found.and_then(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    };
    let in_headers = || rules.headers.iter().find_map(|name| header(name));
    let base = input.text_or("base", "http://localhost");
    let (scheme, rest) = base.split_once("://").unwrap_or(("http", base));
    let value = in_session(input)?;
    let request = flask_wtf::Request {
        method: input.text("method")?,
        host: header("Host").unwrap_or_else(|| rest.split('/').next().unwrap_or_default()),
        secure: scheme == "https",
        referer: header("Referer"),
        token: rules.token_in_form(&fields).or_else(in_headers),
        in_session: value.as_ref(),
    };
    if input.flag("exempt") {
        return Ok(json!({"status": 200}));
    }
    Ok(match flask_wtf::decide(&rules, &tokens, &request, input.now()?) {
        Ok(()) => json!({"status": 200}),
        Err(flask_wtf::Refusal::Raised(_)) => json!({"status": 500}),
        Err(refusal) => json!({"status": 400, "description": refusal.to_string()}),
    })
}
