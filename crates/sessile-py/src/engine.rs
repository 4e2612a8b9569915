//! An application's sessions, and one request's.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt, PyList, PyString, PyTuple};
use sessile_connect::{SettingValue, Settings, StoreChoice};
use sessile_core::exchange::{App, Exchange, Failure};
use sessile_core::store::key_value::KeyValueStore;
use sessile_core::{AnyStore, Config, Engine, Handle, MemoryStore, Profile, Subject};

use crate::failure::{ConfigError, Problem};
use crate::flow::{Flow, Outcome, Work};
use crate::guard::guard;
use crate::hand::{Hand, HandRuntime};
use crate::head::{Fields, Head, Response};
use crate::runtime::NativeStore;
use crate::session::PySession;

/// Sessions in this process' memory.
#[pyclass(frozen, name = "MemoryStore", module = "sessile._sessile")]
pub(crate) struct PyMemoryStore(MemoryStore);

#[pymethods]
impl PyMemoryStore {
    #[new]
    fn new() -> Self {
        Self(MemoryStore::default())
    }
}

/// What all requests of one application share.
pub(crate) struct Shared {
    kept: Kept,
    store_timeout: Duration,
}

enum Kept {
    /// By address, on a runtime of our own.
    Native(Box<NativeStore>),
    /// Polled by hand.
    ByHand(App),
}

impl Shared {
    pub(crate) fn native(&self) -> Option<&NativeStore> {
        match &self.kept {
            Kept::Native(store) => Some(&**store),
            Kept::ByHand(_) => None,
        }
    }

    pub(crate) fn store_timeout(&self) -> Duration {
        self.store_timeout
    }

