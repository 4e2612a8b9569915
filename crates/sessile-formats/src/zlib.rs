//! zlib as CPython's `zlib` module drives it: level 6, 15 bits of window.

mod bound;
mod deflate;
mod matches;
mod symbols;
mod trees;

use std::cell::RefCell;

use deflate::Deflater;
use flate2::{Compress, Compression, FlushCompress, Status};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_PARSE_ZLIB_HEADER, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

/// The most a payload may inflate to unless told otherwise: 1 MiB, hundreds of
/// times what fits a cookie.
pub const MAX_INFLATED: usize = 1 << 20;

/// Why a stream was not inflated.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InflateError {
    /// Not a whole, sound zlib stream.
    Damaged,
    /// It holds more than the limit.
    TooLarge,
}

impl std::fmt::Display for InflateError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Damaged => "the zlib stream is damaged or incomplete",
            Self::TooLarge => "the zlib stream inflates beyond the limit",
        })
    }
}

crate::debug_reads_like_display!(InflateError);

impl std::error::Error for InflateError {}

/// `zlib.decompress`, stopping at `limit` bytes. What follows the stream is
/// ignored, as CPython does.
///
/// # Errors
/// [`InflateError`]; no more than `limit` bytes were written by then.
pub fn inflate_capped(bytes: &[u8], limit: usize) -> Result<Vec<u8>, InflateError> {
    thread_local! {
        // Ten kilobytes: kept, and reset for each use.
        static INFLATER: RefCell<DecompressorOxide> = RefCell::new(DecompressorOxide::new());
    }
    INFLATER
        .try_with(|kept| match kept.try_borrow_mut() {
            Ok(mut kept) => inflate_with(&mut kept, bytes, limit),
            Err(_) => inflate_with(&mut DecompressorOxide::new(), bytes, limit),
        })
        .unwrap_or_else(|_| inflate_with(&mut DecompressorOxide::new(), bytes, limit))
}

fn inflate_with(
    inflater: &mut DecompressorOxide,
    bytes: &[u8],
    limit: usize,
) -> Result<Vec<u8>, InflateError> {
    // The window is the result itself: `flate2` clears one of 32 KiB for each stream.
    const FLAGS: u32 = TINFL_FLAG_PARSE_ZLIB_HEADER | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    inflater.init();
    // One more than allowed, to tell a stream that fills the limit from a longer one.
    let ceiling = limit.saturating_add(1);
    let mut out = vec![0; bytes.len().saturating_mul(4).clamp(256, 1 << 16).min(ceiling)];
    let (mut rest, mut len) = (bytes, 0_usize);
    loop {
        let (status, read, written) = decompress(inflater, rest, &mut out, len, FLAGS);
        len = len.saturating_add(written);
        if len > limit {
            return Err(InflateError::TooLarge);
        }
        match status {
            TINFLStatus::Done => {
                out.truncate(len);
                return Ok(out);
            }
            TINFLStatus::HasMoreOutput if out.len() < ceiling => {
                rest = rest.get(read..).unwrap_or_default();
                out.resize(out.len().saturating_mul(2).min(ceiling), 0);
            }
            _ => return Err(InflateError::Damaged),
        }
    }
}

fn get<T: Copy + Default>(slots: &[T], at: usize) -> T {
    slots.get(at).copied().unwrap_or_default()
}

fn set<T>(slots: &mut [T], at: usize, value: T) {
    if let Some(slot) = slots.get_mut(at) {
        *slot = value;
    }
}

fn change<T: Copy>(slots: &mut [T], at: usize, to: impl Fn(T) -> T) {
    if let Some(slot) = slots.get_mut(at) {
        *slot = to(*slot);
    }
}

