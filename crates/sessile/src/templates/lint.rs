//! What HTML escaping does not make safe.

use std::fmt;

/// A place in a template where a value can do harm although it is escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there, and what to write instead.
    pub what: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

const UNQUOTED: &str = "a value in an attribute without quotes ends at its first space; write \
                        name=\"{{ … }}\"";
const URL: &str = "an address made of a value may begin with javascript:; use url_for() or the \
                   filter safe_url";
const SCRIPT: &str = "a value inside a script is code; write it with the filter tojson";
const UNESCAPED: &str = "a value is printed unescaped; only HTML of your own may be";

/// Attributes that hold an address.
const URL_ATTRIBUTES: &[&str] =
    &["href", "src", "action", "formaction", "xlink:href", "data", "poster", "srcset", "cite"];

/// Looks through a template's source for what escaping does not make safe:
/// attributes without quotes, addresses that may be `javascript:`, values
/// inside scripts and event handlers, and whatever is marked `safe`.
///
/// [`Templates`](super::Templates) traces the findings as warnings. A test of
/// your own can insist that there are none:
///
/// ```
/// use sessile::templates::lint;
///
/// assert!(lint(r#"<a title="{{ name }}" href="{{ url_for('home') }}">home</a>"#).is_empty());
/// assert_eq!(lint("<a title={{ name }}>")[0].line, 1);
/// assert_eq!(lint("<p>\n<a href='{{ link }}'>")[0].line, 2);
/// ```
pub fn lint(source: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut place = Place::Text;
    let mut rest = source;
    while let Some(next) = rest.chars().next() {
        if let Some((expression, after)) = expression(rest) {
            let before = source.strip_suffix(rest).unwrap_or_default();
            let line = 1 + before.bytes().filter(|byte| *byte == b'\n').count();
            let what = expression.and_then(|expression| place.judge(expression));
            findings.extend(what.map(|what| Finding { line, what }));
            if expression.is_some() {
                place.passed_expression();
            }
            rest = after;
            continue;
        }
        rest = place.step(rest, next);
    }
    findings
}

/// Splits a template's tag off: `{{ … }}` gives the expression, others nothing.
fn expression(rest: &str) -> Option<(Option<&str>, &str)> {
    for (open, close, shows) in [("{{", "}}", true), ("{%", "%}", false), ("{#", "#}", false)] {
        if let Some(after) = rest.strip_prefix(open) {
            let (inside, after) = after.split_once(close).unwrap_or((after, ""));
            return Some((shows.then_some(inside), after));
        }
    }
    None
}

/// Where in the HTML a piece of the template stands.
enum Place {
    Text,
    /// In a tag, outside of a value: the element and the attribute being read.
    Tag {
        element: String,
        attribute: String,
        after_equals: bool,
    },
    /// In an attribute's value.
    Value {
        element: String,
        attribute: String,
        quote: char,
        begun: bool,
    },
    /// Within `<script>`.
    Script,
}

