//! Links that carry a signed value: to confirm an address, to unsubscribe, to
//! set a new password.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use form_urlencoded::byte_serialize;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sessile_core::native::{CLOCK_LEEWAY, EncodeError, LinkToken, MAX_TOKEN_CHARS};
use sessile_core::{KeyRing, Timestamp, ValueError, from_value, to_value};
use sessile_formats::django::TimestampSigner;
use sessile_formats::itsdangerous::{SERIALIZER_SALT, UrlSafeTimedSerializer};
use sessile_formats::json::Style;

use crate::runtime::system_time;

/// How old a link may be unless [`SignedLinks::max_age`] says otherwise.
const MAX_AGE: Duration = Duration::from_secs(3600);

/// Makes links that carry a value, and reads them when they are followed.
///
/// Nobody without the key can make or alter one; whoever holds one can read
/// the value and follow it until it is too old, as often as they like. So a
/// link that must work once carries something that its use changes: with a
/// link to set a new password, say, when the old one was set.
///
/// A link is good for one purpose alone. It is no session: nobody is logged in
/// by it unless the handler says so.
///
/// ```
/// use std::time::Duration;
///
/// use sessile_connect::{LinkError, SignedLinks};
/// use sessile_core::{KeyRing, SecretKey};
///
/// let keys = KeyRing::from(SecretKey::new("3f1c0b6f9a3d47c28c5e6a1d0b7f2e94")?);
/// let links = SignedLinks::new(&keys, "confirm e-mail").max_age(Duration::from_secs(24 * 3600));
///
/// let link = links.link("/confirm?from=mail", "ada@example.org")?;
/// assert!(link.starts_with("/confirm?from=mail&token=l1"));
///
/// let token = link.split("token=").nth(1).unwrap_or_default();
/// assert_eq!(links.open::<String>(token)?, "ada@example.org");
///
/// let others = SignedLinks::new(&keys, "reset password");
/// assert!(matches!(others.open::<String>(token), Err(LinkError::Rejected)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SignedLinks {
    format: Arc<Format>,
    max_age: Duration,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

enum Format {
    Native(LinkToken),
    Itsdangerous(UrlSafeTimedSerializer<Style>),
    Django(TimestampSigner),
}

impl SignedLinks {
    /// Links for one purpose, in our own format: HMAC-SHA256 under a key
    /// derived for this purpose. The newest key of the ring signs, all of them
    /// verify.
    pub fn new(keys: &KeyRing, purpose: &str) -> Self {
        Self::of(Format::Native(LinkToken::new(keys, purpose, "")))
    }

    /// Links as `itsdangerous.URLSafeTimedSerializer(secret_key, salt=salt)`
    /// makes them (2.2), so that a Flask application can read ours and we its.
    /// `None` is the salt `b"itsdangerous"` of a serializer that was given none.
    ///
    /// One key signs other things too, Flask's sessions among them: the salt
    /// alone tells them apart, so give each purpose its own.
    pub fn itsdangerous(keys: &KeyRing, salt: Option<&str>) -> Self {
        let salt = salt.map_or(SERIALIZER_SALT, str::as_bytes);
        Self::of(Format::Itsdangerous(UrlSafeTimedSerializer::url_safe_salted(keys, salt)))
    }

    /// Links as `django.core.signing.dumps(value, salt=salt)` makes them (5.2),
    /// so that a Django application can read ours and we its. `None` is the salt
    /// `django.core.signing`. As with [`itsdangerous`](Self::itsdangerous), give
    /// each purpose a salt of its own.
    pub fn django(keys: &KeyRing, salt: Option<&str>) -> Self {
        let salt = salt.unwrap_or("django.core.signing").to_owned();
        Self::of(Format::Django(TimestampSigner::salted(keys, salt)))
    }

    fn of(format: Format) -> Self {
        Self { format: Arc::new(format), max_age: MAX_AGE, clock: Arc::new(system_time) }
    }

