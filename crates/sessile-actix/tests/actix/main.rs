//! Sessions through actix-web: a real server, asked over sockets.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod defects;
mod forms;
mod scripts;
mod support;
mod sweeping;
