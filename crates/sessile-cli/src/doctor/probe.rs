//! What can be asked of any store: an entry of our own, and a look at what is there.

use std::time::{Duration, Instant};

use sessile::store::{CreateOutcome, Entry, Finding, Layout, Record, TouchOutcome, WriteOutcome};
use sessile::{
    AnyStore, Config, Engine, Lifetime, Map, SessionStore, StoreError, StoreKey, Timestamp,
};

use super::ends::Ends;
use crate::progress::number;
use crate::{human, keys};

/// Reads whose times are compared.
const READS: usize = 20;

/// Entries that are looked at.
const SAMPLE: usize = 1000;

/// An entry of ours that something kept from being removed is gone after this.
const LIFE: Duration = Duration::from_secs(60);

/// "1.2 ms", "87 µs".
pub(super) fn millis(span: Duration) -> String {
    match span.as_micros() {
        micros @ ..1000 => format!("{micros} µs"),
        _ => format!("{:.1} ms", span.as_secs_f64() * 1000.0),
    }
}

/// A key nobody has.
fn key(config: &Config) -> Result<StoreKey, String> {
    let random = keys::random(32).map_err(|_| "the system gives no random bytes".to_owned())?;
    if !Layout::of(config.profile).is_foreign() {
        let mut hash = [0; 32];
        hash.iter_mut().zip(random.iter()).for_each(|(to, from)| *to = *from);
        return Ok(StoreKey::from_hash(hash));
    }
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz012345";
    let letters = random.iter().filter_map(|byte| LETTERS.get(usize::from(byte % 32)));
    let id: String = letters.map(|letter| char::from(*letter)).collect();
    Ok(StoreKey::from_text(format!("{}{id}", config.key_prefix)))
}

/// How long reading takes.
pub(super) async fn reads(store: &AnyStore, config: &Config) -> Option<Finding> {
    const CHECK: &str = "reads";
    let key =
        match key(config) {
            Ok(key) => key,
            Err(error) => {
                return Some(Finding::bad(CHECK, error).advise(
                    "look at this machine: nothing here can make a session id without them",
                ));
            }
        };
    let mut times = Vec::with_capacity(READS);
    for _ in 0..READS {
        let begun = Instant::now();
        if let Err(error) = store.load(&key).await {
            let advice = "no session can be read until this works: visitors get 503";
            return Some(Finding::bad(CHECK, error.to_string()).advise(advice));
        }
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    let (median, slowest) = (*times.get(READS / 2)?, *times.last()?);
    let text = format!("{} usually, {} the slowest of {READS}", millis(median), millis(slowest));
    Some(if median > Duration::from_millis(50) {
        Finding::warning(CHECK, text)
            .advise("every page with a session waits that long; bring the store nearer")
    } else {
        Finding::good(CHECK, text)
    })
}

/// Whether an entry can be made, changed, kept alive and ended, and stays ended.
pub(super) async fn writes(store: &AnyStore, config: &Config) -> Option<Finding> {
    const CHECK: &str = "writes";
    let begun = Instant::now();
    let advice = "logins and logouts do not work until this does: visitors get 503";
    let key =
        match key(config) {
            Ok(key) => key,
            Err(error) => {
                return Some(Finding::bad(CHECK, error).advise(
                    "look at this machine: nothing here can make a session id without them",
                ));
            }
        };
    let outcome = life(store, config, &key).await;
    if outcome.is_err() {
        // Whatever is left of it; it expires in any case.
        let _ = store.delete(&key).await;
    }
    Some(match outcome {
        Ok(None) => Finding::good(
            CHECK,
            format!("made, changed, renewed and ended an entry in {}", millis(begun.elapsed())),
        ),
        Ok(Some(wrong)) => Finding::bad(CHECK, wrong)
            .advise("this store does not do what sessions need; do not use it, and report it"),
        Err(error) => Finding::bad(CHECK, error).advise(advice),
    })
}

/// One entry's life; what went otherwise than it must.
async fn life(
    store: &AnyStore,
    config: &Config,
    key: &StoreKey,
) -> Result<Option<&'static str>, String> {
    let text = |error: StoreError| error.to_string();
    let engine = Engine::new(config.clone()).map_err(|error| error.to_string())?;
    let record = |word: &str| -> Result<Record, String> {
        let mut data = Map::new();
        data.insert("sessile doctor", word);
        let payload = engine.encode(&data, human::now()).map_err(|error| error.to_string())?;
        Ok(entry(payload, human::now()))
    };
    let (first, second) = (record("one")?, record("two")?);
    let CreateOutcome::Created(version) = store.create(key, &first).await.map_err(text)? else {
        return Ok(Some("a new entry was said to exist"));
    };
    let second_version = match store.update(key, &second, &version).await.map_err(text)? {
        WriteOutcome::Written(version) => version,
        _ => return Ok(Some("an entry nobody else knows was said to have changed")),
    };
    match store.load(key).await.map_err(text)? {
        Some(Entry::Live(found, _)) if found.payload == second.payload => {}
        _ => return Ok(Some("what was written is not what is read")),
    }
    // In a layout whose versions are the bytes themselves, the first version was other bytes.
    if store.update(key, &first, &version).await.map_err(text)? != WriteOutcome::Conflict {
        return Ok(Some("a late change was not refused: of two changes at once one would be lost"));
    }
    let now = human::now();
    let touched = store.touch(key, now, Some(LIFE)).await.map_err(text)?;
    if touched != TouchOutcome::Touched {
        return Ok(Some("a live entry could not be renewed"));
    }
    store.delete(key).await.map_err(text)?;
    let late = store.update(key, &second, &second_version).await.map_err(text)?;
    if late != WriteOutcome::Gone || store.load(key).await.map_err(text)?.is_some() {
        return Ok(Some("an ended entry came back with a late change"));
    }
    Ok(None)
}

