//! A visitor's walk through a proxy set up with the guide's own lines, for any framework.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sessile_testbed::proxies::{Outside, Proxy};
use sessile_testbed::{Error, find};

const GUIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guides/behind-a-proxy.md");

/// Which proxy stands in front.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Front {
    Nginx,
    Caddy,
}

/// The block of the guide that is written for a program.
fn lines(language: &str) -> String {
    let guide = fs::read_to_string(GUIDE).unwrap();
    let fence = format!("```{language}\n");
    let after = guide.split_once(&fence).unwrap().1;
    after.split_once("```").unwrap().0.to_owned()
}

impl Front {
    fn start(self, application: u16, outside: Outside) -> Result<Proxy, Error> {
        match self {
            Self::Nginx => Proxy::nginx(&lines("nginx"), application, outside),
            Self::Caddy => Proxy::caddy(&lines("caddy"), application, outside),
        }
    }

    /// What is missing to walk through it.
    pub(crate) fn missing(self) -> Option<&'static str> {
        let program = match self {
            Self::Nginx => "nginx",
            Self::Caddy => "caddy",
        };
        [program, "curl", "openssl"].into_iter().find(|it| find(it).is_none())
    }
}

/// A browser of curl's, with its cookies in a file.
struct Visitor<'p> {
    proxy: &'p Proxy,
    base: String,
    cookies: PathBuf,
    authority: Option<PathBuf>,
    version: &'static str,
}

impl Visitor<'_> {
    /// Status and body.
    fn send(&self, path: &str, more: &[&str]) -> (String, String) {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--max-time", "30", "--noproxy", "*"]);
        curl.args([self.version, "--write-out", "\n%{http_version} %{http_code}"]);
        curl.arg("--cookie").arg(&self.cookies).arg("--cookie-jar").arg(&self.cookies);
        if let Some(authority) = &self.authority {
            curl.arg("--cacert").arg(authority);
        }
        let output = curl.args(more).arg(format!("{}{path}", self.base)).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}; the proxy: {}", self.proxy.log());
        let text = String::from_utf8(output.stdout).unwrap();
        let (body, last) = text.rsplit_once('\n').unwrap();
        let (version, status) = last.split_once(' ').unwrap();
        let wanted = if self.version == "--http2" { "2" } else { "1.1" };
        assert_eq!(version, wanted, "the proxy speaks another version");
        (status.to_owned(), body.to_owned())
    }
}

/// Fills in the site's form through the proxy, logs in and is known afterwards; another site's
/// page, and this host under another port, can do nothing.
/// `names_site` says that the rules look at where a request comes from: Flask-WTF's do over TLS only.
pub(crate) fn walk(front: Front, application: u16, outside: Outside, names_site: bool) {
    let proxy = front.start(application, outside).unwrap();
    let scheme = if outside == Outside::Https { "https" } else { "http" };
    let (host, other) = (format!("localhost:{}", proxy.port()), format!("localhost:{application}"));
    let versions: &[_] =
        if outside == Outside::Https { &["--http1.1", "--http2"] } else { &["--http1.1"] };
    for (at, version) in versions.iter().enumerate() {
        let folder: &Path = proxy.folder();
        let visitor = Visitor {
            proxy: &proxy,
            base: format!("{scheme}://{host}"),
            cookies: folder.join(format!("cookies-{at}")),
            authority: proxy.authority.clone(),
            version,
        };
        let (status, form) = visitor.send("/form", &[]);
        assert_eq!(status, "200", "{front:?} {outside:?} {version}");
        let (name, token) = form.split_once('=').unwrap();
        let field = format!("{name}={token}");
        let sent_from = |scheme: &str, host: &str| {
            let page = format!("Referer: {scheme}://{host}/form");
            let origin = format!("Origin: {scheme}://{host}");
            let form = ["--data-urlencode", &field, "--header", &page, "--header", &origin];
            visitor.send("/log-in", &form).0
        };
        for elsewhere in ["evil.example", other.as_str()].into_iter().filter(|_| names_site) {
            let refused = sent_from(scheme, elsewhere);
            assert!(["400", "403"].contains(&refused.as_str()), "{elsewhere}: {refused}");
        }
        assert_eq!(sent_from(scheme, &host), "200", "{front:?} {outside:?} {version}");
        assert_eq!(visitor.send("/me", &[]).1, "ada", "{front:?} {outside:?} {version}");
        // Whose word counts is the proxy's: what a visitor claims is replaced.
        let claimed = visitor.send("/me", &["--header", "X-Forwarded-Proto: gopher"]);
        assert_eq!(claimed.1, "ada");
    }
}
