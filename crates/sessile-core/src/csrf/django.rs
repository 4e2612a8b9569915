//! `django.middleware.csrf.CsrfViewMiddleware` of Django 5.2 and 6.1: whether a
//! request may reach its view.

mod cookie;

use std::fmt;

pub use cookie::DjangoCookie;

use super::url::Split;
use sessile_formats::django::csrf::{self as token, InvalidToken};

/// The settings that decide. [`Default`] is Django's defaults, but for
/// [`allowed_hosts`](Self::allowed_hosts).
#[derive(Clone, Debug)]
pub struct Rules {
    trusted: Trusted,
    header: Option<String>,
    header_shown: String,
    /// `ALLOWED_HOSTS`: exact, `.example.com` with subdomains, or `*`. A request
    /// for another host has no origin of its own to agree with.
    pub allowed_hosts: Vec<String>,
    /// `CSRF_COOKIE_DOMAIN`; with `CSRF_USE_SESSIONS` the `SESSION_COOKIE_DOMAIN`.
    pub cookie_domain: Option<String>,
    /// `CSRF_USE_SESSIONS`.
    pub use_sessions: bool,
}

/// `CSRF_TRUSTED_ORIGINS`, taken apart.
#[derive(Clone, Debug, Default)]
struct Trusted {
    exact: Vec<String>,
    /// Scheme, and a host pattern that begins with a period.
    subdomains: Vec<(String, String)>,
    hosts: Vec<String>,
}

/// An entry of `CSRF_TRUSTED_ORIGINS` without a scheme or with a broken host
/// (Django's check `4_0.E001`).
#[derive(Clone, PartialEq, Eq)]
pub struct BadTrustedOrigin(pub String);

impl fmt::Display for BadTrustedOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "CSRF_TRUSTED_ORIGINS takes origins such as https://example.com or \
             https://*.example.com, not {:?}",
            self.0
        )
    }
}

sessile_formats::debug_reads_like_display!(BadTrustedOrigin, Refusal);

impl std::error::Error for BadTrustedOrigin {}

impl Default for Rules {
    fn default() -> Self {
        let rules = Self {
            trusted: Trusted::default(),
            header: None,
            header_shown: String::new(),
            allowed_hosts: vec!["*".to_owned()],
            cookie_domain: None,
            use_sessions: false,
        };
        rules.with_header_name("HTTP_X_CSRFTOKEN")
    }
}

impl Rules {
    /// With `CSRF_TRUSTED_ORIGINS`.
    ///
    /// # Errors
    /// [`BadTrustedOrigin`].
    pub fn with_trusted_origins<S: AsRef<str>>(
        mut self,
        origins: impl IntoIterator<Item = S>,
    ) -> Result<Self, BadTrustedOrigin> {
        let mut trusted = Trusted::default();
        for origin in origins {
            let origin = origin.as_ref();
            let bad = || BadTrustedOrigin(origin.to_owned());
            if !origin.contains("://") {
                return Err(bad());
            }
            let parts = Split::parse(origin).map_err(|_| bad())?;
            let host = parts.netloc.trim_start_matches('*').to_lowercase();
            if origin.contains('*') {
                trusted.subdomains.push((parts.scheme, host.clone()));
            } else {
                trusted.exact.push(origin.to_owned());
            }
            trusted.hosts.push(host);
        }
        self.trusted = trusted;
        Ok(self)
    }

    /// With `CSRF_HEADER_NAME`, spelled as in `request.META`: `HTTP_X_CSRFTOKEN`.
    #[must_use]
    pub fn with_header_name(mut self, meta: &str) -> Self {
        let bare = matches!(meta, "CONTENT_TYPE" | "CONTENT_LENGTH").then_some(meta);
        let named = meta.strip_prefix("HTTP_").or(bare);
        self.header = named.map(|name| name.replace('_', "-").to_ascii_lowercase());
        // `HttpHeaders.parse_header_name`, and the `repr` of what it gives.
        self.header_shown = match &self.header {
            Some(name) => format!("'{}'", title(name)),
            None => "None".to_owned(),
        };
        self
    }

    /// The request header that carries the token, in lower case; `None` if
    /// `CSRF_HEADER_NAME` names none.
    pub fn header(&self) -> Option<&str> {
        self.header.as_deref()
    }
}

/// Python's `str.title`.
fn title(name: &str) -> String {
    let mut after_letter = false;
    name.chars()
        .map(|c| {
            let shown = if after_letter { c } else { c.to_ascii_uppercase() };
            after_letter = c.is_ascii_alphabetic();
            shown
        })
        .collect()
}

