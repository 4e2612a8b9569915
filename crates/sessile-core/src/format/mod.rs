//! How session data become bytes, and come back: pure functions.

pub mod base64;
pub mod error;
pub mod flask_session;
pub mod itsdangerous;
pub mod msgpack;
pub mod native;
pub mod pickle;
