//! Sessions in Memcached, 1.6 and later, on one server or several.
//!
//! ```no_run
//! use sessile_core::store::Layout;
//! use sessile_memcached::{MemcachedStore, Options};
//!
//! # async fn example() -> Result<(), sessile_memcached::ConnectError> {
//! // The sessions of a Flask application with Flask-Session 0.8.
//! let options = Options { layout: Layout::FlaskSession, ..Options::default() };
//! let store = MemcachedStore::connect("memcached://cache1,cache2:11212", options).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Every write is conditional in the server (CAS), so what was ended stays so
//! and no update is lost. What Memcached cannot promise is to keep: it forgets
//! when it is restarted or its memory is full, and a visitor whose session was
//! forgotten is anonymous. It has no index either, so one user's sessions are
//! found only by going through all of them (`lru_crawler metadump`), and there
//! is no [`Directory`](sessile_core::store::Directory). Where that matters, put it
//! in front of a durable store.
//!
//! The client is our own, on the meta commands of the text protocol: they give
//! value, version and time left in one trip. See `docs/decisions.md`.

mod address;
mod choice;
mod connection;
mod diagnose;
mod fault;
mod foreign;
mod keys;
mod list;
mod native;
mod options;
mod scan;
mod server;
mod store;

pub use choice::ServerChoice;
pub use options::{ConnectError, Options};
pub use store::MemcachedStore;
