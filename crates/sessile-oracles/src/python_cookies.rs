//! How Werkzeug and Django read and write cookies, exactly: what ours are measured by.
//!
//! The parsers take the header as the framework's text (a WSGI string decoded, where that
//! applies) and give every pair in the framework's order.

use std::fmt::{self, Write as _};

use indexmap::IndexMap;

use sessile_core::Timestamp;
use sessile_core::cookie::{MAX_ATTRIBUTE, MAX_COOKIE_HEADER, SameSite};
use sessile_formats::idna;

/// `werkzeug.sansio.http.parse_cookie` of Werkzeug 3.1.9: all pairs in order, duplicates
/// included; reading one takes the first.
///
/// A pair that breaks the grammar (a space or a quote inside a bare value, no name) is skipped up
/// to the next `;`. A quoted value may hold `;` and is unquoted, its `\ooo` escapes read as UTF-8
/// with U+FFFD for what is none. (3.1.8 and older are laxer.) What lies beyond
/// [`MAX_COOKIE_HEADER`] octets is not read.
///
/// ```
/// use sessile_oracles::python_cookies::werkzeug_parse_cookie;
/// assert_eq!(werkzeug_parse_cookie(r#"a="b\073c"; d"#), [
///     ("a".to_owned(), "b;c".to_owned()),
///     ("d".to_owned(), String::new()),
/// ]);
/// ```
pub fn werkzeug_parse_cookie(header: &str) -> Vec<(String, String)> {
    Reader::new(bounded(header)).pairs()
}

/// `werkzeug.http.parse_cookie` of Werkzeug 3.1.9, which takes the header as WSGI hands it over,
/// one character for each byte: `None` where Werkzeug raises `UnicodeError`, because a character
/// is no byte or the bytes are not UTF-8.
pub fn werkzeug_http_parse_cookie(header: &str) -> Option<Vec<(String, String)>> {
    let bytes: Result<Vec<u8>, _> = header.chars().map(u8::try_from).collect();
    Some(werkzeug_parse_cookie(&String::from_utf8(bytes.ok()?).ok()?))
}

/// `django.http.parse_cookie`, and Starlette's `cookie_parser`: one pair for each name, where the
/// name first stood, with the value it had last. A chunk without `=` is a value without a name.
/// Quoted values are unquoted with Python's `http.cookies._unquote`: `\ooo` is the character of
/// that number. What lies beyond [`MAX_COOKIE_HEADER`] octets is not read.
///
/// ```
/// use sessile_oracles::python_cookies::django_parse_cookie;
/// assert_eq!(django_parse_cookie("a=1; a=2"), [("a".to_owned(), "2".to_owned())]);
/// ```
pub fn django_parse_cookie(header: &str) -> Vec<(String, String)> {
    let mut pairs = IndexMap::new();
    for chunk in bounded(header).split(';') {
        let (name, value) = chunk.split_once('=').unwrap_or(("", chunk));
        let (name, value) = (name.trim_matches(is_space), value.trim_matches(is_space));
        if !(name.is_empty() && value.is_empty()) {
            pairs.insert(name.to_owned(), django_unquote(value));
        }
    }
    pairs.into_iter().collect()
}

/// The part of `header` that is read.
fn bounded(header: &str) -> &str {
    if header.len() <= MAX_COOKIE_HEADER {
        return header;
    }
    // A character takes four bytes at most, so one of these cuts is between two.
    (0..4).find_map(|back| header.get(..MAX_COOKIE_HEADER - back)).unwrap_or("")
}

/// Python's `str.isspace`.
fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}')
}

