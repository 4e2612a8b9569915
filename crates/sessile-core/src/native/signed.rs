//! Sessions kept in the browser, readable there but not to be altered.

use std::fmt;

use bytes::{Buf as _, Bytes};

use super::EncodeError;
use super::record::{decode_record, push_record, record_bytes};
use super::token::{self, MAX_TOKEN_CHARS, Macs, TokenError};
use crate::store::Record;
use sessile_formats::KeyRing;

const PURPOSE: &str = "sessile/v1/signed-session";
const PREFIX: &str = "s1";

/// Writes and reads signed cookies: whoever holds one can read what is in it,
/// only we can make one. Use [`SealedCookie`](super::SealedCookie) for what
/// the visitor is not to see.
///
/// A cookie verifies only under the cookie name and the audience (the
/// application's own name) that it was made for.
///
/// ```
/// use bytes::Bytes;
/// use sessile_core::native::{SignedCookie, TokenError};
/// use sessile_core::{KeyRing, SecretKey, store::Record};
///
/// let ring = KeyRing::from(SecretKey::new("3f1c0b6f9a3d47c28c5e6a1d0b7f2e94")?);
/// let cookies = SignedCookie::new(&ring, "__Host-id", "shop");
/// # let record = Record::new(Bytes::from_static(b"\x01\x00"));
/// let value = cookies.encode(&record)?;
/// assert!(cookies.decode(value.as_bytes())? == record);
///
/// let elsewhere = SignedCookie::new(&ring, "__Host-id", "bank");
/// assert!(elsewhere.decode(value.as_bytes()) == Err(TokenError::Rejected));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SignedCookie {
    macs: Macs,
    max_chars: usize,
}

impl SignedCookie {
    /// Cookies called `cookie_name` of the application called `audience`. The
    /// newest key signs, all of them verify. Keys are derived here, once.
    pub fn new(ring: &KeyRing, cookie_name: &str, audience: &str) -> Self {
        let macs = Macs::new(ring, &[PURPOSE, cookie_name, audience]);
        Self { macs, max_chars: MAX_TOKEN_CHARS }
    }

    /// With another bound than [`MAX_TOKEN_CHARS`](super::MAX_TOKEN_CHARS), for
    /// a value that several cookies hold together.
    #[must_use]
    pub fn with_max_chars(mut self, max_chars: usize) -> Self {
        self.max_chars = max_chars;
        self
    }

    /// The cookie's value for `record`.
    ///
    /// # Errors
    ///
    /// [`EncodeError::TooLong`] over [`MAX_TOKEN_CHARS`](super::MAX_TOKEN_CHARS).
    pub fn encode(&self, record: &Record) -> Result<String, EncodeError> {
        let mut bytes = Vec::with_capacity(Macs::BYTES + record_bytes(record));
        bytes.extend_from_slice(&[0; Macs::BYTES]);
        push_record(&mut bytes, record);
        self.macs.sign(&mut bytes);
        token::write(PREFIX, &bytes, self.max_chars)
    }

    /// The record in a cookie's value, its deadlines not looked at: whether it
    /// is over ([`Deadlines::passed`](crate::Deadlines::passed)) or from the
    /// future ([`created_ahead_of`](super::created_ahead_of)) is the caller's to ask.
    ///
    /// # Errors
    ///
    /// [`TokenError::Rejected`] for everything that we have not made with one
    /// of these keys for this cookie, [`TokenError::Newer`] for what a newer
    /// release has made with them.
    pub fn decode(&self, value: &[u8]) -> Result<Record, TokenError> {
        let bytes = token::read(PREFIX, value, self.max_chars)?;
        self.macs.verified(&bytes)?;
        let mut record = Bytes::from(bytes);
        record.advance(Macs::BYTES);
        Ok(decode_record(record)?)
    }
}

impl fmt::Debug for SignedCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedCookie").field("keys", &self.macs.count()).finish()
    }
}
