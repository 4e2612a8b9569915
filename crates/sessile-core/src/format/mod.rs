//! How session data become bytes, and come back: pure functions.

pub mod base64;
pub mod error;
pub mod itsdangerous;
pub mod native;