impl Place {
    /// Goes over one character, or over a comment.
    fn step<'a>(&mut self, rest: &'a str, next: char) -> &'a str {
        let after = rest.get(next.len_utf8()..).unwrap_or_default();
        match self {
            Self::Text if rest.starts_with("<!--") => {
                return rest.split_once("-->").map_or("", |(_, after)| after);
            }
            Self::Text if next == '<' => {
                let name = after.split(|c: char| c.is_whitespace() || matches!(c, '>' | '/' | '{'));
                let element = name.into_iter().next().unwrap_or_default().to_ascii_lowercase();
                if element.starts_with(|c: char| c.is_ascii_alphabetic()) {
                    let rest = after.get(element.len()..).unwrap_or_default();
                    *self = Self::Tag { element, attribute: String::new(), after_equals: false };
                    return rest;
                }
            }
            Self::Text => {}
            Self::Script => {
                let tag = rest.get(..8).unwrap_or_default();
                if tag.eq_ignore_ascii_case("</script") {
                    *self = Self::Text;
                }
            }
            Self::Tag { element, attribute, after_equals } => match next {
                '>' if element == "script" => *self = Self::Script,
                '>' => *self = Self::Text,
                '"' | '\'' if *after_equals => {
                    *self = Self::Value {
                        element: std::mem::take(element),
                        attribute: std::mem::take(attribute),
                        quote: next,
                        begun: false,
                    };
                }
                '=' => *after_equals = true,
                c if c.is_whitespace() => {
                    if !*after_equals {
                        attribute.clear();
                    }
                }
                // A value without quotes.
                _ if *after_equals => {}
                c => attribute.push(c.to_ascii_lowercase()),
            },
            Self::Value { element, quote, begun, .. } => {
                if next == *quote {
                    let element = std::mem::take(element);
                    *self = Self::Tag { element, attribute: String::new(), after_equals: false };
                } else if !next.is_whitespace() {
                    *begun = true;
                }
            }
        }
        after
    }

    fn judge(&self, expression: &str) -> Option<&'static str> {
        let last = expression.rsplit('|').next().unwrap_or_default().trim();
        let filtered = expression.contains('|');
        match self {
            Self::Tag { after_equals: true, .. } => Some(UNQUOTED),
            Self::Value { attribute, begun, .. } => {
                let url = URL_ATTRIBUTES.contains(&attribute.as_str());
                let harmless = *begun
                    || expression.trim_start().starts_with("url_for(")
                    || filtered && last == "safe_url";
                if attribute.starts_with("on") && !(filtered && last == "tojson") {
                    Some(SCRIPT)
                } else if url && !harmless {
                    Some(URL)
                } else {
                    (filtered && last == "safe").then_some(UNESCAPED)
                }
            }
            Self::Script => (!(filtered && last == "tojson")).then_some(SCRIPT),
            Self::Text | Self::Tag { .. } => (filtered && last == "safe").then_some(UNESCAPED),
        }
    }

    fn passed_expression(&mut self) {
        if let Self::Value { begun, .. } = self {
            *begun = true;
        }
    }
}

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
    fn r52_what_escaping_does_not_fix_is_found() {
        let wrong = [
            ("<a title={{ x }}>", UNQUOTED),
            ("<a title = {{ x }}>", UNQUOTED),
            ("<a title=a{{ x }}>", UNQUOTED),
            ("<A HREF=\"{{ x }}\">", URL),
            ("<a href='  {{ x|lower }}'>", URL),
            ("<form action=\"{% if a %}{{ x }}{% endif %}\">", URL),
            ("<iframe\n src=\"{{ x }}\">", URL),
            ("<script>var a = \"{{ x }}\";</script>", SCRIPT),
            ("<SCRIPT async>{{ x }}</SCRIPT>", SCRIPT),
            ("<b onclick=\"f('{{ x }}')\">", SCRIPT),
            ("<p>{{ x|safe }}</p>", UNESCAPED),
            ("<p title=\"{{ x | safe }}\">", UNESCAPED),
        ];
        for (source, what) in wrong {
            let found: Vec<_> = lint(source).into_iter().map(|finding| finding.what).collect();
            assert_eq!(found, [what], "{source}");
        }
        let right = [
            "<p>{{ x }}</p>",
            "<a title=\"{{ x }}\" class='{{ y }} z'>{{ x }}</a>",
            "<a href=\"{{ url_for('user', id=x) }}\">",
            "<a href=\"{{ x|safe_url }}\">",
            "<a href=\"/users/{{ x }}\">",
            "<a href=\"https://example.org/?q={{ x }}\">",
            "<script>var a = {{ x|tojson }};</script><p>{{ x }}</p>",
            "<b onclick=\"f({{ x|tojson }})\">",
            "<!-- <a title={{ x }}> --><p>{{ x }}",
            "{# <a title={{ x }}> #}a < b and {{ c }} > d",
            "<input {% if x %}checked{% endif %} name=\"{{ n }}\">",
        ];
        for source in right {
            assert_eq!(lint(source), [], "{source}");
        }
    }

    #[test]
    fn any_text_is_looked_through() {
        for source in ["", "{{", "<", "<a", "<a b", "<a b=", "<a b='", "<!--", "{%", "é<é é={{é"]
        {
            let _ = lint(source);
        }
    }

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
