//! How long a session is to live, as a handler says it.

use std::time::Duration;

use sessile_formats::Timestamp;

/// How long a session lives, in Django's meanings (`set_expiry`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// As configured (Django's `None`).
    Default,
    /// Until the browser closes, and no longer than configured (Django's `0`).
    BrowserClose,
    /// After this long without activity.
    After(Duration),
    /// At a moment, active or not.
    At(Timestamp),
}
