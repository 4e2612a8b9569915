//! Values to Rust types, through serde.
use super::{Value, ValueError};
use serde::Deserialize;

/// placeholder
pub fn from_value<'de, T: Deserialize<'de>>(_value: &'de Value) -> Result<T, ValueError> {
    Err(ValueError::new("not written"))
}
