//! Measures what a session layer costs per request: ours and its peers, in one process.
//!
//! See README.md in this folder for what is measured and how.

mod contenders;
mod instructions;
mod report;
mod target;
mod timing;

use contenders::{CONTENDERS, Contender};
use std::error::Error;
use tokio::runtime::Runtime;

/// Any failure: a bench run has nobody to recover for.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

const USAGE: &str = "\
usage: sessile-bench [--rounds N] [--batch N] [--no-instructions] [--only TEXT] [--no-write]
       sessile-bench check
       sessile-bench one NAME RUN TOTAL   build TOTAL requests, answer RUN of them, stop";

/// What the command line asked for.
struct Options {
    rounds: usize,
    batch: usize,
    instructions: bool,
    write: bool,
    only: String,
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["one", name, run, total] => one(name, run.parse()?, total.parse()?),
        ["check"] => check(CONTENDERS).map(drop),
        _ => all(&options(&words)?),
    }
}

fn options(words: &[&str]) -> Result<Options> {
    let mut options =
        Options { rounds: 400, batch: 200, instructions: true, write: true, only: String::new() };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            "--rounds" => options.rounds = words.next().ok_or(USAGE)?.parse()?,
            "--batch" => options.batch = words.next().ok_or(USAGE)?.parse()?,
            "--no-instructions" => options.instructions = false,
            "--no-write" => options.write = false,
            "--only" => options.only = (*words.next().ok_or(USAGE)?).to_owned(),
            _ => return Err(USAGE.into()),
        }
    }
    if options.rounds == 0 || options.batch == 0 {
        return Err("--rounds and --batch must be at least 1".into());
    }
    Ok(options)
}

fn runtime() -> Result<Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_time().build()?)
}

/// Proves that each contender does what its row says, and stops at the first that does not.
fn check(contenders: &[Contender]) -> Result<()> {
    let runtime = runtime()?;
    for contender in contenders {
        contender
            .check(&runtime)
            .map_err(|reason| format!("{} does not do its work: {reason}", contender.name))?;
        eprintln!("checked {}", contender.name);
    }
    Ok(())
}

/// Everything: check, measure time, count instructions, report.
fn all(options: &Options) -> Result<()> {
    let chosen: Vec<Contender> = CONTENDERS
        .iter()
        .filter(|c| {
            let compared = |it: &Contender| it.bare == c.name && it.name.contains(&options.only);
            c.name == c.bare || c.name.contains(&options.only) || CONTENDERS.iter().any(compared)
        })
        .copied()
        .collect();
    check(&chosen)?;
    eprintln!(
        "timing {} contenders, {} rounds of {} requests each",
        chosen.len(),
        options.rounds,
        options.batch
    );
    let times = timing::measure(&runtime()?, &chosen, options.rounds, options.batch)?;
    let counts = if !options.instructions {
        instructions::Counts::Skipped("not asked for (--no-instructions)".to_owned())
    } else {
        instructions::count(&chosen)?
    };
    let report = report::Report::new(&chosen, &times, &counts, options.rounds, options.batch);
    let table = report.markdown();
    println!("{table}");
    if options.write && options.only.is_empty() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        std::fs::write(folder.join("results.md"), &table)?;
        let json = serde_json::to_string_pretty(&report.json())?;
        std::fs::write(folder.join("results.json"), json + "\n")?;
    }
    Ok(())
}

/// One contender alone, for a tool that counts from outside. The requests that are built but
/// not answered make two runs with the same TOTAL differ by nothing but the answered requests.
fn one(name: &str, run: usize, total: usize) -> Result<()> {
    let contender =
        CONTENDERS.iter().find(|c| c.name == name).ok_or_else(|| format!("no contender {name}"))?;
    let runtime = runtime()?;
    let mut target = contender.target(&runtime)?;
    target.prepare(total);
    target.run(&runtime, run)?;
    // Leaves at once: dropping the rest would cost instructions that depend on how many remain.
    std::process::exit(0)
}
