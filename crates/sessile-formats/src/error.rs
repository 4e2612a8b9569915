//! What can be wrong with bytes from outside, and with values to be written.
//!
//! Each error knows the exception its Python original raises
//! ([`BadData::python_class`]), so that a Python caller sees what it expects.

use std::fmt;

use crate::Timestamp;

/// Why a signed text was not accepted. The kinds are itsdangerous' exceptions.
///
/// `Display` and `Debug` never show what was presented;
/// [`BadData::python_message`] does, as itsdangerous does.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadData {
    /// The signature is missing or made with no key of ours.
    BadSignature(Fault),
    /// As above, on a text that should carry the time of its signing; or its
    /// signature is right and the time is missing or malformed.
    BadTimeSignature(Fault),
    /// The signature is right, and too old or from the future.
    SignatureExpired {
        /// Seconds since it was made; negative when it is from the future.
        age: i64,
        /// The oldest age that was allowed, in seconds.
        max_age: i64,
        /// When it was made.
        signed_at: Timestamp,
    },
    /// A header that is not what it must be.
    BadHeader,
    /// The signature is right, and the payload behind it cannot be read.
    BadPayload(PayloadFault),
    /// The signature is right, and its time lies beyond the year 9999.
    /// Python fails on it outside of its own exceptions.
    TimeOutOfRange {
        /// Seconds since 1970.
        secs: u64,
    },
    /// More bytes than the limit allows; nothing was decoded.
    TooLong {
        /// How many bytes came.
        len: usize,
        /// How many are allowed.
        limit: usize,
    },
}

/// What is wrong with a signature.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The text does not hold this separator.
    NoSeparator(Box<[u8]>),
    /// This signature, as presented, matches no key.
    Mismatch(Box<[u8]>),
    /// There is no time before the signature.
    TimestampMissing,
    /// The time is not a number of at most eight bytes.
    TimestampMalformed,
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSeparator(_) => "NoSeparator",
            Self::Mismatch(_) => "Mismatch",
            Self::TimestampMissing => "TimestampMissing",
            Self::TimestampMalformed => "TimestampMalformed",
        })
    }
}

/// Where reading a correctly signed payload failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PayloadFault {
    /// Its base64.
    Base64,
    /// Its zlib stream: damaged, or inflating beyond the limit.
    Zlib,
    /// What the payload codec said.
    Codec(PayloadError),
}

impl BadData {
    /// Whether itsdangerous' `BadSignature` covers it: Flask then starts with
    /// an empty session. Everything else leaves `open_session` as an error.
    pub fn is_bad_signature(&self) -> bool {
        match self {
            Self::BadSignature(_)
            | Self::BadTimeSignature(_)
            | Self::SignatureExpired { .. }
            | Self::BadHeader
            | Self::TooLong { .. } => true,
            Self::BadPayload(_) | Self::TimeOutOfRange { .. } => false,
        }
    }

    /// The name of the exception Python raises here.
    pub fn python_class(&self) -> &'static str {
        match self {
            Self::BadSignature(_) | Self::TooLong { .. } => "BadSignature",
            Self::BadTimeSignature(_) => "BadTimeSignature",
            Self::SignatureExpired { .. } => "SignatureExpired",
            Self::BadHeader => "BadHeader",
            Self::BadPayload(_) => "BadPayload",
            // By where it fails: the year, the C library, the conversion to C.
            Self::TimeOutOfRange { secs: 0..67_768_036_191_676_800 } => "ValueError",
            Self::TimeOutOfRange { secs: 0..0x8000_0000_0000_0000 } => "OSError",
            Self::TimeOutOfRange { .. } => "OverflowError",
        }
    }

    /// The message Python gives. It quotes the signature that was presented:
    /// hand it to the caller who sent it, never to a log.
    pub fn python_message(&self) -> String {
        match self {
            Self::BadSignature(fault) | Self::BadTimeSignature(fault) => match fault {
                Fault::NoSeparator(sep) => format!("No {} found in value", bytes_repr(sep)),
                Fault::Mismatch(signature) => {
                    format!("Signature {} does not match", bytes_repr(signature))
                }
                Fault::TimestampMissing => "timestamp missing".into(),
                Fault::TimestampMalformed => "Malformed timestamp".into(),
            },
            Self::SignatureExpired { age, max_age, .. } if age > max_age => {
                format!("Signature age {age} > {max_age} seconds")
            }
            Self::SignatureExpired { age, .. } => format!("Signature age {age} < 0 seconds"),
            Self::BadHeader => "Malformed header".into(),
            Self::BadPayload(fault) => fault.to_string(),
            Self::TimeOutOfRange { .. } => "the year is out of range".into(),
            Self::TooLong { .. } => self.to_string(),
        }
    }
}

impl fmt::Display for BadData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadSignature(Fault::Mismatch(_)) | Self::BadTimeSignature(Fault::Mismatch(_)) => {
                f.write_str("the signature matches no key")
            }
            Self::TooLong { len, limit } => {
                write!(f, "{len} bytes were sent where at most {limit} are read")
            }
            other => f.write_str(&other.python_message()),
        }
    }
}

crate::debug_reads_like_display!(BadData, PayloadError);

