//! Real servers on free loopback ports, for tests.
//!
//! Every value of this crate that stands for a server owns its process, its port and a temporary
//! folder with its data. When the value goes, so do all three. The machine's own services are
//! never touched.
//!
//! ```no_run
//! use sessile_testbed::redis::{Redis, RedisOptions};
//!
//! let mut redis = Redis::start(RedisOptions { appendonly: true, ..Default::default() })?;
//! println!("{}", redis.url());
//! redis.kill(); // as `kill -9` would
//! redis.run()?; // same port, same data
//! # Ok::<(), sessile_testbed::Error>(())
//! ```

mod activity;
mod backends;
mod error;
mod folder;
pub mod mariadb;
pub mod memcached;
pub mod mongodb;
pub mod pgbouncer;
mod ports;
pub mod postgres;
mod process;
pub mod proxies;
pub mod proxy;
pub mod redis;
mod server;
mod tls;

pub use activity::connections;
pub use backends::{Backend, Started, start};
pub use error::Error;
pub use folder::Folder;
pub use ports::free as free_port;
pub use process::{UNPACKED, find, wait_until};
pub use server::Server;
pub use tls::Certificates;
