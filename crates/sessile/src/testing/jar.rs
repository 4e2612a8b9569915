//! A browser's cookies: what it keeps and what it sends (RFC 6265bis, draft 22, sections 5.6 to 5.8).

use std::time::Duration;

use http::Uri;
use sessile_core::Timestamp;

use super::cookie_date;

/// The cookies a browser holds. A client has one of its own.
#[derive(Clone, Debug, Default)]
pub struct CookieJar {
    cookies: Vec<Kept>,
    /// Goes up with every new cookie: of two that fit equally the older is sent first.
    made: u64,
}

/// A cookie in a [`CookieJar`].
#[derive(Clone)]
struct Kept {
    name: String,
    value: String,
    /// In lower case, without a leading dot.
    domain: String,
    /// Whether only this very host gets it.
    host_only: bool,
    path: String,
    secure: bool,
    http_only: bool,
    same_site: String,
    /// `None`: until the browser closes.
    end: Option<Timestamp>,
    made: u64,
}

/// The value may be a secret.
impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cookie").field("name", &self.name).field("path", &self.path).finish()
    }
}

/// Longer lives are cut (section 5.5): 400 days.
const LONGEST: Duration = Duration::from_secs(400 * 86_400);
/// A name and its value together, and one attribute's value (section 5.6).
const PAIR_BYTES: usize = 4096;
const ATTRIBUTE_BYTES: usize = 1024;

impl CookieJar {
    /// Keeps, replaces or removes a cookie, or drops it as a browser would.
    /// Whether the jar took it.
    pub fn receive(&mut self, set_cookie: &str, from: &Uri, now: Timestamp) -> bool {
        let Some(cookie) = read(set_cookie, from, now) else { return false };
        let same = |kept: &Kept| {
            kept.name == cookie.name
                && kept.domain == cookie.domain
                && kept.host_only == cookie.host_only
                && kept.path == cookie.path
        };
        // What came without TLS does not push out what came with it.
        let secure = from.scheme_str() == Some("https");
        let overlays = |kept: &Kept| {
            kept.secure
                && kept.name == cookie.name
                && (domain_matches(&kept.domain, &cookie.domain)
                    || domain_matches(&cookie.domain, &kept.domain))
                && path_matches(&cookie.path, &kept.path)
        };
        if !secure && !cookie.secure && self.cookies.iter().any(overlays) {
            return false;
        }
        let old = self.cookies.iter().position(same).map(|at| self.cookies.remove(at));
        if cookie.end.is_some_and(|end| end <= now) {
            return true;
        }
        // One that is replaced keeps its place.
        let made = old.map_or(self.made, |old| old.made);
        self.made += 1;
        self.cookies.push(Kept { made, ..cookie });
        true
    }

    /// The `Cookie` field for a request, if any cookie goes with it. The jar
    /// belongs to somebody who is on the site itself: `SameSite` holds nothing back.
    pub fn field(&self, to: &Uri, now: Timestamp) -> Option<String> {
        let mut fitting: Vec<_> = self.fitting(to, now).collect();
        // Longer paths first, then older ones.
        fitting.sort_by_key(|kept| (usize::MAX - kept.path.len(), kept.made));
        let pairs = fitting.iter().map(|kept| match &*kept.name {
            "" => kept.value.clone(),
            name => format!("{name}={}", kept.value),
        });
        let pairs: Vec<_> = pairs.collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    fn fitting<'a>(&'a self, to: &Uri, now: Timestamp) -> impl Iterator<Item = &'a Kept> {
        let host = to.host().unwrap_or_default().to_ascii_lowercase();
        let path = to.path().to_owned();
        let secure = to.scheme_str() == Some("https");
        self.cookies.iter().filter(move |kept| {
            let domain = match kept.host_only {
                true => kept.domain == host,
                false => domain_matches(&host, &kept.domain),
            };
            domain
                && path_matches(&path, &kept.path)
                && (secure || !kept.secure)
                && kept.end.is_none_or(|end| end > now)
        })
    }

    /// The value of a cookie that would go to `to`.
    pub fn get(&self, name: &str, to: &Uri, now: Timestamp) -> Option<&str> {
        self.fitting(to, now).find(|kept| kept.name == name).map(|kept| &*kept.value)
    }

    /// What is known of a cookie by this name: `Secure`, `HttpOnly`, `SameSite`.
    pub fn flags(&self, name: &str) -> Option<(bool, bool, &str)> {
        let kept = self.cookies.iter().find(|kept| kept.name == name)?;
        Some((kept.secure, kept.http_only, &kept.same_site))
    }

    /// The names of all cookies, in the order they came.
    pub fn names(&self) -> Vec<&str> {
        let mut cookies: Vec<_> = self.cookies.iter().collect();
        cookies.sort_by_key(|kept| kept.made);
        cookies.into_iter().map(|kept| &*kept.name).collect()
    }

    /// Closes the browser: cookies without an end are gone.
    pub fn close_browser(&mut self) {
        self.cookies.retain(|kept| kept.end.is_some());
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.cookies.clear();
    }
}

