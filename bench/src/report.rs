//! The table for people and the JSON for programs.

use crate::contenders::Contender;
use crate::instructions::Counts;
use crate::timing::Time;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// The packages whose versions the report names.
const PACKAGES: [&str; 7] =
    ["axum", "tower-sessions", "axum_session", "actix-web", "actix-session", "tokio", "serde_json"];

/// Everything one run found.
pub(crate) struct Report<'a> {
    rows: Vec<Row<'a>>,
    skipped: Option<&'a str>,
    rounds: usize,
    batch: usize,
}

struct Row<'a> {
    contender: &'a Contender,
    time: Time,
    instructions: Option<f64>,
    instructions_over_bare: Option<f64>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(
        contenders: &'a [Contender],
        times: &[Time],
        counts: &'a Counts,
        rounds: usize,
        batch: usize,
    ) -> Self {
        let (counted, skipped) = match counts {
            Counts::Counted(counted) => (counted.as_slice(), None),
            Counts::Skipped(reason) => (&[][..], Some(reason.as_str())),
        };
        let rows = contenders.iter().zip(times).enumerate().map(|(at, (contender, time))| {
            let bare = contenders.iter().position(|c| c.name == contender.bare);
            let instructions = counted.get(at).copied();
            let bare_instructions = bare.and_then(|bare| counted.get(bare)).copied();
            let instructions_over_bare = instructions.zip(bare_instructions).map(|(a, b)| a - b);
            Row { contender, time: *time, instructions, instructions_over_bare }
        });
        Self { rows: rows.collect(), skipped, rounds, batch }
    }

    pub(crate) fn markdown(&self) -> String {
        let mut out = String::from("# What a session costs per request\n\n");
        let _ = writeln!(out, "{}, {}, {}.", date(), machine(), compiler());
        let _ = writeln!(out, "{}.", versions().map(|(n, v)| format!("{n} {v}")).join(", "));
        let _ = writeln!(
            out,
            "Command: `{COMMAND}`; {} rounds of {} requests for each row.\n",
            self.rounds, self.batch
        );
        out.push_str("| layer | the handler | ns | quarters | ns over bare | budget |");
        out.push_str(" instructions | over bare |\n|---|---|--:|--:|--:|--:|--:|--:|\n");
        for Row { contender, time, instructions, instructions_over_bare } in &self.rows {
            let own = contender.name == contender.bare;
            let _ = writeln!(
                out,
                "| {} | {} | {:.0} | {:.0}–{:.0} | {} | {} | {} | {} |",
                contender.what,
                contender.work.word(),
                time.median,
                time.lower,
                time.upper,
                cell((!own).then_some(time.over_bare)),
                cell(contender.budget.map(f64::from)),
                cell(*instructions),
                cell(instructions_over_bare.filter(|_| !own)),
            );
        }
        out.push_str(
            "\n`ns` is the median of the batch means, `quarters` the range that holds the middle \
             half of them.\n\"Over bare\" compares with the same framework without sessions: axum \
             for the tower layers,\nactix-web for actix-session; for CsrfLayer with the session \
             layer without it, so that a POST's\nload of the session is in it. The times compare \
             rows of this run only.\n",
        );
        match self.skipped {
            Some(reason) => {
                let _ = writeln!(out, "\nNo instruction counts: {reason}.");
            }
            None => out.push_str(
                "Instructions are counted by callgrind, which offers programs no SHA \
                 instructions:\nrows that sign count more there than a processor with them \
                 executes.\n",
            ),
        }
        out
    }

    pub(crate) fn json(&self) -> Value {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|Row { contender, time, instructions, instructions_over_bare }| {
                json!({
                    "name": contender.name,
                    "layer": contender.what,
                    "handler": contender.work.word(),
                    "bare": contender.bare,
                    "ns": round(time.median),
                    "ns_lower_quarter": round(time.lower),
                    "ns_upper_quarter": round(time.upper),
                    "ns_over_bare": round(time.over_bare),
                    "budget_ns_over_bare": contender.budget,
                    "instructions": instructions.map(round),
                    "instructions_over_bare": instructions_over_bare.map(round),
                })
            })
            .collect();
        let versions: serde_json::Map<String, Value> =
            versions().into_iter().map(|(name, version)| (name.into(), version.into())).collect();
        json!({
            "date": date(),
            "machine": machine(),
            "compiler": compiler(),
            "command": COMMAND,
            "rounds": self.rounds,
            "requests_per_round": self.batch,
            "versions": versions,
            "no_instructions_because": self.skipped,
            "rows": rows,
        })
    }
}

const COMMAND: &str = "cargo run --release --manifest-path bench/Cargo.toml";

fn cell(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.0}"))
}

/// One decimal: more would be noise.
fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn date() -> String {
    time::OffsetDateTime::now_utc().date().to_string()
}

/// The versions that were compiled in, from the lock file.
fn versions() -> [(&'static str, &'static str); PACKAGES.len()] {
    let lock = include_str!("../Cargo.lock");
    PACKAGES.map(|name| {
        let version = lock
            .split("[[package]]")
            .filter(|entry| entry.contains(&format!("\nname = \"{name}\"\n")))
            .find_map(|entry| entry.split("version = \"").nth(1)?.split('"').next());
        (name, version.unwrap_or("unknown"))
    })
}

/// The processor and how many of it, as Linux reports them.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let sha = if info.contains(" sha_ni") { "with" } else { "without" };
    format!("{cores} cores, {} {sha} SHA instructions", std::env::consts::ARCH)
}

fn compiler() -> String {
    let output = std::process::Command::new("rustc").arg("--version").output();
    output.map_or_else(
        |_| "unknown compiler".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
