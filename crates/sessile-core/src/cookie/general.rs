//! Cookies of the application's own: a theme, a language, a choice.

use super::attributes::SameSite;
use super::error::CookieError;
use super::settings::{CookieSettings, Keep};
use super::write::{CookieTemplate, SetCookie};
use crate::Timestamp;

/// A cookie of the application's own, checked when it is made into a header.
///
/// It starts out as safe as the session's: `Path=/; Secure; HttpOnly; SameSite=Lax`, until the
/// browser closes. Values are the cookie-octets of RFC 6265 section 4.1.1 (printable ASCII
/// without space, `"`, `,`, `;` and `\`); anything else is refused, so encode it first, with
/// percent-encoding or base64url.
///
/// ```
/// use sessile_core::Timestamp;
/// use sessile_core::cookie::Cookie;
///
/// let now = Timestamp::from_secs(0);
/// let theme = Cookie::new("theme", "dark").http_only(false).max_age(86_400);
/// assert_eq!(
///     theme.set(now)?.as_str(),
///     "theme=dark; Path=/; Max-Age=86400; Secure; SameSite=Lax"
/// );
/// assert!(Cookie::new("theme", "a; Domain=evil.example").set(now).is_err());
/// # Ok::<(), sessile_core::cookie::CookieError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Cookie {
    settings: CookieSettings,
    value: String,
    keep: Keep,
}

impl Cookie {
    /// A cookie with the defaults above.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        let settings = CookieSettings { name: name.into(), ..CookieSettings::native() };
        Self { settings, value: value.into(), keep: Keep::Session }
    }

    /// Keeps it for so many seconds; at most [`MAX_AGE`](super::MAX_AGE), zero or less drops it.
    pub fn max_age(mut self, secs: i64) -> Self {
        self.keep = Keep::Seconds(secs);
        self
    }

    /// Sends it to this domain and its subdomains. Default: to this host only.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.settings.domain = Some(domain.into());
        self
    }

    /// Sends it for this path and what is below it. Default: `/`.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.settings.path = path.into();
        self
    }

    /// Over HTTPS only. Default: true.
    pub fn secure(mut self, on: bool) -> Self {
        self.settings.secure = on;
        self
    }

    /// Out of reach of scripts. Default: true.
    pub fn http_only(mut self, on: bool) -> Self {
        self.settings.http_only = on;
        self
    }

    /// Default: [`SameSite::Lax`].
    pub fn same_site(mut self, same_site: SameSite) -> Self {
        self.settings.same_site = Some(same_site);
        self
    }

    /// One jar per embedding site (CHIPS); needs `Secure`. Default: false.
    pub fn partitioned(mut self, on: bool) -> Self {
        self.settings.partitioned = on;
        self
    }

    /// The header that sets it.
    ///
    /// # Errors
    /// As [`CookieTemplate::new`] and [`CookieTemplate::set`].
    pub fn set(self, now: Timestamp) -> Result<SetCookie, CookieError> {
        CookieTemplate::new(self.settings)?.set(&self.value, self.keep, now)
    }

    /// The header that makes the browser drop it; Domain, Path and Partitioned must be those it
    /// was set with. The value does not matter.
    ///
    /// # Errors
    /// As [`CookieTemplate::new`].
    pub fn remove(self) -> Result<SetCookie, CookieError> {
        Ok(CookieTemplate::new(self.settings)?.remove())
    }
}

impl std::fmt::Debug for Cookie {
    /// Leaves the value out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cookie")
            .field("settings", &self.settings)
            .field("keep", &self.keep)
            .finish_non_exhaustive()
    }
}
