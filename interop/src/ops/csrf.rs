//! CSRF: Django's tokens and decisions, Flask-WTF's.

use std::borrow::Cow;

use serde_json::{Value as Json, json};
use sessile_core::Value;
use sessile_core::csrf::{django, flask_wtf};
use sessile_formats::django::csrf as token;

use super::input::{Input, key, missing};
use super::{Answer, Raised};
use crate::typed;

pub(super) fn perform(op: &str, input: &Input<'_>) -> Option<Answer> {
    Some(match op {
        "csrf_mask" => mask(input),
        "csrf_unmask" => input.text("token").and_then(|masked| {
            let secret = token::unmask(&masked);
            secret.map(Json::from).ok_or_else(|| Raised::exception("ValueError", ""))
        }),
        "csrf_check_format" => input.text("token").and_then(|it| match token::check_format(&it) {
            Ok(()) => Ok(Json::Null),
            Err(invalid) => Err(Raised::exception("InvalidTokenFormat", invalid)),
        }),
        "csrf_match" => input
            .text("token")
            .and_then(|it| Ok(json!(token::matches(&it, &input.text("secret")?)))),
        "csrf_decide" => decide(input),
        "wtf_generate" => generate(input),
        "wtf_validate" => validate(input),
        "wtf_protect" => protect(input),
        _ => return None,
    })
}

fn mask(input: &Input<'_>) -> Answer {
    let masked = token::mask(&input.text("secret")?, &input.text("mask")?);
    masked.map(Json::from).ok_or_else(|| Raised::exception("ValueError", ""))
}

fn decide(input: &Input<'_>) -> Answer {
    let settings = input.nested("settings");
    let mut rules = django::Rules::default();
    if let Some(origins) = settings.texts("CSRF_TRUSTED_ORIGINS")? {
        rules = rules
            .with_trusted_origins(origins)
            .map_err(|bad| Raised::exception("ImproperlyConfigured", bad))?;
    }
    if let Some(header) = settings.optional_text("CSRF_HEADER_NAME")? {
        rules = rules.with_header_name(&header);
    }
    let hosts = settings.texts("ALLOWED_HOSTS")?;
    if let Some(hosts) = hosts.map_or_else(|| input.texts("ALLOWED_HOSTS"), |it| Ok(Some(it)))? {
        rules.allowed_hosts = hosts;
    }
    rules.use_sessions = settings.flag("CSRF_USE_SESSIONS")?;
    let domain = if rules.use_sessions { "SESSION_COOKIE_DOMAIN" } else { "CSRF_COOKIE_DOMAIN" };
    rules.cookie_domain = settings.optional_text(domain)?.map(Cow::into_owned);
    let secret = if rules.use_sessions {
        let names = ["session", "session_secret", "session_token", "_csrftoken", "secret"];
        let mut stored = names.iter().filter_map(|name| input.optional_text(name).transpose());
        stored.next().transpose()?
    } else {
        input.optional_text("cookie")?
    };
    let kind = if rules.use_sessions { django::Secret::Session } else { django::Secret::Cookie };
    let secure = input.flag("secure")?;
    let method = input.text("method")?;
    let host = input.text_or("host", "")?;
    let port = match input.whole("port") {
        Ok(Some(port)) => Cow::Owned(port.to_string()),
        _ => input.text_or("port", if secure { "443" } else { "80" })?,
    };
    let [origin, referer, form_token, header_token] =
        ["origin", "referer", "post", "header"].map(|name| input.optional_text(name));
    let (origin, referer, form_token, header_token) =
        (origin?, referer?, form_token?, header_token?);
    let request = django::Request {
        method: &method,
        host: &host,
        port: &port,
        secure,
        origin: origin.as_deref(),
        referer: referer.as_deref(),
        secret: secret.as_deref().map_or(django::Secret::Missing, kind),
        form_token: form_token.as_deref(),
        header_token: header_token.as_deref(),
    };
    if input.flag("exempt")? {
        return Ok(json!({"accept": true}));
    }
    Ok(match django::decide(&rules, &request) {
        Ok(()) => json!({"accept": true}),
        Err(refusal) => json!({"accept": false, "reason": refusal.to_string()}),
    })
}

