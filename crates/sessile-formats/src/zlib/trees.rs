//! Huffman codes as zlib's `trees.c` makes them, at the cost of the symbols in use.

use super::symbols::{Counts, Used};
use super::{change, get, set};

/// Room for the symbols of any alphabet; the largest has 286, and 288 in the fixed code.
pub(super) const SLOTS: usize = 288;
const LENGTHS: usize = 19;

const ORDER: [usize; LENGTHS] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// The lengths of the codes of one alphabet.
pub(super) struct Lengths {
    of: [u8; SLOTS],
    /// The symbols that have a code, ascending.
    symbols: Used,
    /// The last symbol in use.
    pub(super) last: usize,
    /// Bits that the counted symbols take, without extra ones.
    pub(super) bits: i64,
}

impl Lengths {
    pub(super) fn of(&self, symbol: usize) -> u8 {
        get(&self.of, symbol)
    }
}

/// The tables of [`build`], of which it reads nothing it has not written.
pub(super) struct Scratch {
    /// The symbols and their counts, by the number of their node.
    leaves: [(u16, u16); SLOTS],
    parent: [u16; 2 * SLOTS],
    depth: [u8; 2 * SLOTS],
    /// Leaves in the order in which they were taken.
    taken: [u16; SLOTS],
    heap: Heap,
}

impl Scratch {
    pub(super) fn new() -> Self {
        Self {
            leaves: [(0, 0); SLOTS],
            parent: [0; 2 * SLOTS],
            depth: [0; 2 * SLOTS],
            taken: [0; SLOTS],
            heap: Heap { nodes: [0; SLOTS + 1], len: 0 },
        }
    }
}

/// zlib's `build_tree`: the longest code allowed is `longest`. Two symbols at
/// least get a code.
///
/// Nodes are numbered from the first symbol in use, not from the first symbol:
/// zlib compares counts and depths only, so that its heap goes the same way.
pub(super) fn build(counts: &Counts, longest: usize, scratch: &mut Scratch) -> Lengths {
    let Scratch { leaves, parent, depth, taken, heap } = scratch;
    heap.len = 0;
    let mut symbols = counts.used;
    let mut count_of_leaves = 0;
    let mut last = None;
    for (symbol, count) in counts.iter() {
        set(leaves, count_of_leaves, (symbol as u16, count));
        heap.push(entry(count.into(), 0, count_of_leaves));
        count_of_leaves += 1;
        last = Some(symbol);
    }
    // zlib counts a code that only fills up the tree once and takes it back once:
    // its account of it comes out at its length, less one.
    let mut bits = 0;
    while heap.len < 2 {
        let symbol = match last {
            None => 0,
            Some(symbol) if symbol < 2 => symbol + 1,
            Some(_) => 0,
        };
        last = Some(last.map_or(symbol, |last| last.max(symbol)));
        symbols.add(symbol);
        set(leaves, count_of_leaves, (symbol as u16, 1));
        heap.push(entry(1, 0, count_of_leaves));
        count_of_leaves += 1;
        bits -= 1;
    }
    for at in (1..=heap.len / 2).rev() {
        heap.sink(at);
    }
    let mut node = count_of_leaves;
    let mut count_of_taken = 0;
    while heap.len >= 2 {
        let first = heap.top();
        heap.pop();
        let second = heap.top();
        for child in [first, second].map(node_of) {
            set(parent, child, node as u16);
            if child < count_of_leaves {
                set(taken, count_of_taken, child as u16);
                count_of_taken += 1;
            }
        }
        let deepest = depth_of(first).max(depth_of(second));
        heap.replace_top(entry(count_of(first) + count_of(second), deepest + 1, node));
        node += 1;
    }
    let root = node - 1;
    set(depth, root, 0);
    let mut tally = [0_u16; 17];
    let mut overflow = 0_i32;
    // zlib's `gen_bitlen`. A parent has a higher number than its children.
    for node in (0..root).rev() {
        let mut length = usize::from(get(depth, get(parent, node).into())) + 1;
        if length > longest {
            length = longest;
            overflow += 1;
        }
        set(depth, node, length as u8);
        if node < count_of_leaves {
            change(&mut tally, length, |count| count + 1);
        }
    }
    if overflow > 0 {
        shorten(overflow, longest, &mut tally);
        let mut leaves = taken.iter().take(count_of_taken);
        for length in (1..=longest).rev() {
            for leaf in leaves.by_ref().take(get(&tally, length).into()) {
                set(depth, usize::from(*leaf), length as u8);
            }
        }
    }
    let mut of = [0; SLOTS];
    for ((symbol, count), length) in leaves.iter().zip(depth.iter()).take(count_of_leaves) {
        set(&mut of, usize::from(*symbol), *length);
        bits += i64::from(*count) * i64::from(*length);
    }
    Lengths { of, symbols, last: last.unwrap_or(0), bits }
}

