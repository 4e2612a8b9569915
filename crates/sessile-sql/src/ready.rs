//! A table that is there, or is made.

use sessile_core::StoreErrorKind;

use crate::server::{Database, Making};
use crate::{ConnectError, Options};

/// Looks for a table and makes it only where it is missing and that is wanted; the version found
/// or made.
pub(crate) async fn ready<D: Database>(
    database: &D,
    making: &Making,
    options: &Options,
) -> Result<i64, ConnectError> {
    if let Some(found) = database.look(making).await.map_err(ConnectError::Store)? {
        return Ok(found);
    }
    let table = &making.table;
    if options.read_only || !options.create {
        return Err(ConnectError::NoTable { table: table.clone() });
    }
    let missing = |why: String| {
        let what = format!("it has no session table {table}{why}");
        ConnectError::Store(database.dialect().error(StoreErrorKind::Unavailable, what))
    };
    if let Err(error) = database.make(making).await {
        return Err(match error.kind() {
            StoreErrorKind::ReadOnly => missing(format!(
                ", and we may not make it ({error}); have it made once, as \
                 docs/guides/sql-roles.md shows"
            )),
            _ => ConnectError::Store(error),
        });
    }
    let found = database.look(making).await.map_err(ConnectError::Store)?;
    found.ok_or_else(|| missing(String::new()))
}
