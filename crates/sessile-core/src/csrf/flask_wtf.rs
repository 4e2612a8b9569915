//! `flask_wtf.csrf` of Flask-WTF 1.3: tokens, and whether a request may reach its view.

use std::collections::HashSet;
use std::fmt;

use sha1::{Digest as _, Sha1};
use subtle::ConstantTimeEq as _;

use super::url::{Malformed, Split};
use crate::{Timestamp, Value};
use sessile_formats::error::BadData;
use sessile_formats::itsdangerous::{self, Derivation, TimestampSigner, pack, unpack};
use sessile_formats::json::{self, Style};
use sessile_formats::zlib::MAX_INFLATED;
use sessile_formats::{KeyRing, SecretKey};

/// A token longer than this is no token: ours have about 90 characters.
pub const MAX_TOKEN_BYTES: usize = 4096;

const SALT: &[u8] = b"wtf-csrf-token";

/// Signs and reads tokens.
#[derive(Clone, Debug)]
pub struct Tokens(TimestampSigner);

impl Tokens {
    /// With `WTF_CSRF_SECRET_KEY` or `SECRET_KEY`. Flask-WTF tries no older keys.
    pub fn new(key: &SecretKey) -> Self {
        let keys = KeyRing::new(key.clone());
        Self(TimestampSigner::dotted(
            &keys,
            SALT,
            Derivation::DjangoConcat,
            itsdangerous::Digest::Sha1,
        ))
    }

    /// `generate_csrf`: the token for what the session holds. `None` where
    /// that cannot be written as JSON: the session gets a [`new_secret`] then.
    pub fn generate(&self, in_session: &Value, now: Timestamp) -> Option<String> {
        let mut token = pack(&Style::COMPACT_UTF8.write(in_session).ok()?);
        self.0.sign_in_place(&mut token, now);
        String::from_utf8(token).ok()
    }

    /// `validate_csrf`. `in_session` is `None` where the session has no such
    /// key; `time_limit` is `WTF_CSRF_TIME_LIMIT` in seconds.
    ///
    /// # Errors
    /// [`Refusal`], to be answered 400.
    pub fn validate(
        &self,
        token: Option<&str>,
        in_session: Option<&Value>,
        time_limit: Option<i64>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let token = token.filter(|token| !token.is_empty()).ok_or(Refusal::Missing)?;
        let expected = in_session.ok_or(Refusal::SessionMissing)?;
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Refusal::Invalid);
        }
        let stamped = match self.0.unsign(token.as_bytes(), time_limit, now) {
            Ok(stamped) => stamped,
            Err(BadData::SignatureExpired { .. }) => return Err(Refusal::Expired),
            Err(error @ BadData::TimeOutOfRange { .. }) => {
                return Err(Refusal::Raised(error.python_class()));
            }
            Err(_) => return Err(Refusal::Invalid),
        };
        stamped.signed_at().map_err(|error| Refusal::Raised(error.python_class()))?;
        let payload = unpack(stamped.value, MAX_INFLATED).map_err(|_| Refusal::Invalid)?;
        let signed = json::read(&payload).map_err(|_| Refusal::Invalid)?;
        // `hmac.compare_digest` takes two texts of ASCII, or fails.
        match (&signed, expected) {
            (Value::Str(signed), Value::Str(expected))
                if signed.is_ascii() && expected.is_ascii() =>
            {
                let same = signed.as_bytes().ct_eq(expected.as_bytes());
                if same.into() { Ok(()) } else { Err(Refusal::Mismatch) }
            }
            _ => Err(Refusal::Raised("TypeError")),
        }
    }
}

/// What goes into the session: `sha1(os.urandom(64)).hexdigest()`.
pub fn new_secret(random: &[u8; 64]) -> String {
    Sha1::digest(random).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The settings that decide. [`Default`] is Flask-WTF's defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// `WTF_CSRF_ENABLED`.
    pub enabled: bool,
    /// `WTF_CSRF_CHECK_DEFAULT`.
    pub check_default: bool,
    /// `WTF_CSRF_METHODS`, in capitals.
    pub methods: Vec<String>,
    /// `WTF_CSRF_FIELD_NAME`: of the form's field, and of the key in the session.
    pub field_name: String,
    /// `WTF_CSRF_HEADERS`, in the order they are tried.
    pub headers: Vec<String>,
    /// `WTF_CSRF_TIME_LIMIT` in seconds; `None` is forever.
    pub time_limit: Option<i64>,
    /// `WTF_CSRF_SSL_STRICT`.
    pub ssl_strict: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            enabled: true,
            check_default: true,
            methods: ["POST", "PUT", "PATCH", "DELETE"].map(str::to_owned).to_vec(),
            field_name: "csrf_token".to_owned(),
            headers: ["X-CSRFToken", "X-CSRF-Token"].map(str::to_owned).to_vec(),
            time_limit: Some(3600),
            ssl_strict: true,
        }
    }
}

impl Rules {
    /// Whether requests of this method are checked at all.
    pub fn checks(&self, method: &str) -> bool {
        self.enabled && self.check_default && self.methods.iter().any(|checked| checked == method)
    }

    /// `_get_csrf_token`'s search of a form: the field, else the first whose
    /// name ends in the field's name and that is not empty. The first value of
    /// each name counts.
    pub fn token_in_form<'a>(&self, fields: &'a [(String, String)]) -> Option<&'a str> {
        let first = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, it)| it);
        let found = first(&self.field_name).filter(|token| !token.is_empty());
        let found = found.or_else(|| {
            // Each name once: a form may have ten thousands of them.
            let mut seen = HashSet::new();
            let prefixed = fields.iter().filter(|(key, _)| key.ends_with(&self.field_name));
            let firsts = prefixed.filter(|(key, _)| seen.insert(key));
            firsts.map(|(_, token)| token).find(|token| !token.is_empty())
        });
        found.map(String::as_str)
    }
}

