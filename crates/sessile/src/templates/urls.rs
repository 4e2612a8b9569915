//! `url_for`: addresses by the names of routes.

use std::collections::BTreeMap;

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Value};

/// Routes by name.
#[derive(Default)]
pub(super) struct Urls {
    routes: BTreeMap<String, String>,
}

impl Urls {
    pub(super) fn add(&mut self, name: String, path: String) {
        self.routes.insert(name, path);
    }

    pub(super) fn into_function(self, environment: &mut Environment<'static>) {
        environment.add_function("url_for", move |endpoint: &str, arguments: Kwargs| {
            self.build(endpoint, &arguments)
        });
    }

    fn build(&self, endpoint: &str, arguments: &Kwargs) -> Result<String, Error> {
        let path = self.routes.get(endpoint).ok_or_else(|| {
            let known: Vec<_> = self.routes.keys().map(String::as_str).collect();
            let known = known.join(", ");
            wrong(format!("url_for knows no route {endpoint:?}; there are: {known}"))
        })?;
        let mut url = String::with_capacity(path.len() + 16);
        let mut rest = path.as_str();
        while let Some((literal, after)) = rest.split_once('{') {
            url.push_str(literal);
            let Some((name, after)) = after.split_once('}') else {
                return Err(wrong(format!("the route {endpoint:?} is no path: {path}")));
            };
            let (name, keep_slashes) = match name.strip_prefix('*') {
                Some(name) => (name, true),
                None => (name, false),
            };
            let value: Value = arguments
                .get(name)
                .map_err(|_| wrong(format!("url_for({endpoint:?}) needs {name:?} for {path}")))?;
            let value = text(name, &value)?;
            if value.is_empty() {
                return Err(wrong(format!("url_for({endpoint:?}): {name:?} is empty")));
            }
            // Browsers take them out, however they are written, and ask for another route.
            let mut steps = value.split(|c| keep_slashes && c == '/');
            if steps.any(|step| matches!(step, "." | "..")) {
                return Err(wrong(format!(
                    "url_for({endpoint:?}): {name:?} has a step . or .., which leads elsewhere"
                )));
            }
            // Two slashes would begin another site's address.
            let value = match value.strip_prefix('/').filter(|_| url.ends_with('/')) {
                Some(rest) => {
                    url.push_str("%2F");
                    rest
                }
                None => &*value,
            };
            push(&mut url, value, keep_slashes);
            rest = after;
        }
        url.push_str(rest);
        let mut query = form_urlencoded::Serializer::new(String::new());
        let mut anchor = None;
        let names: Vec<String> = arguments.args().map(str::to_owned).collect();
        for name in names.iter().filter(|name| {
            !path.contains(&format!("{{{name}}}")) && !path.contains(&format!("{{*{name}}}"))
        }) {
            let value: Value = arguments.get(name)?;
            match (&**name, value.kind()) {
                (_, ValueKind::None | ValueKind::Undefined) => {}
                ("_anchor", _) => anchor = Some(text(name, &value)?),
                ("_external" | "_scheme" | "_method", _) => {
                    return Err(wrong(format!("url_for takes no {name:?}: addresses are paths")));
                }
                (_, ValueKind::Seq | ValueKind::Iterable) => {
                    for item in value.try_iter()? {
                        query.append_pair(name, &text(name, &item)?);
                    }
                }
                _ => {
                    query.append_pair(name, &text(name, &value)?);
                }
            }
        }
        let query = query.finish();
        if !query.is_empty() {
            url.push('?');
            url.push_str(&query);
        }
        if let Some(anchor) = anchor {
            url.push('#');
            push(&mut url, &anchor, true);
        }
        Ok(url)
    }
}

fn text(name: &str, value: &Value) -> Result<String, Error> {
    match value.kind() {
        ValueKind::String | ValueKind::Number | ValueKind::Bool => Ok(value.to_string()),
        kind => Err(wrong(format!("url_for: {name:?} is {kind}, not text or a number"))),
    }
}

fn wrong(what: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, what)
}

/// Percent-encodes what has a meaning in a path.
fn push(url: &mut String, value: &str, keep_slashes: bool) {
    use std::fmt::Write as _;
    for byte in value.bytes() {
        let plain = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'_' | b'~' | b'.')
            || keep_slashes && byte == b'/';
        match plain {
            true => url.push(char::from(byte)),
            false => {
                let _ = write!(url, "%{byte:02X}");
            }
        }
    }
}
