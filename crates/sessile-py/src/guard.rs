//! The one way from Python into this crate.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::prelude::*;

pyo3::import_exception!(sessile.exceptions, InternalError);

/// Runs `work`, and turns a panic into `sessile.exceptions.InternalError`.
///
/// PyO3 by itself raises `PanicException`, a `BaseException`, which passes the handlers of Flask
/// and Django that keep one bad request from ending the process.
pub(crate) fn guard<T>(work: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    // Whatever is shared between calls is behind locks that nothing panics under, or is replaced
    // whole; a broken invariant cannot be seen afterwards.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let message = said(&*panic);
        Err(InternalError::new_err(format!(
            "a fault in sessile itself: {message}; please report it with its traceback"
        )))
    })
}

fn said(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        _ => "a panic without a message",
    }
}
