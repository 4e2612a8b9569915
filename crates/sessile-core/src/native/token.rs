//! What signed and sealed cookies and links share: how they are bound to their use, and
//! their spelling.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{DecodeError, EncodeError};
use sessile_formats::{KeyRing, SecretKey};

/// A token is no longer than this, in characters: browsers keep no cookie
/// whose name and value are over 4096 bytes (draft-ietf-httpbis-rfc6265bis-22, 5.6).
pub const MAX_TOKEN_CHARS: usize = 4096;

/// Why a cookie or a link is not one of ours.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenError {
    /// Forged, altered, cut off, too long, for another cookie or application,
    /// or made with a key that is gone. Which of them is not told.
    Rejected,
    /// Made by us with a newer release, which may still read it: leave the cookie as it is.
    Newer,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rejected => "it was not made by us, for this use, with these keys",
            Self::Newer => "it was written by a newer release; update this one, and keep it",
        })
    }
}

sessile_formats::debug_reads_like_display!(TokenError);

impl std::error::Error for TokenError {}

impl From<DecodeError> for TokenError {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::Malformed => Self::Rejected,
            DecodeError::Newer => Self::Newer,
        }
    }
}

/// Texts in a row, each behind its length, so that no two rows are the same bytes.
pub(super) fn context(parts: &[&str]) -> Vec<u8> {
    let mut context = Vec::new();
    for part in parts {
        context.extend_from_slice(&(part.len() as u64).to_be_bytes());
        context.extend_from_slice(part.as_bytes());
    }
    context
}

/// HMAC-SHA256, keyed.
pub(super) fn keyed(key: &[u8]) -> Hmac<Sha256> {
    // RFC 2104: a key over a block is replaced by its hash, a shorter one
    // filled up with zeros. Done here, where it cannot fail.
    let mut block = Zeroizing::new([0; 64]);
    let digest;
    let short = if key.len() > block.len() {
        digest = Zeroizing::new(<[u8; 32]>::from(Sha256::digest(key)));
        digest.as_slice()
    } else {
        key
    };
    for (to, from) in block.iter_mut().zip(short) {
        *to = *from;
    }
    Hmac::new((&*block).into())
}

/// A key for one use, from which neither the secret nor another use's key can be found.
pub(super) fn derive(secret: &[u8], context: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut mac = keyed(secret);
    mac.update(context);
    Zeroizing::new(mac.finalize().into_bytes().into())
}

/// The signatures of one use: the newest key signs, all of them verify.
#[derive(Clone)]
pub(super) struct Macs {
    newest: Hmac<Sha256>,
    older: Vec<Hmac<Sha256>>,
}

impl Macs {
    /// Where a signature stands before what it signs.
    pub(super) const BYTES: usize = 32;

    /// Keys are derived here, once.
    pub(super) fn new(ring: &KeyRing, uses: &[&str]) -> Self {
        let context = context(uses);
        let of = |key: &SecretKey| keyed(derive(key.expose(), &context).as_slice());
        Self { newest: of(ring.newest()), older: ring.iter().skip(1).map(of).collect() }
    }

    /// How many keys verify.
    pub(super) fn count(&self) -> usize {
        1 + self.older.len()
    }

    /// Fills the first [`Self::BYTES`] with the signature of the rest.
    pub(super) fn sign(&self, bytes: &mut [u8]) {
        if let Some((mac, signed)) = bytes.split_first_chunk_mut::<{ Self::BYTES }>() {
            *mac = self.newest.clone().chain_update(signed).finalize().into_bytes().into();
        }
    }

    /// What stands behind its signature, if that is one of ours.
    pub(super) fn verified<'a>(&self, bytes: &'a [u8]) -> Result<&'a [u8], TokenError> {
        let split = bytes.split_first_chunk::<{ Self::BYTES }>();
        let (mac, signed) = split.ok_or(TokenError::Rejected)?;
        // `verify` compares in constant time.
        let verifies =
            |key: &Hmac<Sha256>| key.clone().chain_update(signed).verify(mac.into()).is_ok();
        if verifies(&self.newest) || self.older.iter().any(verifies) {
            return Ok(signed);
        }
        Err(TokenError::Rejected)
    }
}

/// `prefix`, then `bytes` in base64.
pub(super) fn write(prefix: &str, bytes: &[u8], max_chars: usize) -> Result<String, EncodeError> {
    let chars = prefix.len().saturating_add(bytes.len().saturating_mul(4).div_ceil(3));
    if chars > max_chars {
        return Err(EncodeError::TooLong { chars });
    }
    let mut token = String::with_capacity(chars);
    token.push_str(prefix);
    URL_SAFE_NO_PAD.encode_string(bytes, &mut token);
    Ok(token)
}

/// The bytes that [`write`] was given. Only the one spelling it makes is taken.
pub(super) fn read(prefix: &str, token: &[u8], max_chars: usize) -> Result<Vec<u8>, TokenError> {
    if token.len() > max_chars {
        return Err(TokenError::Rejected);
    }
    let text = token.strip_prefix(prefix.as_bytes()).ok_or(TokenError::Rejected)?;
    // Filled to the last byte, a vector becomes `Bytes` without another allocation.
    let mut bytes = vec![0; text.len() / 4 * 3 + (text.len() % 4).saturating_sub(1)];
    match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
        Ok(len) if len == bytes.len() => Ok(bytes),
        _ => Err(TokenError::Rejected),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn hmac_sha256_gives_the_answers_of_rfc_4231() {
        // Test cases 1, 2, 4, 6: short, shorter, and longer than a block; RFC 4231, 4.2 to 4.7.
        let counting: Vec<u8> = (1..=25).collect();
        for (key, data, expected) in [
            (
                &[0x0b; 20][..],
                &b"Hi There"[..],
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &counting,
                &[0xcd; 50],
                "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
            ),
            (
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ] {
            assert_eq!(hex(derive(key, data).as_slice()), expected);
        }
    }

    #[test]
    fn inv10_no_two_rows_of_texts_are_the_same_bytes() {
        let rows: [&[&str]; 6] =
            [&["ab", "c"], &["a", "bc"], &["abc"], &["abc", ""], &["", "abc"], &["a", "b", "c"]];
        for (at, row) in rows.iter().enumerate() {
            for other in &rows[at + 1..] {
                assert_ne!(context(row), context(other));
            }
        }
    }

    #[test]
    fn every_length_is_written_and_read_up_to_the_bound() {
        for len in (0..300).chain(3060..=3070) {
            let bytes = vec![0xa5; len];
            let token = write("s1", &bytes, MAX_TOKEN_CHARS).unwrap();
            assert_eq!(read("s1", token.as_bytes(), MAX_TOKEN_CHARS), Ok(bytes));
        }
        assert_eq!(write("s1", &[0; 3070], MAX_TOKEN_CHARS).unwrap().len(), 4096);
        assert_eq!(
            write("s1", &[0; 3071], MAX_TOKEN_CHARS),
            Err(EncodeError::TooLong { chars: 4097 })
        );
        assert_eq!(
            read("s1", &[b"s1".to_vec(), vec![b'A'; 4095]].concat(), MAX_TOKEN_CHARS),
            Err(TokenError::Rejected)
        );
    }
}
