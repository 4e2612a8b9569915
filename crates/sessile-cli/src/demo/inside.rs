//! "Inside": what the browser holds, and what the server holds.

use axum::http::{HeaderMap, header};
use axum::response::Response;
use minijinja::{Value as Shown, context};
use sessile::csrf::native;
use sessile::store::{Entry, Version};
use sessile::{
    CookieSettings, Failure, SameSite, Session, SessionStore as _, StoreError, StoreKey, Timestamp,
    Value,
};
use sessile_core::cookie::{self, Pick};
use sessile_formats::base64;
use sessile_formats::flask::TaggedJson;
use sessile_formats::itsdangerous::{Codec as _, bytes_to_int};

use super::devices::moment;
use super::setup::Kind;
use super::site::Site;
use super::view::View;
use crate::human;

/// A signature or id is shown only this far, so that a picture of the page is no login.
const GLIMPSE: usize = 6;

/// Under these keys our rules, Flask-WTF and Django keep what CSRF tokens are made of.
const TOKEN_SECRETS: [&str; 3] = [native::SESSION_KEY, native::FIELD, "_csrftoken"];

pub(crate) async fn show(view: View, headers: HeaderMap) -> Result<Response, Failure> {
    let (site, session) = (&view.site, &view.session);
    let sent = headers.get_all(header::COOKIE).iter().map(|value| value.as_bytes());
    let value = cookie::find(sent, &site.cookie_name, Pick::First).text();
    let value = value.filter(|value| !value.is_empty());
    let now = human::now();
    let more = context! {
        cookie_name => site.cookie_name.as_str(),
        parts => value.map(|value| parts(site.kind, value, now)),
        attributes => attributes(&site.cookie, site.hashed),
        // A cookie that led to no session: ended, expired, or forged.
        dead => value.is_some() && session.is_new(),
        data => data(session),
        record => record(site, session, now).await?,
    };
    Ok(view.page("inside.html", more).await)
}

/// The cookie's value, taken apart.
fn parts(kind: Kind, value: &str, now: Timestamp) -> Vec<Shown> {
    let part = |class: &str, text: String, label: &str, means: String| {
        context! { class => class, text => text, label => label, means => means }
    };
    match kind {
        Kind::Stored => vec![part(
            "secret",
            glimpse(value),
            "id",
            "Random. It means nothing, but whoever has it is you, so most of it is hidden here."
                .into(),
        )],
        Kind::Flask => {
            let mut fields = value.rsplitn(3, '.');
            let (signature, stamp) = (fields.next(), fields.next());
            let payload = fields.next().unwrap_or_default();
            let signed = stamp.and_then(signed_at).map(|at| {
                format!("When it was signed: {}, {}.", human::exact(at), human::relative(at, now))
            });
            let packed = if payload.starts_with('.') { "Compressed JSON" } else { "JSON" };
            vec![
                part(
                    "payload",
                    payload.into(),
                    "data",
                    format!("{packed} in base64, not encrypted: the data below, for all to read."),
                ),
                part("stamp", stamp.unwrap_or_default().into(), "time", signed.unwrap_or_default()),
                part(
                    "secret",
                    glimpse(signature.unwrap_or_default()),
                    "signature",
                    "HMAC-SHA1 of all before it. Without SECRET_KEY nobody can make one, so nobody \
                     can change the data."
                        .into(),
                ),
            ]
        }
        Kind::Signed => {
            // 32 bytes of MAC, then the record.
            let (prefix, rest) = value.split_at_checked(2).unwrap_or_default();
            let (mac, payload) = rest.split_at_checked(43).unwrap_or((rest, ""));
            vec![
                part("stamp", prefix.into(), "kind", "A signed session, version 1.".into()),
                part(
                    "secret",
                    glimpse(mac),
                    "signature",
                    "HMAC-SHA256 over the cookie's purpose, its name, this application and the \
                     data. Without the key nobody can make one."
                        .into(),
                ),
                part(
                    "payload",
                    payload.into(),
                    "data",
                    "Deadlines, user and data in base64, not encrypted: for all to read.".into(),
                ),
            ]
        }
        Kind::Encrypted => {
            let (prefix, rest) = value.split_at_checked(2).unwrap_or_default();
            let (nonce, sealed) = rest.split_at_checked(32).unwrap_or((rest, ""));
            vec![
                part("stamp", prefix.into(), "kind", "An encrypted session, version 1.".into()),
                part(
                    "secret",
                    glimpse(nonce),
                    "nonce",
                    "192 random bits, new for every cookie, so that equal sessions look different."
                        .into(),
                ),
                part(
                    "payload",
                    sealed.into(),
                    "ciphertext",
                    "Deadlines, user and data under XChaCha20-Poly1305. Only this server can read \
                     or change them."
                        .into(),
                ),
            ]
        }
    }
}

