//! Ids in the address or in a form: what came with a request, and what its response must say.

use std::sync::atomic::{AtomicBool, Ordering};

use http::header::{CACHE_CONTROL, HOST, LOCATION, REFERRER_POLICY};
use http::{HeaderMap, HeaderValue, Request};
use sessile_core::transport::{
    Link, Place, Sent, Told, in_query, is_within, with_id, without_id, without_this_id,
};
use sessile_core::{Engine, SessionId};

/// What a form said, left by the layer that reads forms.
#[derive(Clone)]
pub(crate) enum InForm {
    Nothing,
    One(SessionId),
    Refused,
}

/// What came with one request.
pub(crate) struct Carried {
    sent: InForm,
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
    pub(crate) fn of<B>(engine: &Engine, request: &mut Request<B>) -> Option<Box<Self>> {
        let (name, in_form, in_url) = match engine.transport().place() {
            Place::Url(name) => (name, false, true),
            Place::Form { name, in_url } => (name, true, in_url),
            _ => return None,
        };
        let form = match in_form {
            true => request.extensions_mut().remove::<InForm>(),
            false => Some(InForm::Nothing),
        };
        let in_query = match request.uri().query() {
            Some(query) if in_url => in_query(query, name),
            _ => Sent::Nothing,
        };
        let in_body = form.as_ref().map_or(Sent::Nothing, InForm::sent);
        let sent = InForm::of(in_body.and(in_query));
        Some(Box::new(Self {
            sent,
            unread: form.is_none(),
            in_address: in_query != Sent::Nothing,
            host: host(request),
            linked: AtomicBool::new(false),
        }))
    }

    pub(crate) fn sent(&self) -> Sent<'_> {
        self.sent.sent()
    }

    pub(crate) fn is_unread(&self) -> bool {
        self.unread
    }

    pub(crate) fn is_in_address(&self) -> bool {
        self.in_address
    }

    /// Notes that the page holds an id.
    pub(crate) fn note_linked(&self) {
        self.linked.store(true, Ordering::Relaxed);
    }

    /// The id that `link` speaks of.
    pub(crate) fn id<'a>(&'a self, link: &'a Link) -> Option<&'a str> {
        match link {
            Link::Nothing => None,
            Link::Sent => self.sent().one(),
            Link::Id(id) => Some(id.expose()),
        }
    }

    /// Puts the id into an address of this site, in place of an old one; takes it out where there
    /// is none, and out of addresses of other sites.
    pub(crate) fn link(&self, engine: &Engine, address: &str, link: &Link) -> String {
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
        // What was sent is not known to be an id: it must not edit more than what is named as one.
        let named = [self.sent().one(), id].into_iter().flatten();
        let mut address =
            named.fold(address.to_owned(), |made, id| without_this_id(&made, name, id));
        // What leads to a session is one that we drew, and nobody's choice of words.
        if let Link::Id(id) = link {
            address = address.replace(id.expose(), "");
        }
        address
    }

    /// What redirects carry.
    fn after(&self, told: Option<&Told>, found: Option<bool>) -> Link {
        match (told, found, &self.sent) {
            (Some(Told::Issued(id)), ..) | (None, Some(true), InForm::One(id)) => {
                Link::Id(id.clone())
            }
            (None, None, _) => Link::Sent,
            _ => Link::Nothing,
        }
    }

    /// Writes what the response must say: where to go on with the id, and that nobody else is to
    /// be told of it. `found` says whether the id that was sent led to the session, if it was tried.
    pub(crate) fn write(
        &self,
        engine: &Engine,
        response: &mut HeaderMap,
        told: Option<&Told>,
        found: Option<bool>,
        checks_origin: bool,
    ) {
        let linked = self.linked.load(Ordering::Relaxed);
        if let Some(location) = response.get(LOCATION) {
            let changed = match std::str::from_utf8(location.as_bytes()) {
                Ok(address) => self.link(engine, address, &self.after(told, found)),
                // An address in no known encoding: browsers differ in what they make of it.
                Err(_) => String::new(),
            };
            if changed.as_bytes() != location.as_bytes()
                && let Ok(mut value) = HeaderValue::try_from(changed)
            {
                value.set_sensitive(true);
                response.insert(LOCATION, value);
            }
        }
        if self.in_address || linked || told.is_some() {
            protect(response, checks_origin);
        }
    }
}

/// Keeps an address with an id from other sites and from caches. `checks_origin` says that this
/// site's own forms must say where they come from, which browsers leave out under `no-referrer`.
pub(crate) fn protect(response: &mut HeaderMap, checks_origin: bool) {
    let mut policies = response.get_all(REFERRER_POLICY).iter();
    let kept = match (policies.next(), policies.next()) {
        (Some(policy), None) => policy == "no-referrer" || policy == "same-origin",
        _ => false,
    };
    if !kept {
        let policy = if checks_origin { "same-origin" } else { "no-referrer" };
        response.insert(REFERRER_POLICY, HeaderValue::from_static(policy));
    }
    response.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

impl InForm {
    pub(crate) fn of(sent: Sent<'_>) -> Self {
        match sent {
            Sent::Nothing => Self::Nothing,
            Sent::One(id) => Self::One(SessionId::foreign(id)),
            Sent::Refused => Self::Refused,
        }
    }

    fn sent(&self) -> Sent<'_> {
        match self {
            Self::Nothing => Sent::Nothing,
            Self::One(id) => Sent::One(id.expose()),
            Self::Refused => Sent::Refused,
        }
    }
}

/// HTTP/2's authority, else `Host` (RFC 9112 section 3.2.2). Two hosts are none.
fn host<B>(request: &Request<B>) -> Option<Box<str>> {
    if let Some(authority) = request.uri().authority() {
        return Some(authority.as_str().into());
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok().map(Into::into),
        _ => None,
    }
}