    /// How old a link may be when it is followed, to the second: an hour unless set.
    #[must_use]
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age;
        self
    }

    /// With another clock, for tests that must not wait.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// `page` with a token for `value` in its query, as `token`. The page comes
    /// from the application: a path, or an address with scheme and host for mails.
    ///
    /// # Errors
    ///
    /// As [`token`](Self::token).
    pub fn link<T: Serialize + ?Sized>(&self, page: &str, value: &T) -> Result<String, LinkError> {
        let token: String = byte_serialize(self.token(value)?.as_bytes()).collect();
        let (page, fragment) = page.split_at(page.find('#').unwrap_or(page.len()));
        let joint = if page.contains('?') { '&' } else { '?' };
        Ok(format!("{page}{joint}token={token}{fragment}"))
    }

    /// A token for `value`, to be put where a link is built by other means.
    ///
    /// # Errors
    ///
    /// [`LinkError::Value`] and [`LinkError::TooLong`].
    pub fn token<T: Serialize + ?Sized>(&self, value: &T) -> Result<String, LinkError> {
        let value = to_value(value).map_err(LinkError::Value)?;
        let now = (self.clock)();
        let token = match &*self.format {
            Format::Native(tokens) => tokens.encode(&value, now).map_err(|error| match error {
                EncodeError::TooLong { chars } => LinkError::TooLong { chars },
                _ => LinkError::NoForm,
            })?,
            Format::Itsdangerous(tokens) => {
                let token = tokens.dumps(&value, now).map_err(|_| LinkError::NoForm)?;
                String::from_utf8(token).map_err(|_| LinkError::NoForm)?
            }
            Format::Django(tokens) => {
                tokens.dumps(&value, false, now).map_err(|_| LinkError::NoForm)?
            }
        };
        match token.len() {
            chars if chars > MAX_TOKEN_CHARS => Err(LinkError::TooLong { chars }),
            _ => Ok(token),
        }
    }

    /// The value that a followed link carries.
    ///
    /// # Errors
    ///
    /// [`LinkError::Rejected`], [`LinkError::Expired`] and [`LinkError::Value`].
    /// Answer all of them alike, with 400 or a page that offers a new link.
    pub fn open<T: DeserializeOwned>(&self, token: &str) -> Result<T, LinkError> {
        if token.len() > MAX_TOKEN_CHARS {
            return Err(LinkError::Rejected);
        }
        let now = (self.clock)();
        let (value, made) = match &*self.format {
            Format::Native(tokens) => {
                tokens.decode(token.as_bytes()).map_err(|_| LinkError::Rejected)?
            }
            // The originals' own rules on age follow, the same for all.
            Format::Itsdangerous(tokens) => {
                tokens.loads(token, None, now).map_err(|_| LinkError::Rejected)?
            }
            Format::Django(tokens) => tokens.loads_timed(token).map_err(|_| LinkError::Rejected)?,
        };
        if made > now + CLOCK_LEEWAY {
            return Err(LinkError::Rejected);
        }
        let seconds = now.as_millis().saturating_sub(made.as_millis()).max(0) / 1000;
        let age = Duration::from_secs(seconds.unsigned_abs());
        if age > self.max_age {
            return Err(LinkError::Expired { age, max_age: self.max_age });
        }
        from_value(&value).map_err(LinkError::Value)
    }
}

impl fmt::Debug for SignedLinks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedLinks").field("max_age", &self.max_age).finish_non_exhaustive()
    }
}

/// Why a link was not made, or not followed. What was presented is not in here.
#[non_exhaustive]
pub enum LinkError {
    /// It was not made by us, for this purpose, with these keys; or it is from the future.
    Rejected,
    /// It is one of ours, and too old.
    Expired {
        /// How old it is.
        age: Duration,
        /// What is allowed.
        max_age: Duration,
    },
    /// The value in it is of another type; or the value to be sent has a form in no format.
    Value(ValueError),
    /// The value to be sent has no form in this format.
    NoForm,
    /// The link would be longer than mail programs and proxies let through.
    TooLong {
        /// How long its token would be.
        chars: usize,
    },
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected => {
                f.write_str("the link was not made by us, for this purpose, with these keys")
            }
            Self::Expired { age, max_age } => write!(
                f,
                "the link is {} seconds old, {} are allowed; offer a new one",
                age.as_secs(),
                max_age.as_secs()
            ),
            Self::Value(error) => write!(f, "the value of a signed link: {error}"),
            Self::NoForm => f.write_str("the value has no form in the format of these links"),
            Self::TooLong { chars } => write!(
                f,
                "the link's token would have {chars} characters, {MAX_TOKEN_CHARS} are allowed; \
                 sign the key of a record instead of its content"
            ),
        }
    }
}

sessile_formats::debug_reads_like_display!(LinkError);

impl std::error::Error for LinkError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // Its words are among ours: what lies below them is not told yet.
        match self {
            Self::Value(error) => std::error::Error::source(error),
            _ => None,
        }
    }
}