    /// Does `work` with the application, which a store by address has only in its runtime.
    fn work<F>(self: &Arc<Self>, work: impl FnOnce(App) -> F + Send + 'static) -> Work
    where
        F: Future<Output = Result<Outcome, Problem>> + Send,
    {
        let shared = self.clone();
        Box::pin(async move {
            let app = match &shared.kept {
                Kept::ByHand(app) => app.clone(),
                Kept::Native(store) => {
                    let live = store.live().map_err(|_| no_thread())?;
                    live.app().await?.clone()
                }
            };
            work(app).await
        })
    }

    fn flow<F>(self: &Arc<Self>, work: impl FnOnce(App) -> F + Send + 'static) -> Flow
    where
        F: Future<Output = Result<Outcome, Problem>> + Send,
    {
        Flow::new(self.clone(), self.work(work))
    }
}

fn no_thread() -> Problem {
    Problem::Store(sessile_core::StoreError::new(
        "configured",
        sessile_core::StoreErrorKind::Unavailable,
    ))
}

#[pyclass(frozen, name = "Engine", module = "sessile._sessile")]
pub(crate) struct PyEngine(Arc<Shared>);

fn setting(value: &Bound<'_, PyAny>) -> PyResult<SettingValue> {
    if value.is_instance_of::<PyBool>() {
        return Ok(value.extract::<bool>()?.into());
    }
    if value.is_instance_of::<PyInt>() {
        return Ok(value.extract::<i64>()?.into());
    }
    if value.is_instance_of::<PyFloat>() {
        return Ok(value.extract::<f64>()?.into());
    }
    if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        let items = value.try_iter()?.map(|item| setting(&item?));
        return Ok(items.collect::<PyResult<Vec<_>>>()?.into());
    }
    Ok(value.cast::<PyString>()?.to_str()?.into())
}

fn wrong(error: impl std::fmt::Display) -> PyErr {
    ConfigError::new_err(error.to_string())
}

#[pymethods]
impl PyEngine {
    /// `store`: nothing, where the settings say it; a `MemoryStore`; for a store that Python
    /// carries out, whether it lists its keys.
    #[new]
    #[pyo3(signature = (settings, store=None))]
    fn new(
        settings: Vec<(String, Bound<'_, PyAny>)>,
        store: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        guard(|| {
            let mut given = Settings::new();
            for (name, value) in &settings {
                let value = setting(value).map_err(|_| {
                    wrong(format!("{name} takes text, a number, true or false, or a list of them"))
                })?;
                given.set(name, value);
            }
            if store.is_some() {
                given.set("SESSION_TYPE", "memory");
            }
            let (config, choice) = given.into_config().map_err(wrong)?;
            let engine = Engine::new(config.clone()).map_err(wrong)?;
            let kept = kept(config, choice, engine, store)?;
            Ok(Self(Arc::new(kept)))
        })
    }

    /// Whether the cookie travels without TLS.
    #[getter]
    fn is_native(&self) -> bool {
        self.0.native().is_some()
    }

    /// Begins one request. Nothing is parsed and nothing is loaded.
    #[pyo3(signature = (method, is_https, authority, path, query, headers))]
    fn begin(
        &self,
        method: String,
        is_https: bool,
        authority: Option<String>,
        path: String,
        query: Option<String>,
        headers: Vec<(String, Vec<u8>)>,
    ) -> PyExchange {
        let fields = Fields::new(headers);
        let head = Arc::new(Head { method, is_https, authority, path, query, fields });
        PyExchange { shared: self.0.clone(), head, exchange: Arc::default() }
    }

    /// The sessions of a user, newest first.
    fn sessions_of(&self, subject: String) -> PyResult<Flow> {
        let subject = subject_of(subject)?;
        Ok(self.0.flow(move |app| async move {
            Ok(Outcome::Sessions(app.sessions().of(&subject).await?))
        }))
    }

    /// Ends one session of a user: 1 if there was one, else 0.
    fn end(&self, subject: String, handle: &str) -> PyResult<Flow> {
        let subject = subject_of(subject)?;
        let handle: Option<Handle> = handle.parse().ok();
        Ok(self.0.flow(move |app| async move {
            let ended = match handle {
                Some(handle) => app.sessions().end(&subject, handle).await?,
                None => false,
            };
            Ok(Outcome::Ended(usize::from(ended)))
        }))
    }

    /// Ends all sessions of a user. How many there were.
    fn end_all(&self, subject: String) -> PyResult<Flow> {
        let subject = subject_of(subject)?;
        Ok(self.0.flow(move |app| async move {
            Ok(Outcome::Ended(app.sessions().end_all(&subject).await?))
        }))
    }

    /// Ends the other sessions of the user who is logged in with this one. How many there were.
    fn end_others(&self, session: &PySession) -> Flow {
        let session = session.0.clone();
        self.0.flow(move |app| async move {
            Ok(Outcome::Ended(app.sessions().end_others(&session).await?))
        })
    }
}

fn subject_of(subject: String) -> PyResult<Subject> {
    Subject::new(subject).ok_or_else(|| {
        pyo3::exceptions::PyValueError::new_err(
            "a user is named by 1 to 200 bytes of text without control characters",
        )
    })
}

fn kept(
    config: Config,
    choice: StoreChoice,
    engine: Engine,
    store: Option<&Bound<'_, PyAny>>,
) -> PyResult<Shared> {
    let store_timeout = engine.store_timeout();
    let by_hand = |engine, store| App::new(engine, store, HandRuntime).map_err(wrong);
    let kept = match store {
        Some(store) => {
            let store = match store.cast::<PyMemoryStore>() {
                Ok(memory) => AnyStore::new(memory.get().0.clone()),
                Err(_) if store.extract::<bool>()? => {
                    AnyStore::new(KeyValueStore::new(Hand::<true>))
                }
                Err(_) => AnyStore::new(KeyValueStore::new(Hand::<false>)),
            };
            Kept::ByHand(by_hand(engine, store)?)
        }
        None if !engine.needs_store() => {
            Kept::ByHand(App::in_cookies(engine, HandRuntime).map_err(wrong)?)
        }
        None if matches!(choice, StoreChoice::Memory) => {
            Kept::ByHand(by_hand(engine, AnyStore::new(MemoryStore::default()))?)
        }
        None => Kept::Native(Box::new(NativeStore::new(config, choice))),
    };
    Ok(Shared { kept, store_timeout })
}

/// One request.
#[pyclass(frozen, name = "Exchange", module = "sessile._sessile")]
pub(crate) struct PyExchange {
    shared: Arc<Shared>,
    head: Arc<Head>,
    exchange: Arc<OnceLock<Exchange>>,
}

fn refused(exchange: &Exchange, failure: Failure) -> Problem {
    let answer = exchange.refusal(&failure);
    Problem::Refused(failure, answer)
}

#[pymethods]
impl PyExchange {
    /// Opens the session: a flow whose result is a `Session`.
    fn open(&self) -> Flow {
        let (head, cell) = (self.head.clone(), self.exchange.clone());
        self.shared.flow(move |app| async move {
            let exchange = cell.get_or_init(|| app.begin(&head.view(), None)).clone();
            match exchange.session(&head.view()).await {
                Ok(session) => Ok(Outcome::Session(session)),
                Err(failure) => Err(refused(&exchange, failure)),
            }
        })
    }

    /// Saves the session: a flow whose result is what the response's fields must say.
    fn finish(&self, status: u16, headers: Vec<(String, Vec<u8>)>) -> Flow {
        let cell = self.exchange.clone();
        let mut response = Response::new(Fields::new(headers));
        let work: Work = Box::pin(async move {
            let Some(exchange) = cell.get() else { return Ok(Outcome::Response(Vec::new())) };
            match exchange.finish(status, &mut response).await {
                Ok(()) => Ok(Outcome::Response(response.edits)),
                Err(failure) => Err(refused(exchange, failure)),
            }
        });
        Flow::new(self.shared.clone(), work)
    }
}

/// The names of the settings that mean something in a profile, and whether each is secret.
#[pyfunction]
pub(crate) fn settings_of(profile: &str) -> PyResult<Vec<&'static str>> {
    guard(|| {
        let profile = match profile {
            "native" => Profile::Native,
            "flask" => Profile::Flask,
            "flask_session" => Profile::FlaskSession,
            "django" => Profile::Django,
            "starlette" => Profile::Starlette,
            other => {
                return Err(wrong(format!(
                    "SESSION_PROFILE takes native, flask, flask_session, django or starlette, \
                     not {other:?}"
                )));
            }
        };
        let applying = Settings::known().iter().filter(|it| it.applies_to(profile));
        Ok(applying.map(|it| it.name).collect())
    })
}
