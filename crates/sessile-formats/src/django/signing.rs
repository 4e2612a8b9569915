//! `django.core.signing`.

use std::borrow::Cow;
use std::fmt;

use subtle::{Choice, ConstantTimeEq as _};

use super::{SigningError, b62_decode, b62_encode};
use crate::error::{PayloadError, PayloadFault};
use crate::itsdangerous::{self, Derivation, Digest, pack, unpack};
use crate::json::{self, Style};
use crate::keys::{KeyRing, SecretKey};
use crate::{Map, Timestamp, Value};
use crate::{base64, zlib};

/// How a [`Signer`] works. The default is Django's for `signing.dumps`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Tells apart what one key signs for different purposes.
    pub salt: Cow<'static, str>,
    /// Stands between value, time and signature.
    pub separator: Cow<'static, str>,
    /// `algorithm`, SHA-256.
    pub digest: Digest,
    /// The longest text that is looked at, in bytes.
    pub max_len: usize,
    /// The most bytes a compressed payload may inflate to.
    pub max_inflated: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            salt: Cow::Borrowed("django.core.signing"),
            separator: Cow::Borrowed(":"),
            digest: Digest::Sha256,
            max_len: 1 << 16,
            max_inflated: zlib::MAX_INFLATED,
        }
    }
}

impl Options {
    /// The defaults with another salt.
    pub fn salted(salt: impl Into<Cow<'static, str>>) -> Self {
        Self { salt: salt.into(), ..Self::default() }
    }
}

/// A separator that a signature could contain.
#[derive(Clone, PartialEq, Eq)]
pub struct UnsafeSeparator(Cow<'static, str>);

impl fmt::Display for UnsafeSeparator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Unsafe Signer separator: '{}' (cannot be empty or consist of only A-z0-9-_=)",
            self.0
        )
    }
}

crate::debug_reads_like_display!(UnsafeSeparator);

impl std::error::Error for UnsafeSeparator {}

/// `Signer`: the value, the separator and its signature.
///
/// Signatures are compared as text: unlike with itsdangerous, another spelling
/// of the same bytes does not verify.
///
/// ```
/// use sessile_formats::django::{Options, Signer};
/// use sessile_formats::{KeyRing, SecretKey};
///
/// let keys = KeyRing::new(SecretKey::allow_weak("dj-secret")?);
/// let signer = Signer::new(&keys, Options::salted("my.salt"))?;
/// let signed = signer.sign("hello");
/// assert_eq!(signed, "hello:0gCPP4dYd4IcxiWpVzUjoT80VEzEAvUJ8C1ZQLLsMHw");
/// assert_eq!(signer.unsign(&signed)?, "hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Signer {
    /// One for each key, in the order they are tried; each has absorbed its key.
    newest: itsdangerous::Signer,
    older: Vec<itsdangerous::Signer>,
    separator: Cow<'static, str>,
    max_len: usize,
    max_inflated: usize,
}

impl Signer {
    /// A signer for these keys: `SECRET_KEY`, then `SECRET_KEY_FALLBACKS` in their order.
    ///
    /// # Errors
    /// [`UnsafeSeparator`] (Django: `ValueError`).
    pub fn new(keys: &KeyRing, options: Options) -> Result<Self, UnsafeSeparator> {
        // `^[A-z0-9-_=]*$`: the range takes in `[\]^_` and the backtick, and `$` a last newline.
        let separator = options.separator.strip_suffix('\n').unwrap_or(&options.separator);
        if separator.bytes().all(|byte| matches!(byte, b'A'..=b'z' | b'0'..=b'9' | b'-' | b'=')) {
            return Err(UnsafeSeparator(options.separator));
        }
        Ok(Self::build(keys, options))
    }

