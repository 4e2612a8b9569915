//! Protection from cross-site request forgery within an exchange: what is checked, which secret a
//! visitor has, and what refused requests are answered.
//!
//! The rules themselves are pure and in [`crate::csrf`].

mod check;
mod form;
mod guard;
mod refusal;
mod state;
mod tokens;

pub use check::{CsrfCheck, CsrfStop};
pub use form::{Form, FormFields};
pub use guard::CsrfGuard;
pub use refusal::Refusal;
pub(super) use state::CsrfState;
pub use tokens::Csrf;