/// `zlib.compress`, if that is shorter than `bytes` by two bytes or more: the
/// rule of itsdangerous and Django, which pay one byte for a marker.
///
/// Byte for byte CPython's for up to 16,000 bytes; beyond, only with the
/// feature `c-zlib`. Always readable.
pub fn deflate_if_shorter(bytes: &[u8]) -> Option<Vec<u8>> {
    thread_local! {
        static DEFLATER: RefCell<Deflater> = RefCell::new(Deflater::new());
    }
    let room = bytes.len().checked_sub(2)?;
    // Two bytes of header, four of checksum, and at least three of block.
    if room < 9 {
        return None;
    }
    if !Deflater::takes(bytes.len()) {
        return deflate_long(bytes, room);
    }
    DEFLATER
        .try_with(|kept| match kept.try_borrow_mut() {
            Ok(mut kept) => kept.deflate(bytes, room),
            Err(_) => Deflater::new().deflate(bytes, room),
        })
        .unwrap_or_else(|_| Deflater::new().deflate(bytes, room))
}

/// With a general library: too long for a cookie anyway.
fn deflate_long(bytes: &[u8], room: usize) -> Option<Vec<u8>> {
    let mut stream = Compress::new(Compression::new(6), true);
    let mut out = vec![0; room];
    let status = stream.compress(bytes, &mut out, FlushCompress::Finish).ok()?;
    if status != Status::StreamEnd {
        return None;
    }
    out.truncate(usize::try_from(stream.total_out()).ok()?);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inv12_a_bomb_is_cut_at_the_limit() {
        let bomb = deflate_if_shorter(&vec![b'0'; 10 << 20]).unwrap();
        assert_eq!(inflate_capped(&bomb, MAX_INFLATED), Err(InflateError::TooLarge));
        let ten = deflate_if_shorter(&[b'a'; 100]).unwrap();
        assert_eq!(inflate_capped(&ten, 99), Err(InflateError::TooLarge));
        assert_eq!(inflate_capped(&ten, 100).unwrap(), [b'a'; 100]);
    }

    #[test]
    fn damaged_streams_are_refused_and_trailing_bytes_ignored() {
        let mut stream = deflate_if_shorter(&b"abcabc".repeat(90)).unwrap();
        for cut in 0..stream.len() {
            assert_eq!(inflate_capped(&stream[..cut], 1 << 20), Err(InflateError::Damaged));
        }
        stream.extend_from_slice(b"more");
        assert_eq!(inflate_capped(&stream, 1 << 20).unwrap(), b"abcabc".repeat(90));
        let checksum = stream.len() - 5;
        stream[checksum] ^= 1;
        assert_eq!(inflate_capped(&stream, 1 << 20), Err(InflateError::Damaged));
    }

    /// Texts like sessions', with few and many letters, with and without repetitions.
    fn texts(rounds: u64) -> impl Iterator<Item = Vec<u8>> {
        let mut seed = 1_u64;
        let mut random = move |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % below
        };
        (0..rounds).map(move |round| {
            let (len, letters) = (1 + round % 240, 1 + random(60));
            let repeats = 1 + random(40);
            let mut text: Vec<u8> = Vec::new();
            while (text.len() as u64) < len {
                let back = 1 + random(1 + text.len() as u64) as usize;
                if random(repeats) == 0 && back <= text.len() {
                    let from = text.len() - back;
                    let piece: Vec<u8> = text[from..].iter().copied().take(3 + back / 4).collect();
                    text.extend(piece);
                } else {
                    text.push(b' ' + random(letters) as u8);
                }
            }
            text
        })
    }

    /// The bound that spares most attempts must never spare one that succeeds.
    #[test]
    fn an_attempt_is_given_up_only_where_it_would_fail() {
        let mut deflater = Deflater::new();
        for text in texts(6000) {
            let stream = deflater.deflate(&text, 1 << 20).unwrap();
            assert_eq!(deflater.deflate(&text, stream.len()).as_ref(), Some(&stream));
            assert_eq!(deflater.deflate(&text, stream.len() - 1), None);
        }
    }
}
