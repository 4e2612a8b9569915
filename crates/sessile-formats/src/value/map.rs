//! An insertion-ordered mapping, as Python's `dict` is.

use std::hash::Hash;
use std::{slice, vec};

use indexmap::{Equivalent, IndexMap, map};

use super::Value;

/// A mapping in insertion order. Keys are usually text; msgpack and tagged JSON allow others.
///
/// Two mappings are equal when they hold the same entries, in whatever order (as in Python).
#[derive(Clone, Debug)]
pub struct Map(Entries);

/// Most sessions have a handful of keys, and comparing those is faster than
/// hashing one. Beyond [`FEW`] entries a table takes over, so that no number of
/// keys makes a look-up slow.
#[derive(Clone, Debug)]
enum Entries {
    Few(Vec<(Value, Value)>),
    Many(Box<IndexMap<Value, Value>>),
}

const FEW: usize = 12;

/// Looks text up without making a `Value` of it.
#[derive(Hash)]
struct Text<'a>(&'a str);

impl Equivalent<Value> for Text<'_> {
    fn equivalent(&self, key: &Value) -> bool {
        matches!(key, Value::Str(text) if text == self.0)
    }
}

impl Map {
    /// An empty mapping. Allocates nothing.
    pub const fn new() -> Self {
        Self(Entries::Few(Vec::new()))
    }

