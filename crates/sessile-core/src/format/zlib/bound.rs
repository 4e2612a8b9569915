//! How short a block can get at best: enough to see, for most small sessions,
//! that compression does not pay, without building a code.

use super::trees::{DISTANCES, LITERALS};

/// Bits that no block with codes of its own can undercut, given how often each
/// symbol occurs and the extra bits of its matches.
///
/// - Symbols take no less than their entropy (Shannon).
/// - The block's head takes 3 bits, the numbers of codes 14.
/// - The lengths of the third code are sent in a fixed order, in which a short
///   code length comes late: of `n` symbols in use one has a code of at most
///   log2(n) bits, so that so many lengths precede it.
/// - The code lengths are sent run by run, each at no less than one bit:
///   see [`runs`].
pub(super) fn least_bits(
    literals: &[u16; LITERALS],
    distances: &[u16; DISTANCES],
    extra_bits: i64,
) -> i64 {
    let used = literals.iter().filter(|count| **count != 0).count();
    let third = match used {
        0..=31 => 12 * 3,
        32..=63 => 10 * 3,
        64..=127 => 8 * 3,
        _ => 4 * 3,
    };
    // A lone distance gets a companion, which may cut its run of zeros short.
    let several = distances.iter().filter(|count| **count != 0).count() > 1;
    let described = runs(literals) + if several { runs(distances) } else { 1.0 };
    let entropy = entropy(literals) + entropy(distances);
    // Half a bit for rounding; the sums are some thousands at most.
    let bits = (entropy + described - 0.5).max(0.0) as i64;
    3 + 14 + third + bits + extra_bits
}

/// Bits of the symbols themselves.
fn entropy(counts: &[u16]) -> f32 {
    let (mut total, mut own) = (0.0_f32, 0.0_f32);
    for count in counts.iter().filter(|count| **count != 0) {
        let count = f32::from(*count);
        total += count;
        if count > 1.0 {
            own += count * count.log2();
        }
    }
    if total > 0.0 { total * total.log2() - own } else { 0.0 }
}

/// Bits of the code lengths, up to the last symbol in use.
///
/// A length that follows its like may share an item of one bit and two extra
/// with five others; one that follows a zero cannot. Zeros go one by one, up to
/// ten for a bit and three extra, or up to 138 for a bit and seven extra.
fn runs(counts: &[u16]) -> f32 {
    let (mut bits, mut zeros, mut after_zero) = (0.0, 0_u16, true);
    for count in counts {
        if *count == 0 {
            zeros += 1;
            continue;
        }
        bits += match zeros {
            0..=3 => f32::from(zeros),
            4..=10 => 4.0,
            11..=138 => 8.0,
            _ => 9.0,
        };
        bits += if zeros > 0 || after_zero { 1.0 } else { 0.5 };
        (zeros, after_zero) = (0, false);
    }
    bits
}