/// The number of a `\ooo` escape after its backslash: three octal digits up to `\377`.
fn octal(digits: &[u8]) -> Option<u8> {
    let [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] = digits else { return None };
    Some((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'))
}

fn django_unquote(value: &str) -> String {
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let Some(mut rest) = inner else { return value.to_owned() };
    let mut out = String::with_capacity(rest.len());
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        if let Some(number) = octal(after.as_bytes()) {
            out.push(char::from(number));
            rest = after.get(3..).unwrap_or("");
            continue;
        }
        // Any character but a newline loses the backslash before it.
        let mut chars = after.chars();
        match chars.next() {
            Some(c) if c != '\n' => {
                out.push(c);
                rest = chars.as_str();
            }
            _ => {
                out.push('\\');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// Werkzeug's grammar of a `Cookie` header, one pair at a time.
struct Reader<'h> {
    bytes: &'h [u8],
    at: usize,
    /// Bytes met inside quotes, where alone an attempt can fail after reading on.
    #[cfg(test)]
    steps: usize,
}

impl<'h> Reader<'h> {
    fn new(header: &'h str) -> Self {
        Self {
            bytes: header.as_bytes(),
            at: 0,
            #[cfg(test)]
            steps: 0,
        }
    }

    fn pairs(&mut self) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        while self.at < self.bytes.len() {
            let start = self.at;
            if let Some(pair) = self.pair() {
                pairs.push(pair);
                continue;
            }
            self.at = start;
            let Some(skip) = memchr::memchr(b';', self.rest()) else { break };
            self.at = start.saturating_add(skip).saturating_add(1);
        }
        pairs
    }

    fn rest(&self) -> &'h [u8] {
        self.bytes.get(self.at..).unwrap_or(&[])
    }

    /// Takes bytes while they fit.
    fn take(&mut self, fits: impl Fn(u8) -> bool) -> &'h [u8] {
        let rest = self.rest();
        let end = rest.iter().position(|byte| !fits(*byte)).unwrap_or(rest.len());
        self.at = self.at.saturating_add(end);
        rest.get(..end).unwrap_or(&[])
    }

    fn blanks(&mut self) {
        self.take(|byte| matches!(byte, b' ' | b'\t'));
    }

    /// Reads a pair and the `;` after it.
    fn pair(&mut self) -> Option<(String, String)> {
        self.blanks();
        let name = self.take(|byte| !matches!(byte, b' ' | b'\t' | b'=' | b'"' | b';'));
        if name.is_empty() {
            return None;
        }
        self.blanks();
        let mut value = String::new();
        if self.rest().first() == Some(&b'=') {
            self.at = self.at.saturating_add(1);
            self.blanks();
            value = if self.rest().first() == Some(&b'"') {
                self.quoted()?
            } else {
                text(self.take(|byte| !matches!(byte, b' ' | b'\t' | b'"' | b';')))
            };
            self.blanks();
        }
        match self.rest().first() {
            None => {}
            Some(b';') => self.at = self.at.saturating_add(1),
            Some(_) => return None,
        }
        Some((text(name), value))
    }

    /// Reads a quoted value: up to the next quote that no backslash precedes. A backslash before
    /// a newline ends the attempt.
    ///
    /// An attempt that fails is taken up again after the next `;`, yet the cost stays linear:
    /// another quoted value begins with a quote after `=` or a blank, and that quote, not being
    /// escaped, has ended the attempt before.
    fn quoted(&mut self) -> Option<String> {
        let mut rest = self.rest().get(1..)?;
        let mut out = Vec::new();
        loop {
            #[cfg(test)]
            {
                self.steps += 1;
            }
            match rest {
                [b'"', after @ ..] => {
                    self.at = self.bytes.len().saturating_sub(after.len());
                    return Some(text(&out));
                }
                [b'\\', b'\n', ..] | [b'\\'] | [] => return None,
                [b'\\', after @ ..] => {
                    if let Some(byte) = octal(after) {
                        out.push(byte);
                        rest = after.get(3..)?;
                    } else if let [byte, after @ ..] = after {
                        out.push(*byte);
                        rest = after;
                    }
                }
                [byte, after @ ..] => {
                    out.push(*byte);
                    rest = after;
                }
            }
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The argument of [`werkzeug_dump_cookie`] that no cookie can be made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused(pub &'static str);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no cookie can be made of this {}", self.0)
    }
}

/// `expires` of [`werkzeug_dump_cookie`].
#[derive(Clone, Copy, Debug)]
pub enum WerkzeugExpires<'a> {
    /// A moment: from `datetime`, `int` or `float`, rounded down to the second.
    At(Timestamp),
    /// Text, taken as it is.
    Text(&'a str),
}

/// The keyword arguments of [`werkzeug_dump_cookie`]; [`Default`] has Werkzeug's defaults.
#[derive(Clone, Copy, Debug)]
pub struct WerkzeugAttributes<'a> {
    /// Seconds; a `timedelta` is its `total_seconds()` without the fraction.
    pub max_age: Option<i64>,
    /// The expiry date.
    pub expires: Option<WerkzeugExpires<'a>>,
    /// Percent-encoded when written. Default: `/`.
    pub path: Option<&'a str>,
    /// Written without port and leading dots, in its `xn--` form.
    pub domain: Option<&'a str>,
    /// `Secure`.
    pub secure: bool,
    /// `HttpOnly`.
    pub httponly: bool,
    /// Adds `Expires` where only `max_age` is given. Default: true.
    pub sync_expires: bool,
    /// `Strict`, `Lax` or `None` in any letter case.
    pub samesite: Option<&'a str>,
    /// `Partitioned`; switches `Secure` on.
    pub partitioned: bool,
}

impl Default for WerkzeugAttributes<'_> {
    fn default() -> Self {
        Self {
            max_age: None,
            expires: None,
            path: Some("/"),
            domain: None,
            secure: false,
            httponly: false,
            sync_expires: true,
            samesite: None,
            partitioned: false,
        }
    }
}

/// `werkzeug.http.dump_cookie` of Werkzeug 3.1.9, except that what would make a second attribute
/// or header is refused. The text is Werkzeug's: a name outside ASCII comes as one character for
/// each byte, and the control characters 0x1A to 0x1F stay raw in a quoted value: check the text
/// before it becomes a header. (Werkzeug's warning is for a result over
/// [`FLASK_MAX_COOKIE_SIZE`](sessile_core::cookie::FLASK_MAX_COOKIE_SIZE) characters.)
///
/// # Errors
/// [`Refused`] where Werkzeug raises `ValueError` (`samesite`, a domain that is
/// none), and for a control character or `;` in the name, the domain or the text of `expires`,
/// where Werkzeug checks nothing.
pub fn werkzeug_dump_cookie(
    key: &str,
    value: &str,
    attributes: &WerkzeugAttributes<'_>,
    now: Timestamp,
) -> Result<String, Refused> {
    one_attribute("name", key)?;
    let same_site = attributes.samesite.map(SameSite::parse).transpose();
    let same_site = same_site.map_err(|_| Refused("samesite"))?;
    let mut out = String::with_capacity(key.len() + value.len() + 120);
    out.extend(key.bytes().map(char::from));
    out.push('=');
    push_value(&mut out, value);
    if let Some(domain) = attributes.domain {
        let domain = werkzeug_domain(domain)?;
        one_attribute("domain", &domain)?;
        out.push_str("; Domain=");
        out.push_str(&domain);
    }
    match (attributes.expires, attributes.max_age) {
        (Some(WerkzeugExpires::Text(text)), _) => {
            one_attribute("expires", text)?;
            out.push_str("; Expires=");
            out.push_str(text);
        }
        (Some(WerkzeugExpires::At(at)), _) => {
            out.push_str("; Expires=");
            at.push_http_date(&mut out);
        }
        (None, Some(secs)) if attributes.sync_expires => {
            out.push_str("; Expires=");
            Timestamp::from_secs(now.as_secs().saturating_add(secs)).push_http_date(&mut out);
        }
        _ => {}
    }
    // Writing to a String does not fail.
    if let Some(secs) = attributes.max_age {
        let _ = write!(out, "; Max-Age={secs}");
    }
    if attributes.secure || attributes.partitioned {
        out.push_str("; Secure");
    }
    if attributes.httponly {
        out.push_str("; HttpOnly");
    }
    if let Some(path) = attributes.path {
        out.push_str("; Path=");
        push_path(&mut out, path);
    }
    if let Some(same_site) = same_site {
        let _ = write!(out, "; SameSite={}", same_site.as_str());
    }
    if attributes.partitioned {
        out.push_str("; Partitioned");
    }
    Ok(out)
}

/// The domain without port and leading dots, in ASCII.
fn werkzeug_domain(domain: &str) -> Result<String, Refused> {
    if domain.len() > MAX_ATTRIBUTE {
        return Err(Refused("domain"));
    }
    let host = domain.split(':').next().unwrap_or("").trim_start_matches('.');
    idna::to_ascii(host).ok_or(Refused("domain"))
}

/// Refuses what would end the attribute it stands in.
fn one_attribute(what: &'static str, text: &str) -> Result<(), Refused> {
    let ends = |byte: u8| byte.is_ascii_control() || byte == b';';
    if text.bytes().any(ends) { Err(Refused(what)) } else { Ok(()) }
}

/// RFC 6265 section 4.1.1.
fn is_cookie_octet(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e)
}

