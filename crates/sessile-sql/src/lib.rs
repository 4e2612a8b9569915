//! Sessions in SQL databases: SQLite, PostgreSQL, MySQL and MariaDB.
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
//! In our own layout rows are found by a hash of the session id, so a stolen
//! copy of the table opens no session. In [Flask-Session's and
//! Django's](sessile_core::store::Layout) the tables are theirs, column by column, and both sides
//! go on working. Every write is one conditional statement or one transaction.

// Without a database there is nothing to offer.
#![cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]

#[cfg(any(feature = "mysql", feature = "postgres"))]
mod address;
mod diagnose;
mod foreign;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod native;
mod options;
mod pages;
mod ready;
mod server;
#[cfg(feature = "sqlite")]
mod sqlite;
mod store;
mod times;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod tls;

pub use options::{ConnectError, Durability, Options};
pub use store::SqlStore;