    /// With a separator that is known to be safe.
    pub(super) fn build(keys: &KeyRing, options: Options) -> Self {
        let Options { salt, separator, digest, max_len, max_inflated } = options;
        let mac = |key: &SecretKey| {
            let ring = KeyRing::new(key.clone());
            let derivation = Derivation::DjangoConcat;
            itsdangerous::Signer::build(&ring, salt.as_bytes(), b".".into(), derivation, digest)
        };
        let newest = mac(keys.newest());
        let older = keys.iter().skip(1).map(mac).collect();
        Self { newest, older, separator, max_len, max_inflated }
    }

    /// `sign`.
    pub fn sign(&self, value: &str) -> String {
        let mut signed = String::with_capacity(value.len() + 90);
        signed.push_str(value);
        self.sign_in_place(&mut signed);
        signed
    }

    fn sign_in_place(&self, value: &mut String) {
        let signature = self.newest.signature(value.as_bytes());
        value.push_str(&self.separator);
        value.push_str(&signature);
    }

    /// `unsign`: the value, when its signature is right. Split at the last separator.
    ///
    /// # Errors
    /// [`SigningError::NoSeparator`] and [`SigningError::Mismatch`], after
    /// [`SigningError::TooLong`].
    pub fn unsign<'a>(&self, signed: &'a str) -> Result<&'a str, SigningError> {
        if signed.len() > self.max_len {
            return Err(SigningError::TooLong { len: signed.len(), limit: self.max_len });
        }
        let split = signed.rsplit_once(&*self.separator);
        let (value, presented) =
            split.ok_or_else(|| SigningError::NoSeparator((*self.separator).into()))?;
        let matches = |mac: &itsdangerous::Signer| -> Choice {
            mac.signature(value.as_bytes()).as_bytes().ct_eq(presented.as_bytes())
        };
        if matches(&self.newest).into() || self.older.iter().any(|mac| matches(mac).into()) {
            return Ok(value);
        }
        Err(SigningError::Mismatch(presented.into()))
    }

    fn object(&self, payload: &str) -> Result<Value, SigningError> {
        let json = unpack(payload.as_bytes(), self.max_inflated).map_err(SigningError::Payload)?;
        let value = if json.is_ascii() {
            json::read(&json)
        } else {
            // `JSONSerializer` reads bytes as Latin-1.
            let text: String = json.iter().copied().map(char::from).collect();
            json::read(text.as_bytes())
        };
        value.map_err(|error| SigningError::Payload(PayloadFault::Codec(error)))
    }
}

/// `TimestampSigner`: a signature that also covers when it was made.
#[derive(Clone, Debug)]
pub struct TimestampSigner(Signer);

impl TimestampSigner {
    /// A signer for these keys, as [`Signer::new`].
    ///
    /// # Errors
    /// [`UnsafeSeparator`].
    pub fn new(keys: &KeyRing, options: Options) -> Result<Self, UnsafeSeparator> {
        Signer::new(keys, options).map(Self)
    }

    /// The signer of `signing.dumps(value, salt=salt)`.
    pub fn salted(keys: &KeyRing, salt: impl Into<Cow<'static, str>>) -> Self {
        Self::build(keys, Options::salted(salt))
    }

    pub(super) fn build(keys: &KeyRing, options: Options) -> Self {
        Self(Signer::build(keys, options))
    }

    /// `sign`: the value, the time, the signature of both.
    pub fn sign(&self, value: &str, now: Timestamp) -> String {
        let mut signed = String::with_capacity(value.len() + 100);
        signed.push_str(value);
        self.sign_in_place(&mut signed, now);
        signed
    }

    /// The unsigned form of a session, if it can be read again.
    pub(super) fn payload(&self, session: &Map) -> Result<String, PayloadError> {
        let json = Style::COMPACT.write_map(session)?;
        let limit = self.0.max_inflated;
        if json.len() > limit { Err(PayloadError::TooLarge { limit }) } else { packed(&json) }
    }

    pub(super) fn sign_in_place(&self, value: &mut String, now: Timestamp) {
        value.push_str(&self.0.separator);
        // `int()` rounds towards zero.
        value.push_str(&b62_encode(now.as_millis() / 1000));
        self.0.sign_in_place(value);
    }

