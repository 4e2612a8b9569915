//! The protocol of `store::rotation` on a key-value store, in every order of two or three clients
//! that work on one session, where one of them is cancelled, fails or loses answers at every step.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod checks;
mod explore;
mod values;

use explore::{Do, Fault, Start, explore};

/// All that two clients can do to each other.
const ALL: [Do; 11] = [
    Do::Replace { to: 1, grace: true },
    Do::Replace { to: 1, grace: false },
    Do::Update,
    Do::Touch,
    Do::End,
    Do::Delete,
    Do::LoadNew,
    Do::Sweep,
    Do::List,
    Do::EndSubject { keep: false },
    Do::EndSubject { keep: true },
];

/// As the second or third client, a replace goes elsewhere.
fn other(what: Do) -> Do {
    match what {
        Do::Replace { grace, .. } => Do::Replace { to: 2, grace },
        other => other,
    }
}

/// How often a client is interrupted; `SESSILE_INTERRUPTIONS` says how much more often.
fn interrupted(times: usize) -> usize {
    let more = std::env::var("SESSILE_INTERRUPTIONS").ok().and_then(|text| text.parse().ok());
    times + more.unwrap_or(0)
}

const STARTS: [Start; 3] = [Start::Live, Start::Unpromoted, Start::UnpromotedWithGrace];

#[test]
fn two_clients_in_every_order() {
    let mut orders = 0;
    for start in STARTS {
        for first in ALL {
            for second in ALL {
                orders += explore(start, &[first, other(second)], None, interrupted(3));
            }
        }
    }
    println!("{orders} orders");
    assert!(orders > 10_000);
}

#[test]
fn two_clients_of_whom_one_fails_or_is_cancelled_at_every_step() {
    let mut orders = 0;
    for start in STARTS {
        for first in ALL {
            for second in ALL {
                // Who goes through all sessions takes many steps.
                let long = [first, second].into_iter().any(Do::is_long);
                let often = interrupted(if long { 1 } else { 2 });
                for fault in Fault::ALL {
                    for at in 0..200 {
                        let clients = [first, other(second)];
                        let explored = explore(start, &clients, Some((fault, at)), often);
                        if explored == 0 {
                            break; // The first client does not take so many steps in any order.
                        }
                        orders += explored;
                    }
                }
            }
        }
    }
    println!("{orders} orders");
    assert!(orders > 10_000);
}

#[test]
fn three_clients_in_every_order() {
    let [grace, none] = [true, false].map(|grace| Do::Replace { to: 1, grace });
    let mut orders = 0;
    for start in STARTS {
        for replace in [grace, none] {
            for (second, third) in [
                (Do::End, Do::LoadNew),
                (Do::End, Do::Touch),
                (Do::End, Do::Update),
                (Do::Update, Do::Touch),
                (Do::End, Do::End),
                (Do::Replace { to: 2, grace: false }, Do::End),
                (Do::Replace { to: 2, grace: true }, Do::LoadNew),
            ] {
                orders += explore(start, &[replace, second, third], None, interrupted(3));
            }
        }
    }
    println!("{orders} orders");
    assert!(orders > 10_000);
}

#[test]
fn inv04_three_clients_of_whom_one_is_cut_off_while_the_session_ends() {
    let mut orders = 0;
    for start in STARTS {
        for grace in [true, false] {
            let clients = [Do::Replace { to: 1, grace }, Do::End, Do::LoadNew];
            for fault in Fault::ALL {
                for at in 0..200 {
                    let explored = explore(start, &clients, Some((fault, at)), interrupted(2));
                    if explored == 0 {
                        break;
                    }
                    orders += explored;
                }
            }
        }
    }
    println!("{orders} orders");
    assert!(orders > 10_000);
}
