//! Ids elsewhere than in cookies: in a header field, in the address, in a form.

use std::sync::atomic::{AtomicBool, Ordering};

use super::csrf::Form;
use super::failure::{Answer, PLAIN};
use super::head::{Headers, RequestView, ResponseHeaders, no_store};
use crate::engine::Engine;
use crate::id::SessionId;
use crate::transport::{
    BEARER_ANSWER, CredentialUpdate, Link, Place, Sent, Transport, in_bearer, in_field, in_form,
    in_query, is_within, with_id, without_id, without_this_id,
};

/// The header fields of a transport that uses them.
#[derive(Clone)]
pub(super) struct HeaderField {
    /// Where requests have the id, in lower case.
    request: String,
    /// Where responses have it.
    answer: String,
    bearer: bool,
}

impl HeaderField {
    /// `None` for transports that use no field of their own.
    pub(super) fn of(transport: &Transport) -> Option<Self> {
        match transport.place() {
            Place::Header(name) => {
                let request = name.to_ascii_lowercase();
                Some(Self { answer: request.clone(), request, bearer: false })
            }
            Place::Bearer => Some(Self {
                request: "authorization".to_owned(),
                answer: BEARER_ANSWER.to_owned(),
                bearer: true,
            }),
            _ => None,
        }
    }

    /// Which field responses depend on.
    pub(super) fn request(&self) -> &str {
        &self.request
    }

    pub(super) fn read<'r>(&'r self, headers: &'r impl Headers) -> Sent<'r> {
        let values = headers.values(&self.request);
        match self.bearer {
            true => in_bearer(values),
            false => in_field(values),
        }
    }

    /// Whether the request has the field, be it empty: no browser sends it because another site
    /// asks it to, unless this site's CORS rules allow that site.
    pub(super) fn is_present<H: Headers>(&self, request: &RequestView<'_, H>) -> bool {
        match self.bearer {
            true => request.has_bearer(),
            false => request.headers.values(&self.request).next().is_some(),
        }
    }

    /// Tells the visitor the id from now on; an empty one where the session has ended.
    pub(super) fn write(&self, response: &mut impl ResponseHeaders, update: &CredentialUpdate) {
        match update {
            CredentialUpdate::Issued(id) => {
                response.insert_secret(&self.answer, id.expose().as_bytes())
            }
            CredentialUpdate::Ended => response.insert(&self.answer, b""),
        }
    }
}

/// What a form said of the session's id, as a reader of forms found it.
#[derive(Clone)]
pub struct FormCredential(InForm);

#[derive(Clone)]
enum InForm {
    Nothing,
    One(SessionId),
    Refused,
}

impl FormCredential {
    /// The request had no form to look in.
    pub fn none() -> Self {
        Self(InForm::Nothing)
    }

    /// Among the fields of a form, decoded, where `name` is the transport's field.
    pub fn find<'r>(fields: impl IntoIterator<Item = (&'r str, &'r str)>, name: &str) -> Self {
        Self::of(in_form(fields, name))
    }

    /// The answer to a request whose form could not be searched for the id.
    pub fn refusal(form: &Form) -> Answer<&'static str> {
        let mut answer = match form {
            Form::TooLarge => Answer::new(413, PLAIN, "The form is too large.\n"),
            _ => Answer::new(400, PLAIN, "The form did not arrive whole.\n"),
        };
        answer.headers.push(("referrer-policy", "no-referrer"));
        answer
    }

    fn of(sent: Sent<'_>) -> Self {
        Self(match sent {
            Sent::Nothing => InForm::Nothing,
            Sent::One(id) => InForm::One(SessionId::foreign(id)),
            Sent::Refused => InForm::Refused,
        })
    }

    fn sent(&self) -> Sent<'_> {
        match &self.0 {
            InForm::Nothing => Sent::Nothing,
            InForm::One(id) => Sent::One(id.expose()),
            InForm::Refused => Sent::Refused,
        }
    }
}

/// It may hold an id.
impl std::fmt::Debug for FormCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FormCredential(…)")
    }
}

/// What came with one request whose id travels in the address or in a form.
pub(super) struct Carried {
    sent: FormCredential,
    /// Nobody has read the form, though the id is to be found there.
    unread: bool,
    /// The address holds an id, or what was sent as one.
    in_address: bool,
    /// Which host the visitor asked for, by their own account.
    host: Option<Box<str>>,
    /// A page with an id in it was made.
    linked: AtomicBool,
}

