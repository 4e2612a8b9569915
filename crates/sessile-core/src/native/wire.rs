//! Numbers and lengths on the wire: LEB128, in its shortest form only, so that
//! one value has one encoding.

use super::DecodeError;
use super::DecodeError::Malformed;

/// First bytes that a later release may use as its version. Beyond them lie
/// text, JSON, msgpack maps and pickle, which are foreign rather than newer.
const VERSIONS: std::ops::RangeInclusive<u8> = 1..=31;

pub(super) fn push_varint(out: &mut Vec<u8>, mut number: u64) {
    // Truncations keep the low seven bits.
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Small magnitudes of either sign become small numbers: 0, -1, 1, -2 are 0, 1, 2, 3.
pub(super) fn push_signed(out: &mut Vec<u8>, number: i64) {
    push_varint(out, (number.cast_unsigned() << 1) ^ (number >> 63).cast_unsigned());
}

pub(super) fn push_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    push_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// What is left of the input.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    /// Bytes that containers opened before need at the least for their
    /// unread items. Counted, so that the slots reserved for items, over all
    /// levels together, never outnumber the bytes of the input.
    owed: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(input: &'a [u8]) -> Self {
        Self { rest: input, owed: 0 }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Takes the version byte: `current` is ours, a later one belongs to a newer release.
    pub(super) fn version(&mut self, current: u8) -> Result<(), DecodeError> {
        match self.byte()? {
            version if version == current => Ok(()),
            version if version > current && VERSIONS.contains(&version) => Err(DecodeError::Newer),
            _ => Err(Malformed),
        }
    }

    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8, DecodeError> {
        let (&first, rest) = self.rest.split_first().ok_or(Malformed)?;
        self.rest = rest;
        Ok(first)
    }

    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64, DecodeError> {
        match self.byte()? {
            small @ 0..=0x7f => Ok(u64::from(small)),
            first => self.long_varint(first),
        }
    }

    fn long_varint(&mut self, first: u8) -> Result<u64, DecodeError> {
        let mut number = u64::from(first & 0x7f);
        for shift in (7..64).step_by(7) {
            let byte = self.byte()?;
            // The tenth byte holds the sixty-fourth bit alone.
            if shift == 63 && byte > 1 {
                return Err(Malformed);
            }
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                // A last byte of zero adds nothing: not the shortest form.
                return if byte == 0 { Err(Malformed) } else { Ok(number) };
            }
        }
        Err(Malformed)
    }

    pub(super) fn signed(&mut self) -> Result<i64, DecodeError> {
        let number = self.varint()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    #[inline]
    pub(super) fn take(&mut self, len: u64) -> Result<&'a [u8], DecodeError> {
        let len = usize::try_from(len).map_err(|_| Malformed)?;
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Malformed)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = self.varint()?;
        self.take(len)
    }

    #[inline]
    pub(super) fn text(&mut self, len: u64) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.take(len)?).map_err(|_| Malformed)
    }

    /// Takes the number of items in a container, each of at least `each`
    /// bytes. Believed only if the input can hold them all.
    pub(super) fn open(&mut self, each: usize) -> Result<usize, DecodeError> {
        let count = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
        let needed = count.checked_mul(each).and_then(|needed| needed.checked_add(self.owed));
        match needed {
            Some(needed) if needed <= self.rest.len() => self.owed = needed,
            _ => return Err(Malformed),
        }
        Ok(count)
    }

    /// Says that the next item of a container opened with `each` is about to be read.
    pub(super) fn next_item(&mut self, each: usize) {
        self.owed = self.owed.saturating_sub(each);
    }

    pub(super) fn finish(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}
