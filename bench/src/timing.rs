//! Time per request, with the contenders taking turns so that a noisy moment hits all of them.

use crate::Result;
use crate::contenders::Contender;
use crate::target::Target;
use std::time::Instant;
use tokio::runtime::Runtime;

/// Requests answered before each timed batch, so that the caches belong to the contender whose
/// turn it is.
const WARM: usize = 50;
/// Untimed rounds at the start.
const WARM_ROUNDS: usize = 5;

/// Nanoseconds per request of one contender.
#[derive(Clone, Copy)]
pub(crate) struct Time {
    /// The median of the batch means, and the quarters around it.
    pub(crate) median: f64,
    pub(crate) lower: f64,
    pub(crate) upper: f64,
    /// The median of the difference to the bare service in the same round.
    pub(crate) over_bare: f64,
}

/// Runs `rounds` rounds; in each, every contender answers one batch, in a new order every time.
/// The times are in the order of `contenders`.
pub(crate) fn measure(
    runtime: &Runtime,
    contenders: &[Contender],
    rounds: usize,
    batch: usize,
) -> Result<Vec<Time>> {
    let mut targets: Vec<Box<dyn Target>> =
        contenders.iter().map(|c| c.target(runtime)).collect::<Result<_>>()?;
    let mut means: Vec<Vec<f64>> = vec![Vec::with_capacity(rounds); contenders.len()];
    let mut order: Vec<usize> = (0..contenders.len()).collect();
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;

    for round in 0..rounds + WARM_ROUNDS {
        shuffle(&mut order, &mut seed);
        for &at in &order {
            let target = targets[at].as_mut();
            target.prepare(WARM + batch);
            target.run(runtime, WARM)?;
            let start = Instant::now();
            target.run(runtime, batch)?;
            let taken = start.elapsed();
            if round >= WARM_ROUNDS {
                means[at].push(taken.as_nanos() as f64 / batch as f64);
            }
        }
    }

    let bare_of = |contender: &Contender| {
        let at = contenders.iter().position(|c| c.name == contender.bare);
        at.map(|at| &means[at]).ok_or_else(|| format!("no bare service for {}", contender.name))
    };
    contenders
        .iter()
        .zip(&means)
        .map(|(contender, own)| {
            let differences = own.iter().zip(bare_of(contender)?).map(|(a, b)| a - b).collect();
            let [lower, median, upper] = quarters(own.clone());
            Ok(Time { median, lower, upper, over_bare: quarters(differences)[1] })
        })
        .collect()
}

/// The values a quarter, half and three quarters of the way up.
fn quarters(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| values[(values.len() - 1) * quarter / 4])
}

/// Fisher and Yates, with a xorshift generator: the order must vary, not surprise.
fn shuffle(order: &mut [usize], seed: &mut u64) {
    for last in (1..order.len()).rev() {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        order.swap(last, (*seed % (last as u64 + 1)) as usize);
    }
}
