//! One piece of work on sessions: the core's future, and who polls it.
//!
//! Over a store by address it runs on that store's runtime ([`Flow::block`], [`Flow::start`]).
//! Over a store that Python carries out it is polled by hand: [`Flow::step`] returns what is to be
//! done next, and takes what came of it.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};
use sessile_core::Session;
use sessile_core::exchange::SessionInfo;
use sessile_core::store::StoreErrorKind;
use sessile_core::store::key_value::KeyPage;

use crate::engine::Shared;
use crate::failure::Problem;
use crate::guard::guard;
use crate::hand::{Answer, Ask, HandError, Slot, with_slot};
use crate::head::Edit;
use crate::session::{PySession, dict_of};

/// How often a waiting thread looks for signals such as Ctrl-C.
const TICK: Duration = Duration::from_millis(100);

/// What came of a flow.
pub(crate) enum Outcome {
    Session(Session),
    Response(Vec<Edit>),
    Sessions(Vec<SessionInfo>),
    Ended(usize),
}

pub(crate) type Work = Pin<Box<dyn Future<Output = Result<Outcome, Problem>> + Send>>;

#[pyclass(frozen, module = "sessile._sessile")]
pub(crate) struct Flow {
    shared: Arc<Shared>,
    slot: Arc<Slot>,
    state: Arc<Mutex<State>>,
}

enum State {
    Begun(Work, Option<Asked>),
    Done(Result<Outcome, Problem>),
    /// It runs elsewhere, or its outcome was taken.
    Away,
}

/// What kind of answer is waited for.
#[derive(Clone, Copy)]
enum Asked {
    Value,
    Truth(&'static str),
    Keys,
    Nothing,
}

impl Flow {
    pub(crate) fn new(shared: Arc<Shared>, work: Work) -> Self {
        let state = Arc::new(Mutex::new(State::Begun(work, None)));
        Self { shared, slot: Arc::default(), state }
    }

    fn take_work(&self) -> PyResult<Work> {
        match std::mem::replace(&mut *held(&self.state), State::Away) {
            State::Begun(work, _) => Ok(work),
            State::Done(_) | State::Away => Err(PyRuntimeError::new_err("this flow has begun")),
        }
    }

