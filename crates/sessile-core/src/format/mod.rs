//! How session data become bytes, and come back: pure functions.

pub mod base64;
mod date;
pub mod error;
pub mod flask;
pub mod flask_session;
pub mod itsdangerous;
pub mod json;
pub mod msgpack;
pub mod native;
pub mod pickle;
pub mod zlib;