impl std::error::Error for BadData {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::BadPayload(PayloadFault::Codec(error)) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for PayloadFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Base64 => "Could not base64 decode the payload because of an exception",
            Self::Zlib => "Could not zlib decompress the payload before decoding the payload",
            Self::Codec(_) => {
                "Could not load the payload because an exception occurred on unserializing the data."
            }
        })
    }
}

/// Why a value could not be written, or a text not be read, in a payload format.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PayloadError {
    /// The text is not JSON.
    Syntax {
        /// What was expected, in Python's words.
        what: &'static str,
        /// Where: line and column from 1, and characters from the start.
        line: usize,
        /// See `line`.
        column: usize,
        /// See `line`.
        at: usize,
    },
    /// The bytes are not UTF-8.
    NotUtf8,
    /// Text with a lone surrogate, where UTF-8 has to be written.
    LoneSurrogate,
    /// Nested deeper than the limit.
    TooDeep,
    /// More bytes than the limit allows.
    TooLarge {
        /// How many bytes are allowed.
        limit: usize,
    },
    /// An integer with more digits than CPython converts.
    LongInteger {
        /// How many digits it has.
        digits: usize,
    },
    /// The format has no form for this type.
    Unserializable {
        /// Python's name for the type.
        type_name: &'static str,
    },
    /// The format takes no keys of this type.
    BadKey {
        /// Python's name for the type.
        type_name: &'static str,
    },
    /// Keys of types that have no order among them.
    UnsortableKeys {
        /// Python's name for one type.
        left: &'static str,
        /// And for the other.
        right: &'static str,
    },
    /// A date and time that leaves the calendar when it is moved to UTC.
    DateOutOfRange,
    /// A tagged value that its tag cannot read.
    BadTag {
        /// The exception Python raises.
        class: &'static str,
        /// What is wrong.
        what: &'static str,
    },
}

impl PayloadError {
    /// The name of the exception Python raises here.
    pub fn python_class(&self) -> &'static str {
        match self {
            Self::Syntax { .. } => "JSONDecodeError",
            Self::NotUtf8 => "UnicodeDecodeError",
            Self::LoneSurrogate => "UnicodeEncodeError",
            Self::TooDeep => "RecursionError",
            Self::TooLarge { .. } | Self::LongInteger { .. } => "ValueError",
            Self::Unserializable { .. } | Self::BadKey { .. } | Self::UnsortableKeys { .. } => {
                "TypeError"
            }
            Self::DateOutOfRange => "OverflowError",
            Self::BadTag { class, .. } => class,
        }
    }
}

impl fmt::Display for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { what, line, column, at } => {
                write!(f, "{what}: line {line} column {column} (char {at})")
            }
            Self::NotUtf8 => f.write_str("the payload is not UTF-8"),
            Self::LoneSurrogate => f.write_str("text with a lone surrogate has no UTF-8 form"),
            Self::TooDeep => f.write_str("the value is nested too deeply"),
            Self::TooLarge { limit } => write!(f, "the payload is larger than {limit} bytes"),
            Self::LongInteger { digits } => write!(
                f,
                "Exceeds the limit (4300 digits) for integer string conversion: \
                 value has {digits} digits; \
                 use sys.set_int_max_str_digits() to increase the limit"
            ),
            Self::Unserializable { type_name } => {
                write!(f, "Object of type {type_name} is not JSON serializable")
            }
            Self::BadKey { type_name } => {
                write!(f, "keys must be str, int, float, bool or None, not {type_name}")
            }
            Self::UnsortableKeys { left, right } => {
                write!(f, "'<' not supported between instances of '{left}' and '{right}'")
            }
            Self::DateOutOfRange => f.write_str("date value out of range"),
            Self::BadTag { what, .. } => f.write_str(what),
        }
    }
}

impl std::error::Error for PayloadError {}

/// Python's `repr` of bytes.
pub(super) fn bytes_repr(bytes: &[u8]) -> String {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { '"' } else { '\'' };
    let mut text = format!("b{quote}");
    for &byte in bytes {
        match byte {
            b'\t' => text.push_str("\\t"),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\\' => text.push_str("\\\\"),
            b'\'' if quote == '\'' => text.push_str("\\'"),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => {
                const HEX: [char; 16] = [
                    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
                ];
                text.push_str("\\x");
                text.extend(HEX.get(usize::from(byte >> 4)));
                text.extend(HEX.get(usize::from(byte & 15)));
            }
        }
    }
    text.push(quote);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inv11_only_the_python_message_quotes_a_signature() {
        let error = BadData::BadSignature(Fault::Mismatch((*b"s3cr3t").into()));
        assert_eq!(error.python_message(), "Signature b's3cr3t' does not match");
        assert!(!format!("{error} {error:?}").contains("s3cr3t"));
    }

    #[test]
    fn bytes_are_quoted_as_python_quotes_them() {
        assert_eq!(bytes_repr(b"a'b"), r#"b"a'b""#);
        assert_eq!(bytes_repr(b"a'\"b"), r#"b'a\'"b'"#);
        assert_eq!(bytes_repr(b"\x00\t\n\r\\\x7f\xff"), r"b'\x00\t\n\r\\\x7f\xff'");
    }
}
