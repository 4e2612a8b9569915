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
const ATTRIBUTE: &str = "a value among a tag's attributes may be onclick=…; write name=\"{{ … }}\"";
const URL: &str = "an address made of a value may begin with javascript:; use url_for() or the \
                   filter safe_url";
const SCRIPT: &str = "a value inside a script is code; write it with the filter tojson";
const TOJSON: &str = "the quotes that the filter tojson writes end this attribute; put the \
                      attribute in single quotes";
const SRCDOC: &str = "what stands in srcdoc is read as a page, after its escaping is undone; put \
                      no value there";
const UNESCAPED: &str = "a value is printed unescaped; only HTML of your own may be";
const SWITCHED_OFF: &str = "escaping is switched off here; mark HTML of your own with the filter \
                            safe instead, value by value";

/// Attributes that hold an address.
const URL_ATTRIBUTES: &[&str] =
    &["href", "src", "action", "formaction", "xlink:href", "data", "poster", "srcset", "cite"];

/// Addresses whose content is run.
const RUNNING: &[&str] = &["javascript:", "vbscript:", "data:"];

/// Looks through a template's source for what escaping does not make safe:
/// attributes without quotes, addresses that may be `javascript:`, values
/// inside scripts and event handlers or in the place of attributes, JSON in
/// double quotes, and whatever is marked `safe` or outside of escaping.
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
        let Some((tag, after)) = Tag::split_off(rest) else {
            rest = place.step(rest, next);
            continue;
        };
        let before = source.strip_suffix(rest).unwrap_or_default();
        let line = 1 + before.bytes().filter(|byte| *byte == b'\n').count();
        let what = match tag {
            Tag::Shows(expression) => {
                let what = place.judge(expression);
                place.passed_expression();
                what
            }
            Tag::Does(statement) => judge_statement(statement),
            Tag::Comment => None,
        };
        findings.extend(what.map(|what| Finding { line, what }));
        rest = after;
    }
    findings
}

/// What is between a template's brackets.
enum Tag<'a> {
    /// `{{ … }}`
    Shows(&'a str),
    /// `{% … %}`
    Does(&'a str),
    Comment,
}

impl<'a> Tag<'a> {
    fn split_off(rest: &'a str) -> Option<(Self, &'a str)> {
        let open = rest.get(..2)?;
        let (close, tag): (_, fn(&'a str) -> Self) = match open {
            "{{" => ("}}", Self::Shows),
            "{%" => ("%}", Self::Does),
            "{#" => ("#}", |_| Self::Comment),
            _ => return None,
        };
        let after = rest.get(2..).unwrap_or_default();
        let (inside, after) = after.split_once(close).unwrap_or((after, ""));
        Some((tag(inside.trim_matches(['-', '+']).trim()), after))
    }
}

fn judge_statement(statement: &str) -> Option<&'static str> {
    let (name, given) = statement.split_once(char::is_whitespace).unwrap_or((statement, ""));
    let given = given.trim();
    match name {
        "autoescape" => {
            (!matches!(given, "true" | "True" | "'html'" | "\"html\"")).then_some(SWITCHED_OFF)
        }
        "filter" if filter_name(given) == "safe" => Some(UNESCAPED),
        _ => has_filter(given, "safe").then_some(UNESCAPED),
    }
}

/// The name at the beginning of a filter.
fn filter_name(filter: &str) -> &str {
    let filter = filter.trim_start();
    let end = filter.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(filter.len());
    filter.get(..end).unwrap_or_default()
}

/// Whether something in the expression goes through the filter.
fn has_filter(expression: &str, name: &str) -> bool {
    expression.split('|').skip(1).any(|filter| filter_name(filter) == name)
}

/// Whether all of the expression goes through the filter in the end.
fn ends_in(expression: &str, name: &str) -> bool {
    let Some((_, last)) = expression.rsplit_once('|') else { return false };
    let rest = last.trim().strip_prefix(name).map(str::trim);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('(') && rest.ends_with(')'))
}

/// Whether it can only be text of the template's own: `'checked' if x else ''`.
fn is_literal(expression: &str) -> bool {
    let after = |text: &'_ str| -> Option<String> {
        let text = text.trim();
        let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (_, rest) = text.get(1..)?.split_once(quote)?;
        Some(rest.trim().to_owned())
    };
    let Some(rest) = after(expression) else { return false };
    let Some(condition) = rest.strip_prefix("if ") else { return rest.is_empty() };
    match condition.rsplit_once(" else ") {
        None => true,
        Some((_, other)) => after(other).is_some_and(|rest| rest.is_empty()),
    }
}

/// Where in the HTML a piece of the template stands.
enum Place {
    Text,
    /// In a tag, outside of a value in quotes.
    Tag {
        element: String,
        attribute: String,
        part: Part,
    },
    /// In an attribute's value.
    Value {
        element: String,
        attribute: String,
        quote: char,
        /// The first of what stands before, in lower case and without spaces.
        written: String,
        /// A value stands before.
        filled: bool,
    },
    /// Within `<script>`.
    Script,
}

/// Where in a tag.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// In or before an attribute's name.
    Name,
    /// Behind one, with a space between.
    AfterName,
    AfterEquals,
    /// In a value without quotes.
    Unquoted,
}

