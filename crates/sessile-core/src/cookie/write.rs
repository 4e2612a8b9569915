//! The one place where `Set-Cookie` headers are made, removals included.
//!
//! A [`CookieTemplate`] is checked once, from settings. After that a value is all that can be
//! wrong, and writing one is a copy of prepared text around it.

use std::fmt::{self, Write as _};

use super::attributes::{MAX_AGE, MAX_NAME_AND_VALUE, Prefix, SameSite, check_value};
use super::error::{CookieError, Part};
use super::settings::{CookieSettings, Keep, Style};
use crate::Timestamp;

/// Flask's `MAX_COOKIE_SIZE`: a longer header only earns a warning there.
pub const FLASK_MAX_COOKIE_SIZE: usize = 4093;

/// A place in the order of attributes.
#[derive(Clone, Copy)]
enum Slot {
    Domain,
    Expires,
    HttpOnly,
    MaxAge,
    Partitioned,
    Path,
    SameSite,
    Secure,
}

impl Style {
    /// Every order has `Expires` before `Max-Age`.
    const fn order(self) -> [Slot; 8] {
        use Slot::{Domain, Expires, HttpOnly, MaxAge, Partitioned, Path, SameSite, Secure};
        match self {
            Self::Native => {
                [Path, Domain, Expires, MaxAge, Secure, HttpOnly, SameSite, Partitioned]
            }
            Self::Flask => [Domain, Expires, MaxAge, Secure, HttpOnly, Path, SameSite, Partitioned],
            // The order of Python's http.cookies: sorted by name.
            Self::Django => {
                [Domain, Expires, HttpOnly, MaxAge, Partitioned, Path, SameSite, Secure]
            }
            Self::Starlette => {
                [Path, Expires, MaxAge, HttpOnly, SameSite, Secure, Domain, Partitioned]
            }
        }
    }

    const fn spelling(self, slot: Slot) -> &'static str {
        let small = matches!(self, Self::Starlette);
        match slot {
            Slot::Domain if small => "; domain=",
            Slot::Domain => "; Domain=",
            Slot::Expires if small || matches!(self, Self::Django) => "; expires=",
            Slot::Expires => "; Expires=",
            Slot::HttpOnly if small => "; httponly",
            Slot::HttpOnly => "; HttpOnly",
            Slot::MaxAge => "; Max-Age=",
            Slot::Partitioned if small => "; partitioned",
            Slot::Partitioned => "; Partitioned",
            Slot::Path if small => "; path=",
            Slot::Path => "; Path=",
            Slot::SameSite if small => "; samesite=",
            Slot::SameSite => "; SameSite=",
            Slot::Secure if small => "; secure",
            Slot::Secure => "; Secure",
        }
    }
}

/// The text of a cookie around its value, its expiry date and its age.
#[derive(Clone, Debug)]
struct Parts([String; 3]);

impl Parts {
    fn of(settings: &CookieSettings) -> Self {
        let style = settings.style;
        let mut parts = Vec::with_capacity(2);
        let mut out = String::new();
        for slot in style.order() {
            let text = match slot {
                Slot::Expires | Slot::MaxAge => {
                    parts.push(std::mem::take(&mut out));
                    continue;
                }
                Slot::Domain => settings.domain.as_deref(),
                Slot::Path => Some(settings.path.as_str()),
                Slot::SameSite => settings.same_site.map(match style {
                    Style::Starlette => SameSite::lower_case,
                    _ => SameSite::as_str,
                }),
                Slot::HttpOnly => settings.http_only.then_some(""),
                Slot::Secure => settings.secure.then_some(""),
                Slot::Partitioned => settings.partitioned.then_some(""),
            };
            if let Some(text) = text {
                out.push_str(style.spelling(slot));
                out.push_str(text);
            }
        }
        let mut parts = parts.into_iter();
        let mut next = || parts.next().unwrap_or_default();
        Self([next(), next(), out])
    }

    /// The one builder: every `Set-Cookie` is put together here.
    fn write(
        &self,
        style: Style,
        name: &str,
        value: &str,
        expires: Option<Timestamp>,
        max_age: Option<i64>,
    ) -> SetCookie {
        let [before, between, after] = &self.0;
        // `; Expires=` and a date take 39 bytes, `; Max-Age=` and an i64 at most 30.
        let fixed = name.len() + value.len() + before.len() + between.len() + after.len();
        let varying = expires.map_or(0, |_| 39) + max_age.map_or(0, |_| 30);
        let mut text = String::with_capacity(fixed + varying + 1);
        text.push_str(name);
        text.push('=');
        text.push_str(value);
        text.push_str(before);
        if let Some(at) = expires {
            text.push_str(style.spelling(Slot::Expires));
            at.push_http_date(&mut text);
        }
        text.push_str(between);
        if let Some(secs) = max_age {
            text.push_str(style.spelling(Slot::MaxAge));
            // Writing to a String does not fail.
            let _ = write!(text, "{secs}");
        }
        text.push_str(after);
        SetCookie { text, name: name.len(), style }
    }
}

/// A checked cookie without its value. Cheap to use for every response.
///
/// ```
/// use sessile_core::Timestamp;
/// use sessile_core::cookie::{CookieSettings, CookieTemplate, Keep};
///
/// let template = CookieTemplate::new(CookieSettings::native())?;
/// let now = Timestamp::from_secs(1_767_323_045);
/// let cookie = template.set("VALUE", Keep::Session, now)?;
/// assert_eq!(cookie.as_str(), "__Host-id=VALUE; Path=/; Secure; HttpOnly; SameSite=Lax");
/// # Ok::<(), sessile_core::cookie::CookieError>(())
/// ```
#[derive(Clone, Debug)]
pub struct CookieTemplate {
    settings: CookieSettings,
    parts: Parts,
    removal: SetCookie,
    bare_removal: SetCookie,
}

