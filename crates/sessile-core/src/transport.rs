//! How a session's id travels between us and the visitor: in a cookie, or where that was
//! switched on, in a header field, the address, or a hidden field of forms.
//!
//! A layer has one transport. What comes by another is not looked at, so that nobody can plant an
//! id where the application does not expect one (OWASP's session management cheat sheet).

mod address;
mod links;
mod read;

pub use address::{is_within, with_id, without_id, without_this_id};
pub use links::Link;
pub(crate) use read::is_bearer;
pub use read::{MAX_CREDENTIAL, Sent, in_bearer, in_field, in_form, in_query};

/// Where the visitor's credential is. One for all visitors of a layer.
///
/// The default is [`cookie`](Self::cookie). The others carry ids of stored sessions only, and all
/// keep the cookie's rules: an id that we did not issue is never adopted, over what is known to be plain http a
/// session is neither set nor honoured while `SESSION_COOKIE_SECURE` is on, and a login changes
/// the id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transport(Kind);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Cookie,
    Header(String),
    Bearer,
    Url(String),
    Form {
        name: String,
        in_url: bool,
    },
}

/// What a [`Transport`] comes to, for doors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'t> {
    /// In the session cookie.
    Cookie,
    /// In the field of this name, of requests and of responses.
    Header(&'t str),
    /// In `Authorization: Bearer`; responses have it in [`BEARER_ANSWER`].
    Bearer,
    /// In the address's parameter of this name.
    Url(&'t str),
    /// In the form field of this name.
    Form {
        /// The field's name.
        name: &'t str,
        /// The address's parameter of this name counts, too.
        in_url: bool,
    },
}

/// What a visitor without cookies is told of the session's id.
#[derive(Debug)]
pub enum CredentialUpdate {
    /// This is the id from now on. In the profile's spelling: signed where it signs.
    Issued(crate::SessionId),
    /// There is no session any more.
    Ended,
}

/// The response field that tells a [bearer](Transport::bearer) its id.
pub const BEARER_ANSWER: &str = "x-session-token";

impl Transport {
    /// In a cookie, which browsers keep from scripts and from other sites.
    pub fn cookie() -> Self {
        Self(Kind::Cookie)
    }

    /// In a header field such as `X-Session-Id`, for programs and apps.
    ///
    /// A response that makes, changes or ends the session has the same field: with the new id, or
    /// empty when there is none any more.
    ///
    /// **Risk.** Whoever keeps the id must protect it. In a browser that is a script, so any
    /// script on the page, one that an attacker brought in as well, can read it; a cookie's
    /// `HttpOnly` has no counterpart. Other sites cannot send it, so a request that has the field, be
    /// it empty, needs no CSRF token; unless this site's CORS rules let them.
    ///
    /// Scripts of other origins that may use the site need its CORS rules to allow the field in
    /// requests and to expose it in responses.
    pub fn header(name: impl Into<String>) -> Self {
        Self(Kind::Header(name.into()))
    }

    /// In `Authorization: Bearer` (RFC 6750 section 2.1), for programs and apps. Responses have
    /// the id in [`X-Session-Token`](BEARER_ANSWER), empty when the session has ended.
    ///
    /// **Risk.** As for [`header`](Self::header).
    pub fn bearer() -> Self {
        Self(Kind::Bearer)
    }

    /// In a parameter of every address, such as `?sid=…`, for visitors who refuse cookies.
    ///
    /// **Risk.** Whoever sees the address has the session: the logs of this server and of every
    /// proxy, the browser's history, a screenshot, whoever is sent the link. An attacker can send
    /// a link with an id of their own, so a login must change it, as `log_in` does. Responses say
    /// `Referrer-Policy`, so that other sites are not told the address, and `no-store`.
    pub fn url_parameter_readable_in_logs(name: impl Into<String>) -> Self {
        Self(Kind::Url(name.into()))
    }

    /// In a hidden field of every form, for visitors who refuse cookies. A link or a redirect
    /// carries no form, so with a GET there is no session; see
    /// [`and_url_parameter_readable_in_logs`](Self::and_url_parameter_readable_in_logs).
    ///
    /// **Risk.** The id is in the page: scripts can read it, and a page kept on disk keeps it.
    /// Going back in the browser and sending an old form again sends an old id.
    pub fn form_field(name: impl Into<String>) -> Self {
        Self(Kind::Form { name: name.into(), in_url: false })
    }

    /// A [form field](Self::form_field)'s id may come in the address's parameter of the same name,
    /// too, so that links and redirects lead on; with the risk of
    /// [`url_parameter_readable_in_logs`](Self::url_parameter_readable_in_logs). No effect on
    /// other transports.
    #[must_use]
    pub fn and_url_parameter_readable_in_logs(mut self) -> Self {
        if let Kind::Form { in_url, .. } = &mut self.0 {
            *in_url = true;
        }
        self
    }

    /// Where to look.
    pub fn place(&self) -> Place<'_> {
        match &self.0 {
            Kind::Cookie => Place::Cookie,
            Kind::Header(name) => Place::Header(name),
            Kind::Bearer => Place::Bearer,
            Kind::Url(name) => Place::Url(name),
            Kind::Form { name, in_url } => Place::Form { name, in_url: *in_url },
        }
    }

    pub(crate) fn is_cookie(&self) -> bool {
        self.0 == Kind::Cookie
    }

    /// The setting that cannot go with this transport, and what it takes. `stored` says that the
    /// sessions live in a store, `rotates` that ids change by age.
    pub(crate) fn misfit(
        &self,
        stored: bool,
        rotates: bool,
    ) -> Option<(&'static str, &'static str)> {
        match &self.0 {
            Kind::Cookie => None,
            _ if !stored => {
                Some(("SESSION_TRANSPORT", "cookie where a cookie holds the whole session"))
            }
            Kind::Header(name) if !is_field_name(name) => Some((NAME, FIELD_NAME)),
            Kind::Url(name) | Kind::Form { name, .. } if !is_parameter(name) => {
                Some((NAME, PARAMETER))
            }
            Kind::Url(_) | Kind::Form { .. } if rotates => Some((
                "SESSION_ROTATE_AFTER",
                "none with ids in the URL or in forms: only pages made for it could tell a new id",
            )),
            _ => None,
        }
    }
}