/// What a request shows. Texts are header fields read as Latin-1, as WSGI does.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// In capitals.
    pub method: &'a str,
    /// The `Host` field.
    pub host: &'a str,
    /// Whether it came over TLS.
    pub secure: bool,
    /// The `Referer` field.
    pub referer: Option<&'a str>,
    /// The token of the form or, if there is none, of the first header that has one.
    pub token: Option<&'a str>,
    /// What the session holds under the field's name.
    pub in_session: Option<&'a Value>,
}

/// Why a request is refused. `Display` is Flask-WTF's text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is no token.
    Missing,
    /// The session has none.
    SessionMissing,
    /// It is too old, or from the future.
    Expired,
    /// It was not signed by us.
    Invalid,
    /// It was signed by us, for another session.
    Mismatch,
    /// No `Referer`, over TLS.
    NoReferrer,
    /// `Referer` is of another origin.
    BadReferrer,
    /// Flask-WTF fails with this exception: its answer is 500.
    Raised(&'static str),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "The CSRF token is missing.",
            Self::SessionMissing => "The CSRF session token is missing.",
            Self::Expired => "The CSRF token has expired.",
            Self::Invalid => "The CSRF token is invalid.",
            Self::Mismatch => "The CSRF tokens do not match.",
            Self::NoReferrer => "The referrer header is missing.",
            Self::BadReferrer => "The referrer does not match the host.",
            Self::Raised(class) => return write!(f, "{class} while the CSRF token was compared"),
        })
    }
}

sessile_formats::debug_reads_like_display!(Refusal);

impl std::error::Error for Refusal {}

/// `CSRFProtect.protect`: whether the request may go on.
///
/// # Errors
/// [`Refusal`].
pub fn decide(
    rules: &Rules,
    tokens: &Tokens,
    request: &Request<'_>,
    now: Timestamp,
) -> Result<(), Refusal> {
    if !rules.checks(request.method) {
        return Ok(());
    }
    tokens.validate(request.token, request.in_session, rules.time_limit, now)?;
    if !(request.secure && rules.ssl_strict) {
        return Ok(());
    }
    let referrer = request.referer.filter(|it| !it.is_empty()).ok_or(Refusal::NoReferrer)?;
    let good = format!("https://{}/", host_of(request.host, request.secure));
    match same_origin(referrer, &good) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Refusal::BadReferrer),
        Err(Malformed) => Err(Refusal::Raised("ValueError")),
    }
}

/// Werkzeug's `get_host`: without the scheme's own port, empty if it is no host.
fn host_of(host: &str, secure: bool) -> &str {
    let host = host.strip_suffix(if secure { ":443" } else { ":80" }).unwrap_or(host);
    let name_fits = |name: &str| {
        !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
    };
    let hex = |byte: u8| byte.is_ascii_hexdigit();
    let address_fits = |inside: &str| {
        inside.split_once(':').is_some_and(|(first, rest)| {
            first.bytes().all(hex)
                && !rest.is_empty()
                && rest.bytes().all(|byte| hex(byte) || b".:".contains(&byte))
        })
    };
    let (fits, port) = match host.strip_prefix('[').and_then(|inside| inside.split_once(']')) {
        Some((inside, after)) => match after.strip_prefix(':') {
            Some(port) => (address_fits(inside), Some(port)),
            None => (address_fits(inside) && after.is_empty(), None),
        },
        None => match host.split_once(':') {
            Some((name, port)) => (name_fits(name), Some(port)),
            None => (name_fits(host), None),
        },
    };
    let port_fits = port.is_none_or(|port| {
        !port.starts_with('0')
            && port.bytes().all(|byte| byte.is_ascii_digit())
            && port.parse::<u16>().is_ok()
    });
    if fits && port_fits { host } else { "" }
}

fn same_origin(current: &str, compare: &str) -> Result<bool, Malformed> {
    let (current, compare) = (Split::parse(current)?, Split::parse(compare)?);
    Ok(current.scheme == compare.scheme
        && current.hostname() == compare.hostname()
        && current.port()? == compare.port()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_werkzeugs() {
        for (host, expected) in [
            ("a.example:443", "a.example"),
            ("a.example:80", "a.example:80"),
            ("[::1]:443", "[::1]"),
            ("[::1]", "[::1]"),
            ("a_b", ""),
            ("a:0", ""),
            ("a:70000", ""),
            ("a@b", ""),
            ("", ""),
        ] {
            assert_eq!(host_of(host, true), expected, "{host}");
        }
    }

    #[test]
    fn the_fields_name_may_have_a_prefix() {
        let rules = Rules::default();
        let form = |fields: &[(&str, &str)]| -> Vec<(String, String)> {
            fields.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
        };
        let fields = form(&[("a-csrf_token", ""), ("b-csrf_token", "x"), ("csrf_token", "")]);
        assert_eq!(rules.token_in_form(&fields), Some("x"));
        let fields = form(&[("b-csrf_token", "x"), ("csrf_token", "y")]);
        assert_eq!(rules.token_in_form(&fields), Some("y"));
        let fields = form(&[("csrf_token", ""), ("csrf_token", "y"), ("csrf_tokens", "z")]);
        assert_eq!(rules.token_in_form(&fields), None);
    }
}
