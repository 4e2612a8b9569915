//! What the Python package `sessile` calls: `sessile._sessile`.
//!
//! Python code in `python/sessile` decides what may be done here and what a user's own classes
//! must do; this crate does it. Every function that Python calls runs inside `guard::guard`.

#![forbid(unsafe_code)]

mod guard;

use pyo3::prelude::*;

/// The compiled part of `sessile`. Its names are no public API.
#[pymodule(gil_used = false)]
mod _sessile {
    use super::{Bound, PyModule, PyResult, guard, pyfunction};
    use pyo3::prelude::PyModuleMethods as _;

    /// The version of the package.
    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }

    /// Panics, so that a test can see what becomes of it.
    #[pyfunction]
    #[allow(clippy::panic, reason = "that is its purpose")]
    fn _panic() -> PyResult<()> {
        guard::guard(|| panic!("asked for by _panic()"))
    }
}
