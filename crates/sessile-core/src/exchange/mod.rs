//! One request's session, for every framework: all that is to be decided between the head of a
//! request and the head of its response.
//!
//! ```text
//! App::begin ──► Exchange ── session() ──► what the handler uses
//!                   │        check_csrf()
//!                   ▼
//!                finish() ──► header fields of the response, or the answer in its place
//! ```
//!
//! A door (the tower layer, actix, Python) shows requests as a [`RequestView`] and responses as
//! [`ResponseHeaders`], awaits what is to be awaited, and decides nothing. The futures borrow
//! nothing of a runtime: they can be polled by tokio, by another runtime, or by hand with a store
//! whose methods pend until their answer is put in.

mod accept;
mod app;
mod bounded;
mod cookies;
mod credential;
mod csrf;
mod failure;
mod head;
mod links;
mod login;
mod request;
mod scope;
mod sessions;
mod shadowed;
mod typed;
mod warnings;

pub use crate::runtime::Runtime;
pub use accept::accepts_html;
pub use app::App;
pub use cookies::Cookies;
pub use credential::FormCredential;
pub use csrf::{Csrf, CsrfCheck, CsrfGuard, CsrfStop, Form, FormFields, Refusal};
pub use failure::{Answer, Failure};
pub use head::{Headers, RequestView, ResponseHeaders, Scheme, merge_vary};
pub use links::SessionLinks;
pub use login::{LoginCheck, NextPage, in_login_address, same_site};
pub use request::{Exchange, Save};
pub use scope::Scope;
pub use sessions::{SessionInfo, Sessions, sweep, swept_at};
pub use typed::TypedSession;
