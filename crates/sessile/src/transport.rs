//! Ids that travel elsewhere than in the session cookie: see [`Transport`].

#[cfg(feature = "csrf")]
mod forms;
mod links;

#[doc(no_inline)]
pub use sessile_core::transport::*;

#[cfg(feature = "csrf")]
pub use forms::{FormSessionFuture, FormSessionLayer, FormSessionService};
pub use links::SessionLinks;
