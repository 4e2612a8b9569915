//! What Flask-Session keeps in its stores: msgpack, JSON, and pickles of plain data.

use std::fmt::Debug;

use sessile_core::Value;
use sessile_formats::flask_session::{Format, decode, read_json, write_json};
use sessile_formats::{msgpack as pack, pickle as python};

/// What was read is written to something that reads the same, and that is written to the very
/// same bytes; the reader of whole records agrees with the reader of the format.
pub fn msgpack(input: &[u8]) {
    if let Ok(value) = pack::read(input) {
        assert!(values(&value) <= pack::MAX_VALUES);
        assert_eq!(decode(input, Format::Msgpack).as_ref(), Ok(&value));
        again(&value, pack::write, pack::read);
    }
    if let Ok(value) = read_json(input) {
        assert!(values(&value) <= pack::MAX_VALUES);
        assert_eq!(decode(input, Format::Json).as_ref(), Ok(&value));
        again(&value, write_json, read_json);
    }
}

/// A pickle gives a bounded value, or none; what can be kept as msgpack survives that.
pub fn pickle(input: &[u8]) {
    if let Ok(value) = python::read(input) {
        assert!(values(&value) <= pack::MAX_VALUES);
        if let Ok(bytes) = pack::write(&value) {
            // Sets and tuples come back as lists: the second time nothing changes any more.
            if let Ok(value) = pack::read(&bytes) {
                again(&value, pack::write, pack::read);
            }
        }
    }
}

fn again<R: Debug, W: Debug>(
    value: &Value,
    write: impl Fn(&Value) -> Result<Vec<u8>, W>,
    read: impl Fn(&[u8]) -> Result<Value, R>,
) {
    let Ok(bytes) = write(value) else { return };
    match read(&bytes) {
        Ok(back) => {
            assert_eq!(&back, value);
            assert_eq!(write(&back).ok(), Some(bytes));
        }
        Err(error) => unreachable!("does not read what it wrote: {error:?}: {value:?}"),
    }
}

/// How many values there are, containers and keys included.
fn values(value: &Value) -> usize {
    match value {
        Value::List(items) | Value::Tuple(items) | Value::Set(items) => {
            1 + items.iter().map(values).sum::<usize>()
        }
        Value::Map(map) => 1 + map.iter().map(|(key, it)| values(key) + values(it)).sum::<usize>(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed(target: &str, name: &str) -> Vec<u8> {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus");
        std::fs::read(format!("{corpus}/{target}/seed-{name}")).unwrap()
    }

    #[test]
    fn the_corpus_reaches_behind_each_reader() {
        for name in ["empty", "login", "numbers", "text", "nested", "long"] {
            let packed = pack::read(&seed("msgpack", name)).unwrap();
            for protocol in [0, 5] {
                let pickled = python::read(&seed("pickle", &format!("{name}-{protocol}")));
                assert_eq!(pickled.as_ref(), Ok(&packed), "{name}, protocol {protocol}");
            }
        }
        read_json(&seed("msgpack", "json")).unwrap();
    }

    #[test]
    fn a_small_pickle_of_a_huge_value_is_refused() {
        assert!(seed("pickle", "laughs").len() < 400);
        assert_eq!(python::read(&seed("pickle", "laughs")), Err(python::PickleError::TooLarge));
    }
}
