//! One request's place for its session: empty until something asks.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use http::{Extensions, HeaderMap, HeaderValue, header};
use sessile_core::drive::{self, Committed, Prepared, World as _};
use sessile_core::{
    CommitError, EndedMeanwhile, Engine, OpenError, Plan, Session, SetCookie, StoreFailure,
    Transport,
};
use tracing::{Instrument as _, debug_span};

use crate::bounded::Bounded;
use crate::failure::Failure;
use crate::g::Scope;
use crate::headers;
use crate::transport::{Carried, Fields, Link, Sent, Told};
use crate::world::{Live, Surroundings};

/// Awaits within a span. Where nobody listens, which is most of the time,
/// without one: a future that is moved into a span is copied.
macro_rules! spanned {
    ($name:literal, $future:expr) => {{
        let span = debug_span!(target: "sessile", $name);
        if span.is_disabled() { $future.await } else { Box::pin($future).instrument(span).await }
    }};
}

/// What all requests of one layer share.
pub(crate) struct Shared {
    pub(crate) engine: Arc<Engine>,
    pub(crate) store: Bounded,
    pub(crate) surroundings: Surroundings,
    /// Where ids travel in a header field instead of a cookie.
    pub(crate) fields: Option<Fields>,
    pub(crate) trust_forwarded_proto: bool,
}

/// How a request reached the server, as a trusted part of the stack knows it.
///
/// Put it into a request's extensions where TLS ends. Sessions whose cookie is
/// `Secure` are neither honoured nor set on [`Scheme::Http`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

/// The place itself. Clones are the same place.
#[derive(Clone)]
pub(crate) struct Slot(Arc<Place>);

struct Place {
    shared: Arc<Shared>,
    /// What came with the request, where ids travel in addresses or forms.
    carried: Option<Box<Carried>>,
    session: OnceLock<Opened>,
    /// The application's own; absent until it sets one.
    cookies: OnceLock<Mutex<Vec<SetCookie>>>,
    /// Whether the application read one, so that the response depends on it.
    cookies_read: OnceLock<()>,
    /// What handlers and middleware share; absent until one asks.
    scope: OnceLock<Box<Scope>>,
    /// What the CSRF layer knows of the request.
    #[cfg(feature = "csrf")]
    csrf: OnceLock<crate::csrf::Visit>,
}

/// A session, and whether it may be saved.
struct Opened {
    session: Session,
    mode: Mode,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Normal,
    /// The request came in the clear: whatever it does is forgotten.
    Forget,
    /// The store failed and reading as anonymous is allowed; writing is not.
    ReadOnly,
}

impl Slot {
    pub(crate) fn new(shared: Arc<Shared>, carried: Option<Box<Carried>>) -> Self {
        let (session, cookies, cookies_read, scope) = Default::default();
        #[cfg(feature = "csrf")]
        let csrf = OnceLock::new();
        Self(Arc::new(Place {
            shared,
            carried,
            session,
            cookies,
            cookies_read,
            scope,
            #[cfg(feature = "csrf")]
            csrf,
        }))
    }

    /// What the CSRF layer noted of this request, if there is one.
    #[cfg(feature = "csrf")]
    pub(crate) fn csrf(&self) -> &OnceLock<crate::csrf::Visit> {
        &self.0.csrf
    }

