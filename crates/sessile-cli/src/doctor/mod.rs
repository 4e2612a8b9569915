//! `sessile doctor`: what is wrong with a store, or will be.

mod ends;
mod probe;
mod show;

use std::time::Instant;

use sessile::store::{Finding, Level};
use sessile::{AnyStore, SessionStore as _};
use sessile_connect::{ConnectError, Purpose, StoreChoice};

use crate::args::Doctor;
use crate::human;
use crate::open_store::{Directions, absent, layout, nothing_at, wait_for};
use crate::other_layout::OtherLayout;
use crate::outcome::{Failure, print};

pub(crate) fn run(options: &Doctor) -> Result<(), Failure> {
    wait_for(examine(options))
}

async fn examine(options: &Doctor) -> Result<(), Failure> {
    let directions = Directions::from(&options.place);
    let (config, choice) = directions.read()?;
    let place = choice.to_string();
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
    let purpose = match (options.create, options.write) {
        (true, _) => Purpose::Serve,
        (false, true) => Purpose::Tend,
        (false, false) => Purpose::Look,
    };
    let opened = match &new {
        // Opening would make it.
        Some(path) if !options.create => {
            Err(format!("{}; to have it made now, give --create", nothing_at(path)))
        }
        _ => {
            let opened = sessile_connect::open_store(choice, &config, purpose).await;
            opened.map_err(|error| match &error {
                ConnectError::NoTable { .. } => {
                    format!("{error}; to have it made now, give --create")
                }
                error => error.to_string(),
            })
        }
    };
    match opened {
        Ok(store) => {
            if let Some(path) = new {
                let text = format!("there was no {}; it has been made", path.display());
                findings.push(Finding::warning("new", text).advise(
                    "if there should be sessions, check the path, and the folder it begins in",
                ));
            } else if let Some(other) = other_layout(&store, &directions).await {
                let text = format!("there are sessions {}", other.layout());
                findings.push(Finding::bad("profile", text).advise(format!(
                    "give --profile {0}, and SESSION_PROFILE={0} to the application: it finds none \
                     of them otherwise",
                    other.profile()
                )));
            }
            findings.push(Finding::good("opens", format!("in {}", probe::millis(begun.elapsed()))));
            findings.extend(probe::reads(&store, &config).await);
            if options.write {
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
        Err(error) => {
            let advice = match directions.other_layout().await {
                Some(other) => other.hint(directions.option),
                None => "no session can be read or written until it does: visitors get 503".into(),
            };
            findings.push(Finding::bad("opens", error).advise(advice));
        }
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

/// The layout that the sessions here have, where there is none in the layout that was said.
async fn other_layout(store: &AnyStore, directions: &Directions<'_>) -> Option<OtherLayout> {
    let page = store.capabilities().scan?.scan(None, 1).await.ok()?;
    let empty = page.entries.is_empty() && page.unreadable == 0 && page.next.is_none();
    if empty { directions.other_layout().await } else { None }
}
