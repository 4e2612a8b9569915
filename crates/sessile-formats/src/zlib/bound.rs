//! How short a block can get at best: enough to see, for most small sessions,
//! that compression does not pay, without building a code.

use super::get;
use super::symbols::Counts;

/// The bound, with a table of n log2 n: an entropy is a difference of such terms.
pub(super) struct Bound {
    n_log_n: [f64; 256],
}

/// The items that describe the lengths of codes (RFC 1951, 3.2.7), as far as they
/// follow from which symbols are in use.
#[derive(Default)]
struct Items {
    /// Zeros: alone, up to ten of them, up to 138 of them.
    zeros: [usize; 3],
    /// Lengths other than zero.
    lengths: usize,
    /// Those of them that may be repetitions of the one before.
    repeatable: usize,
}

impl Items {
    fn zeros(&mut self, mut count: usize) {
        let [one, ten, many] = &mut self.zeros;
        while count >= 3 {
            *(if count > 10 { &mut *many } else { &mut *ten }) += 1;
            count -= count.min(138);
        }
        *one += count;
    }

    fn lengths(&mut self, count: usize) {
        self.lengths += count;
        // zlib repeats from four on.
        if count >= 4 {
            self.repeatable += count - 1;
        }
    }
}

impl Bound {
    pub(super) fn new() -> Self {
        let mut n_log_n = [0.0; 256];
        for (slot, n) in n_log_n.iter_mut().zip(0_u32..) {
            let n = f64::from(n.max(1));
            *slot = n * n.log2();
        }
        Self { n_log_n }
    }

    /// Bits, without the three of its kind, that no block with codes of its own
    /// can undercut, given how often each symbol occurs and the extra bits of its
    /// matches.
    ///
    /// - Symbols take no less than their entropy (Shannon).
    /// - The numbers of codes take 14 bits.
    /// - The lengths of the third code are sent in a fixed order, in which a short
    ///   code length comes late: of `n` symbols in use one has a code of at most
    ///   log2(n) bits, so that so many lengths precede it.
    /// - The items of the description take no less than theirs: see [`Self::described`].
    pub(super) fn least_bits(&self, literals: &Counts, distances: &Counts, extra_bits: i64) -> i64 {
        let mut items = Items::default();
        let (of_literals, used) = self.entropy(literals, &mut items);
        let third = match used {
            0..=31 => 12 * 3,
            32..=63 => 10 * 3,
            64..=127 => 8 * 3,
            _ => 4 * 3,
        };
        let mut of_distances = Items::default();
        let (entropy, used_distances) = self.entropy(distances, &mut of_distances);
        if used_distances > 1 {
            for (sum, count) in items.zeros.iter_mut().zip(of_distances.zeros) {
                *sum += count;
            }
            items.lengths += of_distances.lengths;
            items.repeatable += of_distances.repeatable;
        } else {
            // With the companion that zlib adds, wherever that is.
            items.lengths += 2;
        }
        // Codes of one length only come in powers of two.
        let described = self.described(&items, !used.is_power_of_two());
        // Half a bit for rounding.
        let bits = (of_literals + entropy + described - 0.5).max(0.0) as i64;
        14 + third + bits + extra_bits
    }

    /// Bits of the symbols themselves, and how many are in use; adds their items.
    fn entropy(&self, counts: &Counts, items: &mut Items) -> (f64, usize) {
        let (mut total, mut own) = (0, 0.0);
        let (mut used, mut next, mut run) = (0, 0, 0);
        for (symbol, count) in counts.iter() {
            total += usize::from(count);
            own += self.n_log_n(count.into());
            if symbol > next {
                items.lengths(run);
                items.zeros(symbol - next);
                run = 0;
            }
            run += 1;
            used += 1;
            next = symbol + 1;
        }
        items.lengths(run);
        (self.n_log_n(total) - own, used)
    }

    /// Bits of the items: their entropy, if all lengths but zero were one symbol,
    /// or, where there are `several` lengths, if all but one item were. The entropy
    /// grows with each number of items.
    ///
    /// A repetition stands for six lengths at most and has two extra bits. How many
    /// there are depends on the code, so the best number is taken.
    fn described(&self, items: &Items, several: bool) -> f64 {
        let [one, ten, many] = items.zeros;
        let zeros = one + ten + many;
        let of_zeros = self.n_log_n(one) + self.n_log_n(ten) + self.n_log_n(many);
        let bits = |repetitions: usize| {
            let lengths = items.lengths - items.repeatable.min(6 * repetitions);
            let all = self.n_log_n(zeros + lengths + repetitions);
            let alike = self.n_log_n(lengths.saturating_sub(several.into()));
            let extra = (3 * ten + 7 * many + 2 * repetitions) as f64;
            all - of_zeros - alike - self.n_log_n(repetitions) + extra
        };
        (0..=items.repeatable.div_ceil(6)).map(bits).fold(f64::INFINITY, f64::min)
    }

    fn n_log_n(&self, n: usize) -> f64 {
        if n < self.n_log_n.len() { get(&self.n_log_n, n) } else { n as f64 * (n as f64).log2() }
    }
}
