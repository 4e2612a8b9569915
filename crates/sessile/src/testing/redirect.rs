//! Where a redirect leads, as browsers read it (WHATWG URL), and whether that is the same site.

use http::{Method, StatusCode, Uri};

/// The path, with its query, that `location` leads to from the page at `path`; `None` for another
/// site.
pub(super) fn within(base: &str, path: &str, location: &str) -> Option<String> {
    // Browsers drop tabs and the spaces around, and read `\` as `/`, but for the query.
    let location: String = location.trim().chars().filter(|c| *c != '\t').collect();
    let location = location.split('#').next().unwrap_or_default();
    let (address, query) = match location.split_once('?') {
        Some((address, query)) => (address, Some(query)),
        None => (location, None),
    };
    let address = address.replace('\\', "/");
    let scheme = base.split_once("://").map_or("", |(scheme, _)| scheme);
    let named = address.split_once(':').filter(|(name, _)| {
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    });
    let rest = match named {
        Some((name, _)) if !name.eq_ignore_ascii_case(scheme) => return None,
        // `https:x` is a path only where the page is `https`, too.
        Some((_, rest)) => rest,
        None => &*address,
    };
    let (page, had) = match path.split_once('?') {
        Some((page, query)) => (page, Some(query)),
        None => (path, None),
    };
    let (reached, query) = if let Some(elsewhere) = rest.strip_prefix("//") {
        let elsewhere = elsewhere.trim_start_matches('/');
        let (host, reached) = elsewhere.split_at(elsewhere.find('/').unwrap_or(elsewhere.len()));
        let theirs: Uri = format!("{scheme}://{host}").parse().ok()?;
        let ours: Uri = base.parse().ok()?;
        let port = |uri: &Uri| uri.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
        let same =
            theirs.host()?.eq_ignore_ascii_case(ours.host()?) && port(&theirs) == port(&ours);
        if !same || host.contains('@') {
            return None;
        }
        (reached.to_owned(), query)
    } else if rest.starts_with('/') {
        (rest.to_owned(), query)
    } else if rest.is_empty() {
        (page.to_owned(), query.or(had))
    } else {
        let folder = page.rfind('/').and_then(|at| page.get(..=at)).unwrap_or("/");
        (format!("{folder}{rest}"), query)
    };
    let reached = without_dots(&reached);
    Some(match query {
        Some(query) => format!("{reached}?{query}"),
        None => reached,
    })
}

/// RFC 3986, section 5.2.4.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut steps = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(step) = steps.next() {
        let last = steps.peek().is_none();
        match step {
            "." => {}
            ".." => {
                kept.pop();
            }
            step => kept.push(step),
        }
        if last && matches!(step, "." | "..") {
            kept.push("");
        }
    }
    format!("/{}", kept.join("/"))
}

/// Whether the next request has the method and the body of this one (Fetch, HTTP-redirect fetch).
pub(super) fn keeps_method(status: StatusCode, method: &Method) -> bool {
    match status.as_u16() {
        301 | 302 => *method != Method::POST,
        303 => matches!(*method, Method::GET | Method::HEAD),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_leads_where_a_browser_goes() {
        let base = "https://shop.example";
        for (location, path) in [
            ("/cart", "/cart"),
            ("/cart?a=/../b#top", "/cart?a=/../b"),
            ("new", "/items/new"),
            ("../new?x", "/new?x"),
            ("./", "/items/"),
            ("..", "/"),
            ("/a/./b/../../../c/..", "/"),
            ("?page=2", "/items/7?page=2"),
            ("", "/items/7?page=1"),
            ("#top", "/items/7?page=1"),
            ("https://shop.example/x", "/x"),
            ("HTTPS://SHOP.example:443", "/"),
            ("//shop.example/x", "/x"),
            ("https:/x", "/x"),
            ("/x:y", "/x:y"),
            ("/?next=https://evil.example", "/?next=https://evil.example"),
        ] {
            assert_eq!(
                within(base, "/items/7?page=1", location).as_deref(),
                Some(path),
                "{location}"
            );
        }
        for location in [
            "//evil.example/x",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            " //evil.example",
            "///evil.example",
            "https://evil.example/",
            "https:\\\\evil.example",
            "https://shop.example.evil/",
            "https://shop.example@evil.example/",
            "https://shop.example:8443/",
            "http://shop.example/",
            "mailto:x@shop.example",
            "javascript:x",
            "https://",
        ] {
            assert_eq!(within(base, "/items/7", location), None, "{location}");
        }
    }

    #[test]
    fn the_method_is_kept_where_browsers_keep_it() {
        for (status, method, kept) in [
            (301, Method::POST, false),
            (302, Method::PUT, true),
            (303, Method::PUT, false),
            (303, Method::HEAD, true),
            (307, Method::POST, true),
            (308, Method::DELETE, true),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(keeps_method(status, &method), kept, "{status} {method}");
        }
    }
}