fn entry(payload: Vec<u8>, now: Timestamp) -> Record {
    Record::begun(payload, now, Lifetime { idle: Some(LIFE), absolute: None })
}

/// What the first thousand entries say.
pub(super) async fn entries(store: &AnyStore, config: &Config) -> Vec<Finding> {
    const CHECK: &str = "entries";
    let Some(scan) = store.capabilities().scan else {
        let text = "this store cannot list what it holds";
        return vec![Finding::note(CHECK, text).advise(
            "`sessile list` and `migrate` cannot read it; to leave it, set SESSION_MIGRATE_FROM in \
             the application",
        )];
    };
    let (mut seen, mut ended, mut bytes, mut unreadable, mut after) = (0u64, 0u64, 0u64, 0, None);
    let mut all = false;
    let mut ends = Ends::of(config);
    while !all && seen < SAMPLE as u64 {
        let page = match scan.scan(after.as_ref(), SAMPLE).await {
            Ok(page) => page,
            Err(error) => {
                let advice = "listing failed; sessions may be readable all the same";
                return vec![Finding::warning(CHECK, error.to_string()).advise(advice)];
            }
        };
        let now = human::now();
        unreadable += page.unreadable as u64;
        for (_, record) in &page.entries {
            seen += 1;
            bytes += record.payload.len() as u64;
            ended += u64::from(record.has_ended(now));
            ends.iter_mut().for_each(|ends| ends.look_at(record));
        }
        all = page.next.is_none();
        after = page.next;
    }
    let what = if all { "in all" } else { "looked at, there are more" };
    let mean = bytes.checked_div(seen).unwrap_or(0);
    let text = format!("{} {what}, {mean} bytes each; {} have ended", number(seen), number(ended));
    let lags = ended > 100 && ended * 2 > seen && store.capabilities().sweep.is_some();
    let entries = match lags {
        true => Finding::warning(CHECK, text).advise(
            "nobody removes what has expired: set SESSION_SWEEP_EVERY=10 minutes, or run `sessile \
             sweep` from cron",
        ),
        false => Finding::good(CHECK, text),
    };
    let unreadable = (unreadable > 0).then(|| {
        Finding::warning("unreadable", number(unreadable)).advise(
            "these entries are damaged, of another program, or of a newer release of sessile; \
             their visitors are logged out",
        )
    });
    std::iter::once(entries).chain(unreadable).chain(ends.and_then(Ends::finding)).collect()
}
