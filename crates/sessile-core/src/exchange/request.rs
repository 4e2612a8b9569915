//! One request's exchange: its session, empty until something asks, and what its response says.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tracing::{Instrument as _, debug_span};

use super::app::App;
use super::credential::{Carried, FormCredential};
use super::csrf::CsrfState;
use super::failure::{Answer, Failure};
use super::head::{Headers, RequestView, ResponseHeaders, Scheme, no_store};
use super::scope::Scope;
use super::shadowed;
use crate::config::{EndedMeanwhile, StoreFailure};
use crate::cookie::SetCookie;
use crate::error::{CommitError, OpenError};
use crate::session::Session;
use crate::settle::Plan;
use crate::settle::ResponsePlan;
use crate::transaction::{self, Prepared};
use crate::transport::{CredentialUpdate, Link, Sent};

/// Awaits within a span. Where nobody listens, which is most of the time,
/// without one: a future that is moved into a span is copied.
macro_rules! spanned {
    ($name:literal, $future:expr) => {{
        // A span is made only where one may be listened to, and boxed, or every future would have
        // room for it while it waits.
        if tracing::level_enabled!(tracing::Level::DEBUG) {
            let span = debug_span!(target: "sessile", $name);
            Box::pin($future).instrument(span).await
        } else {
            $future.await
        }
    }};
}

/// One request's session and what belongs to it. Clones are the same.
#[derive(Clone)]
pub struct Exchange(Arc<Inner>);

struct Inner {
    app: App,
    /// What came with the request, where ids travel in addresses or forms.
    carried: Option<Box<Carried>>,
    session: OnceLock<Opened>,
    /// The application's own cookies; absent until it sets one.
    cookies: OnceLock<Mutex<Vec<SetCookie>>>,
    /// Whether the application read a cookie, so that the response depends on it.
    cookies_read: OnceLock<()>,
    /// What handlers and middleware share; absent until one asks.
    scope: OnceLock<Box<Scope>>,
    /// What the CSRF protection knows of the request; absent where there is none.
    csrf: OnceLock<CsrfState>,
}

/// A session, and whether it may be saved.
struct Opened {
    session: Session,
    mode: Mode,
    /// The request came over plain http, and the operator has not been warned yet that browsers drop
    /// Secure cookies there.
    plain: bool,
    /// Of several cookies of its name, the one that led to it.
    found_by: Option<Box<[u8]>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Normal,
    /// The request came in the clear: whatever it does is forgotten.
    Forget,
    /// The store failed and reading as anonymous is allowed; writing is not.
    ReadOnly,
}

impl App {
    /// Begins one request. Nothing is parsed and nothing is loaded, but where ids travel in
    /// addresses or forms. `form` is what a reader of forms found; `None` where nobody looked.
    pub fn begin<H: Headers>(
        &self,
        request: &RequestView<'_, H>,
        form: Option<FormCredential>,
    ) -> Exchange {
        Exchange::new(self.clone(), Carried::of(self.engine(), request, form))
    }
}

impl Exchange {
    pub(super) fn new(app: App, carried: Option<Box<Carried>>) -> Self {
        let (session, cookies, cookies_read, scope, csrf) = Default::default();
        Self(Arc::new(Inner { app, carried, session, cookies, cookies_read, scope, csrf }))
    }

    /// The application that this is a request of.
    pub fn app(&self) -> &App {
        &self.0.app
    }

    /// What this request's handlers and middleware share: Flask's `g`.
    pub fn scope(&self) -> &Scope {
        self.0.scope.get_or_init(Box::default)
    }

    pub(super) fn csrf_state(&self) -> &OnceLock<CsrfState> {
        &self.0.csrf
    }

    /// Whether the request is under protection from forgery.
    pub fn is_protected(&self) -> bool {
        self.0.csrf.get().is_some()
    }

    pub(super) fn carried(&self) -> Option<&Carried> {
        self.0.carried.as_deref()
    }

