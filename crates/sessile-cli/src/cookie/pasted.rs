//! Cookies as people paste them: out of a browser's tools, a log, a header.

/// A value, and the cookie's name where it came with one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pasted {
    pub(super) name: Option<String>,
    pub(super) value: String,
}

/// What a text may mean: a value alone, or the pairs of a `Cookie` or `Set-Cookie` header with or
/// without the header's name. A value may end with `=` itself, so the whole text comes first.
pub(super) fn values(text: &str) -> Vec<Pasted> {
    let text = text.trim();
    let text = text.strip_prefix("-H").map_or(text, str::trim_start);
    let text = unquoted(text);
    let (header, rest) = match text.split_once(':') {
        Some((name, rest)) if is_header(name) => (true, rest.trim()),
        _ => (false, text),
    };
    let mut all = Vec::new();
    if !header {
        all.push(Pasted { name: None, value: rest.to_owned() });
    }
    let pairs = rest.split(';').filter_map(|pair| pair.trim().split_once('='));
    let named = pairs.map(|(name, value)| Pasted {
        name: Some(name.trim().to_owned()),
        value: unquoted(value.trim()).to_owned(),
    });
    // Base64 ends with `=`: that is no name with an empty value.
    all.extend(named.filter(|it| !it.value.trim_matches('=').is_empty()));
    all
}

fn is_header(name: &str) -> bool {
    ["cookie", "set-cookie"].iter().any(|known| name.trim().eq_ignore_ascii_case(known))
}

fn unquoted(text: &str) -> &str {
    let inner = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\'')).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u09_headers_pairs_and_values_alone_are_told_apart() {
        let found = |text: &str| -> Vec<(Option<String>, String)> {
            values(text).into_iter().map(|it| (it.name, it.value)).collect()
        };
        let named = |name: &str, value: &str| (Some(name.to_owned()), value.to_owned());
        let alone = |value: &str| (None, value.to_owned());
        assert_eq!(found("ab.c=="), [alone("ab.c==")]);
        assert_eq!(found(" abc\n"), [alone("abc")]);
        assert_eq!(
            found("Cookie: a=1; session=x.y=="),
            [named("a", "1"), named("session", "x.y==")]
        );
        let set = "Set-Cookie: sessionid=\"v:1\"; Path=/; Secure; HttpOnly";
        assert_eq!(found(set), [named("sessionid", "v:1"), named("Path", "/")]);
        assert_eq!(found("-H 'cookie: s=1'"), [named("s", "1")]);
        assert_eq!(found("s=1; b=2")[1..], [named("s", "1"), named("b", "2")]);
        assert_eq!(found(""), [alone("")]);
    }
}