/// Sections 5.6 and 5.7, for a `Set-Cookie` from `from`.
fn read(field: &str, from: &Uri, now: Timestamp) -> Option<Kept> {
    if field.chars().any(|c| c.is_control() && c != '\t') {
        return None;
    }
    let host = from.host()?.to_ascii_lowercase();
    let mut parts = field.split(';');
    let pair = parts.next().unwrap_or_default();
    let (name, value) = pair.split_once('=').unwrap_or(("", pair));
    let (name, value) = (trim(name), trim(value));
    if name.is_empty() && value.is_empty() || name.len() + value.len() > PAIR_BYTES {
        return None;
    }
    let mut cookie = Kept {
        name: name.to_owned(),
        value: value.to_owned(),
        domain: host.clone(),
        host_only: true,
        path: default_path(from.path()),
        secure: false,
        http_only: false,
        same_site: "Default".to_owned(),
        end: None,
        made: 0,
    };
    let (mut max_age, mut expires, mut path_given) = (None, None, false);
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let (key, value) = (trim(key), trim(value));
        if value.len() > ATTRIBUTE_BYTES {
            continue;
        }
        match key.to_ascii_lowercase().as_str() {
            "expires" => expires = cookie_date::read(value).or(expires),
            "max-age" => max_age = age(value).or(max_age),
            "domain" => {
                let domain = value.strip_prefix('.').unwrap_or(value).to_ascii_lowercase();
                (cookie.host_only, cookie.domain) =
                    if domain.is_empty() { (true, host.clone()) } else { (false, domain) };
            }
            "path" => {
                path_given = value.starts_with('/');
                cookie.path = if path_given { value.to_owned() } else { default_path(from.path()) };
            }
            "secure" => cookie.secure = true,
            "httponly" => cookie.http_only = true,
            "samesite" => {
                let known = ["None", "Strict", "Lax"];
                let known = known.iter().find(|known| value.eq_ignore_ascii_case(known));
                cookie.same_site = known.map_or("Default", |known| known).to_owned();
            }
            _ => {}
        }
    }
    cookie.end = match (max_age, expires) {
        (Some(seconds), _) if seconds <= 0 => Some(Timestamp::from_secs(0)),
        (Some(seconds), _) => {
            let span = Duration::from_secs(seconds.unsigned_abs()).min(LONGEST);
            Some(now + span)
        }
        (None, Some(end)) => Some(end.min(now + LONGEST)),
        (None, None) => None,
    };
    let https = from.scheme_str() == Some("https");
    let lower = name.to_ascii_lowercase();
    let refused = !cookie.host_only && !domain_matches(&host, &cookie.domain)
        // Any site below a whole registry is no one's: known here are single labels.
        || !cookie.host_only && !cookie.domain.contains('.') && cookie.domain != host
        || cookie.secure && !https
        || cookie.same_site == "None" && !cookie.secure
        || lower.starts_with("__secure-") && !cookie.secure
        || lower.starts_with("__host-")
            && !(cookie.secure && cookie.host_only && path_given && cookie.path == "/")
        || lower.starts_with("__http-") && !(cookie.secure && cookie.http_only)
        || lower.starts_with("__host-http-") && !cookie.http_only
        // A value that would read as such a name when it comes back.
        || name.is_empty() && {
            let lower = value.to_ascii_lowercase();
            ["__secure-", "__host-", "__http-"].iter().any(|prefix| lower.starts_with(prefix))
        };
    (!refused).then_some(cookie)
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Section 5.6.2: digits, perhaps with a sign before them.
fn age(value: &str) -> Option<i64> {
    let digits = value.strip_prefix('-').unwrap_or(value);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(value.parse().unwrap_or(if value.starts_with('-') { i64::MIN } else { i64::MAX }))
}