    /// An empty mapping with room for `entries`.
    pub fn with_capacity(entries: usize) -> Self {
        Self(if entries <= FEW {
            Entries::Few(Vec::with_capacity(entries))
        } else {
            Entries::Many(Box::new(IndexMap::with_capacity(entries)))
        })
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        match &self.0 {
            Entries::Few(list) => list.len(),
            Entries::Many(table) => table.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value under the text `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.find(&Text(key))
    }

    /// The value under the text `key`, to be edited.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        let key = Text(key);
        match &mut self.0 {
            Entries::Few(list) => {
                list.iter_mut().find(|(held, _)| key.equivalent(held)).map(|(_, value)| value)
            }
            Entries::Many(table) => table.get_mut(&key),
        }
    }

    /// The value under a key of any type.
    pub fn get_key(&self, key: &Value) -> Option<&Value> {
        self.find(key)
    }

    /// Whether the text `key` is there.
    pub fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Sets `key`, keeping its place if it was there. Returns what it held.
    pub fn insert(&mut self, key: impl Into<Value>, value: impl Into<Value>) -> Option<Value> {
        let (key, value) = (key.into(), value.into());
        let list = match &mut self.0 {
            Entries::Many(table) => return table.insert(key, value),
            Entries::Few(list) => list,
        };
        if let Some((_, held)) = list.iter_mut().find(|(held, _)| *held == key) {
            return Some(std::mem::replace(held, value));
        }
        list.push((key, value));
        if list.len() > FEW {
            let table = std::mem::take(list).into_iter().collect();
            self.0 = Entries::Many(Box::new(table));
        }
        None
    }

    /// Takes the text `key` out, keeping the order of the rest.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        self.take(&Text(key))
    }

    /// Takes a key of any type out, keeping the order of the rest.
    pub fn remove_key(&mut self, key: &Value) -> Option<Value> {
        self.take(key)
    }

    /// Takes the last entry out, as Python's `popitem` does.
    pub fn pop_last(&mut self) -> Option<(Value, Value)> {
        match &mut self.0 {
            Entries::Few(list) => list.pop(),
            Entries::Many(table) => table.pop(),
        }
    }

    /// Takes everything out.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// The entries in order.
    pub fn iter(&self) -> Iter<'_> {
        Iter(match &self.0 {
            Entries::Few(list) => Either::Few(list.iter()),
            Entries::Many(table) => Either::Many(table.iter()),
        })
    }

    /// The only entry, if there is exactly one.
    pub fn single(&self) -> Option<(&Value, &Value)> {
        if self.len() == 1 { self.iter().next() } else { None }
    }

    fn find<K: Equivalent<Value> + Hash>(&self, key: &K) -> Option<&Value> {
        match &self.0 {
            Entries::Few(list) => {
                list.iter().find(|(held, _)| key.equivalent(held)).map(|(_, value)| value)
            }
            Entries::Many(table) => table.get(key),
        }
    }

    fn take<K: Equivalent<Value> + Hash>(&mut self, key: &K) -> Option<Value> {
        match &mut self.0 {
            Entries::Few(list) => {
                let at = list.iter().position(|(held, _)| key.equivalent(held))?;
                Some(list.remove(at).1)
            }
            Entries::Many(table) => table.shift_remove(key),
        }
    }
}

impl Default for Map {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self.iter().all(|(key, value)| other.get_key(key) == Some(value))
    }
}

impl Eq for Map {}

impl<K: Into<Value>, V: Into<Value>> FromIterator<(K, V)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::new();
        for (key, value) in entries {
            map.insert(key, value);
        }
        map
    }
}

/// The entries of a [`Map`] in order.
#[derive(Debug)]
pub struct Iter<'a>(Either<slice::Iter<'a, (Value, Value)>, map::Iter<'a, Value, Value>>);

/// The entries of a [`Map`] in order, taken out of it.
#[derive(Debug)]
pub struct IntoIter(Either<vec::IntoIter<(Value, Value)>, map::IntoIter<Value, Value>>);

#[derive(Debug)]
enum Either<A, B> {
    Few(A),
    Many(B),
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a Value, &'a Value);

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Either::Few(entries) => entries.next().map(|(key, value)| (key, value)),
            Either::Many(entries) => entries.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            Either::Few(entries) => entries.size_hint(),
            Either::Many(entries) => entries.size_hint(),
        }
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl Iterator for IntoIter {
    type Item = (Value, Value);

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Either::Few(entries) => entries.next(),
            Either::Many(entries) => entries.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            Either::Few(entries) => entries.size_hint(),
            Either::Many(entries) => entries.size_hint(),
        }
    }
}

impl ExactSizeIterator for IntoIter {}

impl IntoIterator for Map {
    type Item = (Value, Value);
    type IntoIter = IntoIter;

    fn into_iter(self) -> IntoIter {
        IntoIter(match self.0 {
            Entries::Few(list) => Either::Few(list.into_iter()),
            Entries::Many(table) => Either::Many(table.into_iter()),
        })
    }
}

impl<'a> IntoIterator for &'a Map {
    type Item = (&'a Value, &'a Value);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_keeps_its_order_and_finds_its_keys_at_every_size() {
        let mut map = Map::new();
        for number in 0..3 * FEW as i64 {
            assert_eq!(map.insert(format!("key {number}"), number), None);
            assert_eq!(map.insert(format!("key {number}"), -number), Some(Value::Int(number)));
            assert_eq!(map.len() as i64, number + 1);
            let values: Vec<_> = map.iter().map(|(_, value)| value.clone()).collect();
            let expected: Vec<_> = (0..=number).map(|number| Value::Int(-number)).collect();
            assert_eq!(values, expected);
        }
        for number in (0..3 * FEW as i64).step_by(2) {
            assert_eq!(map.remove(&format!("key {number}")), Some(Value::Int(-number)));
            assert_eq!(map.get(&format!("key {number}")), None);
        }
        let odd: Vec<_> = map.clone().into_iter().map(|(_, value)| value).collect();
        let expected: Vec<_> =
            (0..3 * FEW as i64).skip(1).step_by(2).map(|number| Value::Int(-number)).collect();
        assert_eq!(odd, expected);
        // Equal whichever way it grew, and in whatever order.
        let again: Map = map.clone().into_iter().collect::<Vec<_>>().into_iter().rev().collect();
        assert_eq!(map, again);
        assert_eq!(map.pop_last().unwrap().1, *odd.last().unwrap());
        assert_ne!(map, again);
    }
}
