//! The layer seen from outside: requirements and invariants that do not depend on the store.
//!
//! Those that do are scripts of `sessile-conformance` (see `../scripts.rs`).

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod bad_input;
mod caching;
mod chunks;
mod cookies;
mod ended;
mod events;
mod hanging;
mod held;
mod ids;
mod login;
mod scope;
mod secrets;
mod shared_cache;
mod support;
#[path = "../traced/mod.rs"]
mod traced;
mod transport;
mod typed;
