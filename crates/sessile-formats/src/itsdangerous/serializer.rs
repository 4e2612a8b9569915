//! `itsdangerous.Serializer` and its URL-safe and timed kin.

use super::{BadSeparator, Signer, SignerOptions, TimestampSigner};
use crate::error::{BadData, PayloadError, PayloadFault};
use crate::json::{self, Style};
use crate::keys::KeyRing;
use crate::{Timestamp, Value};
use crate::{base64, zlib};

/// The salt of itsdangerous' serializers when none is given.
pub const SERIALIZER_SALT: &[u8] = b"itsdangerous";

/// Values to payload bytes and back.
pub trait Codec {
    /// The bytes of `value`.
    ///
    /// # Errors
    /// The value has no form in this format.
    fn dumps(&self, value: &Value) -> Result<Vec<u8>, PayloadError>;

    /// The value of `bytes`.
    ///
    /// # Errors
    /// The bytes are not in this format.
    fn loads(&self, bytes: &[u8]) -> Result<Value, PayloadError>;
}

/// Python's JSON in this style.
impl Codec for Style {
    fn dumps(&self, value: &Value) -> Result<Vec<u8>, PayloadError> {
        self.write(value)
    }

    fn loads(&self, bytes: &[u8]) -> Result<Value, PayloadError> {
        json::read(bytes)
    }
}

/// Signed values: the payload codec `C` beneath the signer `S`.
///
/// ```
/// use sessile_formats::itsdangerous::{SignerOptions, UrlSafeSerializer};
/// use sessile_formats::json::Style;
/// use sessile_formats::{KeyRing, SecretKey, Value};
///
/// let ring = KeyRing::new(SecretKey::new("3f1c0b6f9a3d47c28c5e6a1d0b7f2e94")?);
/// let options = SignerOptions::salted(b"unsubscribe");
/// let links = UrlSafeSerializer::url_safe(&ring, options, Style::COMPACT_UTF8)?;
/// let token = links.dumps(&Value::from("ada@example.org"))?;
/// assert_eq!(links.loads(&token)?, Value::from("ada@example.org"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Serializer<C, S = Signer> {
    codec: C,
    signer: S,
    fallbacks: Vec<S>,
    url_safe: bool,
    max_inflated: usize,
}

/// [`Serializer`] with the time of signing.
pub type TimedSerializer<C> = Serializer<C, TimestampSigner>;
/// [`Serializer`] made by [`Serializer::url_safe`].
pub type UrlSafeSerializer<C> = Serializer<C, Signer>;
/// [`TimedSerializer`] made by [`Serializer::url_safe`].
pub type UrlSafeTimedSerializer<C> = Serializer<C, TimestampSigner>;

/// The two signers a [`Serializer`] can stand on.
pub trait AnySigner: Sized + sealed::Sealed {
    /// A signer for these keys.
    ///
    /// # Errors
    /// [`BadSeparator`].
    fn from_options(keys: &KeyRing, options: SignerOptions) -> Result<Self, BadSeparator>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Signer {}
    impl Sealed for super::TimestampSigner {}
}

impl AnySigner for Signer {
    fn from_options(keys: &KeyRing, options: SignerOptions) -> Result<Self, BadSeparator> {
        Self::new(keys, options)
    }
}

impl AnySigner for TimestampSigner {
    fn from_options(keys: &KeyRing, options: SignerOptions) -> Result<Self, BadSeparator> {
        Self::new(keys, options)
    }
}

impl<C: Codec, S: AnySigner> Serializer<C, S> {
    /// The payload stands in the text as the codec writes it.
    ///
    /// # Errors
    /// [`BadSeparator`].
    pub fn plain(keys: &KeyRing, options: SignerOptions, codec: C) -> Result<Self, BadSeparator> {
        Self::build(keys, options, codec, false)
    }

    /// The payload is compressed if that pays, and base64.
    ///
    /// # Errors
    /// [`BadSeparator`].
    pub fn url_safe(
        keys: &KeyRing,
        options: SignerOptions,
        codec: C,
    ) -> Result<Self, BadSeparator> {
        Self::build(keys, options, codec, true)
    }

    fn build(
        keys: &KeyRing,
        options: SignerOptions,
        codec: C,
        url_safe: bool,
    ) -> Result<Self, BadSeparator> {
        let signer = S::from_options(keys, options)?;
        let max_inflated = zlib::MAX_INFLATED;
        Ok(Self { codec, signer, fallbacks: Vec::new(), url_safe, max_inflated })
    }

    /// Reads what was signed under these options, too (`fallback_signers`).
    ///
    /// # Errors
    /// [`BadSeparator`].
    pub fn with_fallback(
        mut self,
        keys: &KeyRing,
        options: SignerOptions,
    ) -> Result<Self, BadSeparator> {
        self.fallbacks.push(S::from_options(keys, options)?);
        Ok(self)
    }

    /// The most bytes a compressed payload may inflate to,
    /// [`zlib::MAX_INFLATED`] unless set.
    #[must_use]
    pub fn with_max_inflated(mut self, bytes: usize) -> Self {
        self.max_inflated = bytes;
        self
    }

