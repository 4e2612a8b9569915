//! Our own format: compact, versioned, and lossless for every [`Value`](crate::Value).
//!
//! [`encode_map`] and [`decode_map`] turn session data into a record's payload,
//! [`encode_record`] and [`decode_record`] a whole record into one string of
//! bytes, [`encode_entry`] and [`decode_entry`] what a store keeps under a key.
//! [`SignedCookie`] and [`SealedCookie`] keep a whole record in the browser,
//! [`LinkToken`] a value in a link.
//! `docs/native-format.md` describes all of them byte by byte.
//!
//! What is read may come from anybody: nothing here panics, recurses without
//! bound, or allocates more than a small multiple of its input.

mod link;
mod map;
mod plain;
mod record;
mod sealed;
mod signed;
mod token;
mod wire;

use std::fmt;

pub use link::LinkToken;
pub use map::{MAX_DEPTH, decode_map, encode_map};
pub(crate) use plain::Plain;
pub use record::{
    CLOCK_LEEWAY, created_ahead_of, decode_entry, decode_record, encode_entry, encode_live,
    encode_moved, encode_record, encode_versioned,
};
pub use sealed::{NONCE_BYTES, SealedCookie};
pub use signed::SignedCookie;
pub use token::{MAX_TOKEN_CHARS, TokenError};

/// Why bytes are not a map, record or entry of ours.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// Not this format: cut off, altered, or something else altogether.
    Malformed,
    /// Written by a newer release. Leave it as it is: that release may still read it.
    Newer,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not a session in the native format: cut off, altered, or foreign",
            Self::Newer => {
                "a session written by a newer release; update this one, and do not overwrite it"
            }
        })
    }
}

sessile_formats::debug_reads_like_display!(DecodeError, EncodeError);

impl std::error::Error for DecodeError {}

/// Why session data have no form in bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// Values are nested deeper than [`MAX_DEPTH`].
    TooDeep,
    /// The cookie would be longer than [`MAX_TOKEN_CHARS`].
    TooLong {
        /// How long it would be.
        chars: usize,
    },
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooDeep => {
                write!(f, "session values are nested deeper than {MAX_DEPTH} levels; flatten them")
            }
            Self::TooLong { chars } => write!(
                f,
                "the session makes a cookie of {chars} characters, {MAX_TOKEN_CHARS} fit into one; \
                 keep less in it, allow it more cookies, or keep it in a store"
            ),
        }
    }
}

impl std::error::Error for EncodeError {}
