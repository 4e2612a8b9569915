//! Sessions in MongoDB, 4.2 and later, and in servers that speak its protocol.
//!
//! ```no_run
//! use sessile_mongodb::{MongoStore, Options};
//!
//! # async fn example() -> Result<(), sessile_mongodb::ConnectError> {
//! let url = "mongodb://db1,db2,db3/shop?replicaSet=rs0";
//! let store = MongoStore::connect(url, Options::default()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Every write is one conditional change of one document, which MongoDB makes
//! atomic on every topology: no transaction, no replica set is needed. A write
//! is acknowledged by a majority and from the disk, and reads go to the primary
//! at the majority's level, so that what was ended stays so through a failover.
//!
//! The server forgets expired sessions by TTL indexes, up to a minute late or,
//! where its monitor does not run, never: so the store also
//! [sweeps](sessile_core::SessionStore::capabilities).

mod calls;
mod connect;
mod diagnose;
mod fault;
mod flask_session;
mod native;
mod options;
mod store;

pub use options::{ConnectError, Options};
pub use store::MongoStore;
