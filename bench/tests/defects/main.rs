//! Defects that were reproduced in other session layers, run against them and against ours.
//!
//! `cargo test --manifest-path bench/Cargo.toml --test defects -- --nocapture` prints the table.
//! A peer that mends a defect fails the test: its row is out of date then.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod actix;
mod axum_session;
mod tower_sessions;

use std::fmt::Write as _;

use sessile_conformance::http::Gates;
use sessile_conformance::http::defects::{DEFECTS, Found, Implementation, Sessile};

/// What a route is asked for.
#[derive(serde::Deserialize)]
pub(crate) struct Params {
    #[serde(default)]
    pub(crate) k: String,
    #[serde(default)]
    pub(crate) v: String,
    #[serde(default)]
    pub(crate) user: String,
    pub(crate) gate: Option<String>,
}

impl Params {
    pub(crate) async fn wait(&self, gates: &Gates) {
        gates.pass(self.gate.as_deref()).await;
    }
}

/// The defects each is known to have, by their place in [`DEFECTS`].
const KNOWN: &[(&dyn Implementation, &[usize])] = &[
    (&Sessile::STORED, &[]),
    (&Sessile::SIGNED, &[0, 1]),
    (&tower_sessions::TowerSessions, &[0, 1, 3, 6, 7]),
    (&axum_session::AxumSession, &[4, 6, 7]),
    (&actix::Actix, &[0, 1, 5, 6, 7]),
];

#[tokio::test(flavor = "multi_thread")]
async fn peers_defects_are_present_there_and_absent_here() {
    let mut table = String::from("| defect |");
    KNOWN.iter().for_each(|(make, _)| _ = write!(table, " {} |", make.name()));
    _ = write!(table, "\n|{}\n", "---|".repeat(KNOWN.len() + 1));
    let mut wrong = Vec::new();
    for (number, (defect, script)) in DEFECTS.into_iter().enumerate() {
        _ = write!(table, "| {defect} |");
        for (make, known) in KNOWN {
            let found = script(*make).await;
            let found = found.unwrap_or_else(|error| panic!("{}: {defect}: {error}", make.name()));
            _ = write!(table, " {found} |");
            if (found == Found::Present) != known.contains(&number) {
                wrong.push(format!("{}: {defect}: {found}", make.name()));
            }
        }
        table.push('\n');
    }
    println!("{table}");
    assert!(wrong.is_empty(), "other than expected:\n{}", wrong.join("\n"));
}
