//! Requests and responses of Python as the exchange sees them.

use sessile_core::exchange::{Headers, RequestView, ResponseHeaders, Scheme};

/// Header fields, their names in lower case.
#[derive(Default)]
pub(crate) struct Fields(Vec<(String, Vec<u8>)>);

impl Fields {
    pub(crate) fn new(fields: Vec<(String, Vec<u8>)>) -> Self {
        let lower = |(name, value): (String, _)| (name.to_ascii_lowercase(), value);
        Self(fields.into_iter().map(lower).collect())
    }
}

impl Headers for Fields {
    fn values<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| &value[..])
    }
}

/// The head of a request.
pub(crate) struct Head {
    pub(crate) method: String,
    pub(crate) is_https: bool,
    pub(crate) authority: Option<String>,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) fields: Fields,
}

impl Head {
    /// A server behind a proxy says `http` whatever the visitor's browser spoke, so only `https`
    /// is believed.
    pub(crate) fn view(&self) -> RequestView<'_, Fields> {
        RequestView {
            method: &self.method,
            scheme: self.is_https.then_some(Scheme::Https),
            authority: self.authority.as_deref(),
            path: &self.path,
            query: self.query.as_deref(),
            route: None,
            headers: &self.fields,
        }
    }
}

/// One change of a response's fields: whether others of its name give way, its name, its value.
#[derive(Clone)]
pub(crate) struct Edit(pub(crate) bool, pub(crate) String, pub(crate) Vec<u8>);

/// The fields of a response, and what is to be changed in them.
#[derive(Default)]
pub(crate) struct Response {
    fields: Fields,
    pub(crate) edits: Vec<Edit>,
}

impl Response {
    pub(crate) fn new(fields: Fields) -> Self {
        Self { fields, edits: Vec::new() }
    }
}

impl Headers for Response {
    fn values<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
        self.fields.values(name)
    }
}

impl ResponseHeaders for Response {
    fn append(&mut self, name: &'static str, value: &[u8]) {
        self.fields.0.push((name.to_owned(), value.to_owned()));
        self.edits.push(Edit(false, name.to_owned(), value.to_owned()));
    }

    fn insert(&mut self, name: &str, value: &[u8]) {
        self.fields.0.retain(|(known, _)| known != name);
        self.fields.0.push((name.to_owned(), value.to_owned()));
        self.edits.push(Edit(true, name.to_owned(), value.to_owned()));
    }
}
