//! Session data of the usual shape, left in their bytes until somebody asks for a value.

use bytes::Bytes;

use super::DecodeError::{self, Malformed};
use super::map::{self, Field, MAX_DEPTH};
use super::wire::Reader;
use sessile_formats::{Map, Value};

/// More keys than these are faster to look up in a [`Map`].
const MOST_KEYS: usize = 8;
/// Above it a look-up would pass over too much.
const MOST_BYTES: usize = 1024;

/// The bytes of a map, checked: few keys, all text, none twice, and values that can be read.
pub(crate) struct Plain(Bytes);

impl Plain {
    /// `None` for a map of another shape, or for bytes that are none: [`decode_map`] says which.
    ///
    /// [`decode_map`]: super::decode_map
    pub(crate) fn check(bytes: &Bytes) -> Option<Self> {
        if bytes.len() > MOST_BYTES {
            return None;
        }
        let mut reader = Reader::new(bytes);
        let count = map::open(&mut reader).ok().filter(|count| *count <= MOST_KEYS)?;
        let mut keys: [&[u8]; MOST_KEYS] = [&[]; MOST_KEYS];
        for at in 0..count {
            let (before, slot) = keys.split_at_mut_checked(at)?;
            let Field::Text(key) = map::read_field(&mut reader).ok()? else { return None };
            if before.contains(&key) || std::str::from_utf8(key).is_err() {
                return None;
            }
            *slot.first_mut()? = key;
            map::skip_value::<true>(&mut reader, MAX_DEPTH).ok()?;
        }
        reader.finish().ok()?;
        Some(Self(bytes.clone()))
    }

    /// How many keys there are.
    pub(crate) fn len(&self) -> usize {
        map::open(&mut Reader::new(&self.0)).unwrap_or_default()
    }

    /// Whether the text `key` is there.
    pub(crate) fn contains_key(&self, key: &str) -> bool {
        matches!(self.find(key), Ok(Some(_)))
    }

    /// The value under the text `key`.
    pub(crate) fn get(&self, key: &str) -> Option<Value> {
        let mut at = self.find(key).ok()??;
        map::read_value(&mut at, MAX_DEPTH).ok()
    }

    /// All of it.
    pub(crate) fn to_map(&self) -> Map {
        // It was checked, so there is no other case.
        map::decode_map(&self.0).unwrap_or_default()
    }

    /// Where the value under `key` begins.
    fn find(&self, key: &str) -> Result<Option<Reader<'_>>, DecodeError> {
        let mut reader = Reader::new(&self.0);
        for _ in 0..map::open(&mut reader)? {
            let Field::Text(found) = map::read_field(&mut reader)? else { return Err(Malformed) };
            if found == key.as_bytes() {
                return Ok(Some(reader));
            }
            map::skip_value::<false>(&mut reader, MAX_DEPTH)?;
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::{decode_map, encode_map};

    fn check(map: &Map) -> Option<Plain> {
        Plain::check(&Bytes::from(encode_map(map).expect("it has a form")))
    }

    #[test]
    fn what_is_found_is_what_a_map_holds() {
        let map: Map = [
            ("user", Value::from("ada")),
            ("", Value::Null),
            ("list", Value::List(vec![1.into(), Value::Tuple(vec!["x".into()]), 0.5.into()])),
            ("bytes", Value::Bytes(vec![0, 255])),
            ("big", Value::Int(i64::MIN)),
            ("yes", true.into()),
        ]
        .into_iter()
        .collect();
        let plain = check(&map).expect("it is of the usual shape");
        assert_eq!((plain.len(), plain.to_map()), (map.len(), map.clone()));
        for (key, value) in map.iter() {
            let key = key.as_str().expect("a text");
            assert!(plain.contains_key(key));
            assert_eq!(plain.get(key).as_ref(), Some(value));
        }
        assert!(!plain.contains_key("use"));
        assert_eq!(plain.get("users"), None);
    }

    #[test]
    fn other_shapes_are_left_to_the_map() {
        let nested: Map = [("a", Value::Map(Map::new()))].into_iter().collect();
        let numbered = Map::from_iter([(Value::Int(1), Value::Null)]);
        let many: Map = (0..=MOST_KEYS).map(|n| (n.to_string(), Value::Null)).collect();
        let large: Map = [("a", "x".repeat(MOST_BYTES))].into_iter().collect();
        for map in [nested, numbered, many, large] {
            assert!(check(&map).is_none());
        }
        assert!(check(&Map::new()).is_some_and(|plain| plain.len() == 0));
    }

    /// Whatever one byte of it is changed to, it passes only as what `decode_map` reads as well.
    #[test]
    fn what_cannot_be_read_is_never_plain() {
        let map: Map = [
            ("user", Value::from("ada")),
            ("list", Value::List(vec![1.into(), "é".into()])),
            ("rate", 0.5.into()),
        ]
        .into_iter()
        .collect();
        let whole = encode_map(&map).expect("it has a form");
        for at in 0..whole.len() {
            assert!(Plain::check(&Bytes::copy_from_slice(&whole[..at])).is_none(), "cut at {at}");
            for byte in 0..=u8::MAX {
                let mut bytes = whole.clone();
                bytes[at] = byte;
                let Some(plain) = Plain::check(&Bytes::from(bytes.clone())) else { continue };
                let read = decode_map(&bytes).expect("what was checked can be read");
                assert_eq!(plain.to_map(), read);
                assert_eq!(plain.len(), read.len());
                for (key, value) in read.iter() {
                    let found = plain.get(key.as_str().expect("a text")).expect("it is there");
                    assert_eq!(format!("{found:?}"), format!("{value:?}"));
                }
            }
        }
        let twice = b"\x01\x02\x02a\x00\x02a\x00";
        assert!(decode_map(twice).is_err());
        assert!(Plain::check(&Bytes::from_static(twice)).is_none());
    }
}
