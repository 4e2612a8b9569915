//! Logins, changes and logouts at once, every answer compared with what was written.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, Instant};

use sessile_core::SessionStore as _;
use sessile_core::store::{CreateOutcome, Layout, WriteOutcome};
use sessile_sql::SqlStore;

use crate::{key, payload, record};

pub(crate) const SECONDS: Duration =
    Duration::from_secs(if cfg!(feature = "faults") { 60 } else { 5 });

const TASKS: usize = 8;

/// How much was done.
#[derive(Default)]
pub(crate) struct Done {
    sessions: usize,
    writes: usize,
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sessions, {} writes, none failed or was lost", self.sessions, self.writes)
    }
}

/// No call fails, every read finds what this process wrote last, and what was acknowledged is
/// there at the end.
pub(crate) async fn unharmed(store: &SqlStore, layout: Layout, lasting: Duration) -> Done {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..TASKS {
        let store = store.clone();
        tasks.spawn(async move {
            let (begun, first) = (Instant::now(), RandomState::new().hash_one(0) >> 1);
            let (mut number, mut done, mut kept) = (first, Done::default(), Vec::new());
            while begun.elapsed() < lasting {
                let (old, new) = (key(layout, number), key(layout, number + 1));
                number += 2;
                let text = format!("\"{number}\"");
                let created = store.create(&old, &record(&text)).await.unwrap();
                let CreateOutcome::Created(version) = created else { panic!("{created:?}") };
                assert_eq!(payload(&store, &old).await.as_ref(), Some(&text));
                let changed = format!("\"{number} changed\"");
                let updated = store.update(&old, &record(&changed), &version).await.unwrap();
                let WriteOutcome::Written(version) = updated else { panic!("{updated:?}") };
                let moved = store.replace(&old, &version, &new, &record(&changed), None).await;
                assert!(matches!(moved, Ok(WriteOutcome::Written(_))), "{moved:?}");
                assert_eq!(payload(&store, &new).await.as_ref(), Some(&changed));
                assert_eq!(payload(&store, &old).await, None);
                (done.sessions, done.writes) = (done.sessions + 1, done.writes + 3);
                if number % 4 < 2 {
                    store.end(&new).await.unwrap();
                    assert_eq!(payload(&store, &new).await, None);
                    done.writes += 1;
                } else {
                    kept.push((new, changed));
                }
            }
            for (key, text) in &kept {
                assert_eq!(payload(&store, key).await.as_ref(), Some(text), "at the end");
            }
            assert!(kept.len() > 1, "it did next to nothing");
            done
        });
    }
    let each = tasks.join_all().await;
    each.into_iter().fold(Done::default(), |all, one| Done {
        sessions: all.sessions + one.sessions,
        writes: all.writes + one.writes,
    })
}
