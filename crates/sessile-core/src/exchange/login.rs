//! Who may see a page for logged-in visitors, and where they go after logging in.

use std::time::Duration;

use super::failure::{Answer, Failure, PLAIN};
use super::head::{Headers, RequestView};
use super::request::Exchange;
use crate::id::Subject;
use crate::native::CLOCK_LEEWAY;
use crate::profile::Profile;

/// Whether a visitor may see a page for logged-in visitors.
#[derive(Clone, Debug)]
pub enum LoginCheck {
    /// This user may.
    Passed(Subject),
    /// Nobody is logged in, or their login is too old: 401, or the login page.
    LogIn,
    /// The profile does not say when a visitor logged in: 500.
    NotInProfile,
}

impl Exchange {
    /// Whether somebody is logged in, and proved who they are within `max_age` where one is given
    /// (OWASP ASVS 5.0, 7.5.1). Clocks of several processes may differ by up to a minute.
    ///
    /// # Errors
    ///
    /// As for [`session`](Self::session).
    pub async fn check_login<H: Headers>(
        &self,
        request: &RequestView<'_, H>,
        max_age: Option<Duration>,
    ) -> Result<LoginCheck, Failure> {
        let session = self.session(request).await?;
        let Some(subject) = session.subject() else { return Ok(LoginCheck::LogIn) };
        let Some(max_age) = max_age else { return Ok(LoginCheck::Passed(subject)) };
        if self.app().engine().profile() != Profile::Native {
            tracing::error!(
                target: "sessile",
                "RequireLogin::within needs the native profile: others do not say when a visitor \
                 logged in"
            );
            return Ok(LoginCheck::NotInProfile);
        }
        let now = self.app().now();
        Ok(match session.authenticated_at() {
            // The clock of the process that the visitor logged in on may be ahead, but an hour
            // that has not come yet is no recent one.
            Some(at) if at <= now + CLOCK_LEEWAY && now < at + max_age => {
                LoginCheck::Passed(subject)
            }
            _ => LoginCheck::LogIn,
        })
    }
}

impl Exchange {
    /// The user who is logged in.
    ///
    /// # Errors
    ///
    /// [`Failure::LoginRequired`], to be answered 401, and as for [`session`](Self::session).
    pub async fn logged_in<H: Headers>(
        &self,
        request: &RequestView<'_, H>,
    ) -> Result<Subject, Failure> {
        let session = self.session(request).await?;
        session.subject().ok_or(Failure::LoginRequired)
    }
}

impl LoginCheck {
    /// The answer to a visitor who may not see the page; `None` to one who may.
    pub fn answer(&self) -> Option<Answer<&'static str>> {
        match self {
            Self::Passed(_) => None,
            Self::LogIn => Some(Failure::LoginRequired.answer()),
            Self::NotInProfile => {
                let text = "Something went wrong with your session on our side.\n";
                Some(Answer::new(500, PLAIN, text))
            }
        }
    }
}

/// The page to go back to after logging in, from `?next=` of the address.
///
/// Anything that would lead to another site counts as missing: an address such as
/// `/login?next=//evil.example` is how visitors are sent from a page they trust to one that asks
/// for their password again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NextPage(Option<String>);

/// The longest address that is taken for a page of this site, in bytes.
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
}

/// `target` if it is a path on the same site; `None` for whatever a browser might take for
/// another one.
///
/// ```
/// use sessile_core::exchange::same_site;
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

/// The login page's address for a visitor who wanted `page`, which is named in `next` if it can
/// be asked for by an address of this site.
pub fn in_login_address(login: &str, method: &str, page: Option<&str>) -> String {
    let page = page.filter(|_| matches!(method, "GET" | "HEAD")).and_then(same_site);
    let Some(page) = page else { return login.to_owned() };
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
            assert_eq!(in_login_address("/login", "GET", Some(target)), "/login");
        }
        assert_eq!(same_site(&format!("/{}", "a".repeat(MAX_BYTES))), None);
        for page in ["/", "/cart", "/a?b=c&d=%2F%2Fevil", "/a//b", "/@x", "/..//b"] {
            assert_eq!(same_site(page), Some(page));
            let query = in_login_address("/login", "GET", Some(page));
            let query = query.split_once('?').unwrap().1;
            assert_eq!(NextPage::in_query(query).get(), Some(page));
        }
        assert_eq!(NextPage::in_query("next=%2F%2Fevil&next=%2Fok").or("/"), "/");
        assert_eq!(NextPage::in_query("nex=%2Fa").or("/home"), "/home");
        assert_eq!(NextPage::in_query("next=%FF%FE").get(), None);
        let address = |login, method, page| in_login_address(login, method, Some(page));
        assert_eq!(address("/login?x=1", "GET", "/a?b"), "/login?x=1&next=%2Fa%3Fb");
        assert_eq!(address("/#log-in", "HEAD", "/a"), "/?next=%2Fa#log-in");
        assert_eq!(address("/login", "POST", "/a"), "/login");
    }
}
