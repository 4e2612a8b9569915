//! What may stand in a cookie: names, values, attributes, and the name prefixes.

use super::error::{CookieError, Part};

/// The most octets of name and value together (rfc6265bis section 5.6).
pub const MAX_NAME_AND_VALUE: usize = 4096;
/// The most octets of one attribute's value (rfc6265bis section 5.6).
pub const MAX_ATTRIBUTE: usize = 1024;
/// The longest lifetime in seconds browsers keep, 400 days (rfc6265bis section 5.5).
pub const MAX_AGE: i64 = 34_560_000;

/// Whether a cookie goes along with requests that other sites cause (rfc6265bis section 5.6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SameSite {
    /// Never.
    Strict,
    /// Only when the visitor follows a link: top-level navigation by a safe method.
    Lax,
    /// Always. Browsers demand `Secure` with it.
    None,
}

impl SameSite {
    /// Reads the attribute's text in any letter case, as Werkzeug and Django do.
    ///
    /// # Errors
    /// [`CookieError::Invalid`] for anything but `Strict`, `Lax` and `None`.
    pub fn parse(text: &str) -> Result<Self, CookieError> {
        [Self::Strict, Self::Lax, Self::None]
            .into_iter()
            .find(|known| text.eq_ignore_ascii_case(known.as_str()))
            .ok_or_else(|| invalid("", Part::SameSite, 0))
    }

    /// The attribute's text: `Strict`, `Lax` or `None`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "Strict",
            Self::Lax => "Lax",
            Self::None => "None",
        }
    }

    pub(super) const fn lower_case(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Lax => "lax",
            Self::None => "none",
        }
    }
}

/// A name prefix that makes browsers check how the cookie was set (rfc6265bis section 4.1.3).
///
/// Browsers compare prefixes in any letter case, so this does too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Prefix {
    /// `__Secure-`: needs `Secure`.
    Secure,
    /// `__Host-`: needs `Secure`, `Path=/` and no `Domain`: no other host can plant it.
    Host,
    /// `__Http-`: needs `Secure` and `HttpOnly`: no script can plant it.
    Http,
    /// `__Host-Http-`: the demands of both.
    HostHttp,
}

impl Prefix {
    /// The prefix `name` begins with, in any letter case.
    ///
    /// ```
    /// use sessile_core::cookie::Prefix;
    /// assert_eq!(Prefix::of("__HOST-id"), Some(Prefix::Host));
    /// assert_eq!(Prefix::of("Host-id"), None);
    /// ```
    pub fn of(name: &str) -> Option<Self> {
        const LONGEST_FIRST: [(&[u8], Prefix); 4] = [
            (b"__Host-Http-", Prefix::HostHttp),
            (b"__Host-", Prefix::Host),
            (b"__Secure-", Prefix::Secure),
            (b"__Http-", Prefix::Http),
        ];
        LONGEST_FIRST.into_iter().find_map(|(text, prefix)| {
            let start = name.as_bytes().get(..text.len())?;
            start.eq_ignore_ascii_case(text).then_some(prefix)
        })
    }

    /// Whether the cookie must be bound to its host: `Path=/` and no `Domain`.
    pub const fn needs_host(self) -> bool {
        matches!(self, Self::Host | Self::HostHttp)
    }

    /// Whether the cookie must be `HttpOnly`.
    pub const fn needs_http_only(self) -> bool {
        matches!(self, Self::Http | Self::HostHttp)
    }
}

const TOKEN: u8 = 1;
const OCTET: u8 = 2;
const PATH: u8 = 4;
const HOST: u8 = 8;

/// A cookie-octet: printable ASCII without space, `"`, `,`, `;` and `\`.
const fn is_octet(byte: u8) -> bool {
    (byte >= 0x21)
        & (byte <= 0x7e)
        & (byte != b'"')
        & (byte != b',')
        & (byte != b';')
        & (byte != b'\\')
}

/// What each byte may be part of.
const CLASS: [u8; 256] = {
    let mut table = [0u8; 256];
    let mut i = 0u8;
    while i < 128 {
        let mut class = 0;
        if i.is_ascii_alphanumeric() {
            class = TOKEN | HOST;
        }
        if matches!(
            i,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        ) {
            class |= TOKEN;
        }
        if matches!(i, b'-' | b'.' | b'_') {
            class |= HOST;
        }
        if is_octet(i) {
            class |= OCTET;
        }
        if i.is_ascii_graphic() && !matches!(i, b',' | b';') {
            class |= PATH;
        }
        table[i as usize] = class;
        i += 1;
    }
    table
};

pub(super) fn invalid(cookie: &str, part: Part, at: usize) -> CookieError {
    CookieError::Invalid { cookie: cookie.to_owned(), part, at }
}

/// The first byte of `text` outside `class`.
fn outside(text: &str, class: u8) -> Option<usize> {
    text.bytes().position(|byte| CLASS[usize::from(byte)] & class == 0)
}

fn check(cookie: &str, part: Part, text: &str, class: u8) -> Result<(), CookieError> {
    match outside(text, class) {
        Some(at) => Err(invalid(cookie, part, at)),
        None => Ok(()),
    }
}

/// A name is a token (RFC 6265 section 4.1.1): no space, no separator, no control, ASCII only.
pub(super) fn check_name(name: &str) -> Result<(), CookieError> {
    if name.is_empty() {
        return Err(invalid(name, Part::Name, 0));
    }
    check(name, Part::Name, name, TOKEN)
}

/// A value is cookie-octets (RFC 6265 section 4.1.1); quotes are not among them.
pub(super) fn check_value(cookie: &str, value: &str) -> Result<(), CookieError> {
    // Values are long and nearly always good: without an early exit this runs many bytes at once.
    let good = value.bytes().fold(true, |good, byte| good & is_octet(byte));
    if good { Ok(()) } else { check(cookie, Part::Value, value, OCTET) }
}

pub(super) fn check_length(cookie: &str, part: Part, text: &str) -> Result<(), CookieError> {
    if text.len() > MAX_ATTRIBUTE {
        let octets = text.len();
        let cookie = cookie.to_owned();
        return Err(CookieError::TooLong { cookie, part, octets, limit: MAX_ATTRIBUTE });
    }
    Ok(())
}

/// A path begins with `/`: with anything else the browser would pick one from the request's URL,
/// and a later removal would miss the cookie.
pub(super) fn check_path(cookie: &str, path: &str) -> Result<(), CookieError> {
    check_length(cookie, Part::Path, path)?;
    if !path.starts_with('/') {
        return Err(invalid(cookie, Part::Path, 0));
    }
    check(cookie, Part::Path, path, PATH)
}

/// A domain is labels of letters, digits, `-` and `_`; one leading dot has no meaning.
pub(super) fn check_domain(cookie: &str, domain: &str) -> Result<(), CookieError> {
    check_length(cookie, Part::Domain, domain)?;
    check(cookie, Part::Domain, domain, HOST)?;
    let labels = domain.strip_prefix('.').unwrap_or(domain);
    if labels.split('.').any(str::is_empty) {
        return Err(invalid(cookie, Part::Domain, labels.find("..").unwrap_or(0)));
    }
    Ok(())
}
