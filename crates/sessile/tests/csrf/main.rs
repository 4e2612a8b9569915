//! The CSRF layer.
#![cfg(feature = "csrf")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bad_input;
mod events;
mod forms;
mod native;
mod profiles;
mod settings;
mod support;
mod templates;
#[path = "../traced/mod.rs"]
mod traced;
