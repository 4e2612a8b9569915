//! Forms that cannot be forged: [`CsrfLayer`] refuses requests that other sites
//! send in a visitor's name, [`Csrf`] gives pages their tokens.
//!
//! ```
//! use axum::{Form, Router, response::Html, routing::get};
//! use sessile::{Config, Csrf, CsrfLayer, MemoryStore, Session, SessionLayer};
//!
//! async fn form(csrf: Csrf) -> Html<String> {
//!     let field = csrf.field();
//!     Html(format!("<form method=post>{field}<input name=to><button>Pay</button></form>"))
//! }
//!
//! async fn pay(session: Session, Form(form): Form<Vec<(String, String)>>) -> String {
//!     format!("paid, with {} fields", form.len())
//! }
//!
//! # fn main() -> Result<(), sessile::ConfigError> {
//! let sessions = SessionLayer::new(Config::native(), MemoryStore::default())?;
//! let app: Router = Router::new()
//!     .route("/pay", get(form).post(pay))
//!     .layer((sessions, CsrfLayer::native()));
//! # Ok(())
//! # }
//! ```
//!
//! The session's layer is the outer one. Both in one call of `layer`, outermost first, as above,
//! cost less than one call for each: axum boxes the route anew for every call.
//!
//! The rules are in [`native`], [`django`] and [`flask_wtf`].

mod extract;
mod layer;

pub use extract::Csrf;
pub use layer::{CsrfFuture, CsrfLayer, CsrfService};
pub use sessile_core::csrf::django::DjangoCookie;
pub use sessile_core::csrf::{django, flask_wtf, native};
pub use sessile_core::exchange::Refusal;
