//! Python pickles of plain data, read and written.
//!
//! Flask-Session before 0.7, cachelib's files and Django's cache backends hold
//! pickles. Loading one runs whatever code it names; here nothing is run. The
//! reader takes protocols 0 to 5, the writer writes protocol 5, byte for byte
//! what CPython's `pickle.dumps(data, 5)` gives. Both know `None`, booleans,
//! numbers, text, bytes, lists, tuples, sets and mappings, and by their names
//! the classes `datetime`, `date`, `time`, `timedelta`, `timezone`, `Decimal`,
//! `UUID` and `Markup`, and what comes back in its class (`PythonClass`). Any other name is refused.

mod arena;
mod error;
mod numbers;
mod objects;
mod read;
mod write;
mod write_objects;

pub use error::PickleError;
pub use read::read;
pub use write::{WriteError, write, write_map};
