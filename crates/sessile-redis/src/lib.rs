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
//!
//! One server, Sentinel or a cluster, by the address: see [`RedisStore::connect`].
//! A session is one string with its times at fixed places: a load is a plain `GET`,
//! a change one script that compares versions and sets. What Redis itself may forget,
//! and what stands against it, is in [`Options`]: replicas that a write waits for, and
//! a near cache that saves reads their round trip.

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
mod parameters;
mod rights;
mod scan;
mod server;
mod spread;
mod store;
mod target;

pub use options::{ConnectError, Durable, NearCache, NearCacheUse, Options};
pub use store::RedisStore;