/// What the session holds; `null` stands for no such key.
fn in_session(input: &Input<'_>) -> Result<Option<Value>, Raised> {
    input.get("session_value").map(typed::to_value).transpose().map_err(Raised::Unsupported)
}

/// Flask-WTF leaves a case no choice of these.
fn as_flask_wtf_signs(input: &Input<'_>) -> Result<(), Raised> {
    input.only("salt", "wtf-csrf-token")?;
    input.only("key_derivation", "django-concat")?;
    input.only("digest", "sha1")
}

fn generate(input: &Input<'_>) -> Answer {
    as_flask_wtf_signs(input)?;
    let value = in_session(input)?.ok_or_else(|| missing("session_value"))?;
    let token = flask_wtf::Tokens::new(&input.key("key")?).generate(&value, input.now()?);
    token.map(Json::from).ok_or_else(|| missing("session_value"))
}

fn raised(refusal: flask_wtf::Refusal) -> Raised {
    match refusal {
        flask_wtf::Refusal::Raised(class) => Raised::exception(class, ""),
        refusal => Raised::exception("ValidationError", refusal),
    }
}

fn validate(input: &Input<'_>) -> Answer {
    as_flask_wtf_signs(input)?;
    let limit = input.whole("time_limit")?;
    let value = in_session(input)?;
    flask_wtf::Tokens::new(&input.key("key")?)
        .validate(input.optional_text("token")?.as_deref(), value.as_ref(), limit, input.now()?)
        .map(|()| Json::Null)
        .map_err(raised)
}

fn protect(input: &Input<'_>) -> Answer {
    let config = input.nested("config");
    let mut rules = flask_wtf::Rules::default();
    rules.enabled = config.flag_or("WTF_CSRF_ENABLED", rules.enabled)?;
    rules.check_default = config.flag_or("WTF_CSRF_CHECK_DEFAULT", rules.check_default)?;
    rules.methods = config.texts("WTF_CSRF_METHODS")?.unwrap_or(rules.methods);
    rules.headers = config.texts("WTF_CSRF_HEADERS")?.unwrap_or(rules.headers);
    rules.ssl_strict = config.flag_or("WTF_CSRF_SSL_STRICT", rules.ssl_strict)?;
    if let Some(name) = config.optional_text("WTF_CSRF_FIELD_NAME")? {
        rules.field_name = name.into_owned();
    }
    if config.given("WTF_CSRF_TIME_LIMIT").is_some() {
        rules.time_limit = config.whole("WTF_CSRF_TIME_LIMIT")?;
    }
    let secret = config.optional_bytes("WTF_CSRF_SECRET_KEY")?;
    let secret = match secret {
        Some(secret) => secret,
        None => config.bytes("SECRET_KEY")?,
    };
    let tokens = flask_wtf::Tokens::new(&key(&secret)?);

    let fields = input.text_members("form")?;
    let headers = input.text_members("headers")?;
    let header = |name: &str| {
        let found = headers.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    };
    let in_headers = || rules.headers.iter().find_map(|name| header(name));
    let base = input.text_or("base", "http://localhost")?;
    let (scheme, rest) = base.split_once("://").unwrap_or(("http", &base));
    let value = in_session(input)?;
    let method = input.text("method")?;
    let request = flask_wtf::Request {
        method: &method,
        host: header("Host").unwrap_or_else(|| rest.split('/').next().unwrap_or_default()),
        secure: scheme == "https",
        referer: header("Referer"),
        token: rules.token_in_form(&fields).or_else(in_headers),
        in_session: value.as_ref(),
    };
    if input.flag("exempt")? {
        return Ok(json!({"status": 200}));
    }
    Ok(match flask_wtf::decide(&rules, &tokens, &request, input.now()?) {
        Ok(()) => json!({"status": 200}),
        Err(flask_wtf::Refusal::Raised(_)) => json!({"status": 500}),
        Err(refusal) => json!({"status": 400, "description": refusal.to_string()}),
    })
}
