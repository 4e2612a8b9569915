//! Sessions in SQL databases.
//!
//! SQLite is the embedded default: one file, no server, several processes at once.
//!
//! ```no_run
//! use sessile_sql::{Options, SqlStore};
//!
//! # async fn example() -> Result<(), sessile_sql::ConnectError> {
//! let store = SqlStore::connect("sqlite:/var/lib/shop/sessions.db", Options::default()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Rows are found by a hash of the session id, so a stolen copy of the table
//! opens no session. Every write is one conditional statement or one
//! transaction, and is on the disk before it is acknowledged.

// Without a database there is nothing to offer.
#![cfg(feature = "sqlite")]

mod options;
mod sqlite;
mod store;

pub use options::{ConnectError, Durability, Options};
pub use store::SqlStore;
