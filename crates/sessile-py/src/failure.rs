//! Failures as the exceptions of `sessile.exceptions`.

use pyo3::prelude::*;
use sessile_connect::ConnectError;
use sessile_core::exchange::{Answer, Failure};
use sessile_core::store::{StoreError, StoreErrorKind};
use sessile_core::{CommitError, OpenError, SessionError};

pyo3::import_exception!(sessile.exceptions, ConfigError);
pyo3::import_exception!(sessile.exceptions, Contended);
pyo3::import_exception!(sessile.exceptions, SessileError);
pyo3::import_exception!(sessile.exceptions, SessionEnded);
pyo3::import_exception!(sessile.exceptions, UnencodableError);

mod store {
    pyo3::import_exception!(sessile.exceptions, StoreError);
}

/// Why a flow came to nothing.
pub(crate) enum Problem {
    /// A request's session could not be read or saved; the answer in place of the application's.
    Refused(Failure, Answer<&'static str>),
    Store(StoreError),
    Connect(ConnectError),
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Problem {
    /// Nothing was read or written, for the store could not be opened.
    pub(crate) fn connect(error: ConnectError) -> Self {
        Self::Connect(error)
    }

    pub(crate) fn into_exception(self, py: Python<'_>) -> PyErr {
        match self {
            Self::Refused(failure, answer) => {
                let error = refused(py, &failure);
                with_answer(py, error, &answer)
            }
            Self::Store(error) => store_error(py, &error),
            Self::Connect(error) => {
                let down = StoreError::new("configured", StoreErrorKind::Unavailable);
                let failure = Failure::from(down);
                let unavailable = new_store_error(py, error.to_string(), "unavailable");
                with_answer(py, unavailable, &failure.answer())
            }
        }
    }
}

/// What a door answers: `(status, [(name, value), ...], text)`.
fn with_answer(py: Python<'_>, error: PyErr, answer: &Answer<&'static str>) -> PyErr {
    let given = (answer.status, answer.headers.clone(), answer.body);
    match error.value(py).setattr("answer", given) {
        Ok(()) => error,
        Err(other) => other,
    }
}

fn refused(py: Python<'_>, failure: &Failure) -> PyErr {
    let text = failure.to_string();
    match failure {
        Failure::StoreDown => new_store_error(py, text, "unavailable"),
        Failure::Open(error) => match &**error {
            OpenError::Store(error) => store_error(py, error),
            OpenError::Payload(_) => SessileError::new_err(text),
        },
        Failure::Commit(error) => match &**error {
            CommitError::Store(error) => store_error(py, error),
            CommitError::Ended => SessionEnded::new_err(text),
            CommitError::Contended => Contended::new_err(text),
            _ => SessileError::new_err(text),
        },
        _ => SessileError::new_err(text),
    }
}

pub(crate) fn store_error(py: Python<'_>, error: &StoreError) -> PyErr {
    let kind = match error.kind() {
        StoreErrorKind::Timeout => "timeout",
        StoreErrorKind::Unconfirmed => "unconfirmed",
        StoreErrorKind::Full => "full",
        StoreErrorKind::ReadOnly => "read-only",
        StoreErrorKind::Corrupt => "corrupt",
        StoreErrorKind::TooLarge => "too-large",
        StoreErrorKind::Unrepresentable => "unrepresentable",
        StoreErrorKind::Unsupported => "unsupported",
        StoreErrorKind::Locked => "locked",
        _ => "unavailable",
    };
    new_store_error(py, error.to_string(), kind)
}

fn new_store_error(py: Python<'_>, text: String, kind: &str) -> PyErr {
    let error = store::StoreError::new_err(text);
    match error.value(py).setattr("kind", kind) {
        Ok(()) => error,
        Err(other) => other,
    }
}

/// A change that the session refused.
pub(crate) fn session_error(error: &SessionError) -> PyErr {
    SessileError::new_err(error.to_string())
}
