//! The alphabets of a block, and how often their symbols occur.

use super::trees::SLOTS;
use super::{change, get};

/// The symbol that ends a block; those of lengths follow.
pub(super) const END: usize = 256;

/// Words of one bit for each symbol.
const WORDS: usize = SLOTS.div_ceil(64);

/// Symbols of one alphabet.
#[derive(Clone, Copy)]
pub(super) struct Used([u64; WORDS]);

impl Used {
    pub(super) fn add(&mut self, symbol: usize) {
        change(&mut self.0, symbol / 64, |word| word | 1 << (symbol % 64));
    }

    /// Ascending.
    pub(super) fn iter(self) -> impl Iterator<Item = usize> {
        let mut words = self.0.into_iter().enumerate();
        let (mut base, mut word) = (0, 0_u64);
        std::iter::from_fn(move || {
            while word == 0 {
                let (at, next) = words.next()?;
                (base, word) = (at * 64, next);
            }
            let bit = word.trailing_zeros() as usize;
            word &= word - 1;
            Some(base + bit)
        })
    }
}

/// How often each symbol occurs.
pub(super) struct Counts {
    counts: [u16; SLOTS],
    pub(super) used: Used,
}

impl Counts {
    pub(super) fn new() -> Self {
        Self { counts: [0; SLOTS], used: Used([0; WORDS]) }
    }

    pub(super) fn add(&mut self, symbol: usize) {
        change(&mut self.counts, symbol, |count| count + 1);
        self.used.add(symbol);
    }

    /// The symbols that occur, ascending, and their counts.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, u16)> + '_ {
        self.used.iter().map(|symbol| (symbol, get(&self.counts, symbol)))
    }
}

/// A length or a distance: its symbol, and the value and the number of its extra bits.
#[derive(Clone, Copy)]
pub(super) struct Ranged {
    pub(super) symbol: usize,
    pub(super) value: u16,
    pub(super) extra: u8,
}

/// The symbol of a match's length, 3 to 258 (RFC 1951, 3.2.5).
pub(super) fn of_length(length: u16) -> Ranged {
    if length >= 258 {
        return Ranged { symbol: END + 29, value: 0, extra: 0 };
    }
    // Four symbols for each power of two from 4 on.
    let ranged = ranged(length.saturating_sub(3), 2);
    Ranged { symbol: END + 1 + ranged.symbol, ..ranged }
}

/// The symbol of a match's distance, 1 to 32,768.
pub(super) fn of_distance(distance: u16) -> Ranged {
    // Two symbols for each power of two from 2 on.
    ranged(distance.saturating_sub(1), 1)
}

fn ranged(value: u16, log_of_symbols: u32) -> Ranged {
    let extra = (value >> log_of_symbols).checked_ilog2().unwrap_or(0);
    let symbol = usize::from(value >> extra) + ((extra as usize) << log_of_symbols);
    Ranged { symbol, value: value & ((1 << extra) - 1), extra: extra as u8 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_distances_have_the_symbols_of_rfc_1951() {
        let length = |length| {
            let Ranged { symbol, value, extra } = of_length(length);
            (symbol, value, extra)
        };
        assert_eq!(length(3), (257, 0, 0));
        assert_eq!(length(10), (264, 0, 0));
        assert_eq!(length(12), (265, 1, 1));
        assert_eq!(length(130), (280, 15, 4));
        assert_eq!(length(257), (284, 30, 5));
        assert_eq!(length(258), (285, 0, 0));
        let distance = |distance| {
            let Ranged { symbol, value, extra } = of_distance(distance);
            (symbol, value, extra)
        };
        assert_eq!(distance(1), (0, 0, 0));
        assert_eq!(distance(4), (3, 0, 0));
        assert_eq!(distance(8), (5, 1, 1));
        assert_eq!(distance(16_385), (28, 0, 13));
        assert_eq!(distance(32_768), (29, 8191, 13));
    }
}
