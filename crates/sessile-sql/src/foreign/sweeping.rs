//! Removing what has expired, where there is an index on the expiry and where there is none.

use std::sync::atomic::Ordering;

use sessile_core::store::{BoxFuture, Sweep};
use sessile_core::{StoreError, Timestamp};

use super::Foreign;
use super::tables::{Sweeping, Walk};
use crate::server::{Database, Param};

/// A walk looks at so many rows at a time.
const LOOK_AT: i64 = 1000;

/// Before every row.
pub(super) const START: i64 = i64::MIN;

impl<D: Database> Sweep for Foreign<D> {
    fn sweep(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<usize, StoreError>> {
        Box::pin(async move {
            let now = Param::Time(Some(now));
            match &self.sql.sweep {
                Sweeping::Walk(walk) => self.walk(walk, &now, limit).await,
                Sweeping::Index(remove) => {
                    let mut removed = 0;
                    while removed < limit {
                        let at_once = (limit - removed).min(self.database.aside_rows());
                        let params = vec![now.clone(), bound(at_once)];
                        let some = count(self.database.change_aside(remove, params).await?);
                        removed += some;
                        if some < at_once {
                            break;
                        }
                    }
                    Ok(removed)
                }
            }
        })
    }
}

impl<D: Database> Foreign<D> {
    /// Goes once around the table in the order of its numbers, from where the last walk ended:
    /// to look for expired rows from the beginning, batch after batch, would read the live ones
    /// before them each time.
    async fn walk(&self, walk: &Walk, now: &Param, limit: usize) -> Result<usize, StoreError> {
        let start = self.walked.load(Ordering::Relaxed);
        let (mut after, mut around, mut removed) = (start, false, 0);
        while removed < limit && !(around && after >= start) {
            let Some((last, expired)) = self.look(walk, now, after).await? else {
                if around || start == START {
                    after = START;
                    break;
                }
                (after, around) = (START, true);
                continue;
            };
            let at_once = (limit - removed).min(self.database.aside_rows());
            let number = |number| Param::Int(Some(number));
            let mut some = 0;
            if expired > 0 {
                let params = vec![now.clone(), bound(at_once), number(after), number(last)];
                some = count(self.database.change_aside(&walk.remove, params).await?);
            }
            removed += some;
            if some < at_once {
                after = last;
            }
        }
        self.walked.store(after, Ordering::Relaxed);
        Ok(removed)
    }

    /// The number of the last row of the next few, and how many of them have expired.
    async fn look(
        &self,
        walk: &Walk,
        now: &Param,
        after: i64,
    ) -> Result<Option<(i64, i64)>, StoreError> {
        let params = vec![now.clone(), Param::Int(Some(LOOK_AT)), Param::Int(Some(after))];
        let rows = self.database.rows(&walk.look, params).await?;
        let Some(mut row) = rows.into_iter().next() else { return Ok(None) };
        let strange = self.database.dialect().strange_answer();
        let mut number = || row.int().map_err(&strange);
        Ok(number()?.zip(number()?))
    }
}

fn bound(rows: usize) -> Param {
    Param::Int(Some(i64::try_from(rows).unwrap_or(i64::MAX)))
}

fn count(rows: u64) -> usize {
    usize::try_from(rows).unwrap_or(usize::MAX)
}