    /// `unsign`: the value, when its signature is right and, if `max_age` is
    /// given, at most that many seconds old. Being from the future is no fault.
    ///
    /// # Errors
    /// [`SigningError`], everything but [`SigningError::Payload`].
    pub fn unsign<'a>(
        &self,
        signed: &'a str,
        max_age: Option<f64>,
        now: Timestamp,
    ) -> Result<&'a str, SigningError> {
        let (value, made) = self.stamped(signed)?;
        if let Some(max_age) = max_age {
            let age = now.as_millis() as f64 / 1000.0 - made as f64;
            if age > max_age {
                return Err(SigningError::Expired { age, max_age });
            }
        }
        Ok(value)
    }

    /// The value, and when it was signed in seconds since 1970.
    fn stamped<'a>(&self, signed: &'a str) -> Result<(&'a str, i128), SigningError> {
        let stamped = self.0.unsign(signed)?;
        let split = stamped.rsplit_once(&*self.0.separator);
        let (value, stamp) = split.ok_or(SigningError::NoTimestamp)?;
        Ok((value, b62_decode(stamp)?))
    }

    /// `signing.dumps`: the value as JSON, signed, with the time.
    ///
    /// # Errors
    /// What `json.dumps` raises: a type or key without a form in JSON.
    ///
    /// ```
    /// use sessile_formats::django::{Options, TimestampSigner};
    /// use sessile_formats::{KeyRing, SecretKey, Timestamp};
    ///
    /// let keys = KeyRing::new(SecretKey::allow_weak("dj-secret")?);
    /// let signer = TimestampSigner::new(&keys, Options::salted("my.salt"))?;
    /// let now = Timestamp::from_secs(1_767_323_045);
    /// let token = signer.dumps(&"hello".into(), true, now)?;
    /// assert_eq!(token, "ImhlbGxvIg:1vbVSP:APF1Df44ZabSfEgB9_AOjIR22DDoND_zwwj_6PyLyrU");
    /// assert_eq!(signer.loads(&token, Some(60.0), now)?, "hello".into());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn dumps(
        &self,
        value: &Value,
        compress: bool,
        now: Timestamp,
    ) -> Result<String, PayloadError> {
        let json = Style::COMPACT.write(value)?;
        let mut text = if compress { packed(&json)? } else { base64::encode(&json) };
        self.sign_in_place(&mut text, now);
        Ok(text)
    }

    /// `signing.loads`. `max_age` is in seconds, as for [`TimestampSigner::unsign`].
    ///
    /// # Errors
    /// [`SigningError`].
    pub fn loads(
        &self,
        token: &str,
        max_age: Option<f64>,
        now: Timestamp,
    ) -> Result<Value, SigningError> {
        self.0.object(self.unsign(token, max_age, now)?)
    }

    /// The value of a token of any age, and when it was signed.
    ///
    /// # Errors
    /// [`SigningError`], everything but [`SigningError::Expired`].
    pub fn loads_timed(&self, token: &str) -> Result<(Value, Timestamp), SigningError> {
        let (payload, made) = self.stamped(token)?;
        let made = made.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
        Ok((self.0.object(payload)?, Timestamp::from_secs(made)))
    }
}

/// JSON as base64, compressed if that pays.
fn packed(json: &[u8]) -> Result<String, PayloadError> {
    String::from_utf8(pack(json)).map_err(|_| PayloadError::NotUtf8)
}

/// `django.utils.crypto.salted_hmac(salt, value, secret).digest()`.
pub fn salted_hmac(salt: &[u8], value: &[u8], secret: &SecretKey, digest: Digest) -> Vec<u8> {
    let ring = KeyRing::new(secret.clone());
    let mac = itsdangerous::Signer::build(&ring, salt, b".".into(), Derivation::Concat, digest);
    base64::decode(mac.signature(value).as_bytes()).unwrap_or_default()
}
