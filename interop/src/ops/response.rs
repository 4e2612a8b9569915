//! Whole requests: a script of session operations, and the headers that come of it.
//!
//! An input names the configuration, the cookie that came, what the store
//! holds and a `script` of operations such as `["set", "a", 1]`; the answer
//! holds the status, `Set-Cookie`, `Vary` and, with a store, the calls to it.

use super::input::Input;
use super::{Answer, Raised};

/// The operations of this kind.
const OPERATIONS: [&str; 4] =
    ["flask_response", "fs_response", "django_response", "starlette_response"];

pub(super) fn perform(op: &str, _input: &Input<'_>) -> Option<Answer> {
    OPERATIONS
        .contains(&op)
        .then(|| Err(Raised::Unsupported(format!("whole requests ({op}): no engine for scripts"))))
}
