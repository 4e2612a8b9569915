//! `itsdangerous.Signer`: a value, a separator, a signature.

use std::borrow::Cow;
use std::fmt;

use super::mac::{Keyed, MAX_TAG};
use super::{Derivation, Digest};
use crate::base64;
use crate::error::{BadData, Fault};
use crate::keys::KeyRing;

/// itsdangerous' `_base64_alphabet`, in its order: a separator that is a part
/// of this text is refused.
const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=";

/// What a signer does with its keys. The default is itsdangerous' own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignerOptions {
    /// Tells apart what one key signs for different purposes.
    pub salt: Cow<'static, [u8]>,
    /// Stands between value and signature.
    pub separator: Cow<'static, [u8]>,
    /// How the signing key comes from secret key and salt.
    pub derivation: Derivation,
    /// The hash used throughout.
    pub digest: Digest,
}

impl Default for SignerOptions {
    fn default() -> Self {
        Self {
            salt: Cow::Borrowed(b"itsdangerous.Signer"),
            separator: Cow::Borrowed(b"."),
            derivation: Derivation::default(),
            digest: Digest::default(),
        }
    }
}

impl SignerOptions {
    /// The defaults with another salt.
    pub fn salted(salt: impl Into<Cow<'static, [u8]>>) -> Self {
        Self { salt: salt.into(), ..Self::default() }
    }
}

/// A separator that could be a part of the signature itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BadSeparator;

impl fmt::Display for BadSeparator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "The given separator cannot be used because it may be contained in the signature \
             itself. ASCII letters, digits, and '-_=' must not be used.",
        )
    }
}

crate::debug_reads_like_display!(BadSeparator);

impl std::error::Error for BadSeparator {}

/// Signs with the newest key, verifies with all of them.
///
/// Keys are derived once, here, not for every message.
///
/// ```
/// use sessile_formats::itsdangerous::{Signer, SignerOptions};
/// use sessile_formats::{KeyRing, SecretKey};
///
/// let ring = KeyRing::new(SecretKey::new("3f1c0b6f9a3d47c28c5e6a1d0b7f2e94")?);
/// let signer = Signer::new(&ring, SignerOptions::salted(b"greeting"))?;
/// let signed = signer.sign(b"hello");
/// assert_eq!(signer.unsign(&signed)?, b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Signer {
    newest: Keyed,
    /// Newest first.
    older: Vec<Keyed>,
    separator: Cow<'static, [u8]>,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("keys", &(1 + self.older.len())).finish_non_exhaustive()
    }
}

impl Signer {
    /// A signer for these keys.
    ///
    /// # Errors
    /// [`BadSeparator`] (itsdangerous: `ValueError`), also when it is empty.
    pub fn new(keys: &KeyRing, options: SignerOptions) -> Result<Self, BadSeparator> {
        let SignerOptions { salt, separator, derivation, digest } = options;
        if separator.is_empty() || ALPHABET.windows(separator.len()).any(|part| part == &*separator)
        {
            return Err(BadSeparator);
        }
        Ok(Self::build(keys, &salt, separator, derivation, digest))
    }

    pub(crate) fn build(
        keys: &KeyRing,
        salt: &[u8],
        separator: Cow<'static, [u8]>,
        derivation: Derivation,
        digest: Digest,
    ) -> Self {
        let derive = |secret: &[u8]| Keyed::derive(digest, derivation, secret, salt);
        let newest = derive(keys.newest().expose());
        let older = keys.iter().skip(1).map(|key| derive(key.expose())).collect();
        Self { newest, older, separator }
    }

    /// `value`, the separator, and the signature of `value`.
    pub fn sign(&self, value: &[u8]) -> Vec<u8> {
        let mut signed = Vec::with_capacity(value.len() + self.separator.len() + MAX_TAG * 4 / 3);
        signed.extend_from_slice(value);
        self.sign_in_place(&mut signed);
        signed
    }

    /// Appends the separator and the signature of all that `value` holds.
    pub fn sign_in_place(&self, value: &mut Vec<u8>) {
        let tag = self.newest.tag(value);
        value.extend_from_slice(&self.separator);
        base64::encode_into(tag.as_bytes(), value);
    }

    /// The signature of `value` alone, as URL-safe base64 (`get_signature`).
    pub fn signature(&self, value: &[u8]) -> String {
        base64::encode(self.newest.tag(value).as_bytes())
    }

    /// Whether this is the signature of `value` by any of the keys, the newest
    /// tried first (`verify_signature`). Its base64 is read leniently.
    pub fn verify(&self, value: &[u8], signature: &[u8]) -> bool {
        // Room for the longest tag and the three bytes the decoder may want beyond.
        let mut room = [0; MAX_TAG + 3];
        let Ok(presented) = base64::decode_slice(signature, &mut room) else {
            return false;
        };
        self.newest.verify(value, &presented)
            || self.older.iter().any(|key| key.verify(value, &presented))
    }

    /// The value, when its signature is right. Split at the last separator.
    ///
    /// # Errors
    /// [`BadData::BadSignature`].
    pub fn unsign<'a>(&self, signed: &'a [u8]) -> Result<&'a [u8], BadData> {
        self.split(signed)
            .ok_or_else(|| Fault::NoSeparator((*self.separator).into()))
            .and_then(|(value, signature)| {
                if self.verify(value, signature) {
                    Ok(value)
                } else {
                    Err(Fault::Mismatch(signature.into()))
                }
            })
            .map_err(BadData::BadSignature)
    }

    /// What stands before and after the last separator.
    pub(super) fn split<'a>(&self, text: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let at = match &*self.separator {
            [single] => memchr::memrchr(*single, text)?,
            several => text.windows(several.len()).rposition(|part| part == several)?,
        };
        let (before, rest) = text.split_at_checked(at)?;
        Some((before, rest.get(self.separator.len()..)?))
    }

    pub(super) fn separator(&self) -> &[u8] {
        &self.separator
    }
}
