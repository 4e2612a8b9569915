//! `zlib.compress` of short inputs, byte for byte as the C library writes them.

use super::bound::Bound;
use super::matches::{Chains, MAX_INPUT, Symbol};
use super::symbols::{self, Counts, END, Ranged};
use super::trees::{self, Codes, Description, FIXED_DISTANCES, FIXED_LITERALS, Item, Scratch};

/// Bytes of the stream's header and checksum.
const FRAME: i64 = 6;

/// What is kept between calls: tables of some 100 KiB.
pub(super) struct Deflater {
    bound: Bound,
    chains: Chains,
    symbols: Vec<Symbol>,
    items: Vec<Item>,
    scratch: Scratch,
}

impl Deflater {
    pub(super) fn new() -> Self {
        Self {
            bound: Bound::new(),
            chains: Chains::new(),
            symbols: Vec::new(),
            items: Vec::new(),
            scratch: Scratch::new(),
        }
    }

    /// Whether it takes an input of this length.
    pub(super) fn takes(len: usize) -> bool {
        len <= MAX_INPUT
    }

    /// The stream, if it takes at most `room` bytes.
    ///
    /// Each step is tried only where the one before leaves a chance: a bound, the
    /// lengths of the codes, the codes.
    pub(super) fn deflate(&mut self, input: &[u8], room: usize) -> Option<Vec<u8>> {
        self.symbols.clear();
        self.chains.symbols(input, &mut self.symbols);
        let (mut literals, mut distances) = (Counts::new(), Counts::new());
        let mut fixed_bits = i64::from(trees::fixed_length(END));
        let mut extra_bits = 0;
        literals.add(END);
        for symbol in &self.symbols {
            match *symbol {
                Symbol::Literal(byte) => {
                    literals.add(byte.into());
                    fixed_bits += i64::from(trees::fixed_length(byte.into()));
                }
                Symbol::Match { length, distance } => {
                    let (length, distance) =
                        (symbols::of_length(length), symbols::of_distance(distance));
                    literals.add(length.symbol);
                    distances.add(distance.symbol);
                    fixed_bits += 5 + i64::from(trees::fixed_length(length.symbol));
                    extra_bits += i64::from(length.extra) + i64::from(distance.extra);
                }
            }
        }
        fixed_bits += extra_bits;
        let fits = |bits| bytes(bits) + FRAME <= i64::try_from(room).unwrap_or(i64::MAX);
        // Most small sessions end here: neither kind of block can fit.
        if !fits(fixed_bits) && !fits(self.bound.least_bits(&literals, &distances, extra_bits)) {
            return None;
        }
        let literals = trees::build(&literals, 15, &mut self.scratch);
        let distances = trees::build(&distances, 15, &mut self.scratch);
        let description =
            Description::new(&literals, &distances, &mut self.items, &mut self.scratch);
        let own_bits = literals.bits + distances.bits + extra_bits + description.bits();
        let fixed = bytes(fixed_bits) <= bytes(own_bits);
        let bits = if fixed { fixed_bits } else { own_bits };
        // A stored block is longer than the input.
        if !fits(bits) {
            return None;
        }
        let len = usize::try_from(bytes(bits) + FRAME).ok()?;
        let mut out = Bits { out: Vec::with_capacity(len), held: 0, count: 0 };
        out.out.extend_from_slice(&[0x78, 0x9c]);
        if fixed {
            out.put(0b011, 3);
            self.block(&mut out, &FIXED_LITERALS, &FIXED_DISTANCES);
        } else {
            out.put(0b101, 3);
            // zlib's `send_all_trees`. Small numbers: at most 29, 29 and 15.
            out.put(literals.last.saturating_sub(256) as u16, 5);
            out.put(distances.last as u16, 5);
            out.put(description.sent.saturating_sub(4) as u16, 4);
            for length in description.sent_lengths() {
                out.put(length.into(), 3);
            }
            let third = Codes::new(&description.lengths);
            for item in &self.items {
                out.code(&third, item.symbol.into());
                out.put(item.value.into(), item.extra);
            }
            self.block(&mut out, &Codes::new(&literals), &Codes::new(&distances));
        }
        let mut stream = out.finish();
        stream.extend_from_slice(&adler32(input).to_be_bytes());
        Some(stream)
    }

    fn block(&self, out: &mut Bits, literals: &Codes, distances: &Codes) {
        for symbol in &self.symbols {
            match *symbol {
                Symbol::Literal(byte) => out.code(literals, byte.into()),
                Symbol::Match { length, distance } => {
                    out.ranged(literals, symbols::of_length(length));
                    out.ranged(distances, symbols::of_distance(distance));
                }
            }
        }
        out.code(literals, END);
    }
}

/// Bytes of a block of so many bits and its three of kind.
fn bytes(bits: i64) -> i64 {
    (bits + 3 + 7) >> 3
}

/// Bits, lowest first.
struct Bits {
    out: Vec<u8>,
    held: u64,
    count: u32,
}

impl Bits {
    fn put(&mut self, value: u16, bits: u8) {
        self.held |= u64::from(value) << self.count;
        self.count += u32::from(bits);
        while self.count >= 8 {
            self.out.push(self.held as u8);
            self.held >>= 8;
            self.count -= 8;
        }
    }

    fn code(&mut self, codes: &Codes, symbol: usize) {
        let (code, length) = codes.of(symbol);
        self.put(code, length);
    }

    fn ranged(&mut self, codes: &Codes, ranged: Ranged) {
        self.code(codes, ranged.symbol);
        self.put(ranged.value, ranged.extra);
    }

    fn finish(mut self) -> Vec<u8> {
        if self.count > 0 {
            self.out.push(self.held as u8);
        }
        self.out
    }
}

fn adler32(bytes: &[u8]) -> u32 {
    const MODULUS: u32 = 65_521;
    // As many bytes as cannot overflow the second sum.
    const RUN: usize = 5552;
    let (mut one, mut two) = (1_u32, 0_u32);
    for run in bytes.chunks(RUN) {
        for byte in run {
            one += u32::from(*byte);
            two += one;
        }
        one %= MODULUS;
        two %= MODULUS;
    }
    two << 16 | one
}
