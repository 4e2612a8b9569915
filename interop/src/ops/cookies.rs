//! Werkzeug's and Django's cookie headers.

use serde_json::{Value as Json, json};
use sessile_core::Timestamp;
use sessile_oracles::python_cookies::{
    WerkzeugAttributes, WerkzeugExpires, django_parse_cookie, werkzeug_dump_cookie,
    werkzeug_parse_cookie,
};

use super::input::Input;
use super::{Answer, Raised};

pub(super) fn perform(op: &str, input: &Input<'_>) -> Option<Answer> {
    Some(match op {
        "parse_cookie" => input.text("header").map(|header| pairs(werkzeug_parse_cookie(&header))),
        "django_parse_cookie" => {
            input.text("header").map(|header| pairs(django_parse_cookie(&header)))
        }
        "dump_cookie" => dump(input),
        _ => return None,
    })
}

fn pairs(pairs: Vec<(String, String)>) -> Json {
    pairs.into_iter().map(|(name, value)| json!([name, value])).collect()
}

fn dump(input: &Input<'_>) -> Answer {
    let keywords = input.nested("kw");
    let (path, domain, same_site, expires) = (
        keywords.optional_text("path")?,
        keywords.optional_text("domain")?,
        keywords.optional_text("samesite")?,
        keywords.optional_text("expires").ok().flatten(),
    );
    let expires = match &expires {
        Some(date) => Some(WerkzeugExpires::Text(date)),
        // Its fraction is lost downwards.
        None => keywords
            .moment("expires")?
            .map(|at| WerkzeugExpires::At(Timestamp::from_secs(at.as_millis().div_euclid(1000)))),
    };
    let attributes = WerkzeugAttributes {
        // `timedelta` and floats lose their fractions.
        max_age: keywords.number("max_age")?.map(|secs| secs as i64),
        expires,
        path: match keywords.given("path") {
            None => Some("/"),
            Some(_) => path.as_deref(),
        },
        domain: domain.as_deref(),
        secure: keywords.flag("secure")?,
        httponly: keywords.flag("httponly")?,
        sync_expires: keywords.flag_or("sync_expires", true)?,
        samesite: same_site.as_deref(),
        partitioned: keywords.flag("partitioned")?,
    };
    let (name, value) = (input.text("key")?, input.text("value")?);
    let cookie = werkzeug_dump_cookie(&name, &value, &attributes, input.now()?);
    cookie.map(Json::from).map_err(|error| Raised::exception("ValueError", error))
}
