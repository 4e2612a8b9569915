//! What every session store must do, as tests to run against it.
//!
//! A store keeps the contract of [`sessile_core::store`] when [`run_all`]
//! reports no failure. What a store cannot do it says in [`Capabilities`], so
//! that every deviation stands in the source of its own tests.
//!
//! [`store_tests!`] makes one `#[test]` of every case:
//!
//! ```
//! use sessile_conformance::{Capabilities, store_tests};
//! use sessile_core::MemoryStore;
//!
//! /// Every call of the inner function opens one more handle on the same backend.
//! fn memory() -> impl sessile_conformance::Open {
//!     let store = MemoryStore::new();
//!     move || {
//!         let store = store.clone();
//!         async move { Ok(store) }
//!     }
//! }
//!
//! store_tests!(memory(), Capabilities::all());
//! # fn main() {}
//! ```
//!
//! Cases use keys of their own and may run on a shared server, one at a time.
//! They need tokio. A test that cannot be tried where it runs says [`not_run!`]. [`processes`] helps a store's tests to write from several
//! processes and to kill them, [`faults`] to let them run out of room,
//! [`outages`] to kill and freeze their servers.

mod capabilities;
pub mod cases;
mod check;
pub mod faults;
#[cfg(feature = "http")]
pub mod http;
mod not_run;
pub mod outages;
pub mod processes;
mod server;
mod suite;

pub use capabilities::{Capabilities, Keys};
pub use check::{CaseResult, Failure, Verdict};
pub use not_run::not_run;
#[doc(hidden)]
pub use not_run::{does_not_apply, outer_name};
pub use suite::{Open, Report, Suite, block_on, passed, run_all};