    /// The session, opened at the first call: at most one load, and one more for each change
    /// of id that it follows. `request` is the one that this exchange began with.
    ///
    /// # Errors
    ///
    /// [`Failure`]: the store failed, or nobody read the form that holds the id.
    pub async fn session<H: Headers>(
        &self,
        request: &RequestView<'_, H>,
    ) -> Result<Session, Failure> {
        if let Some(opened) = self.0.session.get() {
            return Ok(opened.session.clone());
        }
        if let Some(csrf) = self.0.csrf.get() {
            csrf.keep_cookies(request.headers);
        }
        let opened = self.open(request).await.inspect_err(|_| {
            // If the handler answers anyway, its response depends on the cookie: `Vary` says so.
            self.note_read();
        })?;
        // Two callers at once may both load; the first to arrive has made the session.
        Ok(self.0.session.get_or_init(|| opened).session.clone())
    }

    /// The session, if something asked for it already.
    pub fn opened(&self) -> Option<&Session> {
        self.0.session.get().map(|opened| &opened.session)
    }

    async fn open<H: Headers>(&self, request: &RequestView<'_, H>) -> Result<Opened, Failure> {
        let app = &self.0.app;
        let engine = app.engine();
        if engine.is_secure() && app.scheme(request) == Some(Scheme::Http) {
            tracing::warn!(
                target: "sessile",
                "session ignored: the request came over plain http and its cookie is Secure"
            );
            return Ok(Opened {
                session: engine.anonymous(app.now()),
                mode: Mode::Forget,
                plain: false,
                found_by: None,
            });
        }
        let plain =
            engine.is_secure() && app.scheme(request).is_none() && app.warnings().is_plain(request);
        let context = app.context();
        let cookies = || request.headers.values("cookie");
        // One transport for all visitors: what else a request brings is not looked at.
        let (found, sent) = match (app.header(), self.carried()) {
            (None, None) => (engine.read(cookies()), Sent::Nothing),
            (Some(header), _) => (engine.read([]), header.read(request.headers)),
            (None, Some(carried)) if carried.is_unread() => return Err(Failure::FormsUnread),
            (None, Some(carried)) => (engine.read([]), carried.sent()),
        };
        if sent == Sent::Refused {
            return Ok(Opened {
                session: transaction::refused(engine, &context),
                mode: Mode::Normal,
                plain,
                found_by: None,
            });
        }
        let chunks = engine.gather(&found, cookies);
        if found.oversized {
            tracing::warn!(target: "sessile", "the request's cookies take more than 8 KiB");
        }
        let credential = sent.one().map(str::as_bytes).or(chunks.value(&found));
        // Boxed by itself: the handler's future, which frameworks box, would be over a KiB with
        // it, and one such block takes glibc's allocator longer than two smaller ones.
        let several = match found.has_duplicates() {
            true => shadowed::values(engine, cookies()),
            false => Vec::new(),
        };
        let opening = Box::pin(async {
            if !several.is_empty()
                && let Some((session, value)) =
                    shadowed::first_found(app, several, &context).await?
            {
                return Ok((session, Some(value.into_boxed_slice())));
            }
            let session = transaction::open(engine, app.bounded(), credential, &context).await?;
            Ok((session, None))
        });
        let opened = spanned!("session_load", opening);
        match opened {
            Ok((session, found_by)) => {
                if found.has_duplicates() && !session.was_found() {
                    app.warnings().shadowed(engine.cookie_name(), false);
                }
                chunks.mark(&session);
                Ok(Opened { session, mode: Mode::Normal, plain, found_by })
            }
            Err(OpenError::Store(error))
                if engine.store_failure() == StoreFailure::ReadAsAnonymous =>
            {
                app.store_failed(&error);
                Ok(Opened {
                    session: engine.anonymous(app.now()),
                    mode: Mode::ReadOnly,
                    plain: false,
                    found_by: None,
                })
            }
            Err(error) => {
                if let OpenError::Store(error) = &error {
                    app.store_failed(error);
                }
                Err(Failure::Open(Arc::new(error)))
            }
        }
    }

    /// Whether nothing is to be done before the response leaves.
    pub fn is_untouched(&self) -> bool {
        let inner = &*self.0;
        inner.session.get().is_none()
            && inner.cookies.get().is_none()
            && inner.cookies_read.get().is_none()
            && !self.is_in_address()
    }

    /// Whether the request's address holds an id.
    fn is_in_address(&self) -> bool {
        self.carried().is_some_and(Carried::is_in_address)
    }

