//! Where to go after logging in: a page of the same site, whatever the address says.

#[cfg(feature = "axum")]
use http::request::Parts;

/// The page to go back to after logging in, from `?next=` of the address.
///
/// Anything that would lead to another site counts as missing: an address such
/// as `/login?next=//evil.example` is how visitors are sent from a page they
/// trust to one that asks for their password again.
///
/// ```
/// use axum::response::Redirect;
/// use sessile::{NextPage, Session};
///
/// async fn log_in(session: Session, next: NextPage) -> Redirect {
///     session.log_in("alice");
///     Redirect::to(next.or("/"))
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NextPage(Option<String>);

/// Longer addresses are no pages of ours.
const MAX_BYTES: usize = 2048;

impl NextPage {
    /// The page named by a query such as `next=%2Fcart&x=1`. The first `next` counts.
    pub fn in_query(query: &str) -> Self {
        let named = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "next");
        Self(named.and_then(|(_, page)| same_site(&page).map(str::to_owned)))
    }

    /// The page, or `otherwise` where none was named or it leads elsewhere.
    pub fn or<'a>(&'a self, otherwise: &'a str) -> &'a str {
        self.0.as_deref().unwrap_or(otherwise)
    }

    /// The page, if one of this site was named.
    pub fn get(&self) -> Option<&str> {
        self.0.as_deref()
    }

    #[cfg(feature = "axum")]
    pub(crate) fn of(parts: &Parts) -> Self {
        parts.uri.query().map(Self::in_query).unwrap_or_default()
    }
}

/// `target` if it is a path on the same site; `None` for whatever a browser
/// might take for another one.
///
/// ```
/// use sessile::same_site;
///
/// assert_eq!(same_site("/cart?page=2#top"), Some("/cart?page=2#top"));
/// for evil in ["//evil.example", r"/\evil.example", "/\t/evil.example", "https://evil.example"] {
///     assert_eq!(same_site(evil), None);
/// }
/// ```
pub fn same_site(target: &str) -> Option<&str> {
    let bytes = target.as_bytes();
    // Browsers read `\` as `/` and drop tabs and line ends (WHATWG URL); a
    // Location field has ASCII alone.
    let plain = bytes.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'\\');
    let path = bytes.first() == Some(&b'/') && bytes.get(1) != Some(&b'/');
    (plain && path && bytes.len() <= MAX_BYTES).then_some(target)
}

/// `page` for the value of `next`.
#[cfg(feature = "axum")]
pub(crate) fn in_login_address(login: &str, page: &str) -> String {
    let (login, fragment) = login.split_at(login.find('#').unwrap_or(login.len()));
    let joint = if login.contains('?') { '&' } else { '?' };
    let page: String = form_urlencoded::byte_serialize(page.as_bytes()).collect();
    format!("{login}{joint}next={page}{fragment}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_leads_nowhere_else() {
        let evil = [
            "",
            "//evil",
            "/\\evil",
            "\\/evil",
            "/\\/evil",
            "https://evil",
            "http:evil",
            "evil",
            "javascript:alert(1)",
            "/\t/evil",
            "/\n/evil",
            " /x",
            "/x y",
            "/x\\y",
            "/ü",
            "/\0",
            "/x\u{7f}",
            "///evil",
            "@evil",
        ];
        for target in evil {
            assert_eq!(same_site(target), None, "{target:?}");
        }
        assert_eq!(same_site(&format!("/{}", "a".repeat(MAX_BYTES))), None);
        for page in ["/", "/cart", "/a?b=c&d=%2F%2Fevil", "/a//b", "/@x", "/..//b"] {
            assert_eq!(same_site(page), Some(page));
            let query = in_login_address("/login", page);
            let query = query.split_once('?').unwrap().1;
            assert_eq!(NextPage::in_query(query).get(), Some(page));
        }
        assert_eq!(NextPage::in_query("next=%2F%2Fevil&next=%2Fok").or("/"), "/");
        assert_eq!(NextPage::in_query("nex=%2Fa").or("/home"), "/home");
        assert_eq!(NextPage::in_query("next=%FF%FE").get(), None);
        assert_eq!(in_login_address("/login?x=1", "/a?b"), "/login?x=1&next=%2Fa%3Fb");
        assert_eq!(in_login_address("/#log-in", "/a"), "/?next=%2Fa#log-in");
    }
}
