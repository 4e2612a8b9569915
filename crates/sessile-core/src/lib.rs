//! Web sessions without I/O.
mod time;
mod value;

pub use crate::time::Timestamp;
pub use crate::value::{BigInt, DateTime, Map, Value, ValueError, Wtf8, from_value, to_value};