const NAME: &str = "SESSION_TRANSPORT_NAME";
const FIELD_NAME: &str = "a header field's name, such as X-Session-Id, that has no other meaning";
const PARAMETER: &str = "1 to 64 letters, digits, _ and -";

/// Fields that mean something else, are the browser's or a proxy's own, or that a foreign site may
/// send without asking (the Fetch standard's safelist), which would bring CSRF back.
const TAKEN: &[&str] = &[
    "age",
    "allow",
    "alt-svc",
    "authorization",
    "cache-control",
    "clear-site-data",
    "connection",
    "cookie",
    "cookie2",
    "date",
    "dnt",
    "etag",
    "expect",
    "expires",
    "forwarded",
    "from",
    "host",
    "keep-alive",
    "last-modified",
    "link",
    "location",
    "max-forwards",
    "origin",
    "pragma",
    "range",
    "referer",
    "referrer-policy",
    "refresh",
    "retry-after",
    "save-data",
    "server",
    "set-cookie",
    "set-cookie2",
    "strict-transport-security",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "vary",
    "via",
    "warning",
    "www-authenticate",
    "x-csrf-token",
    "x-csrftoken",
    "x-real-ip",
    "x-requested-with",
];

const TAKEN_BEGINNINGS: &[&str] =
    &["accept", "access-control-", "content-", "if-", "proxy-", "sec-", "x-forwarded-"];

/// Whether ids can travel in a header field of this name: RFC 9110 section 5.6.2, and the field has
/// no meaning of its own.
pub fn is_field_name(name: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let lower = name.to_ascii_lowercase();
    (1..=64).contains(&name.len())
        && name.bytes().all(token)
        && !TAKEN.contains(&lower.as_str())
        && !TAKEN_BEGINNINGS.iter().any(|taken| lower.starts_with(taken))
}

/// Whether ids can travel in a parameter or form field of this name: 1 to 64 letters, digits, `_`
/// and `-`.
pub fn is_parameter(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}
