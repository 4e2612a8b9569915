//! Pages of a scan, in the order of keys.

use sessile_core::StoreError;

use crate::server::{Database, Param, Row, Statement};

/// The rows of a page, each with its key if that can be read, and the key that the next
/// page comes after.
pub(crate) type Rows<K> = (Vec<(Option<K>, Row)>, Option<K>);

/// At least one row after `after`, and about `limit`, if there are as many. `key` reads
/// the first cell. A row whose key cannot be read gives no place to go on from, so a page
/// ends with one that can, or with the table.
pub(crate) async fn rows_after<D: Database, K: Clone>(
    database: &D,
    scan: &Statement,
    after: Param,
    limit: usize,
    key: impl Fn(&mut Row) -> Option<K>,
) -> Result<Rows<K>, StoreError> {
    let mut at_once = limit.max(1);
    loop {
        let bound = Param::Int(Some(i64::try_from(at_once).unwrap_or(i64::MAX)));
        let rows = database.rows(scan, vec![after.clone(), bound]).await?;
        let full = rows.len() >= at_once;
        let mut rows: Vec<_> = rows.into_iter().map(|mut row| (key(&mut row), row)).collect();
        if !full {
            return Ok((rows, None));
        }
        if let Some(last) = rows.iter().rposition(|(key, _)| key.is_some()) {
            rows.truncate(last + 1);
            let next = rows.last().and_then(|(key, _)| key.clone());
            return Ok((rows, next));
        }
        at_once = at_once.saturating_mul(2);
    }
}
