//! How often each operation was carried out here, and how often it was left to Python.
//!
//! Suites of other packages pass through the Python code as well, so a pass alone does not show
//! that this crate was asked. `sessile._sessile.taken()` does.

use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::prelude::*;
use pyo3::types::PyDict;

/// What is counted.
#[derive(Clone, Copy)]
pub(crate) enum Operation {
    Sign,
    Unsign,
    Dumps,
    Loads,
    TaggedDumps,
    TaggedLoads,
}

const NAMES: [&str; 6] =
    ["sign", "unsign", "serializer dumps", "serializer loads", "tagged dumps", "tagged loads"];

static RUST: [AtomicU64; 6] = [const { AtomicU64::new(0) }; 6];
static PYTHON: [AtomicU64; 6] = [const { AtomicU64::new(0) }; 6];

/// Counts one that was carried out here.
pub(crate) fn here(operation: Operation) {
    if let Some(count) = RUST.get(operation as usize) {
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Counts one that Python carries out.
pub(crate) fn in_python(operation: usize) {
    if let Some(count) = PYTHON.get(operation) {
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// The counts of this process: operation to (here, in Python).
pub(crate) fn all(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let counts = PyDict::new(py);
    for ((name, rust), python) in NAMES.iter().zip(&RUST).zip(&PYTHON) {
        counts.set_item(name, (rust.load(Ordering::Relaxed), python.load(Ordering::Relaxed)))?;
    }
    Ok(counts)
}
