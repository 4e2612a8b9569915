//! Sessions in files: a folder with one file per session, for any number of
//! processes on one machine.
//!
//! ```no_run
//! use sessile_file::{FileStore, Options};
//!
//! # async fn example() -> Result<(), sessile_core::StoreError> {
//! let store = FileStore::open("/var/lib/shop/sessions", Options::default()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! ```text
//! sessions/              the folder given, for its owner only (0700)
//!   layout-1             marks it as ours, and the layout's version
//!   sessions/HASH        one session or pointer (0600), whole or not there
//!   subjects/HASH/HASH   which sessions a user has; empty files
//!   locks/00 … 3f        who writes; the first byte of a session's name picks one
//! ```
//!
//! A write goes to a new file, to the disk, over the old one, and the folder to
//! the disk: a reader, or a power failure, finds the old record or the new one.
//! Compare and write happen under a lock that other processes keep too. Names
//! are hashes, so no session id, not even a hostile one, is ever part of a path.
//!
//! With [`Options::layout`] it uses the files of another program instead, which
//! goes on using them: cachelib's, which Flask-Session keeps sessions in
//! ([`cachelib`]), or those of Django's `file` engine. What is written is what
//! the other would write; what it removed is never brought back. Their folder
//! gets one more folder with our locks, which both pass over.
//!
//! It needs tokio with its timer; the disk is waited for on tokio's blocking threads.

mod ageing;
pub mod cachelib;
mod count;
mod diagnose;
mod disk;
mod django;
mod envelope;
mod error;
mod files;
mod folder;
mod foreign;
mod foreign_folder;
mod lock;
mod operations;
mod options;
mod owner;
mod store;
mod subjects;

pub use options::{CachelibNames, Durability, Options};
pub use store::FileStore;
