//! Finding the id in what a visitor sent. Nothing is decoded: ids are made of characters that
//! stand for themselves everywhere.

use std::fmt;

/// A credential is no longer than this many bytes: Flask-Session's longest id and its signature.
pub const MAX_CREDENTIAL: usize = 512;

/// What was sent as a credential.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sent<'r> {
    /// Nothing.
    Nothing,
    /// This, which may be anything.
    One(&'r str),
    /// Several, or what cannot be one: too long, or with characters that no id has.
    Refused,
}

impl<'r> Sent<'r> {
    fn of(value: &'r [u8]) -> Self {
        if value.is_empty() {
            return Self::Nothing;
        }
        // Before anything looks at what it says.
        if value.len() > MAX_CREDENTIAL || !value.iter().all(u8::is_ascii_graphic) {
            return Self::Refused;
        }
        std::str::from_utf8(value).map_or(Self::Refused, Self::One)
    }

    /// One of all: of several none counts, or a proxy and we could take different ones.
    fn only(mut values: impl Iterator<Item = &'r [u8]>) -> Self {
        match (values.next(), values.next()) {
            (None, _) => Self::Nothing,
            (Some(value), None) => Self::of(value),
            (Some(_), Some(_)) => Self::Refused,
        }
    }

    /// The one in two places together: the same in both, or in one of them.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, sent) | (sent, Self::Nothing) => sent,
            (one, same) if one == same => one,
            _ => Self::Refused,
        }
    }

    /// The credential, if there is one.
    pub fn one(self) -> Option<&'r str> {
        match self {
            Self::One(value) => Some(value),
            Self::Nothing | Self::Refused => None,
        }
    }
}

impl fmt::Debug for Sent<'_> {
    /// Leaves the value out: it is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::One(_) => "One(…)",
            Self::Refused => "Refused",
        })
    }
}

/// Among the values of a header field of its own. Two fields of the name are refused.
pub fn in_field<'r>(values: impl IntoIterator<Item = &'r [u8]>) -> Sent<'r> {
    Sent::only(values.into_iter().map(<[u8]>::trim_ascii))
}

/// Among the values of `Authorization` (RFC 6750 section 2.1). The scheme may be written in any
/// letter case; another scheme is somebody else's; two fields are refused if one is a bearer's.
///
/// ```
/// use sessile_core::transport::{Sent, in_bearer};
///
/// assert_eq!(in_bearer([&b"bearer mF_9.B5f-4.1JqM"[..]]), Sent::One("mF_9.B5f-4.1JqM"));
/// assert_eq!(in_bearer([&b"Basic QWxhZGRpbg=="[..]]), Sent::Nothing);
/// assert_eq!(in_bearer([&b"Bearer two words"[..]]), Sent::Refused);
/// ```
pub fn in_bearer<'r>(values: impl IntoIterator<Item = &'r [u8]>) -> Sent<'r> {
    let (mut fields, mut token) = (0_usize, None);
    for value in values {
        fields = fields.saturating_add(1);
        token = token.or_else(|| bearer(value.trim_ascii()));
    }
    match token {
        None => Sent::Nothing,
        Some(_) if fields > 1 => Sent::Refused,
        Some(token) if token.is_empty() || is_b64token(token) => Sent::of(token),
        Some(_) => Sent::Refused,
    }
}

/// What follows `Bearer`; `None` for another scheme.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return None;
    }
    match rest {
        [] => Some(rest),
        [b' ', ..] => Some(rest.trim_ascii_start()),
        _ => None,
    }
}

/// Whether a value of `Authorization` is a bearer's, be its token empty.
pub(crate) fn is_bearer(value: &[u8]) -> bool {
    bearer(value).is_some()
}

/// `b64token`: characters, then padding.
fn is_b64token(token: &[u8]) -> bool {
    let padding = token.iter().rev().take_while(|byte| **byte == b'=').count();
    let text = token.get(..token.len().saturating_sub(padding)).unwrap_or_default();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte);
    !text.is_empty() && text.iter().all(plain)
}

/// In the parameter `name` of an address's query. The name is compared as it is written: `%73id`
/// is not `sid`. Two of the name are refused.
pub fn in_query<'r>(query: &'r str, name: &str) -> Sent<'r> {
    Sent::only(query.split('&').filter_map(|pair| value_of(pair, name)).map(str::as_bytes))
}

/// Among the fields of a form, decoded. Two of the name are refused.
pub fn in_form<'r>(fields: impl IntoIterator<Item = (&'r str, &'r str)>, name: &str) -> Sent<'r> {
    let named = fields.into_iter().filter(|(its, _)| *its == name);
    Sent::only(named.map(|(_, value)| value.as_bytes()))
}

/// The value of `name=value` or of a bare `name`.
pub(super) fn value_of<'r>(pair: &'r str, name: &str) -> Option<&'r str> {
    match pair.strip_prefix(name)? {
        "" => Some(""),
        rest => rest.strip_prefix('='),
    }
}