    /// Whether no other site can have sent this: its credential is in a header field, which no
    /// browser adds by itself.
    #[cfg(feature = "csrf")]
    pub(crate) fn is_beyond_forgery(&self, headers: &HeaderMap) -> bool {
        self.0.shared.fields.as_ref().is_some_and(|fields| fields.is_present(headers))
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    /// What this request's handlers and middleware share.
    pub(crate) fn scope(&self) -> &Scope {
        self.0.scope.get_or_init(Box::default)
    }

    /// The session, opened at the first call.
    pub(crate) async fn session(
        &self,
        headers: &HeaderMap,
        extensions: &Extensions,
    ) -> Result<Session, Failure> {
        if let Some(opened) = self.0.session.get() {
            return Ok(opened.session.clone());
        }
        #[cfg(feature = "csrf")]
        if let Some(visit) = self.0.csrf.get() {
            visit.keep_cookies(headers);
        }
        let opened = self.open(headers, extensions).await.inspect_err(|_| {
            // A handler that answers all the same answers because of a credential.
            self.note_read();
        })?;
        // Two extractors at once may both load; the first to arrive has made the session.
        Ok(self.0.session.get_or_init(|| opened).session.clone())
    }

    /// The session, if something asked for it already.
    #[cfg(feature = "csrf")]
    pub(crate) fn opened(&self) -> Option<&Session> {
        self.0.session.get().map(|opened| &opened.session)
    }

    async fn open(&self, headers: &HeaderMap, extensions: &Extensions) -> Result<Opened, Failure> {
        let shared = &*self.0.shared;
        let engine = &shared.engine;
        if engine.is_secure() && shared.came_in_the_clear(headers, extensions) {
            tracing::warn!(
                target: "sessile",
                "session ignored: the request came over plain http and its cookie is Secure"
            );
            return Ok(Opened {
                session: engine.anonymous(shared.surroundings.now()),
                mode: Mode::Forget,
            });
        }
        let mut world = Live(&shared.surroundings);
        let cookies = || headers.get_all(header::COOKIE).iter().map(|field| field.as_bytes());
        // One transport for all visitors: what else a request brings is not looked at.
        let (found, sent) = match (&shared.fields, &self.0.carried) {
            (None, None) => (engine.read(cookies()), Sent::Nothing),
            (Some(fields), _) => (engine.read([]), fields.read(headers)),
            (None, Some(carried)) if carried.is_unread() => return Err(Failure::FormsUnread),
            (None, Some(carried)) => (engine.read([]), carried.sent()),
        };
        if sent == Sent::Refused {
            return Ok(Opened { session: drive::refused(engine, &mut world), mode: Mode::Normal });
        }
        let chunks = engine.gather(&found, cookies());
        if found.oversized {
            tracing::warn!(target: "sessile", "the request's cookies take more than 8 KiB");
        }
        let credential = sent.one().map(str::as_bytes).or(chunks.value(&found));
        match spanned!("session_load", drive::open(engine, &shared.store, credential, &mut world)) {
            Ok(session) => {
                chunks.mark(&session);
                Ok(Opened { session, mode: Mode::Normal })
            }
            Err(OpenError::Store(error))
                if engine.store_failure() == StoreFailure::ReadAsAnonymous =>
            {
                shared.surroundings.store_failed(&error);
                Ok(Opened {
                    session: engine.anonymous(shared.surroundings.now()),
                    mode: Mode::ReadOnly,
                })
            }
            Err(error) => {
                if let OpenError::Store(error) = &error {
                    shared.surroundings.store_failed(error);
                }
                Err(Failure::Open(Arc::new(error)))
            }
        }
    }

    /// Whether anything is to be done before the response leaves.
    pub(crate) fn is_untouched(&self) -> bool {
        let place = &*self.0;
        place.session.get().is_none()
            && place.cookies.get().is_none()
            && place.cookies_read.get().is_none()
            && !self.is_in_address()
    }

    /// Whether the request's address holds an id.
    pub(crate) fn is_in_address(&self) -> bool {
        self.0.carried.as_ref().is_some_and(|carried| carried.is_in_address())
    }

    /// What came with the request, where ids travel in addresses or forms.
    pub(crate) fn carried(&self) -> Option<&Carried> {
        self.0.carried.as_deref()
    }

    /// The id for the links and forms of a page, where they carry one.
    pub(crate) fn link(&self) -> Link {
        let place = &*self.0;
        let (Some(carried), Some(opened)) = (&place.carried, place.session.get()) else {
            return Link::Nothing;
        };
        let link = match opened.mode {
            Mode::Forget => Link::Nothing,
            Mode::ReadOnly => Link::Sent,
            Mode::Normal => {
                let surroundings = &place.shared.surroundings;
                let mut random = |bytes: &mut [u8]| Live(surroundings).random(bytes);
                let link =
                    place.shared.engine.link(&opened.session, surroundings.now(), &mut random);
                link.unwrap_or_else(|error| {
                    tracing::error!(target: "sessile", %error, "a link without its session");
                    Link::Nothing
                })
            }
        };
        if carried.id(&link).is_some() {
            carried.note_linked();
        }
        link
    }

    /// Settles the session. Most requests end here; where the store must be
    /// told, [`save`](Self::save) follows.
    pub(crate) fn close(
        &self,
        server_error: bool,
        response: &mut HeaderMap,
    ) -> Result<Closed, Failure> {
        let shared = &*self.0.shared;
        let mut told = None;
        if let Some(Opened { session, mode }) = self.0.session.get() {
            match mode {
                Mode::Normal => {
                    #[cfg(feature = "csrf")]
                    if let Some(visit) = self.0.csrf.get() {
                        visit.before_saving(self, session);
                    }
                    let mut world = Live(&shared.surroundings);
                    match drive::prepare(&shared.engine, session, server_error, &mut world) {
                        Ok(Prepared::Committed(committed)) => {
                            shared.write(response, &committed);
                            told = committed.told;
                        }
                        Ok(Prepared::Planned(plan)) => return Ok(Closed::Planned(plan)),
                        Err(error) => shared.not_saved(error, response)?,
                    }
                }
                Mode::Forget => session.seal(),
                Mode::ReadOnly => {
                    session.seal();
                    shared.vary(response);
                    if session.is_modified() && !server_error {
                        return Err(Failure::StoreDown);
                    }
                }
            }
        }
        self.finish(response, told.as_ref());
        Ok(Closed::Done)
    }

    /// Carries the plan out and writes the headers.
    pub(crate) async fn save(
        self,
        plan: Box<Plan>,
        server_error: bool,
        mut response: HeaderMap,
    ) -> Result<HeaderMap, Failure> {
        let shared = &*self.0.shared;
        let Some(Opened { session, .. }) = self.0.session.get() else { return Ok(response) };
        let mut world = Live(&shared.surroundings);
        let (engine, store) = (&*shared.engine, &shared.store);
        let saved = spanned!(
            "session_save",
            drive::execute(engine, store, session, plan, server_error, &mut world)
        );
        let mut told = None;
        match saved {
            Ok(committed) => {
                shared.write(&mut response, &committed);
                told = committed.told;
            }
            Err(error) => shared.not_saved(error, &mut response)?,
        }
        self.finish(&mut response, told.as_ref());
        Ok(response)
    }

    /// What goes with the response besides what the session's plan says.
    fn finish(&self, response: &mut HeaderMap, told: Option<&Told>) {
        if let Some(carried) = &self.0.carried {
            let found = match self.0.session.get() {
                Some(Opened { mode: Mode::Forget, .. }) => Some(false),
                Some(Opened { mode: Mode::Normal, session }) => Some(session.was_found()),
                Some(Opened { mode: Mode::ReadOnly, .. }) | None => None,
            };
            #[cfg(feature = "csrf")]
            let checks_origin = self.0.csrf.get().is_some();
            #[cfg(not(feature = "csrf"))]
            let checks_origin = false;
            carried.write(&self.0.shared.engine, response, told, found, checks_origin);
        }
        if self.0.cookies_read.get().is_some() {
            headers::vary_on(response, &header::COOKIE);
            if let Some(fields) = &self.0.shared.fields {
                headers::vary_on(response, fields.request());
            }
        }
        let Some(queue) = self.0.cookies.get() else { return };
        for cookie in lock(queue).drain(..) {
            headers::set_cookie(response, &cookie);
            // Whoever else were given this answer would be given the cookie: with it the secret of
            // the visitor's forms, say.
            if self.0.shared.engine.no_store() {
                response.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            }
        }
    }

    /// Notes that the application read a cookie of its own.
    pub(crate) fn note_read(&self) {
        self.0.cookies_read.get_or_init(|| ());
    }

    /// Keeps a cookie of the application's for the response; the last one of a name counts.
    pub(crate) fn queue_cookie(&self, cookie: SetCookie) {
        let mut queue = lock(self.0.cookies.get_or_init(Mutex::default));
        queue.retain(|queued| queued.name() != cookie.name());
        queue.push(cookie);
    }
}

/// A panic while it was held left every cookie whole.
fn lock(queue: &Mutex<Vec<SetCookie>>) -> MutexGuard<'_, Vec<SetCookie>> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What [`Slot::close`] comes to.
pub(crate) enum Closed {
    /// The headers are written.
    Done,
    /// The store must be told first.
    Planned(Box<Plan>),
}

impl Shared {
    fn write(&self, response: &mut HeaderMap, committed: &Committed) {
        if committed.vary {
            self.vary(response);
        }
        headers::write(response, committed);
        if let (Some(told), Some(fields)) = (&committed.told, &self.fields) {
            fields.write(response, told);
        }
    }

