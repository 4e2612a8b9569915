//! Huffman codes as zlib's `trees.c` makes them.

const HEAP_SIZE: usize = 573;
pub(super) const LITERALS: usize = 286;
pub(super) const DISTANCES: usize = 30;
const LENGTHS: usize = 19;
pub(super) const END: usize = 256;

const ORDER: [usize; LENGTHS] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// Extra bits of the 29 length codes, the 30 distance codes and the 19 codes of code lengths.
pub(super) const LENGTH_EXTRA: [u8; 29] =
    [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
pub(super) const DISTANCE_EXTRA: [u8; DISTANCES] = [
    0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13,
    13,
];
const REPEAT_EXTRA: [u8; LENGTHS] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 3, 7];

/// The number of a length code, from 0, and the least length it stands for.
pub(super) fn length_code(length: u16) -> (usize, u16) {
    if length >= 258 {
        return (28, 258);
    }
    code_of(length - 3, &LENGTH_EXTRA[..28], 3)
}

/// The number of a distance code and the least distance it stands for.
pub(super) fn distance_code(distance: u16) -> (usize, u16) {
    code_of(distance - 1, &DISTANCE_EXTRA, 1)
}

fn code_of(value: u16, extra: &[u8], least: u16) -> (usize, u16) {
    let mut base = 0_u16;
    for (code, bits) in extra.iter().enumerate() {
        let next = base.saturating_add(1 << bits);
        if value < next {
            return (code, base + least);
        }
        base = next;
    }
    (extra.len().saturating_sub(1), base)
}

/// A code of fixed lengths.
pub(super) fn fixed_length(symbol: usize) -> u8 {
    match symbol {
        0..=143 => 8,
        144..=255 => 9,
        256..=279 => 7,
        _ => 8,
    }
}

/// Codes for one alphabet.
pub(super) struct Tree {
    pub(super) lengths: Vec<u8>,
    pub(super) codes: Vec<u16>,
    /// The last symbol in use.
    pub(super) last: usize,
    /// Bits that the counted symbols take, extra ones included.
    pub(super) bits: i64,
}

/// zlib's `build_tree`: `counts` of the symbols, their extra bits from `base`
/// on, the longest code allowed. Two symbols at least get a code.
pub(super) fn build(counts: &[u16], extra: &[u8], base: usize, longest: usize) -> Tree {
    let elements = counts.len();
    let mut node_counts = [0_u32; HEAP_SIZE];
    let mut depth = [0_u8; HEAP_SIZE];
    let mut parent = [0_u16; HEAP_SIZE];
    let mut heap = Heap { nodes: [0; HEAP_SIZE], len: 0 };
    let mut last = 0;
    let mut any = false;
    for (symbol, count) in counts.iter().enumerate() {
        if *count != 0 {
            set(&mut node_counts, symbol, u32::from(*count));
            heap.push(symbol);
            last = symbol;
            any = true;
        }
    }
    let mut forced = Vec::new();
    // zlib starts from -1, so that an empty alphabet gets the codes 0 and 1.
    let mut next = if any { last + 1 } else { 0 };
    while heap.len < 2 {
        let symbol = if next <= 2 && (next < 2 || last < 2) {
            last = next;
            next += 1;
            last
        } else {
            0
        };
        set(&mut node_counts, symbol, 1);
        heap.push(symbol);
        forced.push(symbol);
    }
    for at in (1..=heap.len / 2).rev() {
        heap.sink(at, &node_counts, &depth);
    }
    // The order in which nodes are taken, the root last.
    let mut order: Vec<usize> = Vec::with_capacity(2 * elements);
    let mut node = elements;
    loop {
        let first = heap.top();
        heap.pop(&node_counts, &depth);
        let second = heap.top();
        order.extend([first, second]);
        let sum = get(&node_counts, first) + get(&node_counts, second);
        set(&mut node_counts, node, sum);
        let deepest = get(&depth, first).max(get(&depth, second));
        set(&mut depth, node, deepest + 1);
        set(&mut parent, first, node as u16);
        set(&mut parent, second, node as u16);
        heap.replace_top(node, &node_counts, &depth);
        node += 1;
        if heap.len < 2 {
            break;
        }
    }
    order.reverse();
    let lengths = lengths(&order, &parent, elements, longest);
    let mut bits = 0;
    for (symbol, length) in lengths.iter().enumerate() {
        let count = counts.get(symbol).copied().unwrap_or(0);
        let extra = symbol.checked_sub(base).and_then(|at| extra.get(at)).copied().unwrap_or(0);
        bits += i64::from(count) * (i64::from(*length) + i64::from(extra));
    }
    // A code that only fills up the tree was counted once and taken back once by
    // zlib, whose account of it comes out at its length, less one.
    for symbol in forced {
        let extra = symbol.checked_sub(base).and_then(|at| extra.get(at)).copied().unwrap_or(0);
        let length = lengths.get(symbol).copied().unwrap_or(0);
        bits += i64::from(length) + i64::from(extra) - 1;
    }
    let codes = codes(&lengths);
    Tree { lengths, codes, last, bits }
}

