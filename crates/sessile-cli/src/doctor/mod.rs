//! `sessile doctor`: what is wrong with a store, or will be.

mod ends;
mod probe;
mod show;

use std::time::Instant;

use sessile::SessionStore as _;
use sessile::store::{Finding, Level};
use sessile_connect::StoreChoice;

use crate::args::Doctor;
use crate::human;
use crate::open_store::{Directions, absent, layout, name, nothing_at, wait_for};
use crate::outcome::{Failure, print};

pub(crate) fn run(options: &Doctor) -> Result<(), Failure> {
    wait_for(examine(options))
}

async fn examine(options: &Doctor) -> Result<(), Failure> {
    let directions = Directions::from(&options.place);
    let (config, choice) = directions.read()?;
    let place = name(&choice);
    let layout = layout(&config);
    let begun = Instant::now();
    let mut findings = Vec::new();
    let new = absent(&choice);
    if matches!(choice, StoreChoice::Memory) {
        findings.push(
            Finding::warning("memory", "each process has its own, and loses it when it ends")
                .advise(
                    "nothing here is told of a running application's sessions; use another store \
                     where they are to outlive a restart, or where there are several processes",
                ),
        );
    }
    let opened = match &new {
        // Opening would make it.
        Some(path) if options.read_only => Err(nothing_at(path)),
        _ => {
            sessile_connect::connect_store(choice, &config).await.map_err(|error| error.to_string())
        }
    };
    match opened {
        Ok(store) => {
            if let Some(path) = new {
                let text = format!("there was no {}; it has been made", path.display());
                findings.push(Finding::warning("new", text).advise(
                    "if there should be sessions, check the path, and the folder it begins in",
                ));
            }
            findings.push(Finding::good("opens", format!("in {}", probe::millis(begun.elapsed()))));
            findings.extend(probe::reads(&store, &config).await);
            if !options.read_only {
                findings.extend(probe::writes(&store, &config).await);
            }
            findings.extend(probe::entries(&store, &config).await);
            if let Some(store) = store.capabilities().diagnose {
                match store.diagnose(&human::now).await {
                    Ok(more) => findings.extend(more),
                    Err(error) => findings.push(
                        Finding::bad("the store itself", error.to_string())
                            .advise("it did not answer what it was asked; look at its own log"),
                    ),
                }
            }
        }
        Err(error) => findings.push(
            Finding::bad("opens", error)
                .advise("no session can be read or written until it does: visitors get 503"),
        ),
    }
    print(&match options.json {
        true => show::json(&place, layout, &findings),
        false => show::text(&place, layout, &findings),
    })?;
    let bound = if options.strict { Level::Warning } else { Level::Bad };
    match findings.iter().any(|finding| finding.level >= bound) {
        true => Err(Failure::found()),
        false => Ok(()),
    }
}