/// Finds other numbers of codes for each length, after `overflow` were cut.
fn shorten(mut overflow: i32, longest: usize, tally: &mut [u16; 17]) {
    while overflow > 0 {
        let mut length = longest - 1;
        while length > 0 && get(tally, length) == 0 {
            length -= 1;
        }
        change(tally, length, |count| count.saturating_sub(1));
        change(tally, length + 1, |count| count + 2);
        change(tally, longest, |count| count.saturating_sub(1));
        overflow -= 2;
    }
}

/// The codes of one alphabet, their bits reversed.
pub(super) struct Codes {
    of: [(u16, u8); SLOTS],
}

impl Codes {
    /// zlib's `gen_codes`: in the order of symbols.
    pub(super) fn new(lengths: &Lengths) -> Self {
        let mut next = [0_u16; 17];
        for symbol in lengths.symbols.iter() {
            change(&mut next, usize::from(lengths.of(symbol)) + 1, |count| count + 1);
        }
        // So far the number of codes of the length before.
        let mut code = 0_u16;
        for slot in &mut next {
            code = code.wrapping_add(*slot) << 1;
            *slot = code;
        }
        let mut of = [(0, 0); SLOTS];
        for symbol in lengths.symbols.iter() {
            let length = lengths.of(symbol);
            let code = get(&next, length.into());
            change(&mut next, length.into(), |code| code.wrapping_add(1));
            set(&mut of, symbol, (reversed(code, length), length));
        }
        Self { of }
    }

    /// The code and its length.
    pub(super) fn of(&self, symbol: usize) -> (u16, u8) {
        get(&self.of, symbol)
    }
}

const fn reversed(code: u16, length: u8) -> u16 {
    if length == 0 { 0 } else { code.reverse_bits() >> (16 - length) }
}

/// The fixed codes (RFC 1951, 3.2.6).
pub(super) const FIXED_LITERALS: Codes = {
    let mut of = [(0, 0); SLOTS];
    let mut symbol = 0;
    while symbol < SLOTS {
        let length = fixed_length(symbol);
        let at = symbol as u16;
        let code = match symbol {
            0..=143 => at + 0x30,
            144..=255 => at + 0x190 - 144,
            256..=279 => at - 256,
            _ => at + 0xc0 - 280,
        };
        of[symbol] = (reversed(code, length), length);
        symbol += 1;
    }
    Codes { of }
};
pub(super) const FIXED_DISTANCES: Codes = {
    let mut of = [(0, 0); SLOTS];
    let mut symbol = 0;
    while symbol < 30 {
        of[symbol] = (reversed(symbol as u16, 5), 5);
        symbol += 1;
    }
    Codes { of }
};

/// The length of a literal's or match's fixed code.
pub(super) const fn fixed_length(symbol: usize) -> u8 {
    match symbol {
        144..=255 => 9,
        256..=279 => 7,
        _ => 8,
    }
}

/// The description of two codes by a third.
pub(super) struct Description {
    pub(super) lengths: Lengths,
    /// How many lengths of the third code are sent.
    pub(super) sent: usize,
    extra_bits: i64,
}

/// A symbol of the third code, with the value and the number of its extra bits.
#[derive(Clone, Copy)]
pub(super) struct Item {
    pub(super) symbol: u8,
    pub(super) value: u8,
    pub(super) extra: u8,
}