    /// The response depends on the session, and so on what carries its id.
    fn vary(&self, response: &mut HeaderMap) {
        if self.fields.is_none() && *self.engine.transport() != Transport::cookie() {
            // What carries the id is no field that `Vary` could name.
            response.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            return;
        }
        let field = self.fields.as_ref().map_or(&header::COOKIE, Fields::request);
        headers::vary_on(response, field);
    }

    /// What becomes of the response when its session could not be saved.
    fn not_saved(&self, error: CommitError, response: &mut HeaderMap) -> Result<(), Failure> {
        if let CommitError::Store(error) = &error {
            self.surroundings.store_failed(error);
        }
        let ended = matches!(error, CommitError::Ended);
        if ended && self.engine.ended_meanwhile() == EndedMeanwhile::KeepResponse {
            self.vary(response);
            return Ok(());
        }
        Err(Failure::Commit(Arc::new(error)))
    }

    fn came_in_the_clear(&self, headers: &HeaderMap, extensions: &Extensions) -> bool {
        self.scheme(headers, extensions) == Some(Scheme::Http)
    }

    /// How the request left the visitor, as far as somebody trusted says.
    pub(crate) fn scheme(&self, headers: &HeaderMap, extensions: &Extensions) -> Option<Scheme> {
        if let Some(scheme) = extensions.get::<Scheme>() {
            return Some(*scheme);
        }
        if !self.trust_forwarded_proto {
            return None;
        }
        // The last value is the nearest proxy's; earlier ones may be the visitor's.
        let forwarded = headers.get_all("x-forwarded-proto").iter().next_back()?;
        let last = forwarded.as_bytes().rsplit(|&byte| byte == b',').next();
        let secure = last.unwrap_or_default().trim_ascii().eq_ignore_ascii_case(b"https");
        Some(if secure { Scheme::Https } else { Scheme::Http })
    }
}
