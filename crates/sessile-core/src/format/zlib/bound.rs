//! How short a block can get at best: enough to see, for most small sessions,
//! that compression does not pay, without building a code.

use super::symbols::Counts;

/// Bits that no block with codes of its own can undercut, given how often each
/// symbol occurs and the extra bits of its matches.
///
/// - Symbols take no less than their entropy (Shannon).
/// - The numbers of codes take 14; the 3 bits of the block's kind are not counted.
/// - The lengths of the third code are sent in a fixed order, in which a short
///   code length comes late: of `n` symbols in use one has a code of at most
///   log2(n) bits, so that so many lengths precede it.
/// - The code lengths are sent run by run, each at no less than one bit:
///   see [`least_of`].
pub(super) fn least_bits(literals: &Counts, distances: &Counts, extra_bits: i64) -> i64 {
    let (entropy, described, used) = least_of(literals);
    let third = match used {
        0..=31 => 12 * 3,
        32..=63 => 10 * 3,
        64..=127 => 8 * 3,
        _ => 4 * 3,
    };
    // A lone distance gets a companion, which may cut its run of zeros short.
    let (of_distances, of_lengths, used) = least_of(distances);
    let of_lengths = if used > 1 { of_lengths } else { 1.0 };
    // Half a bit for rounding; the sums are some thousands at most.
    let bits = (entropy + described + of_distances + of_lengths - 0.5).max(0.0) as i64;
    14 + third + bits + extra_bits
}

/// Bits of the symbols themselves, bits of their code lengths, and how many are in use.
///
/// A length that follows its like may share an item of one bit and two extra
/// with five others; one that follows a zero cannot. Zeros go one by one, up to
/// ten for a bit and three extra, or up to 138 for a bit and seven extra.
fn least_of(counts: &Counts) -> (f32, f32, usize) {
    let (mut total, mut own, mut described) = (0.0_f32, 0.0_f32, 0.0_f32);
    let (mut used, mut next) = (0, 0);
    for (symbol, count) in counts.iter() {
        let count = f32::from(count);
        total += count;
        if count > 1.0 {
            own += count * count.log2();
        }
        described += match symbol - next {
            0 if used > 0 => 0.5,
            zeros @ 0..=3 => zeros as f32 + 1.0,
            4..=10 => 5.0,
            11..=138 => 9.0,
            _ => 10.0,
        };
        used += 1;
        next = symbol + 1;
    }
    (if total > 0.0 { total * total.log2() - own } else { 0.0 }, described, used)
}