/// Section 5.1.3.
fn domain_matches(host: &str, domain: &str) -> bool {
    let is_address = host.parse::<std::net::IpAddr>().is_ok() || host.starts_with('[');
    host == domain
        || !is_address && host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

/// Section 5.1.4.
fn path_matches(path: &str, cookie: &str) -> bool {
    path.strip_prefix(cookie)
        .is_some_and(|rest| rest.is_empty() || cookie.ends_with('/') || rest.starts_with('/'))
}

fn default_path(path: &str) -> String {
    match path.rfind('/') {
        None | Some(0) => "/".to_owned(),
        Some(at) => path.get(..at).unwrap_or("/").to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_767_323_045);

    fn jar(cookies: &[(&str, &str)]) -> CookieJar {
        let mut jar = CookieJar::default();
        for (from, cookie) in cookies {
            jar.receive(cookie, &from.parse().unwrap(), NOW);
        }
        jar
    }

    fn sent(jar: &CookieJar, to: &str) -> String {
        jar.field(&to.parse().unwrap(), NOW).unwrap_or_default()
    }

    #[test]
    fn cookies_go_where_they_belong() {
        let jar = jar(&[
            ("https://a.example/dir/page", "host=1"),
            ("https://a.example/dir/page", "dir=2; Path=/dir"),
            ("https://a.example/", "all=3; Domain=.Example; Path=/"),
            ("https://a.example/", "sub=4; Domain=a.example; Path=/"),
            ("https://a.example/", "sec=5; Secure; Path=/"),
            ("http://a.example/", "plain=6; Path=/"),
        ]);
        // `Domain=Example` is a single label: nobody's.
        assert_eq!(sent(&jar, "https://a.example/dir/x"), "host=1; dir=2; sub=4; sec=5; plain=6");
        assert_eq!(sent(&jar, "https://a.example/directory"), "sub=4; sec=5; plain=6");
        assert_eq!(sent(&jar, "http://b.a.example/"), "sub=4");
        assert_eq!(sent(&jar, "https://evil-a.example/"), "");
    }

    #[test]
    fn what_a_browser_drops_is_dropped() {
        let dropped = [
            ("http://a.example/", "x=1; Secure"),
            ("https://a.example/", "x=1; Domain=b.example"),
            ("https://a.example/", "x=1; SameSite=None"),
            ("https://a.example/", "__Host-x=1; Path=/"),
            ("https://a.example/", "__host-x=1; Secure"),
            ("https://a.example/", "__Host-x=1; Secure; Path=/; Domain=a.example"),
            ("https://a.example/", "__Secure-x=1; Path=/"),
            ("https://a.example/", "__Http-x=1; Secure"),
            ("https://a.example/", "=__Host-x=1"),
            ("https://a.example/", "x=\u{1}"),
            ("https://a.example/", "="),
            ("https://127.0.0.1/", "x=1; Domain=0.0.1"),
        ];
        for (from, cookie) in dropped {
            assert!(jar(&[(from, cookie)]).names().is_empty(), "{cookie}");
        }
        let long = format!("x={}", "a".repeat(PAIR_BYTES));
        assert!(jar(&[("https://a.example/", &long)]).names().is_empty());
        let kept = jar(&[("https://a.example/", "__Host-x=1; Secure; Path=/; SameSite=lax")]);
        assert_eq!(kept.flags("__Host-x"), Some((true, false, "Lax")));
        // A page without TLS does not push out what came with it.
        let both =
            jar(&[("https://a.example/", "s=1; Secure; Path=/"), ("http://a.example/", "s=2")]);
        assert_eq!(sent(&both, "https://a.example/"), "s=1");
    }

    #[test]
    fn cookies_end() {
        let site = "https://a.example/";
        for gone in [
            "x=; Max-Age=0",
            "x=; Max-Age=-5",
            "x=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            "x=1; Expires=Thu, 01-Jan-1970 00:00:00 GMT",
        ] {
            assert!(jar(&[(site, "x=1"), (site, gone)]).names().is_empty(), "{gone}");
        }
        let mut jar = jar(&[(site, "x=1; Max-Age=60"), (site, "y=2"), (site, "z=3; Max-Age=x")]);
        let later = NOW + Duration::from_secs(60);
        assert_eq!(jar.field(&site.parse().unwrap(), later).unwrap(), "y=2; z=3");
        jar.close_browser();
        assert_eq!(jar.names(), ["x"]);
    }
}