    /// The id for the links and forms of a page, where they carry one.
    pub(super) fn link(&self) -> Link {
        let (Some(carried), Some(opened)) = (self.carried(), self.0.session.get()) else {
            return Link::Nothing;
        };
        let app = &self.0.app;
        let link = match opened.mode {
            Mode::Forget => Link::Nothing,
            Mode::ReadOnly => Link::Sent,
            Mode::Normal => {
                let mut random = |bytes: &mut [u8]| app.runtime().random(bytes);
                let link = app.engine().link(&opened.session, app.now(), &mut random);
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

    /// Saves the session and writes what its response must say. `status` is the response's.
    ///
    /// # Errors
    ///
    /// [`Failure`]: the response must not be the handler's, for its changes are not saved. Send
    /// [`refusal`](Self::refusal) instead.
    pub async fn finish(
        &self,
        status: u16,
        response: &mut impl ResponseHeaders,
    ) -> Result<(), Failure> {
        match self.close(status, response)? {
            None => Ok(()),
            // Boxed, so that the many requests that end before it carry no room for it.
            Some(save) => Box::pin(save.run(response)).await,
        }
    }

    /// The part of [`finish`](Self::finish) before anything is awaited: most requests end here.
    /// Where the store must be told, what it returns does that.
    ///
    /// # Errors
    ///
    /// As for [`finish`](Self::finish).
    pub fn close(
        &self,
        status: u16,
        response: &mut impl ResponseHeaders,
    ) -> Result<Option<Save>, Failure> {
        if self.is_untouched() {
            return Ok(None);
        }
        let app = &self.0.app;
        let server_error = (500..600).contains(&status);
        let mut update = None;
        if let Some(Opened { session, mode, .. }) = self.0.session.get() {
            match mode {
                Mode::Normal => {
                    if let Some(csrf) = self.0.csrf.get() {
                        csrf.before_saving(self, session);
                    }
                    match transaction::prepare(app.engine(), session, server_error, &app.context())
                    {
                        Ok(Prepared::Done(committed)) => {
                            update = self.write(response, committed);
                        }
                        Ok(Prepared::Planned(plan)) => {
                            let exchange = self.clone();
                            return Ok(Some(Save { exchange, plan, server_error }));
                        }
                        Err(error) => self.not_saved(error, response)?,
                    }
                }
                Mode::Forget => session.seal(),
                Mode::ReadOnly => {
                    session.seal();
                    self.vary(response);
                    if session.is_modified() && !server_error {
                        return Err(Failure::StoreDown);
                    }
                }
            }
        }
        self.conclude(response, update.as_ref());
        Ok(None)
    }

    /// What goes with the response besides what the session's plan says.
    fn conclude(&self, response: &mut impl ResponseHeaders, update: Option<&CredentialUpdate>) {
        if let Some(carried) = self.carried() {
            let found = match self.0.session.get() {
                Some(Opened { mode: Mode::Forget, .. }) => Some(false),
                Some(Opened { mode: Mode::Normal, session, .. }) => Some(session.was_found()),
                Some(Opened { mode: Mode::ReadOnly, .. }) | None => None,
            };
            let checks_origin = self.0.csrf.get().is_some();
            carried.write(self.0.app.engine(), response, update, found, checks_origin);
        }
        if let Some(Opened { mode: Mode::Normal, session, found_by: Some(value), .. }) =
            self.0.session.get()
        {
            shadowed::mend(&self.0.app, response, session, value);
        }
        if self.0.cookies_read.get().is_some() {
            response.vary_on("cookie");
            if let Some(header) = self.0.app.header() {
                response.vary_on(header.request());
            }
        }
        let Some(queue) = self.0.cookies.get() else { return };
        for cookie in lock(queue).drain(..) {
            set_cookie(response, &cookie);
            // A cache would give the cookie to others, and with it, say, the secret of this
            // visitor's forms.
            if self.0.app.engine().no_store() {
                no_store(response);
            }
        }
    }

    /// Writes what the session's plan says. Returns what is told elsewhere than in a cookie.
    fn write(
        &self,
        response: &mut impl ResponseHeaders,
        committed: ResponsePlan,
    ) -> Option<CredentialUpdate> {
        if committed.vary {
            self.vary(response);
        }
        if committed.cookie.is_some() && self.0.session.get().is_some_and(|it| it.plain) {
            self.0.app.warnings().secure_in_the_clear();
        }
        committed.cookie.iter().chain(&committed.parts).for_each(|it| set_cookie(response, it));
        if committed.no_store {
            // RFC 9111 §7.3: Set-Cookie by itself does not keep a response out of a
            // shared cache, so whatever the handler allowed is taken back.
            no_store(response);
        }
        if committed.clear_site_data {
            response.insert("clear-site-data", b"\"cookies\", \"storage\"");
        }
        if let (Some(update), Some(header)) = (&committed.update, self.0.app.header()) {
            header.write(response, update);
        }
        committed.update
    }

    /// The response depends on the session, and so on what carries its id.
    fn vary(&self, response: &mut impl ResponseHeaders) {
        let app = &self.0.app;
        match app.header() {
            Some(header) => response.vary_on(header.request()),
            None if app.engine().transport().is_cookie() => response.vary_on("cookie"),
            // What carries the id is no field that `Vary` could name.
            None => no_store(response),
        }
    }

    /// What becomes of the response when its session could not be saved.
    fn not_saved(
        &self,
        error: CommitError,
        response: &mut impl ResponseHeaders,
    ) -> Result<(), Failure> {
        let app = &self.0.app;
        if let CommitError::Store(error) = &error {
            app.store_failed(error);
        }
        let ended = matches!(error, CommitError::Ended);
        if ended && app.engine().ended_meanwhile() == EndedMeanwhile::KeepResponse {
            self.vary(response);
            return Ok(());
        }
        Err(Failure::Commit(Arc::new(error)))
    }

    /// The response in place of the handler's, and its fields. Logs why.
    pub fn refusal(&self, failure: &Failure) -> Answer<&'static str> {
        let mut answer = failure.answer();
        if self.is_in_address() {
            answer.headers.push(("referrer-policy", "no-referrer"));
        }
        answer
    }

    /// Notes that the application read a cookie of its own.
    pub(super) fn note_read(&self) {
        self.0.cookies_read.get_or_init(|| ());
    }

    /// Keeps a cookie of the application's for the response; the last one of a name counts.
    pub(super) fn queue_cookie(&self, cookie: SetCookie) {
        let mut queue = lock(self.0.cookies.get_or_init(Mutex::default));
        queue.retain(|queued| queued.name() != cookie.name());
        queue.push(cookie);
    }
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange").field("untouched", &self.is_untouched()).finish_non_exhaustive()
    }
}

/// A session that the store must be told of before the response leaves.
#[must_use = "the session is not saved until this is run"]
pub struct Save {
    exchange: Exchange,
    plan: Box<Plan>,
    server_error: bool,
}

impl Save {
    /// Saves the session and writes what the response must say. Dropped at an await, the write in
    /// flight happened whole or not at all.
    ///
    /// # Errors
    ///
    /// As for [`Exchange::finish`].
    pub async fn run(self, response: &mut impl ResponseHeaders) -> Result<(), Failure> {
        let Self { exchange, plan, server_error } = self;
        let app = &exchange.0.app;
        let Some(Opened { session, .. }) = exchange.0.session.get() else { return Ok(()) };
        let context = app.context();
        let saved = spanned!(
            "session_save",
            transaction::execute(
                app.engine(),
                app.bounded(),
                session,
                plan,
                server_error,
                &context
            )
        );
        let mut update = None;
        match saved {
            Ok(committed) => update = exchange.write(response, committed),
            Err(error) => exchange.not_saved(error, response)?,
        }
        exchange.conclude(response, update.as_ref());
        Ok(())
    }

    /// The exchange that is saved.
    pub fn exchange(&self) -> &Exchange {
        &self.exchange
    }
}

impl std::fmt::Debug for Save {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Save")
    }
}

/// Adds a cookie as a field of its own: several are never joined by commas (RFC 6265bis §3).
fn set_cookie(response: &mut impl ResponseHeaders, cookie: &SetCookie) {
    response.append("set-cookie", cookie.as_bytes());
}

/// A panic while it was held left every cookie whole.
fn lock(queue: &Mutex<Vec<SetCookie>>) -> MutexGuard<'_, Vec<SetCookie>> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}
