//! What Django 5.2 and 6 sign, and how they keep sessions.

mod b62;
mod cookie;
pub mod csrf;
mod error;
pub mod expiry;
mod isoformat;
mod session;
mod signing;

pub use b62::{b62_decode, b62_encode};
pub use cookie::SignedCookie;
pub use error::SigningError;
pub use session::{
    COOKIE_SALT, Decoded, SESSION_SALT, SessionCodec, expiry_unverified, is_session_key,
};
pub use signing::{Options, Signer, TimestampSigner, UnsafeSeparator, salted_hmac};