/// The cookie's attributes, and what each is for.
fn attributes(cookie: &CookieSettings, ours: bool) -> Vec<Shown> {
    let http_only = match cookie.http_only {
        true => ("HttpOnly", "No script on a page can read it."),
        false => ("no HttpOnly", "Any script on a page can read it."),
    };
    let same_site = match cookie.same_site {
        Some(SameSite::Strict) => ("SameSite=Strict", "No other site can have it sent."),
        Some(SameSite::Lax) => ("SameSite=Lax", "Other sites cannot send it along with a form."),
        Some(SameSite::None) => ("SameSite=None", "Other sites can send it along."),
        None => (
            "no SameSite",
            "The original’s default, kept as it is. Set SESSION_COOKIE_SAMESITE=Lax in production.",
        ),
    };
    let secure = match (cookie.secure, ours) {
        (true, _) => ("Secure", "Over TLS only."),
        (false, true) => (
            "no Secure",
            "Only because this is plain http. In production it is there, and the name begins with \
             __Host-.",
        ),
        (false, false) => (
            "no Secure",
            "The original’s default, kept as it is. Set SESSION_COOKIE_SECURE=true in production.",
        ),
    };
    let shown = |(name, means)| context! { name => name, means => means };
    [http_only, same_site, secure].map(shown).into()
}

/// A key of the store; where the id is in it, most of that is hidden.
fn shown_key(key: &StoreKey, hashed: bool, prefix: &str) -> String {
    let text = key.to_text();
    match text.strip_prefix(prefix) {
        _ if hashed => text,
        Some(id) => format!("{prefix}{}", glimpse(id)),
        None => glimpse(&text),
    }
}

fn glimpse(secret: &str) -> String {
    let shown: String = secret.chars().take(GLIMPSE).collect();
    format!("{shown}{}", "•".repeat(secret.chars().count().saturating_sub(GLIMPSE).min(26)))
}

fn signed_at(stamp: &str) -> Option<Timestamp> {
    let secs = bytes_to_int(&base64::decode(stamp.as_bytes()).ok()?)?;
    Some(Timestamp::from_secs(i64::try_from(secs).ok()?))
}

/// The session's keys and values, as Flask would write them.
fn data(session: &Session) -> Vec<Shown> {
    let data = session.to_map();
    let text = |value: &Value| match TaggedJson::IN_APP.dumps(value) {
        Ok(json) => String::from_utf8_lossy(&json).into_owned(),
        Err(_) => format!("({})", value.type_name()),
    };
    let rows = data.iter().map(|(key, value)| {
        let key = key.as_str().map_or_else(|| text(key), str::to_owned);
        // What makes the visitor's tokens is nobody else's to see.
        let value = match value {
            Value::Str(secret) if TOKEN_SECRETS.contains(&key.as_str()) => glimpse(secret),
            value => text(value),
        };
        context! { key => key, value => value }
    });
    rows.collect()
}

/// What the store keeps of this session.
async fn record(
    site: &Site,
    session: &Session,
    now: Timestamp,
) -> Result<Option<Shown>, StoreError> {
    let Some(key) = session.store_key() else { return Ok(None) };
    let Some(Entry::Live(record, version)) = site.store.load(&key).await? else { return Ok(None) };
    Ok(Some(context! {
        key => shown_key(&key, site.hashed, &site.key_prefix),
        handle => key.handle().to_string(),
        subject => record.subject.as_ref().map(|subject| subject.as_str()),
        bytes => record.payload.len(),
        version => match version {
            Version::Number(number) => Some(number),
            Version::Bytes(_) => None,
        },
        permanent => record.permanent,
        created => moment(record.created, now),
        seen => moment(record.seen, now),
        authenticated => moment(record.authenticated, now),
        idle => moment(record.idle_deadline(), now),
        absolute => moment(record.absolute, now),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r16_a_page_shows_no_whole_id_or_signature() {
        let id = "abcdefghijklmnopqrstuvwxyz012345";
        let flask = "eyJhIjoiYiJ9.aVc1pQ.-b8MXY1lwl_oYHhsYyoGdqsL7tc";
        let now = Timestamp::from_secs(1_767_323_105);
        let shown = |kind, value| format!("{:?}", parts(kind, value, now));
        assert!(!shown(Kind::Stored, id).contains("abcdefg"));
        let page = shown(Kind::Flask, flask);
        assert!(!page.contains("-b8MXY1"), "{page}");
        assert!(page.contains("2026-01-02T03:04:05"), "{page}");
        assert!(page.contains("1 minute ago"), "{page}");
    }

    #[test]
    fn cookies_of_any_shape_are_taken_apart() {
        for value in ["x", "..", "a.b", "s1é", "s1", "e1", "ééééé", "a.!!!!.c"] {
            for kind in [Kind::Stored, Kind::Flask, Kind::Signed, Kind::Encrypted] {
                assert!(!parts(kind, value, Timestamp::from_secs(0)).is_empty());
            }
        }
    }
}
