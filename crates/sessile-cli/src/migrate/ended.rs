//! Sessions that were ended in the old store after they had been moved.

use std::collections::HashMap;

use sessile::store::Cursor;
use sessile::{SessionStore as _, StoreError, Timestamp};

use super::job::Job;
use crate::human;
use crate::outcome::remark;
use crate::progress::{Progress, counted};

/// Sessions read at a time.
const PAGE: usize = 500;

/// Ends in the new store what an earlier run moved there and the old store has
/// no more; how many these are. `left` are the handles of those, and when they
/// were moved; `seen` is how many sessions the old store has.
///
/// One that was used in the new store since is left alone: the application is
/// there already, and what the old store has lost since says nothing.
///
/// An old store that has no session at all says nothing either: `None`. They may all have been
/// ended there, or it was emptied by accident, or it is another store than before.
pub(super) async fn in_both(
    job: &Job,
    left: HashMap<String, Timestamp>,
    seen: u64,
    progress: &mut Progress,
) -> Result<Option<u64>, StoreError> {
    if left.is_empty() {
        return Ok(Some(0));
    }
    if seen == 0 {
        return Ok(None);
    }
    let Some(scan) = job.to.capabilities().scan else {
        progress.end();
        remark(format!(
            "{} ended or expired in the old store since they were moved; the new one cannot list \
             what it holds, so they are not ended there",
            counted(left.len() as u64, "session")
        ));
        return Ok(Some(0));
    };
    let (mut ended, mut looked, mut after) = (0, 0, None::<Cursor>);
    loop {
        let page = scan.scan(after.as_ref(), PAGE).await?;
        for (key, record) in page.entries {
            looked += 1;
            let Some(moved) = left.get(&key.handle().to_string()) else { continue };
            if job.mover.written_since(&record, *moved) || record.has_ended(human::now()) {
                continue;
            }
            if !job.dry_run {
                job.to.delete(&key).await?;
            }
            ended += 1;
        }
        progress.show("looking for what was ended", looked, None);
        after = page.next;
        if after.is_none() {
            return Ok(Some(ended));
        }
    }
}