    fn on(&self, py: Python<'_>, answer: Option<Answer>) -> PyResult<Option<Py<PyTuple>>> {
        let mut state = held(&self.state);
        let State::Begun(work, asked) = &mut *state else {
            return Ok(None);
        };
        if let Some(answer) = answer {
            self.slot.answer(answer);
        }
        let mut context = Context::from_waker(Waker::noop());
        match with_slot(&self.slot, || work.as_mut().poll(&mut context)) {
            Poll::Ready(outcome) => {
                *state = State::Done(outcome);
                Ok(None)
            }
            Poll::Pending => {
                let Some(ask) = self.slot.take_ask() else {
                    return Err(PyRuntimeError::new_err("a flow waits for nothing it asked for"));
                };
                let (kind, ask) = question(py, ask)?;
                *asked = Some(kind);
                Ok(Some(ask.unbind()))
            }
        }
    }
}

/// Nothing panics while it is held but a poll, after which the flow is not used again.
fn held(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `(method, *arguments)`.
fn question(py: Python<'_>, ask: Ask) -> PyResult<(Asked, Bound<'_, PyTuple>)> {
    let bytes = |it: &Bytes| PyBytes::new(py, it);
    Ok(match ask {
        Ask::Get(key) => (Asked::Value, ("get", key).into_pyobject(py)?),
        Ask::PutIf { key, old, new, until } => {
            #[allow(clippy::cast_precision_loss, reason = "milliseconds of this era fit")]
            let until = until.map(|until| until.as_millis() as f64 / 1000.0);
            let put = ("put_if", key, old.as_ref().map(bytes), bytes(&new), until);
            (Asked::Truth("put_if"), put.into_pyobject(py)?)
        }
        Ask::DeleteIf { key, old } => {
            (Asked::Truth("delete_if"), ("delete_if", key, bytes(&old)).into_pyobject(py)?)
        }
        Ask::List { after, limit } => (Asked::Keys, ("list", after, limit).into_pyobject(py)?),
        Ask::Sleep(span) => (Asked::Nothing, ("sleep", span.as_secs_f64()).into_pyobject(py)?),
    })
}

fn wrong(method: &str, takes: &str, got: &Bound<'_, PyAny>) -> PyErr {
    let class = got.get_type().name().map(|it| it.to_string()).unwrap_or_default();
    PyTypeError::new_err(format!("the session store's {method} must return {takes}, not {class}"))
}

fn answer(asked: Asked, given: &Bound<'_, PyAny>) -> PyResult<Option<Answer>> {
    Ok(match asked {
        Asked::Nothing => None,
        Asked::Value if given.is_none() => Some(Answer::Value(None)),
        Asked::Value => match given.cast::<PyBytes>() {
            Ok(value) => Some(Answer::Value(Some(Bytes::copy_from_slice(value.as_bytes())))),
            Err(_) => return Err(wrong("get", "bytes or None", given)),
        },
        Asked::Truth(method) => match given.extract() {
            Ok(done) => Some(Answer::Done(done)),
            Err(_) => return Err(wrong(method, "True or False", given)),
        },
        Asked::Keys => match given.extract() {
            Ok((keys, next)) => Some(Answer::Keys(KeyPage { keys, next })),
            Err(_) => {
                return Err(wrong("list", "a list of keys and the place to go on or None", given));
            }
        },
    })
}

#[pymethods]
impl Flow {
    /// Whether it runs in Rust: then `block` or `start` it, else `step`.
    #[getter]
    fn is_native(&self) -> bool {
        self.shared.native().is_some()
    }

    /// How long one call to a store may take, in seconds.
    #[getter]
    fn limit(&self) -> f64 {
        self.shared.store_timeout().as_secs_f64()
    }

    /// Goes on with the answer to what was asked last. Returns what is to be done next; `None` when
    /// the outcome is there.
    #[pyo3(signature = (given=None))]
    fn step(
        &self,
        py: Python<'_>,
        given: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Option<Py<PyTuple>>> {
        guard(|| {
            let asked = match &*held(&self.state) {
                State::Begun(_, asked) => *asked,
                State::Done(_) | State::Away => None,
            };
            let none = py.None();
            let given = given.unwrap_or_else(|| none.bind(py));
            let answer = asked.map(|asked| answer(asked, given)).transpose()?.flatten();
            self.on(py, answer)
        })
    }

    /// Goes on after the store failed: `timeout` if it did not answer in time.
    fn fail(&self, py: Python<'_>, text: String, timeout: bool) -> PyResult<Option<Py<PyTuple>>> {
        guard(|| {
            let kind = if timeout { StoreErrorKind::Timeout } else { StoreErrorKind::Unavailable };
            self.on(py, Some(Answer::Failed(HandError::new(kind, text))))
        })
    }

    /// Runs it on the store's runtime. Other threads of Python go on meanwhile.
    fn block(&self, py: Python<'_>) -> PyResult<()> {
        guard(|| {
            let Some(store) = self.shared.native() else {
                return Err(PyRuntimeError::new_err("this flow is to be stepped"));
            };
            let work = self.take_work()?;
            let outcome = py.detach(|| {
                let live = store.live()?;
                live.handle.block_on(async {
                    let mut work = pin!(work);
                    loop {
                        match tokio::time::timeout(TICK, &mut work).await {
                            Ok(outcome) => return Ok::<_, PyErr>(outcome),
                            Err(_) => Python::attach(|py| py.check_signals())?,
                        }
                    }
                })
            })?;
            *held(&self.state) = State::Done(outcome);
            Ok(())
        })
    }

    /// Starts it on the store's runtime, and calls `wake` from there once the outcome is there.
    /// What has begun runs to its end, whatever becomes of who waits.
    fn start(&self, wake: Py<PyAny>) -> PyResult<()> {
        guard(|| {
            let Some(store) = self.shared.native() else {
                return Err(PyRuntimeError::new_err("this flow is to be stepped"));
            };
            let work = self.take_work()?;
            let state = self.state.clone();
            let live = store.live()?;
            live.handle.spawn(async move {
                let outcome = work.await;
                *held(&state) = State::Done(outcome);
                // None where the interpreter is about to end. A closed loop has nobody to wake.
                let _ = Python::try_attach(|py| wake.call0(py).map(drop));
            });
            Ok(())
        })
    }

    /// The outcome, once.
    fn result(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        guard(|| {
            let state = std::mem::replace(&mut *held(&self.state), State::Away);
            let State::Done(outcome) = state else {
                return Err(PyRuntimeError::new_err("this flow has no outcome"));
            };
            match outcome.map_err(|problem| problem.into_exception(py))? {
                Outcome::Session(session) => Ok(Py::new(py, PySession(session))?.into_any()),
                Outcome::Response(edits) => Ok(edits_of(py, edits)?.into_any().unbind()),
                Outcome::Sessions(sessions) => {
                    let list = PyList::empty(py);
                    for info in sessions {
                        list.append(info_of(py, info)?)?;
                    }
                    Ok(list.into_any().unbind())
                }
                Outcome::Ended(count) => Ok(count.into_pyobject(py)?.into_any().unbind()),
            }
        })
    }
}

/// `(replaces others, name, value)` of each field.
fn edits_of(py: Python<'_>, edits: Vec<Edit>) -> PyResult<Bound<'_, PyList>> {
    let list = PyList::empty(py);
    for Edit(replaces, name, value) in edits {
        list.append((replaces, name, PyBytes::new(py, &value)))?;
    }
    Ok(list)
}

#[allow(clippy::cast_precision_loss, reason = "milliseconds of this era fit")]
fn info_of(py: Python<'_>, info: SessionInfo) -> PyResult<Bound<'_, PyDict>> {
    let dict = PyDict::new(py);
    let seconds = |at: sessile_core::Timestamp| at.as_millis() as f64 / 1000.0;
    dict.set_item("handle", info.handle.to_string())?;
    dict.set_item("subject", info.subject.as_ref().map(|subject| subject.as_str()))?;
    dict.set_item("created", info.created.map(seconds))?;
    dict.set_item("seen", info.seen.map(seconds))?;
    dict.set_item("authenticated", info.authenticated.map(seconds))?;
    dict.set_item("permanent", info.permanent)?;
    dict.set_item("data", dict_of(py, info.data)?)?;
    Ok(dict)
}
