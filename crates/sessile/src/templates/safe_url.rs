//! Addresses that run no script.

/// `url` if a link to it is harmless: a path, or `http`, `https`, `mailto`,
/// `tel`. Anything else, `javascript:` and `data:` above all, becomes
/// `about:invalid`. In templates it is the filter `safe_url`.
///
/// ```
/// use sessile::templates::safe_url;
///
/// assert_eq!(safe_url("/cart"), "/cart");
/// assert_eq!(safe_url(" java\nscript:alert(1)"), "about:invalid");
/// ```
pub fn safe_url(url: &str) -> &str {
    // Browsers drop these wherever they stand before a scheme's colon.
    let meant = url.chars().filter(|c| *c > ' ' && *c != '\u{7f}');
    let scheme: String = meant.take_while(|c| !matches!(c, '/' | '?' | '#')).collect();
    match scheme.split_once(':') {
        None => url,
        Some((scheme, _)) => {
            let known = ["http", "https", "mailto", "tel"];
            let harmless = known.iter().any(|known| scheme.eq_ignore_ascii_case(known));
            if harmless { url } else { "about:invalid" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r52_addresses_that_run_scripts_are_none() {
        let evil = [
            "javascript:x",
            "JaVaScRiPt:x",
            " javascript:x",
            "java\tscript:x",
            "\u{1}javascript:x",
            "data:text/html,x",
            "vbscript:x",
            "javascript\n:x",
            "x:y",
        ];
        for url in evil {
            assert_eq!(safe_url(url), "about:invalid", "{url:?}");
        }
        for url in ["", "/", "//host/x", "a/b:c", "?a:b", "#a:b", "https://x:80/", "mailto:a@b"] {
            assert_eq!(safe_url(url), url);
        }
    }
}
