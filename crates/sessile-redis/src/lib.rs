//! Sessions in Redis, Valkey, or what speaks their language.
//!
//! ```no_run
//! use sessile_redis::{Options, RedisStore};
//!
//! # async fn example() -> Result<(), sessile_redis::ConnectError> {
//! let store = RedisStore::connect("redis://127.0.0.1:6379/0", Options::default()).await?;
//! # Ok(())
//! # }
//! ```

mod address;
mod cluster;
mod diagnose;
mod entry;
mod fault;
mod foreign;
mod keys;
mod link;
mod native;
mod near;
mod node;
mod options;
mod scan;
mod server;
mod spread;
mod store;
mod target;

pub use options::{ConnectError, Durable, NearCache, NearCacheUse, Options};
pub use store::RedisStore;
