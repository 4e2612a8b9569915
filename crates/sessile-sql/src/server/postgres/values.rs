//! Parameters and cells as PostgreSQL's binary format has them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use sessile_core::Timestamp;
use tokio_postgres::Error;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::server::{Cell, Kind, Param, Row};

pub(super) fn read(row: &tokio_postgres::Row, columns: &[Kind]) -> Row {
    let cells = columns.iter().enumerate();
    let cells = cells.map(|(place, kind)| cell(row, place, *kind).unwrap_or(Cell::Strange));
    Row::new(cells.collect())
}

fn cell(row: &tokio_postgres::Row, place: usize, kind: Kind) -> Result<Cell, Error> {
    let cell = match kind {
        Kind::Int => row.try_get::<_, Option<i64>>(place)?.map(Cell::Int),
        Kind::Bool => row.try_get::<_, Option<bool>>(place)?.map(|value| Cell::Int(value.into())),
        Kind::Bytes => row
            .try_get::<_, Option<&[u8]>>(place)?
            .map(|bytes| Cell::Bytes(Bytes::copy_from_slice(bytes))),
        Kind::Text => row.try_get::<_, Option<String>>(place)?.map(Cell::Text),
        Kind::Time => row
            .try_get::<_, Option<SystemTime>>(place)?
            .map(|moment| Cell::Time(from_system(moment))),
    };
    Ok(cell.unwrap_or(Cell::Null))
}

impl ToSql for Param {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Int(number) => number.to_sql(kind, out),
            Self::Bool(value) => value.to_sql(kind, out),
            Self::Bytes(bytes) => bytes.as_deref().to_sql(kind, out),
            Self::Text(text) => text.to_sql(kind, out),
            Self::Time(moment) => moment.map(to_system).to_sql(kind, out),
        }
    }

    /// The statements are ours, and so are the types of their parameters.
    fn accepts(_kind: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// Years 1 to 9999: what a column of theirs can be asked to hold.
fn to_system(moment: Timestamp) -> SystemTime {
    let millis = moment.as_millis().clamp(-62_135_596_800_000, 253_402_300_799_000);
    let span = Duration::from_millis(millis.unsigned_abs());
    let time = if millis < 0 { UNIX_EPOCH.checked_sub(span) } else { UNIX_EPOCH.checked_add(span) };
    time.unwrap_or(UNIX_EPOCH)
}

fn from_system(moment: SystemTime) -> Timestamp {
    let millis = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(match moment.duration_since(UNIX_EPOCH) {
        Ok(after) => millis(after),
        Err(before) => millis(before.duration()).saturating_neg(),
    })
}
