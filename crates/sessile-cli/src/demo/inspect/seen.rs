//! One request and its answer, without anything that opens something.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::Response;
use minijinja::{Value, context};
use sessile::Timestamp;
use sessile::csrf::native;

use super::Notes;
use crate::demo::devices::moment;
use crate::demo::guard;
use crate::human;

/// What is shown of anything is no longer than this many characters.
const SHOWN: usize = 100;

/// A line of a list.
struct Line {
    name: String,
    text: String,
}

impl Line {
    fn shown(lines: &[Self]) -> Value {
        let shown = lines.iter().map(|it| context! { name => &*it.name, text => &*it.text });
        shown.collect::<Vec<_>>().into()
    }
}

/// What a request carried.
pub(super) struct Asked {
    at: Timestamp,
    method: String,
    path: String,
    fields: Vec<Line>,
    cookies: Vec<Line>,
    is_safe: bool,
    /// Whether the layer asks for a token here.
    guarded: Guarded,
}

#[derive(Clone, Copy)]
enum Guarded {
    ByToken,
    ByOrigin,
    No,
}

/// A request that was answered.
pub(super) struct Seen {
    asked: Asked,
    notes: Notes,
    status: u16,
    set_cookies: Vec<Line>,
    answer: Vec<Line>,
    proof: &'static str,
}

impl Asked {
    pub(super) fn of(request: &Request) -> Self {
        let (uri, headers) = (request.uri(), request.headers());
        // Of parameters the names: a value may be a secret.
        let names = uri.query().into_iter().flat_map(|query| query.split('&'));
        let names: Vec<_> = names.filter_map(|pair| pair.split('=').next()).collect();
        let query = if names.is_empty() { String::new() } else { format!("?{}", names.join("&")) };
        let guarded = match uri.path() {
            guard::API => Guarded::ByOrigin,
            path if path == crate::demo::bank::OPEN => Guarded::No,
            _ => Guarded::ByToken,
        };
        Self {
            at: human::now(),
            method: cut(request.method().as_str()),
            path: cut(&format!("{}{query}", uri.path())),
            fields: fields(headers),
            cookies: cookies(headers),
            is_safe: request.method().is_safe(),
            guarded,
        }
    }
}

impl Seen {
    pub(super) fn new(
        asked: Asked,
        notes: Notes,
        response: &Response,
        proof: &'static str,
    ) -> Self {
        let headers = response.headers();
        let set = headers.get_all(header::SET_COOKIE).iter();
        let set_cookies = set.filter_map(|value| Some(set_cookie(value.to_str().ok()?))).collect();
        let names = [header::LOCATION, header::VARY, header::CACHE_CONTROL];
        let answer = names.iter().filter_map(|name| line(headers, name)).collect();
        let status = response.status().as_u16();
        Self { asked, notes, status, set_cookies, answer, proof }
    }

    pub(super) fn shown(&self) -> Value {
        let (asked, notes) = (&self.asked, &self.notes);
        let (verdict, why) = self.decision();
        let trips =
            notes.trips.iter().map(|(call, came)| context! { call => *call, came => *came });
        context! {
            at => moment(Some(asked.at), human::now()),
            method => &*asked.method,
            path => &*asked.path,
            status => self.status,
            failed => self.status >= 400,
            fields => Line::shown(&asked.fields),
            cookies => Line::shown(&asked.cookies),
            trips => trips.collect::<Vec<_>>(),
            events => notes.events.clone(),
            verdict => verdict,
            why => why,
            set_cookies => Line::shown(&self.set_cookies),
            answer => Line::shown(&self.answer),
        }
    }

    /// What the CSRF layer decided, in a word and with its reason.
    fn decision(&self) -> (&'static str, String) {
        if let Some(why) = &self.notes.refused {
            return ("refused", why.clone());
        }
        let because = match (self.asked.is_safe, self.asked.guarded) {
            (_, Guarded::No) => "this address is left unprotected on purpose",
            (true, _) => return ("not asked", format!("{} only looks", self.asked.method)),
            _ if !self.notes.let_in => return ("not asked", "it did not get that far".to_owned()),
            (false, Guarded::ByOrigin) => "this site’s own script sent it",
            (false, Guarded::ByToken) => self.proof,
        };
        let verdict =
            if matches!(self.asked.guarded, Guarded::No) { "not asked" } else { "let in" };
        (verdict, because.to_owned())
    }
}

