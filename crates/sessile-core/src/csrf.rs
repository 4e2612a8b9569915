//! Cross-site request forgery: whether a request was meant by the visitor in
//! whose name it comes. Decisions and tokens only; pure.
//!
//! [`native`] are our rules, [`django`] and [`flask_wtf`] those of the
//! originals, refusal by refusal.

pub mod django;
pub mod flask_wtf;
pub mod native;
mod url;

/// How much of a form is read in search of its token where nobody says, in bytes.
pub const FORM_LIMIT: usize = 1 << 20;

/// Whether a method only looks (RFC 9110, 9.2.1). Methods are case-sensitive,
/// and one nobody knows may change things.
pub fn is_safe(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE")
}
