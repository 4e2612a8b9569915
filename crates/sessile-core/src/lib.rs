//! Web sessions without I/O.
pub mod cookie;
mod expiry;
pub mod format;
mod id;
mod keys;
pub mod store;
mod time;
mod value;

pub use crate::cookie::{Cookie, CookieError, CookieSettings, CookieTemplate, SameSite, SetCookie};
pub use crate::expiry::{Deadlines, Lifetime};
pub use crate::id::{Handle, ID_BYTES, SUBJECT_MAX_BYTES, SessionId, StoreKey, Subject};
pub use crate::keys::{KeyRing, MIN_KEY_BYTES, SecretKey, WeakKey};
pub use crate::store::{AnyStore, SessionStore, StoreError, StoreErrorKind};
pub use crate::time::Timestamp;
pub use crate::value::{BigInt, DateTime, Map, Value, ValueError, Wtf8, from_value, to_value};