/// What browsers say of where a request comes from, and what it is.
fn fields(headers: &HeaderMap) -> Vec<Line> {
    let names = [
        header::HOST,
        HeaderName::from_static("sec-fetch-site"),
        HeaderName::from_static("sec-fetch-mode"),
        header::ORIGIN,
        header::REFERER,
        header::CONTENT_TYPE,
        header::CONTENT_LENGTH,
    ];
    let mut fields: Vec<Line> = names.iter().filter_map(|name| line(headers, name)).collect();
    for name in native::HEADERS {
        if let Some(value) = headers.get(name) {
            fields.push(Line { name: name.to_owned(), text: format!("{} bytes", value.len()) });
        }
    }
    fields
}

fn line(headers: &HeaderMap, name: &HeaderName) -> Option<Line> {
    let value = headers.get(name)?.to_str().ok()?;
    // Addresses without their parameters, whose values may be secrets.
    let value = value.split(['?', '#']).next().unwrap_or_default();
    Some(Line { name: name.as_str().to_owned(), text: cut(value) })
}

fn cookies(headers: &HeaderMap) -> Vec<Line> {
    let fields = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = fields.flat_map(|field| field.split("; ")).take(20);
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or(("", pair));
        Line { name: cut(name), text: bytes(value.len()) }
    };
    pairs.map(pair).collect()
}

/// Name, size and attributes of a `Set-Cookie`.
fn set_cookie(value: &str) -> Line {
    let mut parts = value.split("; ");
    let (name, value) = parts.next().and_then(|pair| pair.split_once('=')).unwrap_or_default();
    let attributes: Vec<&str> = parts.collect();
    let gone = attributes.iter().any(|it| it.eq_ignore_ascii_case("Max-Age=0"));
    let size = if gone { "taken back".to_owned() } else { bytes(value.len()) };
    let words: Vec<String> = std::iter::once(size).chain(attributes.into_iter().map(cut)).collect();
    Line { name: cut(name), text: words.join(" · ") }
}

fn bytes(count: usize) -> String {
    format!("{count} {}", if count == 1 { "byte" } else { "bytes" })
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::response::IntoResponse as _;

    use super::*;

    #[test]
    fn r16_the_inspector_shows_no_value_that_opens_anything() {
        let request = Request::builder()
            .method("POST")
            .uri("/x?token=s3cret&b")
            .header("cookie", "id=s3cret; csrf=s3cret")
            .header("x-csrftoken", "s3cret")
            .header("referer", "http://x/y?key=s3cret#s3cret")
            .header("authorization", "Bearer s3cret")
            .body(Body::empty())
            .unwrap();
        let answer = [("set-cookie", "id=s3cret; Path=/; HttpOnly"), ("location", "/?k=s3cret")];
        let answer = answer.into_response();
        let seen = Seen::new(Asked::of(&request), Notes::default(), &answer, "proof");
        let shown = serde_json::to_string(&seen.shown()).unwrap();
        assert!(!shown.contains("s3cret"), "{shown}");
        for part in ["/x?token&b", "6 bytes · Path=/ · HttpOnly", "http://x/y", "x-csrftoken"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
    }

    #[test]
    fn a_cookie_that_is_taken_back_says_so() {
        let line = set_cookie("id=; Path=/; Max-Age=0; Secure");
        assert_eq!(line.text, "taken back · Path=/ · Max-Age=0 · Secure");
    }

    #[test]
    fn long_things_are_cut_between_characters() {
        assert_eq!(cut(&"é".repeat(SHOWN + 1)).chars().count(), SHOWN + 1);
        assert_eq!(cut("short"), "short");
    }
}
