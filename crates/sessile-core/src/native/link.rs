//! Values in links: what we signed, for one purpose, at some time.

use std::fmt;

use super::token::{self, MAX_TOKEN_CHARS, Macs, TokenError};
use super::{EncodeError, decode_map, encode_map};
use crate::{Map, Timestamp, Value};
use sessile_formats::KeyRing;

const PURPOSE: &str = "sessile/v1/link";
const PREFIX: &str = "l1";
const TIME_BYTES: usize = 8;
/// The one key of the map that holds the value.
const VALUE: &str = "";

/// Writes and reads tokens that hold a value and when they were made: whoever
/// holds one can read the value, only we can make one.
///
/// A token verifies only under the purpose and the audience (the application's
/// own name) that it was made for.
///
/// ```
/// use sessile_core::native::LinkToken;
/// use sessile_core::{KeyRing, SecretKey, Timestamp, Value};
///
/// let ring = KeyRing::from(SecretKey::new("3f1c0b6f9a3d47c28c5e6a1d0b7f2e94")?);
/// let now = Timestamp::from_secs(1_767_323_045);
/// let tokens = LinkToken::new(&ring, "confirm e-mail", "shop");
/// let token = tokens.encode(&Value::from("ada@example.org"), now)?;
/// assert_eq!(tokens.decode(token.as_bytes())?, (Value::from("ada@example.org"), now));
///
/// let others = LinkToken::new(&ring, "reset password", "shop");
/// assert!(others.decode(token.as_bytes()).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct LinkToken {
    macs: Macs,
}

impl LinkToken {
    /// Tokens for one purpose. The newest key signs, all of them verify.
    pub fn new(ring: &KeyRing, purpose: &str, audience: &str) -> Self {
        Self { macs: Macs::new(ring, &[PURPOSE, purpose, audience]) }
    }

    /// A token that holds `value`, made at `now`.
    ///
    /// # Errors
    ///
    /// [`EncodeError::TooLong`] over [`MAX_TOKEN_CHARS`], and
    /// [`EncodeError::TooDeep`].
    pub fn encode(&self, value: &Value, now: Timestamp) -> Result<String, EncodeError> {
        let map: Map = [(VALUE, value.clone())].into_iter().collect();
        let mut bytes = vec![0; Macs::BYTES];
        bytes.extend_from_slice(&now.as_millis().to_be_bytes());
        bytes.extend_from_slice(&encode_map(&map)?);
        self.macs.sign(&mut bytes);
        token::write(PREFIX, &bytes, MAX_TOKEN_CHARS)
    }

    /// The value of a token and when it was made. Whether that is too long ago,
    /// or in the future, is the caller's to ask.
    ///
    /// # Errors
    ///
    /// [`TokenError::Rejected`] for everything that was not made with one of
    /// these keys for this purpose, [`TokenError::Newer`] for what a newer
    /// release made with them.
    pub fn decode(&self, token: &[u8]) -> Result<(Value, Timestamp), TokenError> {
        let bytes = token::read(PREFIX, token, MAX_TOKEN_CHARS)?;
        let signed = self.macs.verified(&bytes)?;
        let (made, map) = signed.split_first_chunk::<TIME_BYTES>().ok_or(TokenError::Rejected)?;
        let value = decode_map(map)?.remove(VALUE).ok_or(TokenError::Rejected)?;
        Ok((value, Timestamp::from_millis(i64::from_be_bytes(*made))))
    }
}

impl fmt::Debug for LinkToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkToken").field("keys", &self.macs.count()).finish()
    }
}