/// The value as it is where RFC 6265 allows it, else quoted. Bytes 0x1A to 0x1F stay as they are
/// inside the quotes: Werkzeug's pattern ends at 0x19.
fn push_value(out: &mut String, value: &str) {
    if value.bytes().all(is_cookie_octet) {
        out.push_str(value);
        return;
    }
    out.push('"');
    for byte in value.bytes() {
        match byte {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(byte));
            }
            0..=0x19 | b',' | b';' | 0x7f..=0xff => {
                let _ = write!(out, "\\{byte:03o}");
            }
            _ => out.push(char::from(byte)),
        }
    }
    out.push('"');
}

/// `urllib.parse.quote(path, safe="%!$&'()*+,/:=@")`.
fn push_path(out: &mut String, path: &str) {
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"_.-~%!$&'()*+,/:=@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Reader;

    #[test]
    fn werkzeug_parsing_meets_each_byte_twice_at_most() {
        for unit in ["a=\"", "a=\"b;", "a=\"\\\";", "a= \"\\;", "\";", "a=\"\\\n;", "a=\"\\", ";"] {
            let header = unit.repeat(65_536 / unit.len());
            let mut reader = Reader::new(&header);
            reader.pairs();
            assert!(reader.steps <= 2 * header.len(), "{unit:?}: {}", reader.steps);
        }
    }
}
