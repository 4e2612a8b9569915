//! How session data become bytes, and come back: pure functions.

pub mod base64;
mod date;
pub mod django;
pub mod error;
pub mod flask;
pub mod flask_session;
pub mod itsdangerous;
pub mod json;
pub mod msgpack;
pub mod native;
pub mod pickle;
pub mod starlette;
pub mod zlib;
