//! Requests and responses as the exchange sees them, in no framework's types.

use std::borrow::Cow;

use crate::transport::is_bearer;

/// The header fields of a request or a response.
pub trait Headers {
    /// The values of every field called `name`, in the order they came. `name` is in lower case.
    fn values<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]>;
}

/// The header fields of a response that is about to leave.
pub trait ResponseHeaders: Headers {
    /// Adds a field beside others of its name.
    fn append(&mut self, name: &'static str, value: &[u8]);

    /// Puts a field in place of all others of its name.
    fn insert(&mut self, name: &str, value: &[u8]);

    /// Makes `Vary` name `field` (in lower case), keeping what is there (RFC 9110, 12.5.5).
    fn vary_on(&mut self, field: &str) {
        merge_vary(self, field);
    }

    /// As [`insert`](Self::insert), for a value that logs must not show.
    fn insert_secret(&mut self, name: &str, value: &[u8]) {
        self.insert(name, value);
    }
}

/// How a request left the visitor, as a trusted part of the stack knows it.
///
/// Sessions whose cookie is `Secure` are neither honoured nor set on [`Scheme::Http`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

/// The head of a request. Making one parses nothing.
#[derive(Clone, Copy, Debug)]
pub struct RequestView<'r, H> {
    /// `GET`, `POST`, …
    pub method: &'r str,
    /// How it left the visitor, where a part of the stack that can be trusted says so.
    pub scheme: Option<Scheme>,
    /// HTTP/2's `:authority`, or the host of a request target in absolute form.
    pub authority: Option<&'r str>,
    /// The address's path.
    pub path: &'r str,
    /// The address's query, without the `?`.
    pub query: Option<&'r str>,
    /// The route that the framework chose, as it was written: `/hooks/{id}`.
    pub route: Option<&'r str>,
    /// The header fields.
    pub headers: &'r H,
}

impl<H: Headers> RequestView<'_, H> {
    /// The host that the visitor asked for, by their own account: HTTP/2's authority, else `Host`
    /// (RFC 9112, 3.2.2). Two `Host` fields are none. `X-Forwarded-Host` is never believed.
    pub fn host(&self) -> Option<&str> {
        if self.authority.is_some() {
            return self.authority;
        }
        let mut hosts = self.headers.values("host");
        match (hosts.next(), hosts.next()) {
            (Some(host), None) => std::str::from_utf8(host).ok().filter(|host| host.is_ascii()),
            _ => None,
        }
    }

    /// A field as WSGI gives it: Latin-1, several joined by commas, so that two values are never
    /// taken for a good one.
    pub(crate) fn field<'h>(&'h self, name: &'h str) -> Option<Cow<'h, str>> {
        let mut values = self.headers.values(name);
        let first = latin1(values.next()?);
        let joined = values.map(latin1).reduce(|all, next| format!("{all},{next}").into());
        Some(match joined {
            None => first,
            Some(rest) => format!("{first},{rest}").into(),
        })
    }

    /// How the request left the visitor, as far as somebody trusted says.
    pub(crate) fn trusted_scheme(&self, trust_forwarded_proto: bool) -> Option<Scheme> {
        if self.scheme.is_some() || !trust_forwarded_proto {
            return self.scheme;
        }
        // The last value is the nearest proxy's; earlier ones may be the visitor's.
        let forwarded = self.headers.values("x-forwarded-proto").last()?;
        let last = forwarded.rsplit(|&byte| byte == b',').next().unwrap_or_default();
        let secure = last.trim_ascii().eq_ignore_ascii_case(b"https");
        Some(if secure { Scheme::Https } else { Scheme::Http })
    }

    /// Whether the request names a bearer token, be it empty.
    pub(crate) fn has_bearer(&self) -> bool {
        self.headers.values("authorization").next().is_some_and(is_bearer)
    }
}

fn latin1(value: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(value) {
        Ok(text) if text.is_ascii() => Cow::Borrowed(text),
        _ => value.iter().copied().map(char::from).collect::<String>().into(),
    }
}

/// Makes `Vary` name `field` in addition to what it names: what
/// [`ResponseHeaders::vary_on`] does where nothing else is known of the response.
pub fn merge_vary(response: &mut (impl ResponseHeaders + ?Sized), field: &str) {
    let names = |value: &[u8]| {
        value.split(|&byte| byte == b',').any(|name| {
            let name = name.trim_ascii();
            name == b"*" || name.eq_ignore_ascii_case(field.as_bytes())
        })
    };
    if response.values("vary").any(names) {
        return;
    }
    let value = if field == "cookie" { "Cookie" } else { field };
    response.append("vary", value.as_bytes());
}

/// Keeps the response out of every cache.
pub(crate) fn no_store(response: &mut impl ResponseHeaders) {
    response.insert("cache-control", b"no-store");
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Header fields in the order they were added.
    #[derive(Debug, Default)]
    pub(crate) struct Fields(pub(crate) Vec<(String, Vec<u8>)>);

    impl Headers for Fields {
        fn values<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
            self.0.iter().filter(move |(its, _)| its == name).map(|(_, value)| value.as_slice())
        }
    }

    impl ResponseHeaders for Fields {
        fn append(&mut self, name: &'static str, value: &[u8]) {
            self.0.push((name.to_owned(), value.to_vec()));
        }

        fn insert(&mut self, name: &str, value: &[u8]) {
            self.0.retain(|(its, _)| its != name);
            self.0.push((name.to_owned(), value.to_vec()));
        }
    }

    pub(crate) fn fields(fields: &[(&str, &str)]) -> Fields {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), value.as_bytes().to_vec());
        Fields(fields.iter().map(owned).collect())
    }

    pub(crate) fn view<'r>(method: &'r str, headers: &'r Fields) -> RequestView<'r, Fields> {
        RequestView {
            method,
            scheme: None,
            authority: None,
            path: "/",
            query: None,
            route: None,
            headers,
        }
    }

    #[test]
    fn vary_is_merged_and_never_repeated() {
        for (before, after) in [
            (&[][..], &["Cookie"][..]),
            (&[("vary", "Accept")], &["Accept", "Cookie"]),
            (&[("vary", "accept, COOKIE")], &["accept, COOKIE"]),
            (&[("vary", "*")], &["*"]),
            (&[("vary", "Cookies")], &["Cookies", "Cookie"]),
        ] {
            let mut response = fields(before);
            response.vary_on("cookie");
            let values: Vec<_> = response.values("vary").collect();
            assert_eq!(values, after.iter().map(|it| it.as_bytes()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn two_hosts_are_none_and_a_forwarded_host_is_not_believed() {
        let one = fields(&[("host", "a.example"), ("x-forwarded-host", "evil.example")]);
        assert_eq!(view("GET", &one).host(), Some("a.example"));
        let two = fields(&[("host", "a.example"), ("host", "b.example")]);
        assert_eq!(view("GET", &two).host(), None);
        let head = RequestView { authority: Some("c.example"), ..view("GET", &two) };
        assert_eq!(head.host(), Some("c.example"));
    }

    #[test]
    fn the_last_forwarded_scheme_counts_and_only_when_it_is_trusted() {
        let sent = fields(&[("x-forwarded-proto", "http"), ("x-forwarded-proto", "http, HTTPS ")]);
        let head = view("GET", &sent);
        assert_eq!(head.trusted_scheme(false), None);
        assert_eq!(head.trusted_scheme(true), Some(Scheme::Https));
        let told = RequestView { scheme: Some(Scheme::Http), ..head };
        assert_eq!(told.trusted_scheme(true), Some(Scheme::Http));
    }
}