impl Description {
    /// zlib's `build_bl_tree`; what is sent goes to `items`.
    pub(super) fn new(
        literals: &Lengths,
        distances: &Lengths,
        items: &mut Vec<Item>,
        scratch: &mut Scratch,
    ) -> Self {
        items.clear();
        runs(literals, items);
        runs(distances, items);
        let mut counts = Counts::new();
        let mut extra_bits = 0;
        for item in &*items {
            counts.add(item.symbol.into());
            extra_bits += i64::from(item.extra);
        }
        let lengths = build(&counts, 7, scratch);
        let last = ORDER.iter().rposition(|symbol| lengths.of(*symbol) != 0);
        Self { lengths, sent: last.unwrap_or(0).max(3) + 1, extra_bits }
    }

    pub(super) fn bits(&self) -> i64 {
        // `sent` is at most 19.
        self.lengths.bits + self.extra_bits + 3 * self.sent as i64 + 14
    }

    /// The lengths of the third code in the order they are sent.
    pub(super) fn sent_lengths(&self) -> impl Iterator<Item = u8> + '_ {
        ORDER.iter().take(self.sent).map(|symbol| self.lengths.of(*symbol))
    }
}

/// zlib's `scan_tree`: each run of one length, with zeros for what is not in use.
fn runs(lengths: &Lengths, items: &mut Vec<Item>) {
    let (mut length, mut count, mut next) = (0_u8, 0_usize, 0_usize);
    for symbol in lengths.symbols.iter() {
        if symbol > next {
            run(length, count, items);
            run(0, symbol - next, items);
            count = 0;
        }
        let current = lengths.of(symbol);
        if current != length {
            run(length, count, items);
            (length, count) = (current, 0);
        }
        count += 1;
        next = symbol + 1;
    }
    run(length, count, items);
}

fn run(length: u8, mut count: usize, items: &mut Vec<Item>) {
    // No value exceeds 127.
    let item = |symbol, value: usize, extra| Item { symbol, value: value as u8, extra };
    if length == 0 {
        while count >= 3 {
            let part = count.min(138);
            items.push(match part {
                ..=10 => item(17, part - 3, 3),
                _ => item(18, part - 11, 7),
            });
            count -= part;
        }
    } else if count >= 4 {
        items.push(item(length, 0, 0));
        count -= 1;
        while count >= 3 {
            let part = count.min(6);
            items.push(item(16, part - 3, 2));
            count -= part;
        }
    }
    items.extend(std::iter::repeat_n(item(length, 0, 0), count));
}

/// zlib's heap of nodes, from 1; each a count, a depth and a number in one word,
/// of which the first two decide.
struct Heap {
    nodes: [u32; SLOTS + 1],
    len: usize,
}

/// Counts stay below 2^16, depths below 2^6 (the deepest tree of n symbols has
/// log n / log 1.6 levels), numbers below 2^10.
fn entry(count: u32, depth: u32, node: usize) -> u32 {
    count << 16 | depth << 10 | node as u32
}

fn node_of(entry: u32) -> usize {
    (entry & 0x3ff) as usize
}

fn depth_of(entry: u32) -> u32 {
    entry >> 10 & 0x3f
}

fn count_of(entry: u32) -> u32 {
    entry >> 16
}

impl Heap {
    fn push(&mut self, node: u32) {
        self.len += 1;
        set(&mut self.nodes, self.len, node);
    }

    fn top(&self) -> u32 {
        get(&self.nodes, 1)
    }

    fn pop(&mut self) {
        let moved = get(&self.nodes, self.len);
        self.len -= 1;
        self.replace_top(moved);
    }

    fn replace_top(&mut self, node: u32) {
        set(&mut self.nodes, 1, node);
        self.sink(1);
    }

    fn sink(&mut self, mut at: usize) {
        let smaller = |one: u32, two: u32| one >> 10 <= two >> 10;
        let sinking = get(&self.nodes, at);
        let mut child = at * 2;
        while child <= self.len {
            if child < self.len && smaller(get(&self.nodes, child + 1), get(&self.nodes, child)) {
                child += 1;
            }
            let below = get(&self.nodes, child);
            if smaller(sinking, below) {
                break;
            }
            set(&mut self.nodes, at, below);
            at = child;
            child *= 2;
        }
        set(&mut self.nodes, at, sinking);
    }
}
