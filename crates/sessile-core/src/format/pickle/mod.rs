//! Python pickles of plain data, read and written.
//!
//! Flask-Session before 0.7, cachelib's files and Django's cache backends hold
//! pickles. Loading one runs whatever code it names; the reader here knows no
//! operation that names code, so there is nothing to run. It takes protocols 0
//! to 5; the writer writes protocol 5, byte for byte what CPython's
//! `pickle.dumps(data, 5)` gives. Both know `None`, booleans, numbers, text,
//! bytes, lists, tuples, sets and mappings.

mod arena;
mod numbers;
mod read;
mod write;

pub use read::{PickleError, read};
pub(crate) use write::write_map;
pub use write::{WriteError, write};
