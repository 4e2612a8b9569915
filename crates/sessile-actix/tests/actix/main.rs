//! Sessions through actix-web: a real server, asked over sockets.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod defects;
mod forms;
mod proxied;
mod scripts;
mod support;
mod sweeping;
/// The same walk as through axum.
#[path = "../../../sessile/tests/proxied/walk.rs"]
mod walk;
