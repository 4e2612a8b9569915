//! Parameters and cells as the driver has them.

use bytes::Bytes;
use mysql_async::{Params, Value};
use sessile_core::Timestamp;

use crate::server::{Cell, Kind, Param, Row, Statement, moment};

pub(super) fn places(statement: &Statement, params: Vec<Param>) -> Params {
    let values = statement.places(params).into_iter().map(|param| match param {
        Param::Int(number) => number.map_or(Value::NULL, Value::Int),
        Param::Bool(value) => Value::Int(value.into()),
        Param::Bytes(bytes) => bytes.map_or(Value::NULL, |bytes| Value::Bytes(bytes.to_vec())),
        Param::Text(text) => text.map_or(Value::NULL, |text| Value::Bytes(text.into_bytes())),
        Param::Time(moment) => {
            moment.map_or(Value::NULL, |moment| Value::Bytes(moment::to_text(moment).into_bytes()))
        }
    });
    match values.collect::<Vec<_>>() {
        none if none.is_empty() => Params::Empty,
        values => Params::Positional(values),
    }
}

pub(super) fn read(row: mysql_async::Row, columns: &[Kind]) -> Row {
    let cells = row.unwrap().into_iter().zip(columns);
    Row::new(cells.map(|(value, kind)| cell(value, *kind)).collect())
}

fn cell(value: Value, kind: Kind) -> Cell {
    let cell = match (kind, value) {
        (_, Value::NULL) => Some(Cell::Null),
        (Kind::Int | Kind::Bool, Value::Int(number)) => Some(Cell::Int(number)),
        (Kind::Int | Kind::Bool, Value::UInt(number)) => i64::try_from(number).ok().map(Cell::Int),
        (Kind::Bytes, Value::Bytes(bytes)) => Some(Cell::Bytes(Bytes::from(bytes))),
        (Kind::Text, Value::Bytes(bytes)) => String::from_utf8(bytes).ok().map(Cell::Text),
        (Kind::Time, Value::Date(year, month, day, hour, minute, second, micros)) => {
            date([year.into(), month.into(), day.into()], [hour, minute, second], micros)
                .map(Cell::Time)
        }
        _ => None,
    };
    cell.unwrap_or(Cell::Strange)
}

fn date([year, month, day]: [i64; 3], time: [u8; 3], micros: u32) -> Option<Timestamp> {
    moment::from_parts([year, month, day], time.map(i64::from), i64::from(micros / 1000))
}