/// The secret a request came with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secret<'a> {
    /// None.
    Missing,
    /// From the cookie; anybody may have written it.
    Cookie(&'a str),
    /// From the session.
    Session(&'a str),
}

/// What a request shows. Texts are header fields read as Latin-1, as WSGI does.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// In capitals.
    pub method: &'a str,
    /// The `Host` field, or whatever stands for it.
    pub host: &'a str,
    /// `request.get_port()`.
    pub port: &'a str,
    /// Whether it came over TLS.
    pub secure: bool,
    /// The `Origin` field.
    pub origin: Option<&'a str>,
    /// The `Referer` field.
    pub referer: Option<&'a str>,
    /// The visitor's secret.
    pub secret: Secret<'a>,
    /// The field `csrfmiddlewaretoken` of a form in a POST.
    pub form_token: Option<&'a str>,
    /// The header named by the rules.
    pub header_token: Option<&'a str>,
}

/// Why a request is refused. `Display` is Django's reason, which quotes what
/// the request sent: for a log, not for a page.
#[derive(Clone, PartialEq, Eq)]
pub enum Refusal {
    /// `Origin` is nobody's we trust.
    BadOrigin(String),
    /// No `Referer`, over TLS and without `Origin`.
    NoReferer,
    /// `Referer` is no address.
    MalformedReferer,
    /// `Referer` is not over TLS.
    InsecureReferer,
    /// `Referer` is nobody's we trust.
    BadReferer(String),
    /// The cookie is no secret.
    Cookie(InvalidToken),
    /// There is no secret.
    NoCookie,
    /// There is no token.
    TokenMissing,
    /// The token is wrong.
    Token {
        /// `POST`, or the header in words.
        from: String,
        /// What is wrong, if not that it does not match.
        invalid: Option<InvalidToken>,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadOrigin(origin) => {
                write!(f, "Origin checking failed - {origin} does not match any trusted origins.")
            }
            Self::NoReferer => f.write_str("Referer checking failed - no Referer."),
            Self::MalformedReferer => {
                f.write_str("Referer checking failed - Referer is malformed.")
            }
            Self::InsecureReferer => {
                f.write_str("Referer checking failed - Referer is insecure while host is secure.")
            }
            Self::BadReferer(referer) => {
                write!(f, "Referer checking failed - {referer} does not match any trusted origins.")
            }
            Self::Cookie(invalid) => write!(f, "CSRF cookie {invalid}."),
            Self::NoCookie => f.write_str("CSRF cookie not set."),
            Self::TokenMissing => f.write_str("CSRF token missing."),
            Self::Token { from, invalid: Some(invalid) } => {
                write!(f, "CSRF token from {from} {invalid}.")
            }
            Self::Token { from, invalid: None } => write!(f, "CSRF token from {from} incorrect."),
        }
    }
}

impl std::error::Error for Refusal {}

/// `process_view`: whether the request may go on.
///
/// # Errors
/// [`Refusal`], to be answered 403.
pub fn decide(rules: &Rules, request: &Request<'_>) -> Result<(), Refusal> {
    if super::is_safe(request.method) {
        return Ok(());
    }
    match request.origin {
        Some(origin) if !is_trusted(rules, request, origin) => {
            return Err(Refusal::BadOrigin(origin.to_owned()));
        }
        None if request.secure => check_referer(rules, request)?,
        _ => {}
    }
    check_token(rules, request)
}

/// The secret for the next token (`_get_secret`); `None` where one must be made.
pub fn usable_secret(secret: Secret<'_>) -> Option<String> {
    let text = match secret {
        Secret::Missing => return None,
        Secret::Cookie(text) | Secret::Session(text) => text,
    };
    token::check_format(text).ok()?;
    // Django before 4.0 kept it masked.
    if text.len() == token::TOKEN_LENGTH { token::unmask(text) } else { Some(text.to_owned()) }
}

/// `get_host()`; `None` where it raises `DisallowedHost`.
fn allowed_host<'a>(rules: &Rules, host: &'a str) -> Option<&'a str> {
    let lower = host.to_lowercase();
    let domain = domain_of(&lower)?;
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    let allowed = |pattern: &String| pattern == "*" || same_domain(domain, pattern);
    (!domain.is_empty() && rules.allowed_hosts.iter().any(allowed)).then_some(host)
}