impl CookieTemplate {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`CookieError`], where a name, path or domain holds what may not stand there, or the
    /// attributes contradict each other (`__Host-` with a Domain, `SameSite=None` without
    /// `Secure`, and so on; rfc6265bis section 5.7).
    pub fn new(mut settings: CookieSettings) -> Result<Self, CookieError> {
        settings.check()?;
        let parts = Parts::of(&settings);
        let removal = removal(&settings);
        let bare_removal = bare_removal(&settings);
        Ok(Self { settings, parts, removal, bare_removal })
    }

    /// The settings as checked.
    pub fn settings(&self) -> &CookieSettings {
        &self.settings
    }

    /// The cookie's name.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// The header that sets `value`.
    ///
    /// # Errors
    /// [`CookieError::Invalid`] if the value holds anything but the cookie-octets of RFC 6265
    /// section 4.1.1; [`CookieError::TooLong`] if name and value exceed 4096 octets together.
    pub fn set(&self, value: &str, keep: Keep, now: Timestamp) -> Result<SetCookie, CookieError> {
        self.set_named(&self.settings.name, value, keep, now)
    }

    /// As [`set`](Self::set), under another name that was made from this one.
    pub(crate) fn set_named(
        &self,
        name: &str,
        value: &str,
        keep: Keep,
        now: Timestamp,
    ) -> Result<SetCookie, CookieError> {
        let settings = &self.settings;
        check_value(name, value)?;
        let octets = name.len().saturating_add(value.len());
        if octets > MAX_NAME_AND_VALUE && !settings.lenient() {
            return Err(CookieError::TooLong {
                cookie: name.to_owned(),
                part: Part::NameAndValue,
                octets,
                limit: MAX_NAME_AND_VALUE,
            });
        }
        let (expires, max_age) = match keep {
            Keep::Session => (None, None),
            Keep::Seconds(secs) => {
                let end = Timestamp::from_secs(now.as_secs().saturating_add(secs));
                match settings.style {
                    Style::Native => (None, Some(secs.clamp(0, MAX_AGE))),
                    Style::Flask => (Some(end), None),
                    Style::Django => (Some(end), Some(secs)),
                    Style::Starlette => (None, Some(secs)),
                }
            }
        };
        Ok(self.parts.write(settings.style, name, value, expires, max_age))
    }

    /// The header that makes the browser drop the cookie: the attributes of [`set`](Self::set)
    /// again, since browsers tell cookies apart by name, Domain and Path (and the embedding site
    /// where Partitioned), and refuse a removal that breaks the name's prefix.
    ///
    /// Django's removal leaves `HttpOnly` out, and `Secure` unless the name's prefix,
    /// `SameSite=None` or `Partitioned` asks for it; browsers do not compare those.
    pub fn remove(&self) -> SetCookie {
        self.removal.clone()
    }

    /// As [`remove`](Self::remove), under another name that was made from this one.
    pub(crate) fn remove_named(&self, name: &str) -> SetCookie {
        removal(&CookieSettings { name: name.to_owned(), ..self.settings.clone() })
    }

    /// Flask-Session's removal, which repeats Domain and Path only. Where that would not remove
    /// anything (a prefixed name, `Partitioned`) it is [`remove`](Self::remove).
    pub fn remove_bare(&self) -> SetCookie {
        self.bare_removal.clone()
    }
}

fn removal(settings: &CookieSettings) -> SetCookie {
    let style = settings.style;
    let mut parts = Parts::of(settings);
    let value = match style {
        Style::Native | Style::Flask => "",
        Style::Django => "\"\"",
        Style::Starlette => "null",
    };
    if style == Style::Django {
        let prefix = Prefix::of(&settings.name);
        let none = settings.same_site == Some(SameSite::None);
        parts = Parts::of(&CookieSettings {
            secure: prefix.is_some() || none || settings.partitioned,
            http_only: prefix.is_some_and(Prefix::needs_http_only),
            ..settings.clone()
        });
    }
    let max_age = (style != Style::Starlette).then_some(0);
    parts.write(style, &settings.name, value, Some(Timestamp::from_secs(0)), max_age)
}

fn bare_removal(settings: &CookieSettings) -> SetCookie {
    if Prefix::of(&settings.name).is_some() || settings.partitioned {
        return removal(settings);
    }
    removal(&CookieSettings {
        secure: false,
        http_only: false,
        same_site: None,
        ..settings.clone()
    })
}

/// A finished `Set-Cookie` header value: visible ASCII and spaces, one cookie.
/// Only the builders of this module make one.
#[derive(Clone, PartialEq, Eq)]
pub struct SetCookie {
    text: String,
    /// Length of the name at the start of the text.
    name: usize,
    style: Style,
}

impl SetCookie {
    /// The header value.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The header value.
    pub fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// The header value, without a copy.
    pub fn into_string(self) -> String {
        self.text
    }

    /// The cookie's name; a response should carry one `Set-Cookie` for each
    /// (RFC 6265 section 4.1.1).
    pub fn name(&self) -> &str {
        self.text.get(..self.name).unwrap_or("")
    }

    /// Whether Flask would warn about the size: a header over [`FLASK_MAX_COOKIE_SIZE`] octets
    /// in Flask's style.
    pub fn over_flask_limit(&self) -> bool {
        self.style == Style::Flask && self.text.len() > FLASK_MAX_COOKIE_SIZE
    }
}

impl fmt::Debug for SetCookie {
    /// Leaves the value out: it is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetCookie")
            .field("name", &self.name())
            .field("octets", &self.text.len())
            .finish()
    }
}
