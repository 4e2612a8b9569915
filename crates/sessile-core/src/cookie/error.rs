//! What can be wrong with a cookie.

use std::fmt;

/// The part of a cookie an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// The name before the `=`.
    Name,
    /// The value after the `=`.
    Value,
    /// Name and value together, which browsers limit as one.
    NameAndValue,
    /// The `Path` attribute.
    Path,
    /// The `Domain` attribute.
    Domain,
    /// The `SameSite` attribute.
    SameSite,
    /// The received `Cookie` header.
    Header,
}

impl Part {
    const fn text(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Value => "value",
            Self::NameAndValue => "name and value together",
            Self::Path => "Path",
            Self::Domain => "Domain",
            Self::SameSite => "SameSite",
            Self::Header => "header",
        }
    }

    const fn remedy(self) -> &'static str {
        match self {
            Self::Name => "use letters, digits and !#$%&'*+-.^_`|~ only (RFC 9110 section 5.6.2)",
            Self::Value => {
                "percent-encode the value or use unpadded base64url first (RFC 6265 section 4.1.1)"
            }
            Self::Path => "begin it with `/` and percent-encode everything but printable ASCII",
            Self::Domain => "give a host name in its ASCII (xn--) form, without scheme or port",
            Self::SameSite => "use Strict, Lax or None",
            _ => "leave out control characters and `;`",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// Why a cookie was refused. The texts name the cookie and the part, never the value.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CookieError {
    /// A part is empty or holds a byte that may not stand there (RFC 6265 section 4.1.1).
    Invalid {
        /// The cookie's name.
        cookie: String,
        /// Where the byte is.
        part: Part,
        /// Offset of the first offending byte in that part; for an empty part, 0.
        at: usize,
    },
    /// A part is longer than browsers accept (rfc6265bis section 5.6 and 5.7).
    TooLong {
        /// The cookie's name.
        cookie: String,
        /// Which part.
        part: Part,
        /// Its size in octets.
        octets: usize,
        /// The most it may be.
        limit: usize,
    },
    /// Two attributes contradict each other: browsers would drop the cookie without a word.
    Requires {
        /// The cookie's name.
        cookie: String,
        /// What was asked for.
        what: &'static str,
        /// What that needs.
        needs: &'static str,
    },
    /// The name is the session cookie's: with two of one name the browser keeps either.
    Reserved {
        /// The cookie's name.
        cookie: String,
    },
}

impl fmt::Display for CookieError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { cookie, part, at } => write!(
                f,
                "cookie {cookie:?}: its {part} is empty or not allowed from byte {at} on: {}",
                part.remedy()
            ),
            Self::TooLong { cookie, part, octets, limit } => write!(
                f,
                "cookie {cookie:?}: its {part} takes {octets} octets, browsers accept {limit}: \
                 shorten it, or keep the data on the server"
            ),
            Self::Requires { cookie, what, needs } => {
                write!(f, "cookie {cookie:?}: {what} needs {needs}, browsers drop it otherwise")
            }
            Self::Reserved { cookie } => write!(
                f,
                "cookie {cookie:?} is the session's own: use another name, or the session's methods"
            ),
        }
    }
}

sessile_formats::debug_reads_like_display!(CookieError);

impl std::error::Error for CookieError {}
