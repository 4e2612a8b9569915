//! `zlib.compress` of short inputs, byte for byte as the C library writes them.

use super::bound::least_bits;
use super::matches::{Chains, MAX_INPUT, Symbol};
use super::trees::{self, DISTANCES, Description, END, LITERALS, Tree};

/// Bytes of the stream's header and checksum.
const FRAME: i64 = 6;

/// What is kept between calls: tables of some 100 KiB.
pub(super) struct Deflater {
    chains: Chains,
    symbols: Vec<Symbol>,
}

impl Deflater {
    pub(super) fn new() -> Self {
        Self { chains: Chains::new(), symbols: Vec::new() }
    }

    /// Whether it takes an input of this length.
    pub(super) fn takes(len: usize) -> bool {
        len <= MAX_INPUT
    }

    /// The stream, if it takes at most `room` bytes.
    pub(super) fn deflate(&mut self, input: &[u8], room: usize) -> Option<Vec<u8>> {
        self.symbols.clear();
        self.chains.symbols(input, &mut self.symbols);
        let mut literals = [0_u16; LITERALS];
        let mut distances = [0_u16; DISTANCES];
        let mut fixed_bits = i64::from(trees::fixed_length(END));
        let mut extra_bits = 0;
        count(&mut literals, END);
        for symbol in &self.symbols {
            match *symbol {
                Symbol::Literal(byte) => {
                    count(&mut literals, byte.into());
                    fixed_bits += i64::from(trees::fixed_length(byte.into()));
                }
                Symbol::Match { length, distance } => {
                    let (code, _) = trees::length_code(length);
                    count(&mut literals, END + 1 + code);
                    fixed_bits += i64::from(trees::fixed_length(END + 1 + code));
                    let of_length = extra(&trees::LENGTH_EXTRA, code);
                    let (code, _) = trees::distance_code(distance);
                    count(&mut distances, code);
                    let of_distance = extra(&trees::DISTANCE_EXTRA, code);
                    fixed_bits += 5 + of_length + of_distance;
                    extra_bits += of_length + of_distance;
                }
            }
        }
        // Most small sessions end here: neither kind of block can fit.
        let least = least_bits(&literals, &distances, extra_bits);
        if bytes(fixed_bits.min(least - 3)) + FRAME > i64::try_from(room).unwrap_or(i64::MAX) {
            return None;
        }
        let literals = trees::build(&literals, &trees::LENGTH_EXTRA, END + 1, 15);
        let distances = trees::build(&distances, &trees::DISTANCE_EXTRA, 0, 15);
        let description = Description::of(&literals, &distances);
        let own_bits = literals.bits + distances.bits + description.bits();
        let fixed = bytes(fixed_bits) <= bytes(own_bits);
        let block = bytes(if fixed { fixed_bits } else { own_bits });
        // A stored block is longer than the input.
        let len = usize::try_from(block + FRAME).ok()?;
        if len > room {
            return None;
        }
        let mut out = Bits { out: Vec::with_capacity(len), held: 0, count: 0 };
        out.out.extend_from_slice(&[0x78, 0x9c]);
        if fixed {
            out.put(0b011, 3);
            let lengths: Vec<u8> = (0..288).map(trees::fixed_length).collect();
            let codes = trees::codes(&lengths);
            let literals = Tree { codes, lengths, last: 287, bits: 0 };
            let lengths = vec![5; DISTANCES];
            let codes = trees::codes(&lengths);
            let distances = Tree { codes, lengths, last: 29, bits: 0 };
            self.block(&mut out, &literals, &distances);
        } else {
            out.put(0b101, 3);
            describe(&mut out, &literals, &distances, &description);
            self.block(&mut out, &literals, &distances);
        }
        let mut stream = out.finish();
        stream.extend_from_slice(&adler32(input).to_be_bytes());
        Some(stream)
    }

    fn block(&self, out: &mut Bits, literals: &Tree, distances: &Tree) {
        for symbol in &self.symbols {
            match *symbol {
                Symbol::Literal(byte) => out.code(literals, byte.into()),
                Symbol::Match { length, distance } => {
                    let (code, least) = trees::length_code(length);
                    out.code(literals, END + 1 + code);
                    out.put(length - least, extra(&trees::LENGTH_EXTRA, code) as u8);
                    let (code, least) = trees::distance_code(distance);
                    out.code(distances, code);
                    out.put(distance - least, extra(&trees::DISTANCE_EXTRA, code) as u8);
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

/// zlib's `send_all_trees`.
fn describe(out: &mut Bits, literals: &Tree, distances: &Tree, description: &Description) {
    // Small numbers: at most 29, 29 and 15.
    out.put(literals.last.saturating_sub(256) as u16, 5);
    out.put(distances.last as u16, 5);
    out.put(description.sent.saturating_sub(4) as u16, 4);
    for length in description.sent_lengths() {
        out.put(length.into(), 3);
    }
    for (symbol, value) in &description.items {
        out.code(&description.tree, *symbol);
        out.put(*value, Description::extra(*symbol));
    }
}

fn count(counts: &mut [u16], symbol: usize) {
    if let Some(count) = counts.get_mut(symbol) {
        *count += 1;
    }
}

fn extra(table: &[u8], code: usize) -> i64 {
    table.get(code).copied().unwrap_or(0).into()
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

    fn code(&mut self, tree: &Tree, symbol: usize) {
        if let (Some(code), Some(length)) = (tree.codes.get(symbol), tree.lengths.get(symbol)) {
            self.put(*code, *length);
        }
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