/// zlib's `gen_bitlen`, `order` from the node below the root down.
fn lengths(order: &[usize], parent: &[u16; HEAP_SIZE], elements: usize, longest: usize) -> Vec<u8> {
    let mut lengths = [0_u8; HEAP_SIZE];
    let mut tally = [0_u16; 17];
    let mut overflow = 0_i32;
    for &node in order {
        let mut bits = usize::from(get(&lengths, usize::from(get(parent, node)))) + 1;
        if bits > longest {
            bits = longest;
            overflow += 1;
        }
        set(&mut lengths, node, bits as u8);
        if node < elements {
            change(&mut tally, bits, |count| count + 1);
        }
    }
    if overflow > 0 {
        while overflow > 0 {
            let mut bits = longest - 1;
            while bits > 0 && get(&tally, bits) == 0 {
                bits -= 1;
            }
            change(&mut tally, bits, |count| count.saturating_sub(1));
            change(&mut tally, bits + 1, |count| count + 2);
            change(&mut tally, longest, |count| count.saturating_sub(1));
            overflow -= 2;
        }
        let mut leaves = order.iter().rev().filter(|node| **node < elements);
        for bits in (1..=longest).rev() {
            for _ in 0..get(&tally, bits) {
                if let Some(&leaf) = leaves.next() {
                    set(&mut lengths, leaf, bits as u8);
                }
            }
        }
    }
    lengths.iter().copied().take(elements).collect()
}

/// zlib's `gen_codes`: codes in the order of symbols, their bits reversed.
pub(super) fn codes(lengths: &[u8]) -> Vec<u16> {
    let mut tally = [0_u16; 17];
    for length in lengths {
        change(&mut tally, (*length).into(), |count| count + 1);
    }
    tally[0] = 0;
    let mut next = [0_u16; 17];
    for bits in 1..16 {
        let code = (get(&next, bits - 1) + get(&tally, bits - 1)) << 1;
        set(&mut next, bits, code);
    }
    let code = |&length: &u8| {
        let bits = usize::from(length);
        let code = get(&next, bits);
        set(&mut next, bits, code.wrapping_add(1));
        if length == 0 { 0 } else { code.reverse_bits() >> (16 - bits) }
    };
    lengths.iter().map(code).collect()
}

/// The description of two codes: symbols of the third, with their extra bits.
pub(super) struct Description {
    pub(super) items: Vec<(usize, u16)>,
    pub(super) tree: Tree,
    /// How many lengths of the third code are sent.
    pub(super) sent: usize,
}

