//! `sessile sweep`: removing sessions that expired over ten minutes ago.

use serde_json::json;
use sessile::{SessionStore as _, Timestamp};
use sessile_core::exchange::swept_at;

use crate::args::Sweep;
use crate::human;
use crate::open_store::{Directions, OpenStore, wait_for};
use crate::outcome::{Failure, print, remark};
use crate::progress::{Progress, counted};
use crate::walk::{cannot_list, failed};

pub(crate) fn run(options: &Sweep) -> Result<(), Failure> {
    wait_for(sweep(options))
}

async fn sweep(options: &Sweep) -> Result<(), Failure> {
    let directions = Directions::from(&options.place);
    let place = match options.dry_run {
        true => directions.look().await?,
        false => directions.open().await?,
    };
    let Some(sweeper) = place.store.capabilities().sweep else {
        let line = "it forgets expired sessions by itself; there is nothing to sweep";
        return print(&match options.json {
            true => format!("{}\n", json!({ "store": place.name, "removed": 0, "note": line })),
            false => format!("{}: {line}\n", place.name),
        });
    };
    let batch = usize::try_from(options.batch).unwrap_or(usize::MAX);
    // As the application sweeps: the clock of whoever wrote a session may be behind ours.
    let ended_by = swept_at(options.now.unwrap_or_else(human::now));
    let mut progress = Progress::new(options.json);
    if options.dry_run {
        return dry_run(options, &directions, &place, ended_by, progress).await;
    }
    let mut removed = 0u64;
    loop {
        let swept = sweeper.sweep(ended_by, batch).await.map_err(|error| {
            progress.end();
            let so_far = counted(removed, "session");
            Failure::usage(format!("{}: {error}; {so_far} had been removed", place.name))
        })?;
        removed += swept as u64;
        progress.show("removed", removed, None);
        if swept < batch {
            break;
        }
    }
    progress.end();
    let took = progress.elapsed().as_secs_f64();
    print(&match options.json {
        true => {
            let said = json!({ "store": place.name, "removed": removed, "seconds": took });
            format!("{said}\n")
        }
        false => {
            let what = counted(removed, "expired session");
            format!("{}: {what} removed in {took:.1} s\n", place.name)
        }
    })
}

/// Counts what has expired. Leftovers that are no sessions, such as pointers from old ids, are
/// not listed by a store, and so not in the number.
async fn dry_run(
    options: &Sweep,
    directions: &Directions<'_>,
    place: &OpenStore,
    ended_by: Timestamp,
    mut progress: Progress,
) -> Result<(), Failure> {
    let scan = place.store.capabilities().scan.ok_or_else(|| cannot_list(place))?;
    let (mut looked, mut ended, mut after) = (0, 0, None);
    loop {
        let page = scan.scan(after.as_ref(), 500).await.map_err(|error| failed(place, &error))?;
        looked += page.entries.len() as u64;
        let over = page.entries.iter().filter(|(_, record)| record.has_ended(ended_by));
        ended += over.count() as u64;
        progress.show("looked at", looked, None);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    progress.end();
    let kept = looked - ended;
    print(&match options.json {
        true => {
            let said = json!({ "store": place.name, "would_remove": ended, "would_keep": kept });
            format!("{said}\n")
        }
        false => format!(
            "{}: {} would be removed, {} would stay\n",
            place.name,
            counted(ended, "expired session"),
            counted(kept, "session")
        ),
    })?;
    if looked == 0
        && let Some(other) = directions.other_layout().await
    {
        remark(other.hint(directions.option));
    }
    Ok(())
}
