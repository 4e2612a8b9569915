//! The native format, from outside.
#![allow(clippy::unwrap_used, reason = "helpers of tests, which clippy.toml does not know as such")]

mod document;
mod generate;
mod map;
mod record;
mod token;
