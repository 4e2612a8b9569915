//! Why Django does not accept a signed text.

use std::fmt;

use crate::error::PayloadFault;

/// A signed text that was not accepted.
///
/// `Display` and `Debug` never show what was presented;
/// [`SigningError::python_message`] does, as Django does.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum SigningError {
    /// This separator is not in the text.
    NoSeparator(Box<str>),
    /// This signature, as presented, is made with no key of ours.
    Mismatch(Box<str>),
    /// The signature is right, and too old. Seconds, both.
    Expired {
        /// Since it was made.
        age: f64,
        /// What was allowed.
        max_age: f64,
    },
    /// The signature is right, and there is no time before it.
    NoTimestamp,
    /// The signature is right, and its time is empty.
    EmptyTimestamp,
    /// The signature is right, and its time is not base 62.
    BadTimestamp,
    /// The signature is right, and the payload behind it cannot be read.
    Payload(PayloadFault),
    /// More bytes than the limit allows; nothing was looked at.
    TooLong {
        /// How many bytes came.
        len: usize,
        /// How many are allowed.
        limit: usize,
    },
}

impl SigningError {
    /// Whether Django's `BadSignature` covers it. Sessions are reported as corrupted only then.
    pub fn is_bad_signature(&self) -> bool {
        matches!(
            self,
            Self::NoSeparator(_) | Self::Mismatch(_) | Self::Expired { .. } | Self::TooLong { .. }
        )
    }

    /// The name of the exception Python raises here.
    pub fn python_class(&self) -> &'static str {
        match self {
            Self::NoSeparator(_) | Self::Mismatch(_) | Self::TooLong { .. } => "BadSignature",
            Self::Expired { .. } => "SignatureExpired",
            Self::NoTimestamp | Self::BadTimestamp => "ValueError",
            Self::EmptyTimestamp => "IndexError",
            // `binascii.Error` and `zlib.error`.
            Self::Payload(PayloadFault::Base64) => "Error",
            Self::Payload(PayloadFault::Zlib) => "error",
            Self::Payload(PayloadFault::Codec(error)) => error.python_class(),
        }
    }

    /// The message Django gives. It quotes the signature that was presented:
    /// hand it to the caller who sent it, never to a log.
    pub fn python_message(&self) -> String {
        match self {
            Self::Mismatch(signature) => format!("Signature \"{signature}\" does not match"),
            other => other.to_string(),
        }
    }
}

crate::debug_reads_like_display!(SigningError);

impl fmt::Display for SigningError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSeparator(separator) => write!(f, "No \"{separator}\" found in value"),
            Self::Mismatch(_) => f.write_str("the signature matches no key"),
            // Python prints a float's point even where it is whole.
            Self::Expired { age, max_age } => {
                write!(f, "Signature age {age:?} > {max_age} seconds")
            }
            Self::NoTimestamp => f.write_str("not enough values to unpack (expected 2, got 1)"),
            Self::EmptyTimestamp => f.write_str("string index out of range"),
            Self::BadTimestamp => f.write_str("substring not found"),
            Self::Payload(PayloadFault::Codec(error)) => error.fmt(f),
            Self::Payload(fault) => fault.fmt(f),
            Self::TooLong { len, limit } => {
                write!(f, "{len} bytes were sent where at most {limit} are read")
            }
        }
    }
}

impl std::error::Error for SigningError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Payload(PayloadFault::Codec(error)) => Some(error),
            _ => None,
        }
    }
}
