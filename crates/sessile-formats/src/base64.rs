//! Base64 as Python reads and writes it.
//!
//! Writing is strict. Reading drops what is not base64, takes both alphabets
//! and ignores spare bits, because `binascii.a2b_base64` does; clean input
//! never reaches that slower path.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const LOOSE: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_encode_padding(false)
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::RequireNone);

const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LOOSE);
const STANDARD: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, LOOSE.with_encode_padding(true));

/// Text that is not base64 even by Python's lenient reading
/// (`binascii.Error`: a lone last character, or padding that is missing).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NotBase64;

impl std::fmt::Display for NotBase64 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Invalid base64-encoded data")
    }
}

crate::debug_reads_like_display!(NotBase64);

impl std::error::Error for NotBase64 {}

/// `itsdangerous.base64_encode`: the URL-safe alphabet, no padding.
///
/// ```
/// assert_eq!(sessile_formats::base64::encode(b"\xfb\xff"), "-_8");
/// ```
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE.encode(bytes)
}

/// [`encode`], appended to `out`.
pub fn encode_into(bytes: &[u8], out: &mut Vec<u8>) {
    append(&URL_SAFE, bytes, out);
}

/// `base64.b64encode`: the standard alphabet, padded; appended to `out`.
pub fn encode_standard_into(bytes: &[u8], out: &mut Vec<u8>) {
    append(&STANDARD, bytes, out);
}

fn append(engine: &GeneralPurpose, bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    // Four thirds, rounded up, plus what padding may add.
    out.resize(start + bytes.len() / 3 * 4 + 4, 0);
    let room = out.get_mut(start..).unwrap_or_default();
    let written = engine.encode_slice(bytes, room).unwrap_or(0);
    out.truncate(start + written);
}

/// `itsdangerous.base64_decode` of text: characters beyond ASCII are dropped
/// before the missing padding is counted.
///
/// # Errors
/// [`NotBase64`], worded as itsdangerous' `BadData`.
pub fn decode_text(text: &str) -> Result<Vec<u8>, NotBase64> {
    if text.is_ascii() {
        return decode(text.as_bytes());
    }
    let ascii: Vec<u8> = text.bytes().filter(u8::is_ascii).collect();
    decode(&ascii)
}

/// `itsdangerous.base64_decode` of bytes.
///
/// # Errors
/// [`NotBase64`], worded as itsdangerous' `BadData`.
pub fn decode(bytes: &[u8]) -> Result<Vec<u8>, NotBase64> {
    URL_SAFE.decode(bytes).or_else(|_| {
        let padding = bytes.len().wrapping_neg() % 4;
        lenient(bytes.iter().copied().chain(std::iter::repeat_n(b'=', padding)), true)
    })
}

/// [`decode`] into `room`, without an allocation for clean input that fits.
/// What does not fit comes back as a vector.
pub(crate) fn decode_slice<'a>(
    bytes: &[u8],
    room: &'a mut [u8],
) -> Result<std::borrow::Cow<'a, [u8]>, NotBase64> {
    match URL_SAFE.decode_slice(bytes, room) {
        Ok(len) => Ok(room.get(..len).unwrap_or_default().into()),
        Err(_) => decode(bytes).map(Into::into),
    }
}

/// `base64.b64decode` of bytes: no padding is added, `-` and `_` are dropped.
///
/// # Errors
/// [`NotBase64`] (Python: `binascii.Error`).
pub fn decode_standard(bytes: &[u8]) -> Result<Vec<u8>, NotBase64> {
    lenient(bytes.iter().copied(), false)
}

/// CPython's `a2b_base64`, not in strict mode.
fn lenient(bytes: impl Iterator<Item = u8>, url_safe: bool) -> Result<Vec<u8>, NotBase64> {
    let mut out = Vec::with_capacity(bytes.size_hint().0 / 4 * 3 + 3);
    let (mut held, mut place, mut pads) = (0_u8, 0_u8, 0_u8);
    for byte in bytes {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'-' if url_safe => 62,
            b'_' if url_safe => 63,
            b'=' => {
                if place >= 2 {
                    pads += 1;
                    if place + pads >= 4 {
                        return Ok(out);
                    }
                }
                continue;
            }
            _ => continue,
        };
        pads = 0;
        match place {
            0 => {}
            1 => out.push(held << 2 | six >> 4),
            2 => out.push(held << 4 | six >> 2),
            _ => out.push(held << 6 | six),
        }
        held = six;
        place = (place + 1) % 4;
    }
    if place == 0 { Ok(out) } else { Err(NotBase64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_is_as_lenient_as_python() {
        assert_eq!(decode_text("+/8").unwrap(), b"\xfb\xff");
        assert_eq!(decode_text("Zm$9v").unwrap(), b"foo");
        assert_eq!(decode_text("Zm9vYh").unwrap(), b"foob");
        assert_eq!(decode_text("Zm9v=Zm9v").unwrap(), b"foofoo");
        assert_eq!(decode_text("Zm8=Zm9v").unwrap(), b"fo");
        assert_eq!(decode_text("\u{e9}").unwrap(), b"");
        assert_eq!(decode_text("Zm9vY"), Err(NotBase64));
    }

    #[test]
    fn standard_reading_adds_no_padding() {
        assert_eq!(decode_standard(b"AP8=\n").unwrap(), b"\x00\xff");
        assert_eq!(decode_standard(b"AP8"), Err(NotBase64));
        assert_eq!(decode_standard(b"AP-_8=").unwrap(), b"\x00\xff");
    }

    #[test]
    fn writing_and_reading_round_trips() {
        for len in 0..70_u8 {
            let bytes: Vec<u8> = (0..len).map(|at| at.wrapping_mul(37)).collect();
            assert_eq!(decode(encode(&bytes).as_bytes()).unwrap(), bytes);
            let mut text = b"x".to_vec();
            encode_standard_into(&bytes, &mut text);
            assert_eq!(decode_standard(&text[1..]).unwrap(), bytes);
        }
    }
}