impl Carried {
    /// `None` for other transports.
    pub(super) fn of<H: Headers>(
        engine: &Engine,
        request: &RequestView<'_, H>,
        form: Option<FormCredential>,
    ) -> Option<Box<Self>> {
        let (name, in_form, in_url) = match engine.transport().place() {
            Place::Url(name) => (name, false, true),
            Place::Form { name, in_url } => (name, true, in_url),
            _ => return None,
        };
        let form = if in_form { form } else { Some(FormCredential::none()) };
        let in_query = match request.query {
            Some(query) if in_url => in_query(query, name),
            _ => Sent::Nothing,
        };
        let in_body = form.as_ref().map_or(Sent::Nothing, FormCredential::sent);
        let sent = FormCredential::of(in_body.and(in_query));
        Some(Box::new(Self {
            sent,
            unread: form.is_none(),
            in_address: in_query != Sent::Nothing,
            host: request.host().map(Into::into),
            linked: AtomicBool::new(false),
        }))
    }

    pub(super) fn sent(&self) -> Sent<'_> {
        self.sent.sent()
    }

    pub(super) fn is_unread(&self) -> bool {
        self.unread
    }

    pub(super) fn is_in_address(&self) -> bool {
        self.in_address
    }

    /// Notes that the page holds an id.
    pub(super) fn note_linked(&self) {
        self.linked.store(true, Ordering::Relaxed);
    }

    /// The id that `link` speaks of.
    pub(super) fn id<'a>(&'a self, link: &'a Link) -> Option<&'a str> {
        match link {
            Link::Nothing => None,
            Link::Sent => self.sent().one(),
            Link::Id(id) => Some(id.expose()),
        }
    }

    /// Puts the id into an address of this site, in place of an old one; takes it out where there
    /// is none, and out of addresses of other sites.
    pub(super) fn link(&self, engine: &Engine, address: &str, link: &Link) -> String {
        let name = match engine.transport().place() {
            Place::Url(name) | Place::Form { name, in_url: true } => name,
            _ => return address.to_owned(),
        };
        let id = self.id(link);
        let host = self.host.as_deref().unwrap_or_default();
        if is_within(address, host, engine.is_secure()) {
            return match id {
                Some(id) => with_id(address, name, id),
                None => without_id(address, name),
            };
        }
        // What was sent need not be an id, so only what is named as one is taken out.
        let named = [self.sent().one(), id].into_iter().flatten();
        let mut address =
            named.fold(address.to_owned(), |made, id| without_this_id(&made, name, id));
        // An id that leads to a session is one that we drew, so it cannot be a word of the
        // application's address: it is taken out wherever it stands.
        if let Link::Id(id) = link {
            address = address.replace(id.expose(), "");
        }
        address
    }

    /// What redirects carry.
    fn after(&self, update: Option<&CredentialUpdate>, found: Option<bool>) -> Link {
        match (update, found, &self.sent.0) {
            (Some(CredentialUpdate::Issued(id)), ..) | (None, Some(true), InForm::One(id)) => {
                Link::Id(id.clone())
            }
            (None, None, _) => Link::Sent,
            _ => Link::Nothing,
        }
    }

    /// Writes what the response must say: where to go on with the id, and that nobody else is to
    /// be told of it. `found` says whether the id that was sent led to the session, if it was
    /// tried.
    pub(super) fn write(
        &self,
        engine: &Engine,
        response: &mut impl ResponseHeaders,
        update: Option<&CredentialUpdate>,
        found: Option<bool>,
        checks_origin: bool,
    ) {
        let location = response.values("location").next().map(<[u8]>::to_vec);
        if let Some(location) = location {
            let changed = match std::str::from_utf8(&location) {
                Ok(address) => self.link(engine, address, &self.after(update, found)),
                // An address in no known encoding: browsers differ in what they make of it.
                Err(_) => String::new(),
            };
            if changed.as_bytes() != location {
                response.insert_secret("location", changed.as_bytes());
            }
        }
        if self.in_address || self.linked.load(Ordering::Relaxed) || update.is_some() {
            protect(response, checks_origin);
        }
    }
}

/// Keeps an address with an id from other sites and from caches. `checks_origin` says that this
/// site's own forms must say where they come from, which browsers leave out under `no-referrer`.
fn protect(response: &mut impl ResponseHeaders, checks_origin: bool) {
    let mut policies = response.values("referrer-policy");
    let kept = match (policies.next(), policies.next()) {
        (Some(policy), None) => policy == b"no-referrer" || policy == b"same-origin",
        _ => false,
    };
    drop(policies);
    if !kept {
        let policy: &[u8] = if checks_origin { b"same-origin" } else { b"no-referrer" };
        response.insert("referrer-policy", policy);
    }
    no_store(response);
}
