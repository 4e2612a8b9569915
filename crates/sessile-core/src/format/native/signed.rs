//! Sessions kept in the browser, readable there but not to be altered.

use std::fmt;

use bytes::{Buf as _, Bytes};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::EncodeError;
use super::record::{decode_record, push_record, record_bytes};
use super::token::{self, MAX_TOKEN_CHARS, TokenError};
use crate::keys::KeyRing;
use crate::store::Record;

const PURPOSE: &str = "sessile/v1/signed-session";
const PREFIX: &str = "s1";
const MAC_BYTES: usize = 32;

/// Writes and reads signed cookies: whoever holds one can read what is in it,
/// only we can make one. Use [`SealedCookie`](super::SealedCookie) for what
/// the visitor is not to see.
///
/// A cookie verifies only under the cookie name and the audience (the
/// application's own name) that it was made for.
///
/// ```
/// use bytes::Bytes;
/// use sessile_core::format::native::{SignedCookie, TokenError};
/// use sessile_core::{Deadlines, KeyRing, SecretKey, store::Record};
///
/// let ring = KeyRing::from(SecretKey::new("3f1c0b6f9a3d47c28c5e6a1d0b7f2e94")?);
/// let cookies = SignedCookie::new(&ring, "__Host-id", "shop");
/// # let record = Record {
/// #     payload: Bytes::from_static(b"\x01\x00"), created: None, seen: None, rotated: None,
/// #     authenticated: None, deadlines: Deadlines::default(), permanent: false, subject: None,
/// # };
/// let value = cookies.encode(&record)?;
/// assert!(cookies.decode(value.as_bytes())? == record);
///
/// let elsewhere = SignedCookie::new(&ring, "__Host-id", "bank");
/// assert!(elsewhere.decode(value.as_bytes()) == Err(TokenError::Rejected));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SignedCookie {
    newest: Hmac<Sha256>,
    older: Vec<Hmac<Sha256>>,
    max_chars: usize,
}

impl SignedCookie {
    /// Cookies called `cookie_name` of the application called `audience`. The
    /// newest key signs, all of them verify. Keys are derived here, once.
    pub fn new(ring: &KeyRing, cookie_name: &str, audience: &str) -> Self {
        let context = token::context(&[PURPOSE, cookie_name, audience]);
        let keyed = |secret: &[u8]| token::keyed(token::derive(secret, &context).as_slice());
        Self {
            newest: keyed(ring.newest().expose()),
            older: ring.iter().skip(1).map(|key| keyed(key.expose())).collect(),
            max_chars: MAX_TOKEN_CHARS,
        }
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
        let mut bytes = Vec::with_capacity(MAC_BYTES + record_bytes(record));
        bytes.extend_from_slice(&[0; MAC_BYTES]);
        push_record(&mut bytes, record);
        if let Some((mac, signed)) = bytes.split_first_chunk_mut::<MAC_BYTES>() {
            *mac = self.newest.clone().chain_update(signed).finalize().into_bytes().into();
        }
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
        let (mac, signed) = bytes.split_first_chunk::<MAC_BYTES>().ok_or(TokenError::Rejected)?;
        // `verify` compares in constant time.
        let verifies =
            |key: &Hmac<Sha256>| key.clone().chain_update(signed).verify(mac.into()).is_ok();
        if !verifies(&self.newest) && !self.older.iter().any(verifies) {
            return Err(TokenError::Rejected);
        }
        let mut record = Bytes::from(bytes);
        record.advance(MAC_BYTES);
        Ok(decode_record(record)?)
    }
}

impl fmt::Debug for SignedCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedCookie").field("keys", &(1 + self.older.len())).finish()
    }
}
