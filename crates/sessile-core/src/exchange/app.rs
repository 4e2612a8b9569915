//! What all requests of one application share.

use std::fmt;
use std::sync::Arc;

use super::bounded::Bounded;
use super::credential::HeaderField;
use super::head::{Headers, RequestView, Scheme};
use super::warnings::Warnings;
use crate::Timestamp;
use crate::config::ConfigError;
use crate::engine::Engine;
use crate::event::{Event, EventKind};
use crate::runtime::{Runtime, WithClock, WithListener};
use crate::store::{AnyStore, NoStore, SessionStore, StoreError};
use crate::transaction::{Context, Renewals};

/// The rules, the store and the runtime that all requests of one application share. Clones are
/// the same.
#[derive(Clone)]
pub struct App(Arc<Shared>);

#[derive(Clone)]
struct Shared {
    engine: Arc<Engine>,
    store: Bounded,
    runtime: Arc<dyn Runtime>,
    /// Where ids travel in a header field instead of a cookie.
    header: Option<HeaderField>,
    trust_forwarded_proto: bool,
    renewals: Arc<Renewals>,
    warnings: Arc<Warnings>,
}

impl App {
    /// Sessions as `engine` rules and `store` keeps them.
    ///
    /// # Errors
    ///
    /// [`ConfigError::OutOfRange`] when a user's sessions are to be limited and the store does
    /// not know whose a session is.
    pub fn new(
        engine: Engine,
        store: AnyStore,
        runtime: impl Runtime,
    ) -> Result<Self, ConfigError> {
        let counted = engine.needs_store() && store.capabilities().directory.is_some();
        if engine.sessions_per_subject().is_some() && !counted {
            return Err(ConfigError::OutOfRange {
                setting: "sessions_per_subject",
                takes: "a number only with a store that knows which user a session belongs to",
            });
        }
        if engine.is_development() {
            tracing::warn!(
                target: "sessile",
                "development mode: session cookies travel without TLS; never use it in production"
            );
        }
        let runtime: Arc<dyn Runtime> = Arc::new(runtime);
        let store = Bounded::new(store, engine.store_timeout(), runtime.clone());
        let header = HeaderField::of(engine.transport());
        let engine = Arc::new(engine);
        let shared = Shared {
            engine,
            store,
            runtime,
            header,
            trust_forwarded_proto: false,
            renewals: Arc::default(),
            warnings: Arc::default(),
        };
        Ok(Self(Arc::new(shared)))
    }

    /// Sessions that their cookie carries whole, signed or encrypted.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the settings ask for a store.
    pub fn in_cookies(engine: Engine, runtime: impl Runtime) -> Result<Self, ConfigError> {
        if engine.needs_store() {
            return Err(ConfigError::OutOfRange {
                setting: "storage",
                takes: "SignedCookie or EncryptedCookie where no store is given",
            });
        }
        Self::new(engine, AnyStore::new(NoStore), runtime)
    }

    /// Believes the last `X-Forwarded-Proto`: requests that a proxy received in the clear have no
    /// session. Only behind a proxy that sets the field itself.
    #[must_use]
    pub fn trust_forwarded_proto(self) -> Self {
        self.change(|shared| shared.trust_forwarded_proto = true)
    }

    /// Calls `listener` with everything that happens to sessions: created, rotated, ended,
    /// refused. It runs within the request: hand slow work on.
    #[must_use]
    pub fn on_event(self, listener: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.with_runtime(|runtime| Arc::new(WithListener(runtime, listener)))
    }

    /// Replaces the runtime's clock, for tests that must not wait for a deadline.
    #[must_use]
    pub fn with_clock(self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.with_runtime(|runtime| Arc::new(WithClock(runtime, clock)))
    }

    fn with_runtime(self, change: impl FnOnce(Arc<dyn Runtime>) -> Arc<dyn Runtime>) -> Self {
        self.change(|shared| {
            shared.runtime = change(shared.runtime.clone());
            shared.store = shared.store.clone().with_runtime(shared.runtime.clone());
        })
    }

    /// What was built on the application before keeps what it was built with.
    fn change(self, change: impl FnOnce(&mut Shared)) -> Self {
        let mut shared = Arc::unwrap_or_clone(self.0);
        change(&mut shared);
        Self(Arc::new(shared))
    }

    /// Whether the two are clones of one application.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The rules that requests follow.
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// The time, by this application's clock.
    pub fn now(&self) -> Timestamp {
        self.0.runtime.now()
    }

    /// The runtime that it was given.
    pub fn runtime(&self) -> &dyn Runtime {
        &*self.0.runtime
    }

    /// The store without a bound on waiting, for what runs behind all requests.
    pub fn store(&self) -> &AnyStore {
        self.0.store.unbounded()
    }

    pub(super) fn bounded(&self) -> &Bounded {
        &self.0.store
    }

    pub(super) fn header(&self) -> Option<&HeaderField> {
        self.0.header.as_ref()
    }

    pub(super) fn context(&self) -> Context<'_> {
        Context::with_renewals(&*self.0.runtime, &self.0.renewals)
    }

    pub(super) fn warnings(&self) -> &Warnings {
        &self.0.warnings
    }

    pub(super) fn report(&self, event: &Event) {
        self.context().report(event);
    }

    pub(super) fn store_failed(&self, error: &StoreError) {
        tracing::error!(target: "sessile", %error, "session store failed");
        self.report(&Event { kind: EventKind::StoreFailed, session: None, subject: None });
    }

    /// How the request left the visitor, as far as somebody trusted says.
    pub(super) fn scheme<H: Headers>(&self, request: &RequestView<'_, H>) -> Option<Scheme> {
        request.trusted_scheme(self.0.trust_forwarded_proto)
    }

    /// Whether the visitor's side is TLS. Where nobody says, it must be if the session's cookie
    /// travels over TLS only.
    pub(super) fn is_over_tls<H: Headers>(&self, request: &RequestView<'_, H>) -> bool {
        match self.scheme(request) {
            Some(scheme) => scheme == Scheme::Https,
            None => self.0.engine.is_secure(),
        }
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("App").field(&self.0.engine).finish()
    }
}
