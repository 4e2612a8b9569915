//! One request's place for its session: empty until something asks.

use std::sync::{Arc, Mutex, PoisonError};

use http::{Extensions, HeaderMap, header};
use sessile_core::{
    AnyStore, CommitError, EndedMeanwhile, Engine, OpenError, Session, SetCookie, StoreFailure,
    drive,
};
use tokio::sync::OnceCell;

use crate::failure::Failure;
use crate::headers;
use crate::world::{Live, Surroundings};

/// What all requests of one layer share.
pub(crate) struct Shared {
    pub(crate) engine: Arc<Engine>,
    pub(crate) store: AnyStore,
    pub(crate) surroundings: Surroundings,
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
    session: OnceCell<Opened>,
    cookies: Mutex<Vec<SetCookie>>,
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
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let (session, cookies) = (OnceCell::new(), Mutex::new(Vec::new()));
        Self(Arc::new(Place { shared, session, cookies }))
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    /// The session, opened at the first call.
    pub(crate) async fn session(
        &self,
        headers: &HeaderMap,
        extensions: &Extensions,
    ) -> Result<Session, Failure> {
        let opened = self.0.session.get_or_try_init(|| self.open(headers, extensions)).await?;
        Ok(opened.session.clone())
    }

    async fn open(&self, headers: &HeaderMap, extensions: &Extensions) -> Result<Opened, Failure> {
        let shared = &*self.0.shared;
        let engine = &shared.engine;
        if engine.is_secure() && shared.came_in_the_clear(headers, extensions) {
            tracing::warn!(
                target: "sessile",
                "session ignored: the request came over plain http and its cookie is Secure"
            );
            return Ok(Opened { session: engine.anonymous(), mode: Mode::Forget });
        }
        let found = engine.read(headers.get_all(header::COOKIE).iter().map(|v| v.as_bytes()));
        if found.oversized {
            tracing::warn!(target: "sessile", "the request's cookies take more than 8 KiB");
        }
        let mut world = Live(&shared.surroundings);
        match drive::open(engine, &shared.store, found.value, &mut world).await {
            Ok(session) => Ok(Opened { session, mode: Mode::Normal }),
            Err(OpenError::Store(error))
                if engine.store_failure() == StoreFailure::ReadAsAnonymous =>
            {
                shared.surroundings.store_failed(&error);
                Ok(Opened { session: engine.anonymous(), mode: Mode::ReadOnly })
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
        self.0.session.get().is_none() && self.lock_cookies().is_empty()
    }

    /// Saves the session and writes the headers; in case of failure says so
    /// and leaves the response to the caller.
    pub(crate) async fn close(
        &self,
        server_error: bool,
        response: &mut HeaderMap,
    ) -> Result<(), Failure> {
        if let Some(opened) = self.0.session.get() {
            self.save(opened, server_error, response).await?;
        }
        for cookie in self.lock_cookies().drain(..) {
            headers::set_cookie(response, &cookie);
        }
        Ok(())
    }

    async fn save(
        &self,
        opened: &Opened,
        server_error: bool,
        response: &mut HeaderMap,
    ) -> Result<(), Failure> {
        let shared = &*self.0.shared;
        let session = &opened.session;
        match opened.mode {
            Mode::Normal => {}
            Mode::Forget => {
                session.seal();
                return Ok(());
            }
            Mode::ReadOnly => {
                session.seal();
                headers::vary_on_cookie(response);
                let lost = session.is_modified() && !server_error;
                return if lost { Err(Failure::StoreDown) } else { Ok(()) };
            }
        }
        let mut world = Live(&shared.surroundings);
        let saved =
            drive::commit(&shared.engine, &shared.store, session, server_error, &mut world).await;
        match saved {
            Ok(committed) => {
                headers::write(response, &committed);
                Ok(())
            }
            Err(CommitError::Ended)
                if shared.engine.ended_meanwhile() == EndedMeanwhile::KeepResponse =>
            {
                headers::vary_on_cookie(response);
                Ok(())
            }
            Err(error) => {
                if let CommitError::Store(error) = &error {
                    shared.surroundings.store_failed(error);
                }
                Err(Failure::Commit(Arc::new(error)))
            }
        }
    }

    /// Keeps a cookie of the application's for the response; the last one of a name counts.
    pub(crate) fn queue_cookie(&self, cookie: SetCookie) {
        let mut queue = self.lock_cookies();
        queue.retain(|queued| queued.name() != cookie.name());
        queue.push(cookie);
    }

    fn lock_cookies(&self) -> std::sync::MutexGuard<'_, Vec<SetCookie>> {
        self.0.cookies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn came_in_the_clear(&self, headers: &HeaderMap, extensions: &Extensions) -> bool {
        if let Some(scheme) = extensions.get::<Scheme>() {
            return *scheme == Scheme::Http;
        }
        // The last value is the nearest proxy's; earlier ones may be the visitor's.
        let forwarded = headers.get_all("x-forwarded-proto").iter().next_back();
        self.trust_forwarded_proto
            && forwarded.is_some_and(|value| {
                let last = value.as_bytes().rsplit(|&byte| byte == b',').next();
                !last.unwrap_or_default().trim_ascii().eq_ignore_ascii_case(b"https")
            })
    }
}
