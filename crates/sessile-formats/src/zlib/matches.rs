//! Finding repetitions as zlib's `deflate_slow` does at level 6.
//!
//! For inputs that fit the window as a whole and one block, which every cookie
//! does. The order of the search decides the bytes that come out, so it is
//! kept to the letter: hash chains, their limits, lazy evaluation.

/// The longest input: one more symbol and zlib would end the block.
pub(super) const MAX_INPUT: usize = 16_000;

const MIN_MATCH: usize = 3;
const MAX_MATCH: usize = 258;
/// zlib's configuration table, level 6.
const GOOD_LENGTH: usize = 8;
const MAX_LAZY: usize = 16;
const NICE_LENGTH: usize = 128;
const MAX_CHAIN: usize = 128;
/// A match of three bytes from further away costs more than it saves.
const TOO_FAR: usize = 4096;
const HASH_SIZE: usize = 1 << 15;

/// One symbol of the block.
#[derive(Clone, Copy)]
pub(super) enum Symbol {
    Literal(u8),
    Match { length: u16, distance: u16 },
}

/// The latest position of each hash, and the one before it for each position.
/// Position 0 stands for none, in zlib as well.
pub(super) struct Chains {
    head: Box<[u16]>,
    prev: Vec<u16>,
    window: Vec<u8>,
}

fn hash(bytes: &[u8; MIN_MATCH]) -> usize {
    let [first, second, third] = bytes.map(usize::from);
    (first << 10 ^ second << 5 ^ third) & (HASH_SIZE - 1)
}

impl Chains {
    pub(super) fn new() -> Self {
        Self { head: vec![0; HASH_SIZE].into(), prev: Vec::new(), window: Vec::new() }
    }

    /// The symbols of `input`, which must not be longer than [`MAX_INPUT`].
    pub(super) fn symbols(&mut self, input: &[u8], out: &mut Vec<Symbol>) {
        self.window.clear();
        self.window.extend_from_slice(input);
        // zlib compares beyond the end, where its window is zero.
        self.window.resize(input.len() + MAX_MATCH + 2, 0);
        self.prev.clear();
        self.prev.resize(input.len(), 0);
        self.search(input.len(), out);
        // Cheaper than clearing all of the table.
        for bytes in self.window.windows(MIN_MATCH).take(input.len()) {
            if let Some(slot) = bytes.first_chunk().and_then(|it| self.head.get_mut(hash(it))) {
                *slot = 0;
            }
        }
    }

    fn byte(&self, at: usize) -> u8 {
        self.window.get(at).copied().unwrap_or(0)
    }

    /// Enters a position; gives the latest one of the same hash.
    fn insert(&mut self, at: usize) -> usize {
        let bytes = self.window.get(at..).and_then(<[u8]>::first_chunk);
        let Some(slot) = bytes.and_then(|bytes| self.head.get_mut(hash(bytes))) else {
            return 0;
        };
        let before = *slot;
        // Positions are below MAX_INPUT.
        *slot = at as u16;
        if let Some(prev) = self.prev.get_mut(at) {
            *prev = before;
        }
        usize::from(before)
    }

    fn search(&mut self, len: usize, out: &mut Vec<Symbol>) {
        let mut at = 0;
        let (mut length, mut start) = (MIN_MATCH - 1, 0);
        let mut pending = false;
        while at < len {
            let left = len - at;
            let head = if left >= MIN_MATCH { self.insert(at) } else { 0 };
            let (last_length, last_start) = (length, start);
            length = MIN_MATCH - 1;
            if head != 0 && last_length < MAX_LAZY {
                (length, start) = self.longest(at, head, left, last_length, start);
                if length == MIN_MATCH && at - start > TOO_FAR {
                    length = MIN_MATCH - 1;
                }
            }
            if last_length >= MIN_MATCH && length <= last_length {
                // What was found one byte ago is no worse: take it.
                out.push(Symbol::Match {
                    length: last_length as u16,
                    distance: (at - 1 - last_start) as u16,
                });
                for next in at + 1..at + last_length - 1 {
                    if next + MIN_MATCH <= len {
                        self.insert(next);
                    }
                }
                at += last_length - 1;
                pending = false;
                length = MIN_MATCH - 1;
                continue;
            }
            if pending {
                out.push(Symbol::Literal(self.byte(at - 1)));
            }
            pending = true;
            at += 1;
        }
        if pending {
            out.push(Symbol::Literal(self.byte(len - 1)));
        }
    }

    /// zlib's `longest_match`: the length and the start of the best match that
    /// is longer than `best`, else those given.
    fn longest(
        &self,
        at: usize,
        head: usize,
        left: usize,
        mut best: usize,
        mut start: usize,
    ) -> (usize, usize) {
        let mut chain = if best >= GOOD_LENGTH { MAX_CHAIN >> 2 } else { MAX_CHAIN };
        let nice = NICE_LENGTH.min(left);
        let here = self.window.get(at..at + MAX_MATCH).unwrap_or_default();
        let mut candidate = head;
        while candidate != 0 && chain != 0 {
            let there = self.window.get(candidate..candidate + MAX_MATCH).unwrap_or_default();
            if there.get(best) == here.get(best) {
                let length = here.iter().zip(there).take_while(|(one, two)| one == two).count();
                if length > best {
                    (best, start) = (length, candidate);
                    if length >= nice {
                        break;
                    }
                }
            }
            candidate = self.prev.get(candidate).copied().unwrap_or(0).into();
            chain -= 1;
        }
        (best.min(left), start)
    }
}
