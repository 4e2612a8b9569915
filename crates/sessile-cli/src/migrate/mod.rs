//! `sessile migrate`: moving sessions from one store to another.

mod after;
mod counts;
mod ended;
mod job;
mod state;

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::json;
use sessile::store::{Cursor, Page, Scan};
use sessile::{SessionStore as _, StoreError, StoreKey};
use sessile_core::moving::Mover;
use tokio::task::JoinSet;

use self::after::After;
use self::counts::{Counts, Outcome};
use self::job::{Done, Job, Tried};
use self::state::State;
use crate::args::Migrate;
use crate::open_store::{Directions, LEAVE, OpenStore, layout, no_list, wait_for};
use crate::outcome::{Failure, print, remark};
use crate::progress::{Progress, counted};

/// Sessions read at a time.
const PAGE: usize = 500;
/// Sessions that are written down before they are moved, and so many at most are given up for
/// ended when the power is cut.
const ABOUT: usize = 64;

pub(crate) fn run(options: &Migrate) -> Result<(), Failure> {
    wait_for(migrate(options)).map_err(|failure| match failure.is_interrupted() {
        true => failure.and(". Nothing is lost: run the same command again to go on"),
        false => failure,
    })
}

async fn migrate(options: &Migrate) -> Result<(), Failure> {
    let Migrate { from, from_profile, from_config, from_set, .. } = options;
    let file = from_config.as_ref();
    let (url, profile) = (from.as_deref(), *from_profile);
    let old = Directions { option: "--from", url, profile, file, set: from_set };
    let Migrate { to, to_profile, to_config, to_set, .. } = options;
    let file = to_config.as_ref();
    let (url, profile) = (to.as_deref(), *to_profile);
    let new = Directions { option: "--to", url, profile, file, set: to_set };
    // Impossible moves are refused before anything is opened or made.
    let (old_config, new_config) = (old.read()?.0, new.read()?.0);
    let after = After::of(&old_config, &new_config);
    let mover = Mover::new(old_config, new_config).map_err(Failure::usage)?;
    let directions = old;
    let old = directions.look().await?;
    let new = match options.dry_run {
        true => new.look_unless_new().await?,
        false => new.open_or_make().await?,
    };
    let (from, to) = (described(&old), described(&new));
    if from == to {
        return Err(Failure::usage(format!("both sides are {from}: there is nothing to move")));
    }
    let mut state = State::open(&options.state, &from, &to, options.dry_run)?;
    if !options.json {
        remark(format!("moving sessions from {from}\n                          to {to}"));
        match (state.finished, state.resumed) {
            (false, true) => remark("going on where the last run stopped"),
            (true, _) => remark("all were moved before; looking for what changed since"),
            (false, false) => {}
        }
    }
    let mut progress = Progress::new(options.json);
    let scan =
        old.store.capabilities().scan.ok_or_else(|| {
            Failure::usage(format!("{}: {}; {LEAVE}", old.name, no_list(&old.name)))
        })?;
    let of = match options.no_count {
        true => None,
        false => Some(count(&old, scan, state.after.clone(), &mut progress).await?),
    };
    let mut counts = Counts::default();
    // A run that goes on in the middle does not see all that the old store has.
    let whole = state.after.is_none();
    let mut left = if whole { state.moved.clone() } else { HashMap::new() };
    let job =
        Job { mover, from: old.store.clone(), to: new.store.clone(), dry_run: options.dry_run };
    let job = Arc::new(job);
    let parallel = usize::from(options.parallel);
    let mut progress = Progress::new(options.json);
    loop {
        let page = scan.scan(state.after.as_ref(), PAGE).await;
        let page = page.map_err(|error| stopped(&mut progress, &old, &error, &counts))?;
        let next = page.next.clone();
        (0..page.unreadable).for_each(|_| counts.add(Outcome::Unreadable));
        for (key, _) in &page.entries {
            if let Some(key) = job.mover.key(key) {
                left.remove(&key.handle().to_string());
            }
        }
        let moved = pass_on(&job, page, &mut state, parallel, |done| {
            counts.add(done.outcome);
            counts.verified += u64::from(done.verified);
            progress.show("moving", counts.total(), of);
        });
        let moved = moved.await?;
        moved.map_err(|error| stopped(&mut progress, &new, &error, &counts))?;
        state.page(next.as_ref())?;
        state.after = next;
        if state.after.is_none() {
            break;
        }
    }
    let moved_before = left.len() as u64;
    let ended = ended::in_both(&job, left, counts.total(), &mut progress).await;
    let ended = ended.map_err(|error| stopped(&mut progress, &new, &error, &counts))?;
    (0..ended.unwrap_or_default()).for_each(|_| counts.add(Outcome::EndedSince));
    progress.end();
    let seconds = progress.elapsed().as_secs_f64();
    if options.json {
        let mut said = counts.json();
        said.insert("from".to_owned(), json!(from));
        said.insert("to".to_owned(), json!(to));
        said.insert("dry_run".to_owned(), json!(options.dry_run));
        said.insert("seconds".to_owned(), json!(seconds));
        said.insert("application".to_owned(), after.json());
        print(&format!("{}\n", serde_json::Value::Object(said)))?;
    } else {
        let all = counted(counts.total(), "session");
        let head = format!("{all} looked at in {seconds:.1} s\n");
        print(&format!("{head}{}{}", counts.text(options.dry_run), after.text()))?;
    }
    if counts.total() == 0
        && let Some(other) = directions.other_layout().await
    {
        remark(other.hint(directions.option));
    }
    if ended.is_none() {
        return Err(Failure::refused(format!(
            "{} has no session left, though {} were moved from it before. If they were all ended \
             there, end them in {} too: sessile end --everyone. If it was emptied by accident, or \
             is another store than before, they go on in the new one and nothing is to be done",
            old.name,
            counted(moved_before, "session"),
            new.name
        )));
    }
    match counts.lost() {
        0 => Ok(()),
        lost => Err(Failure::refused(format!("{} could not be moved", counted(lost, "session")))),
    }
}

