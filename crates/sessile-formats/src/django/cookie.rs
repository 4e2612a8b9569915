//! `HttpResponse.set_signed_cookie` and `HttpRequest.get_signed_cookie`.

use zeroize::Zeroizing;

use super::{SigningError, TimestampSigner};
use crate::Timestamp;
use crate::keys::{KeyRing, SecretKey, WeakKey};

const KEY_PREFIX: &[u8] = b"django.http.cookies";

/// One signed cookie: its name and salt are part of what is signed.
///
/// Django 5.2.15 and 6.0.6 changed how name and salt are joined, because the
/// pairs `("ab", "c")` and `("a", "bc")` came out alike before.
#[derive(Clone, Debug)]
pub struct SignedCookie {
    signer: TimestampSigner,
    legacy: Option<TimestampSigner>,
}

impl SignedCookie {
    /// For the cookie `name`, signed with the key `django.http.cookies` + `SECRET_KEY`.
    ///
    /// `legacy` is `SIGNED_COOKIE_LEGACY_SALT_FALLBACK`: whether cookies of
    /// older Djangos are read. True by default in 5.2.15 and later of 5.2, false in 6.1.
    ///
    /// # Errors
    /// None in practice: a prefixed key is never empty.
    pub fn new(keys: &KeyRing, name: &str, salt: &str, legacy: bool) -> Result<Self, WeakKey> {
        let prefixed = |key: &SecretKey| {
            let bytes = Zeroizing::new([KEY_PREFIX, key.expose()].concat());
            SecretKey::allow_weak(bytes.to_vec())
        };
        let older: Result<Vec<SecretKey>, WeakKey> = keys.iter().skip(1).map(prefixed).collect();
        let ring = KeyRing::new(prefixed(keys.newest())?).with_fallbacks(older?);
        let signer = |salt: String| TimestampSigner::salted(&ring, salt);
        let length = salt.chars().count();
        Ok(Self {
            signer: signer(format!("django.http.cookies.v2:{length}:{salt}{name}")),
            legacy: legacy.then(|| signer(format!("{name}{salt}"))),
        })
    }

    /// The cookie's value.
    pub fn sign(&self, value: &str, now: Timestamp) -> String {
        self.signer.sign(value, now)
    }

    /// The value that was signed, when the signature is right and at most `max_age` seconds old.
    ///
    /// # Errors
    /// [`SigningError`].
    pub fn unsign<'a>(
        &self,
        signed: &'a str,
        max_age: Option<f64>,
        now: Timestamp,
    ) -> Result<&'a str, SigningError> {
        match (self.signer.unsign(signed, max_age, now), &self.legacy) {
            (Err(error @ SigningError::Expired { .. }), _) => Err(error),
            (Err(error), Some(legacy)) if error.is_bad_signature() => {
                legacy.unsign(signed, max_age, now)
            }
            (result, _) => result,
        }
    }
}
