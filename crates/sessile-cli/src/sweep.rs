//! `sessile sweep`: removing sessions that expired over ten minutes ago.

use serde_json::json;
use sessile::SessionStore as _;
use sessile_core::exchange::swept_at;

use crate::args::Sweep;
use crate::human;
use crate::open_store::{Directions, wait_for};
use crate::outcome::{Failure, print};
use crate::progress::{Progress, counted};

pub(crate) fn run(options: &Sweep) -> Result<(), Failure> {
    wait_for(sweep(options))
}

async fn sweep(options: &Sweep) -> Result<(), Failure> {
    let place = Directions::from(&options.place).open().await?;
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
