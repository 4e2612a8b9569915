//! Sessions kept in the browser, neither readable nor to be altered there.

use std::fmt;

use bytes::{Buf as _, Bytes};
use chacha20poly1305::aead::{AeadInOut as _, KeyInit as _};
use chacha20poly1305::{Tag, XChaCha20Poly1305, XNonce};

use super::EncodeError;
use super::record::{decode_record, push_record, record_bytes};
use super::token::{self, MAX_TOKEN_CHARS, TokenError};
use crate::store::Record;
use sessile_formats::KeyRing;

const PURPOSE: &str = "sessile/v1/sealed-session";
const PREFIX: &str = "e1";
const TAG_BYTES: usize = 16;

/// Random bytes that [`SealedCookie::encode`] needs for each cookie.
pub const NONCE_BYTES: usize = 24;

/// Writes and reads sealed cookies: XChaCha20-Poly1305 hides what is in them
/// and shows alterations. Only the length can be seen.
///
/// A cookie opens only under the cookie name and the audience (the
/// application's own name) that it was made for.
///
/// ```
/// use bytes::Bytes;
/// use sessile_core::native::SealedCookie;
/// use sessile_core::{KeyRing, SecretKey, store::Record};
///
/// let ring = KeyRing::from(SecretKey::new("3f1c0b6f9a3d47c28c5e6a1d0b7f2e94")?);
/// let cookies = SealedCookie::new(&ring, "__Host-id", "shop");
/// # let record = Record::new(Bytes::from_static(b"\x01\x00"));
/// # let nonce = [7; 24];
/// let value = cookies.encode(&record, &nonce)?;
/// assert!(cookies.decode(value.as_bytes())? == record);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SealedCookie {
    newest: XChaCha20Poly1305,
    older: Vec<XChaCha20Poly1305>,
    /// Purpose, cookie name, audience: authenticated with every cookie.
    context: Vec<u8>,
    max_chars: usize,
}

impl SealedCookie {
    /// Cookies called `cookie_name` of the application called `audience`. The
    /// newest key seals, all of them open. Keys are derived here, once.
    pub fn new(ring: &KeyRing, cookie_name: &str, audience: &str) -> Self {
        let purpose = token::context(&[PURPOSE]);
        let cipher =
            |secret: &[u8]| XChaCha20Poly1305::new((&*token::derive(secret, &purpose)).into());
        Self {
            newest: cipher(ring.newest().expose()),
            older: ring.iter().skip(1).map(|key| cipher(key.expose())).collect(),
            context: token::context(&[PURPOSE, cookie_name, audience]),
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

    /// The cookie's value for `record`. The nonce must be fresh random bytes
    /// for every call: two cookies under one nonce give both away.
    ///
    /// # Errors
    ///
    /// [`EncodeError::TooLong`] over [`MAX_TOKEN_CHARS`](super::MAX_TOKEN_CHARS).
    pub fn encode(
        &self,
        record: &Record,
        nonce: &[u8; NONCE_BYTES],
    ) -> Result<String, EncodeError> {
        let mut bytes = Vec::with_capacity(NONCE_BYTES + TAG_BYTES + record_bytes(record));
        bytes.extend_from_slice(nonce);
        bytes.extend_from_slice(&[0; TAG_BYTES]);
        push_record(&mut bytes, record);
        let chars = bytes.len();
        let Some((tag, hidden)) = split(&mut bytes) else {
            return Err(EncodeError::TooLong { chars });
        };
        // The cipher's only complaint is a text of hundreds of gigabytes.
        *tag = self
            .newest
            .encrypt_inout_detached(&XNonce::from(*nonce), &self.context, hidden.into())
            .map_err(|_| EncodeError::TooLong { chars })?
            .into();
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
        let mut bytes = token::read(PREFIX, value, self.max_chars)?;
        let nonce = *bytes.first_chunk::<NONCE_BYTES>().ok_or(TokenError::Rejected)?;
        let (tag, hidden) = split(&mut bytes).ok_or(TokenError::Rejected)?;
        let (nonce, tag) = (XNonce::from(nonce), Tag::from(*tag));
        // The tag is compared, in constant time, before anything is decrypted:
        // a key that does not fit leaves the bytes as they are for the next.
        let mut opens = |key: &XChaCha20Poly1305| {
            let hidden = (&mut *hidden).into();
            key.decrypt_inout_detached(&nonce, &self.context, hidden, &tag).is_ok()
        };
        if !opens(&self.newest) && !self.older.iter().any(opens) {
            return Err(TokenError::Rejected);
        }
        let mut record = Bytes::from(bytes);
        record.advance(NONCE_BYTES + TAG_BYTES);
        Ok(decode_record(record)?)
    }
}

/// The tag and the text behind the nonce.
fn split(bytes: &mut [u8]) -> Option<(&mut [u8; TAG_BYTES], &mut [u8])> {
    bytes.get_mut(NONCE_BYTES..)?.split_first_chunk_mut::<TAG_BYTES>()
}

impl fmt::Debug for SealedCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedCookie").field("keys", &(1 + self.older.len())).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xchacha20_poly1305_gives_the_answer_of_its_draft() {
        // draft-irtf-cfrg-xchacha-03, A.3.1.
        let key: [u8; 32] = std::array::from_fn(|at| 0x80 + at as u8);
        let nonce: [u8; NONCE_BYTES] = std::array::from_fn(|at| 0x40 + at as u8);
        let context = b"PQRS\xc0\xc1\xc2\xc3\xc4\xc5\xc6\xc7";
        let mut text = *b"Ladies and Gentlemen of the class of '99: If I could offer you \
            only one tip for the future, sunscreen would be it.";
        let tag = XChaCha20Poly1305::new(&key.into())
            .encrypt_inout_detached(&nonce.into(), context, text.as_mut_slice().into())
            .unwrap();
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(
            hex(&text),
            "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa644\
             0bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e\
             3f3fac2bc369488f76b2383565d3fff921f9664c97637da9768812f615c68b13b52e"
        );
        assert_eq!(hex(&tag), "c0875924c1c7987947deafd8780acf49");
    }
}
