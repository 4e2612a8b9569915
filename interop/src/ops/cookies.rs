//! Werkzeug's and Django's cookie headers.

use serde_json::{Value as Json, json};
use sessile_core::Timestamp;
use sessile_oracles::python_cookies::{
    WerkzeugAttributes, WerkzeugExpires, django_parse_cookie, werkzeug_dump_cookie,
    werkzeug_parse_cookie,
};

use super::input::{Input, missing};
use super::{Answer, Raised};

pub(super) fn perform(op: &str, input: &Input<'_>) -> Option<Answer> {
    Some(match op {
        "parse_cookie" => input.text("header").map(|header| pairs(werkzeug_parse_cookie(header))),
        "django_parse_cookie" => {
            input.text("header").map(|header| pairs(django_parse_cookie(header)))
        }
        "dump_cookie" => dump(input),
        _ => return None,
    })
}

fn pairs(pairs: Vec<(String, String)>) -> Json {
    pairs.into_iter().map(|(name, value)| json!([name, value])).collect()
}

fn dump(input: &Input<'_>) -> Answer {
    let given = input.get("kw").cloned().unwrap_or_else(|| json!({}));
    let keywords = Input::new(&given);
    let text = |name: &str| given.get(name).and_then(Json::as_str);
    let expires = match given.get("expires") {
        None | Some(Json::Null) => None,
        Some(Json::String(date)) => Some(WerkzeugExpires::Text(date)),
        Some(_) => Some(WerkzeugExpires::At(moment(&keywords)?)),
    };
    let attributes = WerkzeugAttributes {
        // `timedelta` and floats lose their fractions.
        max_age: keywords.seconds("max_age")?.map(|secs| secs as i64),
        expires,
        path: if given.get("path").is_some() { text("path") } else { Some("/") },
        domain: text("domain"),
        secure: keywords.flag("secure"),
        httponly: keywords.flag("httponly"),
        sync_expires: given.get("sync_expires").and_then(Json::as_bool).unwrap_or(true),
        samesite: text("samesite"),
        partitioned: keywords.flag("partitioned"),
    };
    let cookie =
        werkzeug_dump_cookie(input.text("key")?, input.text("value")?, &attributes, input.now()?);
    cookie.map(Json::from).map_err(|error| Raised::exception("ValueError", error))
}

/// `expires` as a number of seconds or a datetime.
fn moment(keywords: &Input<'_>) -> Result<Timestamp, Raised> {
    use sessile_core::Value;
    match keywords.value("expires") {
        Ok(Value::DateTime(at)) => {
            let text = at.isoformat();
            let text = if at.offset.is_some() { text } else { text + "+00:00" };
            Timestamp::from_iso8601(&text).ok_or_else(|| missing("expires"))
        }
        _ => {
            let secs = keywords.seconds("expires")?.ok_or_else(|| missing("expires"))?;
            Ok(Timestamp::from_secs(secs.floor() as i64))
        }
    }
}