fn described(place: &OpenStore) -> String {
    format!("{}, {}", place.name, layout(&place.config))
}

/// How many there are, so that the bar has an end.
async fn count(
    place: &OpenStore,
    scan: &dyn Scan,
    mut after: Option<Cursor>,
    progress: &mut Progress,
) -> Result<u64, Failure> {
    let mut count = 0;
    loop {
        let page = scan.scan(after.as_ref(), PAGE).await;
        let page = page.map_err(|error| Failure::usage(format!("{}: {error}", place.name)))?;
        count += (page.entries.len() + page.unreadable) as u64;
        progress.show("counting", count, None);
        after = page.next;
        if after.is_none() {
            progress.end();
            return Ok(count);
        }
    }
}

/// Moves a page's sessions, several at once, and remembers those the new store has from us.
/// When the one store fails, those under way are waited for: they may have been moved.
async fn pass_on(
    job: &Arc<Job>,
    page: Page,
    state: &mut State,
    parallel: usize,
    mut tell: impl FnMut(&Done),
) -> Result<Result<(), StoreError>, Failure> {
    let mut under_way = JoinSet::new();
    let mut passed = Ok(());
    let handle = |key: &StoreKey| job.mover.key(key).map(|key| key.handle().to_string());
    let mut entries = page.entries.into_iter();
    let mut written_down = 0;
    loop {
        while passed.is_ok()
            && under_way.len() < parallel
            && let Some((key, _)) = entries.as_slice().first()
        {
            let before = handle(key).is_some_and(|handle| state.moved.contains_key(&handle));
            if written_down == 0 {
                let next = &entries.as_slice()[..ABOUT.min(entries.len())];
                let new = next.iter().filter_map(|(key, _)| handle(key));
                state.moving(new.filter(|it| !state.moved.contains_key(it)).collect())?;
                written_down = next.len();
            }
            written_down -= 1;
            let Some((key, record)) = entries.next() else { break };
            let job = Arc::clone(job);
            under_way.spawn(async move { job.run(&key, &record, before).await });
        }
        let Some(tried) = under_way.join_next().await else { return Ok(passed) };
        // A task that panicked moved nothing.
        let refused = |_| Tried { done: Ok(Outcome::Refused.into()), written: None };
        let Tried { done, written } = tried.unwrap_or_else(refused);
        if let Some(handle) = written {
            state.moved(handle)?;
        }
        match done {
            Ok(done) => tell(&done),
            Err(error) => passed = passed.and(Err(error)),
        }
    }
}

fn stopped(
    progress: &mut Progress,
    place: &OpenStore,
    error: &StoreError,
    counts: &Counts,
) -> Failure {
    progress.end();
    Failure::usage(format!(
        "{}: {error}\nStopped after {}. Nothing is lost: run the same command again to go on.",
        place.name,
        counted(counts.total(), "session")
    ))
}