impl Place {
    fn in_tag(element: String) -> Self {
        Self::Tag { element, attribute: String::new(), part: Part::Name }
    }

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
                    *self = Self::in_tag(element);
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
            Self::Tag { element, attribute, part } => match (next, *part) {
                ('>', _) if element == "script" => *self = Self::Script,
                ('>', _) => *self = Self::Text,
                ('"' | '\'', Part::AfterEquals) => {
                    *self = Self::Value {
                        element: std::mem::take(element),
                        attribute: std::mem::take(attribute),
                        quote: next,
                        written: String::new(),
                        filled: false,
                    };
                }
                ('=', Part::Name | Part::AfterName) => *part = Part::AfterEquals,
                (c, Part::Unquoted) if c.is_whitespace() => {
                    attribute.clear();
                    *part = Part::Name;
                }
                (c, Part::AfterEquals) if c.is_whitespace() => {}
                (_, Part::AfterEquals | Part::Unquoted) => *part = Part::Unquoted,
                (c, _) if c.is_whitespace() || c == '/' => {
                    if !attribute.is_empty() {
                        *part = Part::AfterName;
                    }
                }
                (c, _) => {
                    if *part == Part::AfterName {
                        attribute.clear();
                    }
                    *part = Part::Name;
                    attribute.push(c.to_ascii_lowercase());
                }
            },
            Self::Value { element, quote, written, .. } => {
                if next == *quote {
                    *self = Self::in_tag(std::mem::take(element));
                } else if written.len() < 16 && !next.is_whitespace() {
                    written.push(next.to_ascii_lowercase());
                }
            }
        }
        after
    }

    fn judge(&self, expression: &str) -> Option<&'static str> {
        let as_json = ends_in(expression, "tojson");
        let what = match self {
            Self::Tag { part: Part::AfterEquals | Part::Unquoted, .. } => Some(UNQUOTED),
            Self::Tag { .. } => (!is_literal(expression)).then_some(ATTRIBUTE),
            Self::Value { quote: '"', .. } if as_json => Some(TOJSON),
            Self::Value { attribute, .. } if attribute == "srcdoc" => Some(SRCDOC),
            Self::Value { attribute, .. } if attribute.starts_with("on") => {
                (!as_json).then_some(SCRIPT)
            }
            Self::Value { attribute, written, filled, .. }
                if URL_ATTRIBUTES.contains(&attribute.as_str()) =>
            {
                let harmless =
                    expression.starts_with("url_for(") || ends_in(expression, "safe_url");
                if RUNNING.iter().any(|scheme| written.starts_with(scheme)) {
                    Some(SCRIPT)
                } else {
                    let begins = RUNNING.iter().any(|scheme| scheme.starts_with(&**written));
                    (begins && !filled && !harmless).then_some(URL)
                }
            }
            Self::Script => (!as_json).then_some(SCRIPT),
            Self::Text | Self::Value { .. } => None,
        };
        what.or_else(|| has_filter(expression, "safe").then_some(UNESCAPED))
    }

    fn passed_expression(&mut self) {
        match self {
            Self::Value { filled, .. } => *filled = true,
            Self::Tag { part: part @ Part::AfterEquals, .. } => *part = Part::Unquoted,
            _ => {}
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
            ("<p>{{ x|safe|upper }}</p>", UNESCAPED),
            ("<p>{{ join(x|safe) }}</p>", UNESCAPED),
            ("{% set y = x|safe %}<p>{{ y }}</p>", UNESCAPED),
            ("{% filter safe %}{{ x }}{% endfilter %}", UNESCAPED),
            ("{%- autoescape false -%}{{ x }}{% endautoescape %}", SWITCHED_OFF),
            ("{% autoescape none %}{{ x }}{% endautoescape %}", SWITCHED_OFF),
            // Attributes after one without quotes, and with spaces or a slash around their names.
            ("<a title=x href=\"{{ x }}\">", URL),
            ("<a hidden href = '{{ x }}'>", URL),
            ("<a/href=\"{{ x }}\">", URL),
            ("<p class=x onclick='{{ x }}'>", SCRIPT),
            ("<a href=\"JavaScript:f('{{ x }}')\">", SCRIPT),
            ("<a href=\" java\nscript:f({{ x|tojson }})\">", TOJSON),
            ("<iframe src='data:text/html,{{ x }}'>", SCRIPT),
            ("<iframe srcdoc=\"{{ x }}\">", SRCDOC),
            ("<p {{ x }}>", ATTRIBUTE),
            ("<p class=x {{ 'a' if b else x }}>", ATTRIBUTE),
            ("<b onclick=\"f({{ x|tojson }})\">", TOJSON),
            ("<b data-x=\"{{ x|tojson(indent=2) }}\">", TOJSON),
            ("<b onclick='f({{ x|tojson if x else y }})'>", SCRIPT),
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
            "<b onclick='f({{ x|tojson }})' data-x='{{ y|tojson(indent=2) }}'>",
            "<option {{ 'selected' if x == y else '' }} {{ \"hidden\" if z }}>",
            "{% autoescape true %}{{ x }}{% endautoescape %}",
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
}
