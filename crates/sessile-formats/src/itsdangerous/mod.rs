//! What itsdangerous 2.2.0 signs and verifies, byte for byte.
//!
//! The order of checks and the messages are the original's, so that a Python
//! application sees the exceptions it knows.

mod mac;
mod serializer;
mod signer;
mod timestamp;

pub use mac::{Derivation, Digest};
pub use serializer::{
    AnySigner, Codec, SERIALIZER_SALT, Serializer, TimedSerializer, UrlSafeSerializer,
    UrlSafeTimedSerializer, pack, unpack,
};
pub use signer::{BadSeparator, Signer, SignerOptions};
pub use timestamp::{Stamped, TimestampSigner, bytes_to_int, int_to_bytes};
