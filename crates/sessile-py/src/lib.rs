//! What the Python package `sessile` calls: `sessile._sessile`.
//!
//! Python code in `python/sessile` decides what may be done here and what a user's own classes
//! must do; this crate does it. Every function that Python calls runs inside `guard::guard`.

#![forbid(unsafe_code)]

mod convert;
mod counts;
mod engine;
mod failure;
mod flow;
mod guard;
mod hand;
mod head;
mod runtime;
mod session;
mod signed;

use pyo3::prelude::*;

/// The compiled part of `sessile`. Its names are no public API.
#[pymodule(gil_used = false)]
mod _sessile {
    use super::{Bound, PyAny, PyModule, PyResult, Python, counts, guard, pyfunction, signed};
    use pyo3::prelude::PyModuleMethods as _;
    use pyo3::types::PyDict;

    #[pymodule_export]
    use super::signed::Signed;

    #[pymodule_export]
    use super::engine::{PyEngine, PyExchange, PyMemoryStore, settings_of};
    #[pymodule_export]
    use super::flow::Flow;
    #[pymodule_export]
    use super::session::PySession;

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

    /// How often each operation was carried out here, and how often in Python.
    #[pyfunction]
    fn taken(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
        guard::guard(|| counts::all(py))
    }

    /// Counts an operation that Python carries out.
    #[pyfunction]
    fn in_python(operation: usize) {
        counts::in_python(operation);
    }

    /// `TaggedJSONSerializer.dumps`.
    #[pyfunction]
    fn tagged_dumps<'py>(object: &Bound<'py, PyAny>, spelling: u8) -> PyResult<Bound<'py, PyAny>> {
        signed::tagged_dumps(object, spelling)
    }

    /// `TaggedJSONSerializer.loads`.
    #[pyfunction]
    fn tagged_loads<'py>(text: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        signed::tagged_loads(text)
    }
}
