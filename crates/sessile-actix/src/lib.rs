//! Web sessions for actix-web that Flask and Django applications can share.
//!
//! Wrap an application once, then ask for a [`Session`] in any handler:
//!
//! ```
//! use actix_web::{App, web};
//! use sessile_actix::{Config, CsrfGuard, CsrfMiddleware, MemoryStore, Session, SessionMiddleware};
//!
//! async fn index(session: Session) -> String {
//!     let visits = session.get::<u32>("visits").unwrap_or(0) + 1;
//!     session.insert("visits", visits);
//!     format!("visit number {visits}")
//! }
//!
//! let sessions = SessionMiddleware::new(Config::native(), MemoryStore::default())?;
//! // One for all workers: `HttpServer::new(move || App::new().wrap(sessions.clone()) …)`
//! let forms = CsrfMiddleware::new(CsrfGuard::native(Default::default()));
//! # let _ =
//! App::new().wrap(forms).wrap(sessions).route("/", web::get().to(index));
//! # Ok::<(), sessile_actix::ConfigError>(())
//! ```
//!
//! All else is as in the crate `sessile`. A route that never asks for the session costs nothing.
//! The cookie is `Secure`: without TLS browsers drop it, so on localhost take
//! [`Config::for_development`].

mod csrf;
mod extract;
mod failure;
mod head;
mod middleware;

pub use csrf::{CsrfMiddleware, CsrfService};
pub use extract::{Cookies, Csrf, Dict, G, LoggedIn, NextPage, Session, SessionLinks, Sessions};
pub use failure::Failure;
pub use middleware::{SessionMiddleware, SessionService};
#[doc(no_inline)]
pub use sessile_connect::{ConnectError, Settings, SettingsError, from_env};
#[doc(no_inline)]
pub use sessile_core::{
    AnyStore, Config, ConfigError, Cookie, CookieError, Event, EventKind, KeyRing, MemoryStore,
    Profile, SecretKey, SessionError, SessionStore, Storage, StoreError, Subject, Timestamp,
    csrf::{django, flask_wtf, native},
    exchange::{App, CsrfGuard, Refusal, Scheme, SessionInfo},
};
