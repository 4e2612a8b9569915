//! Why a pickle is not read.

use std::fmt;

/// A pickle that cannot be read, or must not be.
#[derive(Clone, PartialEq, Eq)]
pub enum PickleError {
    /// Not a pickle, or a damaged one.
    Malformed(&'static str),
    /// The next operation is missing.
    Truncated,
    /// A number, date or text inside it is not one.
    Content(&'static str),
    /// A list or mapping as a key or in a set.
    Unhashable,
    /// An operation that would look up or call Python code; by name.
    Refused(&'static str),
    /// Of a class, or a call of a function, that is none of plain data; by name.
    Class(String),
    /// Refers to itself, or is nested too deeply.
    TooDeep,
    /// Beyond the bounds of [`msgpack`](crate::msgpack).
    TooLarge,
}

impl PickleError {
    /// The exception `pickle.loads` raises here (for what we refuse, the nearest).
    pub fn python_class(&self) -> &'static str {
        match self {
            Self::Malformed(_) | Self::Refused(_) | Self::Class(_) | Self::TooLarge => {
                "UnpicklingError"
            }
            Self::Truncated => "EOFError",
            Self::Content(_) => "ValueError",
            Self::Unhashable => "TypeError",
            Self::TooDeep => "RecursionError",
        }
    }
}

impl fmt::Display for PickleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "not a pickle: {what}"),
            Self::Truncated => f.write_str("a pickle without its end"),
            Self::Content(what) => write!(f, "a damaged pickle: {what}"),
            Self::Unhashable => f.write_str("a pickle with a list or mapping as a key"),
            Self::Refused(name) => write!(
                f,
                "a pickle with the operation {name}, which runs Python code: \
                 only pickles of plain data are read"
            ),
            // Anybody may have written it: quoted, so that it stays on its line.
            Self::Class(name) => {
                write!(f, "a pickle that names {name:?}: only pickles of plain data are read")
            }
            Self::TooDeep => f.write_str("a pickle that is nested too deeply"),
            Self::TooLarge => f.write_str("a pickle that is too large"),
        }
    }
}

crate::debug_reads_like_display!(PickleError);

impl std::error::Error for PickleError {}