    /// The payload before it is signed (`dump_payload`).
    ///
    /// # Errors
    /// What the codec says.
    pub fn dump_payload(&self, value: &Value) -> Result<Vec<u8>, PayloadError> {
        let payload = self.codec.dumps(value)?;
        Ok(if self.url_safe { pack(&payload) } else { payload })
    }

    /// The value of a payload whose signature has been verified (`load_payload`).
    ///
    /// # Errors
    /// [`BadData::BadPayload`].
    pub fn load_payload(&self, payload: &[u8]) -> Result<Value, BadData> {
        let value = if self.url_safe {
            unpack(payload, self.max_inflated)
                .and_then(|json| self.codec.loads(&json).map_err(PayloadFault::Codec))
        } else {
            self.codec.loads(payload).map_err(PayloadFault::Codec)
        };
        value.map_err(BadData::BadPayload)
    }

    /// The result of the first signer that verifies; else the last error.
    fn verified<'a, T>(
        &self,
        text: &'a [u8],
        unsign: impl Fn(&S, &'a [u8]) -> Result<T, BadData>,
    ) -> Result<T, BadData> {
        let mut result = unsign(&self.signer, text);
        for signer in &self.fallbacks {
            match &result {
                Err(BadData::SignatureExpired { .. }) => break,
                Err(error) if error.is_bad_signature() => result = unsign(signer, text),
                _ => break,
            }
        }
        result
    }
}

impl<C: Codec> Serializer<C, Signer> {
    /// Writes and signs.
    ///
    /// # Errors
    /// What the codec says.
    pub fn dumps(&self, value: &Value) -> Result<Vec<u8>, PayloadError> {
        let mut text = self.dump_payload(value)?;
        self.signer.sign_in_place(&mut text);
        Ok(text)
    }

    /// Verifies and reads.
    ///
    /// # Errors
    /// [`BadData::BadSignature`] or [`BadData::BadPayload`].
    pub fn loads(&self, text: impl AsRef<[u8]>) -> Result<Value, BadData> {
        let payload = self.verified(text.as_ref(), |signer, text| signer.unsign(text))?;
        self.load_payload(payload)
    }
}

impl Serializer<Style, TimestampSigner> {
    /// What `URLSafeTimedSerializer(secret_key, salt=salt)` makes in Python.
    pub fn url_safe_salted(keys: &KeyRing, salt: &[u8]) -> Self {
        let (derivation, digest) = Default::default();
        Self {
            codec: Style::COMPACT_UTF8,
            signer: TimestampSigner::dotted(keys, salt, derivation, digest),
            fallbacks: Vec::new(),
            url_safe: true,
            max_inflated: zlib::MAX_INFLATED,
        }
    }
}

impl<C: Codec> Serializer<C, TimestampSigner> {
    /// Writes and signs, with the time.
    ///
    /// # Errors
    /// What the codec says.
    pub fn dumps(&self, value: &Value, now: Timestamp) -> Result<Vec<u8>, PayloadError> {
        let mut text = self.dump_payload(value)?;
        self.signer.sign_in_place(&mut text, now);
        Ok(text)
    }

    /// Verifies and reads. Also says when the text was signed. `max_age` is in seconds.
    ///
    /// # Errors
    /// As [`TimestampSigner::unsign`], and [`BadData::TimeOutOfRange`] or
    /// [`BadData::BadPayload`] after it.
    pub fn loads(
        &self,
        text: impl AsRef<[u8]>,
        max_age: Option<i64>,
        now: Timestamp,
    ) -> Result<(Value, Timestamp), BadData> {
        let unsign = |signer: &TimestampSigner, text| signer.unsign(text, max_age, now);
        let stamped = self.verified(text.as_ref(), unsign)?;
        let signed_at = stamped.signed_at()?;
        Ok((self.load_payload(stamped.value)?, signed_at))
    }
}

/// The URL-safe form of a payload, compressed where that is shorter, with room
/// for the time and the signature that follow it.
pub fn pack(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() / 3 * 4 + 112);
    match zlib::deflate_if_shorter(payload) {
        Some(shorter) => {
            out.push(b'.');
            base64::encode_into(&shorter, &mut out);
        }
        None => base64::encode_into(payload, &mut out),
    }
    out
}

/// The payload behind its URL-safe form. A compressed one may inflate to
/// `max_inflated` bytes.
///
/// # Errors
/// [`PayloadFault::Base64`] and [`PayloadFault::Zlib`].
pub fn unpack(text: &[u8], max_inflated: usize) -> Result<Vec<u8>, PayloadFault> {
    match text.strip_prefix(b".") {
        None => base64::decode(text).map_err(|_| PayloadFault::Base64),
        Some(rest) => {
            let stream = base64::decode(rest).map_err(|_| PayloadFault::Base64)?;
            zlib::inflate_capped(&stream, max_inflated).map_err(|_| PayloadFault::Zlib)
        }
    }
}
