//! Ids that travel elsewhere than in the session cookie: see [`Transport`].

mod carried;
mod fields;
#[cfg(feature = "csrf")]
mod forms;
mod links;

#[doc(no_inline)]
pub use sessile_core::transport::*;

pub(crate) use carried::{Carried, protect};
pub(crate) use fields::Fields;
#[cfg(feature = "csrf")]
pub use forms::{FormSessionFuture, FormSessionLayer, FormSessionService};
pub use links::SessionLinks;