impl Description {
    /// zlib's `build_bl_tree`.
    pub(super) fn of(literals: &Tree, distances: &Tree) -> Self {
        let mut items = Vec::with_capacity(64);
        runs(&literals.lengths, literals.last, &mut items);
        runs(&distances.lengths, distances.last, &mut items);
        let mut counts = [0_u16; LENGTHS];
        for (symbol, _) in &items {
            change(&mut counts, *symbol, |count| count + 1);
        }
        let tree = build(&counts, &REPEAT_EXTRA, 0, 7);
        let used = |symbol: &usize| tree.lengths.get(*symbol).is_some_and(|length| *length != 0);
        let last = ORDER.iter().rposition(used).unwrap_or(0).max(3);
        Self { items, tree, sent: last + 1 }
    }

    pub(super) fn bits(&self) -> i64 {
        // `sent` is at most 19.
        self.tree.bits + 3 * self.sent as i64 + 14
    }

    /// The lengths of the third code in the order they are sent.
    pub(super) fn sent_lengths(&self) -> impl Iterator<Item = u8> + '_ {
        let length = |symbol: &usize| self.tree.lengths.get(*symbol).copied().unwrap_or(0);
        ORDER.iter().take(self.sent).map(length)
    }

    pub(super) fn extra(symbol: usize) -> u8 {
        get(&REPEAT_EXTRA, symbol)
    }
}

/// zlib's `scan_tree`.
fn runs(lengths: &[u8], last: usize, items: &mut Vec<(usize, u16)>) {
    let mut before = None;
    let mut count = 0_u16;
    let length_at = |at: usize| if at <= last { lengths.get(at).copied() } else { None };
    let limits = |current: Option<u8>, next: Option<u8>| match next {
        Some(0) => (138, 3),
        _ if current == next => (6, 3),
        _ => (7, 4),
    };
    let (mut most, mut least) = limits(None, length_at(0));
    for at in 0..=last {
        let current = length_at(at);
        let next = length_at(at + 1);
        count += 1;
        if count < most && current == next {
            continue;
        }
        let symbol = usize::from(current.unwrap_or(0));
        if count < least {
            items.extend(std::iter::repeat_n((symbol, 0), count.into()));
        } else if symbol != 0 {
            if current != before {
                items.push((symbol, 0));
                count -= 1;
            }
            items.push((16, count - 3));
        } else if count <= 10 {
            items.push((17, count - 3));
        } else {
            items.push((18, count - 11));
        }
        count = 0;
        before = current;
        (most, least) = limits(current, next);
    }
}

/// zlib's heap of nodes, from 1.
struct Heap {
    nodes: [u16; HEAP_SIZE],
    len: usize,
}

impl Heap {
    fn push(&mut self, node: usize) {
        self.len += 1;
        set(&mut self.nodes, self.len, node as u16);
    }

    fn top(&self) -> usize {
        get(&self.nodes, 1).into()
    }

    fn pop(&mut self, counts: &[u32; HEAP_SIZE], depth: &[u8; HEAP_SIZE]) {
        let moved = get(&self.nodes, self.len);
        self.len -= 1;
        self.replace_top(moved.into(), counts, depth);
    }

    fn replace_top(&mut self, node: usize, counts: &[u32; HEAP_SIZE], depth: &[u8; HEAP_SIZE]) {
        set(&mut self.nodes, 1, node as u16);
        self.sink(1, counts, depth);
    }

    fn sink(&mut self, mut at: usize, counts: &[u32; HEAP_SIZE], depth: &[u8; HEAP_SIZE]) {
        let rank = |node: u16| (get(counts, node.into()), get(depth, node.into()));
        let smaller = |one: u16, two: u16| rank(one) <= rank(two);
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

fn get<T: Copy + Default>(slots: &[T], at: usize) -> T {
    slots.get(at).copied().unwrap_or_default()
}

fn change(slots: &mut [u16], at: usize, to: impl Fn(u16) -> u16) {
    if let Some(slot) = slots.get_mut(at) {
        *slot = to(*slot);
    }
}

fn set<T>(slots: &mut [T], at: usize, value: T) {
    if let Some(slot) = slots.get_mut(at) {
        *slot = value;
    }
}
