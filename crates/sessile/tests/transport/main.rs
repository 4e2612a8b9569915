//! Ids that travel elsewhere than in the session cookie, seen from outside.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod form;
mod header;
mod site;
mod support;
mod url;
