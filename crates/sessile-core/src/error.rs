//! What can go wrong between a request and its session.

use std::error::Error;
use std::fmt;

use crate::cookie::CookieError;
use crate::random::RandomError;
use crate::session::SessionError;
use crate::store::StoreError;

/// Why a session could not be opened.
pub enum OpenError {
    /// The cookie is signed by us but does not decode. Flask and Starlette answer 500.
    Payload(PayloadError),
    /// The store failed. Answer 503 and leave the cookie alone.
    Store(StoreError),
}

/// Why a session could not be saved. Nothing was written, unless the store failed: then the write
/// may have happened.
pub enum CommitError {
    /// The handler put something into the session that cannot be stored.
    Session(SessionError),
    /// The data do not fit the profile's format.
    Payload(PayloadError),
    /// The data take more room than allowed.
    TooLarge {
        /// Bytes they take.
        bytes: usize,
        /// Bytes they may take.
        limit: usize,
    },
    /// The cookie cannot hold the session.
    Cookie(CookieError),
    /// The source of random bytes failed.
    Random(RandomError),
    /// The session was ended or expired while the handler ran; its changes are lost.
    Ended,
    /// The session belongs to another program too, which keeps in it what cannot be read here.
    Unreadable,
    /// Other requests kept writing first. Trying the request again may help.
    Contended,
    /// The store failed. Answer 503 and leave the cookie alone.
    Store(StoreError),
}

/// Data that a format cannot hold, or bytes that are not of that format.
pub struct PayloadError {
    source: Box<dyn Error + Send + Sync>,
    python_class: Option<&'static str>,
}

impl PayloadError {
    pub(crate) fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: source.into(), python_class: None }
    }

    /// The same, where the original raises an exception of this class.
    pub(crate) fn like_python(mut self, class: &'static str) -> Self {
        self.python_class = Some(class);
        self
    }

    /// The class of the exception the original raises here, where that is known.
    pub fn python_class(&self) -> Option<&'static str> {
        self.python_class
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Payload(error) => write!(f, "the session cookie is ours but unreadable: {error}"),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session(error) => error.fmt(f),
            Self::Payload(error) => write!(f, "the session cannot be written: {error}"),
            Self::TooLarge { bytes, limit } => {
                write!(f, "the session takes {bytes} bytes of {limit}; keep less in it")
            }
            Self::Cookie(error) => write!(f, "the session does not fit its cookie: {error}"),
            Self::Random(error) => error.fmt(f),
            Self::Ended => f.write_str(
                "the session was ended while the request ran, so its changes were not saved",
            ),
            Self::Unreadable => f.write_str(
                "the session holds what cannot be read here (the log says what), so it was left as \
                 it is for the program that wrote it, and the changes were not saved",
            ),
            Self::Contended => {
                f.write_str("the session is being written by too many requests at once; try again")
            }
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

sessile_formats::debug_reads_like_display!(OpenError, CommitError, PayloadError);

impl Error for OpenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            // Their words are among ours.
            Self::Payload(error) => error.source(),
            Self::Store(error) => error.source(),
        }
    }
}

impl Error for CommitError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Payload(error) => error.source(),
            Self::Store(error) => error.source(),
            _ => None,
        }
    }
}

impl Error for PayloadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // Its words are among ours: what lies below them is not told yet.
        self.source.source()
    }
}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

macro_rules! commit_error {
    ($($source:ty => $variant:ident,)*) => {$(
        impl From<$source> for CommitError {
            fn from(error: $source) -> Self {
                Self::$variant(error)
            }
        }
    )*};
}

commit_error! {
    SessionError => Session,
    PayloadError => Payload,
    CookieError => Cookie,
    RandomError => Random,
    StoreError => Store,
}