/// Whether an entry of `ALLOWED_HOSTS` can be anybody's host.
pub fn is_host_pattern(pattern: &str) -> bool {
    let lower = pattern.to_lowercase();
    let name = lower.strip_prefix('.').unwrap_or(&lower);
    pattern == "*" || domain_of(name) == Some(name)
}

/// `host_validation_re`: a name or an IPv6 address, and perhaps a port.
fn domain_of(host: &str) -> Option<&str> {
    let (domain, after) = if let Some(inside) = host.strip_prefix('[') {
        let address = inside.split_once(']')?.0;
        let (first, rest) = address.split_once(':')?;
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let fits = first.bytes().all(hex)
            && !rest.is_empty()
            && rest.bytes().all(|byte| hex(byte) || b".:".contains(&byte));
        if !fits {
            return None;
        }
        host.split_at_checked(address.len() + 2)?
    } else {
        let end = host.find(':').unwrap_or(host.len());
        let (domain, after) = host.split_at_checked(end)?;
        let plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
        if domain.is_empty() || !domain.bytes().all(plain) {
            return None;
        }
        (domain, after)
    };
    let port_fits = after.is_empty()
        || after
            .strip_prefix(':')
            .is_some_and(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
    port_fits.then_some(domain)
}

/// `is_same_domain`: only the pattern is put in lower case.
fn same_domain(host: &str, pattern: &str) -> bool {
    let pattern = pattern.to_lowercase();
    match pattern.strip_prefix('.') {
        _ if pattern.is_empty() => false,
        Some(apex) => host.ends_with(&pattern) || host == apex || host == pattern,
        None => host == pattern,
    }
}

fn is_trusted(rules: &Rules, request: &Request<'_>, origin: &str) -> bool {
    if let Some(host) = allowed_host(rules, request.host) {
        let scheme = if request.secure { "https" } else { "http" };
        let ours = origin.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://"));
        if ours == Some(host) {
            return true;
        }
    }
    if rules.trusted.exact.iter().any(|trusted| trusted == origin) {
        return true;
    }
    if rules.trusted.subdomains.is_empty() {
        return false;
    }
    let Ok(parts) = Split::parse(origin) else { return false };
    let matches = |(scheme, host): &(String, String)| {
        *scheme == parts.scheme && same_domain(&parts.netloc, host)
    };
    rules.trusted.subdomains.iter().any(matches)
}

fn check_referer(rules: &Rules, request: &Request<'_>) -> Result<(), Refusal> {
    let referer = request.referer.ok_or(Refusal::NoReferer)?;
    let referer = Split::parse(referer).map_err(|_| Refusal::MalformedReferer)?;
    if referer.scheme.is_empty() || referer.netloc.is_empty() {
        return Err(Refusal::MalformedReferer);
    }
    if referer.scheme != "https" {
        return Err(Refusal::InsecureReferer);
    }
    if rules.trusted.hosts.iter().any(|host| same_domain(&referer.netloc, host)) {
        return Ok(());
    }
    let good = match &rules.cookie_domain {
        None => allowed_host(rules, request.host).map(str::to_owned),
        Some(domain) if matches!(request.port, "443" | "80") => Some(domain.clone()),
        Some(domain) => Some(format!("{domain}:{}", request.port)),
    };
    match good {
        Some(good) if same_domain(&referer.netloc, &good) => Ok(()),
        _ => Err(Refusal::BadReferer(referer.to_url())),
    }
}

fn check_token(rules: &Rules, request: &Request<'_>) -> Result<(), Refusal> {
    let secret = match request.secret {
        Secret::Missing => return Err(Refusal::NoCookie),
        Secret::Session(text) => text,
        Secret::Cookie(text) => {
            token::check_format(text).map_err(Refusal::Cookie)?;
            text
        }
    };
    let unmasked;
    let secret = if secret.len() == token::TOKEN_LENGTH {
        // What cannot be unmasked matches nothing; Django fails on it.
        unmasked = token::unmask(secret).unwrap_or_default();
        unmasked.as_str()
    } else {
        secret
    };
    let form = request.form_token.filter(|text| request.method == "POST" && !text.is_empty());
    let credential = match form {
        Some(text) => text,
        None => request.header_token.ok_or(Refusal::TokenMissing)?,
    };
    let invalid = match token::check_format(credential) {
        Ok(()) if token::matches(credential, secret) => return Ok(()),
        Ok(()) => None,
        Err(invalid) => Some(invalid),
    };
    let from = match form {
        Some(_) => "POST".to_owned(),
        None => format!("the {} HTTP header", rules.header_shown),
    };
    Err(Refusal::Token { from, invalid })
}
