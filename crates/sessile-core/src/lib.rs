//! Web sessions without I/O: the steps between a request and its session.
//!
//! ```text
//! request headers
//!    │ read     find the cookie                      Engine::read      begin.rs
//!    ▼
//!  begin        nothing | data at hand | key to load Engine::begin     begin.rs
//!    │          (the store is asked)                 transaction::open       transaction.rs
//!    ▼
//!  Session      what the handler holds               Session           session.rs
//!    │
//!    ▼
//!  settle       what must be told to whom            Engine::settle    settle.rs
//!    │          (the store is told)                  transaction::commit     transaction.rs
//!    ▼
//!  write        Set-Cookie, Vary, Cache-Control      ResponsePlan
//! ```
//!
//! Nothing here reads a clock, draws random bytes, opens a socket or needs a
//! runtime: time and randomness come in as arguments or through a `Runtime`, and what
//! awaits ([`transaction`], [`exchange`]) awaits the store. Most users want the `sessile` crate,
//! which puts this behind a tower layer and axum extractors.

mod begin;
mod chunks;
mod codec;
mod config;
pub mod cookie;
pub mod csrf;
mod engine;
mod error;
mod event;
pub mod exchange;
mod expiry;
mod html;
mod id;
pub mod moving;
pub mod native;
mod policy;
mod profile;
mod random;
mod runtime;
mod session;
mod settle;
pub mod store;
pub mod transaction;
pub mod transport;

#[doc(hidden)]
pub use sessile_formats::debug_reads_like_display;

pub use crate::begin::{Begun, Loaded, Opened};
pub use crate::chunks::Chunks;
pub use crate::config::{
    Config, ConfigError, DJANGO_CACHE_PREFIX, DJANGO_CACHED_DB_PREFIX, EndedMeanwhile, Storage,
    StoreFailure,
};
pub use crate::cookie::{Cookie, CookieError, CookieSettings, CookieTemplate, SameSite, SetCookie};
pub use crate::engine::Engine;
pub use crate::error::{CommitError, OpenError, PayloadError};
pub use crate::event::{Event, EventKind};
pub use crate::expiry::{Deadlines, Lifetime};
pub use crate::id::{BadHandle, Handle, ID_BYTES, SUBJECT_MAX_BYTES, SessionId, StoreKey, Subject};
pub use crate::profile::Profile;
pub use crate::random::{Random, RandomError};
pub use crate::session::{Expiry, FlashedMessage, Lookup, Session, SessionError};
pub use crate::settle::{Plan, ResponsePlan, StoreOp};
pub use crate::store::{AnyStore, MemoryStore, SessionStore, StoreError, StoreErrorKind};
pub use crate::transport::Transport;
pub use sessile_formats::{
    BigInt, DateTime, KeyRing, MIN_KEY_BYTES, Map, SecretKey, Timestamp, Value, ValueError,
    WeakKey, Wtf8, from_value, map, to_value,
};
