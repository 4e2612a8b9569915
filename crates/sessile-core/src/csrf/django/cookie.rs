//! The cookie that holds Django's secret.

use crate::Timestamp;
use crate::cookie::{
    CookieError, CookieSettings, CookieTemplate, Keep, SameSite, SetCookie, Style,
};

/// The settings `CSRF_COOKIE_*`. [`Default`] is Django's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DjangoCookie {
    /// `CSRF_COOKIE_NAME`.
    pub name: String,
    /// `CSRF_COOKIE_AGE` in seconds; `None`: until the browser closes.
    pub age: Option<i64>,
    /// `CSRF_COOKIE_DOMAIN`.
    pub domain: Option<String>,
    /// `CSRF_COOKIE_PATH`.
    pub path: String,
    /// `CSRF_COOKIE_SECURE`.
    pub secure: bool,
    /// `CSRF_COOKIE_HTTPONLY`.
    pub http_only: bool,
    /// `CSRF_COOKIE_SAMESITE`; `None` writes no attribute.
    pub same_site: Option<SameSite>,
}

impl Default for DjangoCookie {
    fn default() -> Self {
        Self {
            name: "csrftoken".to_owned(),
            age: Some(31_449_600),
            domain: None,
            path: "/".to_owned(),
            secure: false,
            http_only: false,
            same_site: Some(SameSite::Lax),
        }
    }
}

impl DjangoCookie {
    /// The header that sets it, in Django's spelling.
    ///
    /// # Errors
    /// As [`CookieTemplate::new`] and [`CookieTemplate::set`].
    pub fn set(&self, secret: &str, now: Timestamp) -> Result<SetCookie, CookieError> {
        let keep = self.age.map_or(Keep::Session, Keep::Seconds);
        self.template()?.set(secret, keep, now)
    }

    /// Whether these settings make a cookie.
    ///
    /// # Errors
    /// As [`CookieTemplate::new`].
    pub fn check(&self) -> Result<(), CookieError> {
        self.template().map(drop)
    }

    fn template(&self) -> Result<CookieTemplate, CookieError> {
        CookieTemplate::new(CookieSettings {
            name: self.name.clone(),
            domain: self.domain.clone(),
            path: self.path.clone(),
            secure: self.secure,
            http_only: self.http_only,
            same_site: self.same_site,
            partitioned: false,
            style: Style::Django,
            allow_dropped_by_browsers: false,
        })
    }
}
