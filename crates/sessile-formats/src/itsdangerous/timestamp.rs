//! `itsdangerous.TimestampSigner`: a signature that also covers when it was made.

use super::{BadSeparator, Derivation, Digest, Signer, SignerOptions};
use std::borrow::Cow;

use crate::Timestamp;
use crate::base64;
use crate::error::{BadData, Fault};
use crate::keys::KeyRing;

/// The last second of the year 9999, where Python's `datetime` ends.
const LAST_SECOND: u64 = 253_402_300_799;

/// `itsdangerous.int_to_bytes`: big-endian, without leading zero bytes.
pub fn int_to_bytes(number: u64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    bytes.iter().copied().skip_while(|byte| *byte == 0).collect()
}

/// `itsdangerous.bytes_to_int`: at most eight big-endian bytes; `None` for more
/// (Python: `struct.error`).
pub fn bytes_to_int(bytes: &[u8]) -> Option<u64> {
    if bytes.len() > 8 {
        return None;
    }
    Some(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// A value whose signature was right, and when it was signed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Stamped<'a> {
    /// The value.
    pub value: &'a [u8],
    /// Seconds since 1970.
    pub secs: u64,
}

impl Stamped<'_> {
    /// When it was signed.
    ///
    /// # Errors
    /// [`BadData::TimeOutOfRange`] beyond the year 9999, where Python fails.
    pub fn signed_at(&self) -> Result<Timestamp, BadData> {
        at(self.secs).ok_or(BadData::TimeOutOfRange { secs: self.secs })
    }
}

impl std::fmt::Debug for Stamped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stamped").field("secs", &self.secs).finish_non_exhaustive()
    }
}

fn at(secs: u64) -> Option<Timestamp> {
    let secs = i64::try_from(secs).ok().filter(|_| secs <= LAST_SECOND)?;
    Some(Timestamp::from_secs(secs))
}

/// Signs a value together with the time.
///
/// ```
/// use sessile_formats::itsdangerous::{SignerOptions, TimestampSigner};
/// use sessile_formats::{KeyRing, SecretKey, Timestamp};
///
/// let ring = KeyRing::new(SecretKey::new("3f1c0b6f9a3d47c28c5e6a1d0b7f2e94")?);
/// let signer = TimestampSigner::new(&ring, SignerOptions::default())?;
/// let made = Timestamp::from_secs(1_767_323_045);
/// let signed = signer.sign(b"hello", made);
/// assert_eq!(signer.unsign(&signed, Some(0), made)?.value, b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct TimestampSigner(Signer);

impl TimestampSigner {
    /// A signer for these keys.
    ///
    /// # Errors
    /// [`BadSeparator`], as for [`Signer::new`].
    pub fn new(keys: &KeyRing, options: SignerOptions) -> Result<Self, BadSeparator> {
        Signer::new(keys, options).map(Self)
    }

    /// With the usual separator, a dot, which is never refused.
    pub fn dotted(keys: &KeyRing, salt: &[u8], derivation: Derivation, digest: Digest) -> Self {
        Self(Signer::build(keys, salt, Cow::Borrowed(b"."), derivation, digest))
    }

    /// `value`, the time and the signature of both, with separators between.
    /// A `now` before 1970 counts as 1970.
    pub fn sign(&self, value: &[u8], now: Timestamp) -> Vec<u8> {
        let mut signed = Vec::with_capacity(value.len() + 104);
        signed.extend_from_slice(value);
        self.sign_in_place(&mut signed, now);
        signed
    }

    /// Appends the time and the signature to all that `value` holds.
    pub fn sign_in_place(&self, value: &mut Vec<u8>, now: Timestamp) {
        let secs = u64::try_from(now.as_secs()).unwrap_or(0).to_be_bytes();
        let zeros = secs.iter().take_while(|byte| **byte == 0).count();
        value.extend_from_slice(self.0.separator());
        base64::encode_into(secs.get(zeros..).unwrap_or_default(), value);
        self.0.sign_in_place(value);
    }

    /// The value and its time, when the signature is right and, if `max_age`
    /// is given, at most that many seconds old and not from the future.
    ///
    /// # Errors
    /// In the order they are looked for: [`BadData::BadSignature`] or
    /// [`BadData::BadTimeSignature`] when no key matches, the latter when the
    /// time is missing or malformed, [`BadData::SignatureExpired`]. A time
    /// beyond the year 9999 is [`BadData::TimeOutOfRange`] if `max_age` is given.
    pub fn unsign<'a>(
        &self,
        signed: &'a [u8],
        max_age: Option<i64>,
        now: Timestamp,
    ) -> Result<Stamped<'a>, BadData> {
        let Some((signed_part, signature)) = self.0.split(signed) else {
            return Err(BadData::BadSignature(Fault::NoSeparator(self.0.separator().into())));
        };
        let matches = self.0.verify(signed_part, signature);
        let mismatch = || Fault::Mismatch(signature.into());
        let Some((value, stamp)) = self.0.split(signed_part) else {
            return Err(if matches {
                BadData::BadTimeSignature(Fault::TimestampMissing)
            } else {
                BadData::BadSignature(mismatch())
            });
        };
        let secs = stamp_secs(stamp);
        if !matches {
            // itsdangerous looks at the time of a forged text, too, for its message.
            let beyond = secs.is_some_and(|secs| at(secs).is_none());
            let fault = if beyond { Fault::TimestampMalformed } else { mismatch() };
            return Err(BadData::BadTimeSignature(fault));
        }
        let secs = secs.ok_or(BadData::BadTimeSignature(Fault::TimestampMalformed))?;
        if let Some(max_age) = max_age {
            // The difference fits: both lie between the years 1970 and 9999,
            // or `now` is so far off that saturating changes no comparison.
            let age = match i64::try_from(secs) {
                Ok(secs) => now.as_secs().saturating_sub(secs),
                Err(_) => i64::MIN,
            };
            if age > max_age || age < 0 {
                let signed_at = at(secs).ok_or(BadData::TimeOutOfRange { secs })?;
                return Err(BadData::SignatureExpired { age, max_age, signed_at });
            }
        }
        Ok(Stamped { value, secs })
    }
}

fn stamp_secs(stamp: &[u8]) -> Option<u64> {
    let mut room = [0; 12];
    let bytes = base64::decode_slice(stamp, &mut room).ok()?;
    bytes_to_int(&bytes)
}
