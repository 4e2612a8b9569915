//! An insertion-ordered mapping, as Python's `dict` is.

use indexmap::{Equivalent, IndexMap};

use super::Value;

/// A mapping in insertion order. Keys are usually text; msgpack and tagged JSON allow others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Map(IndexMap<Value, Value>);

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
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty mapping with room for `entries`.
    pub fn with_capacity(entries: usize) -> Self {
        Self(IndexMap::with_capacity(entries))
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value under the text `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(&Text(key))
    }

    /// The value under the text `key`, to be edited.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.0.get_mut(&Text(key))
    }

    /// The value under a key of any type.
    pub fn get_key(&self, key: &Value) -> Option<&Value> {
        self.0.get(key)
    }

    /// Whether the text `key` is there.
    pub fn contains_key(&self, key: &str) -> bool {
        self.0.contains_key(&Text(key))
    }

    /// Sets `key`, keeping its place if it was there. Returns what it held.
    pub fn insert(&mut self, key: impl Into<Value>, value: impl Into<Value>) -> Option<Value> {
        self.0.insert(key.into(), value.into())
    }

    /// Takes the text `key` out, keeping the order of the rest.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        self.0.shift_remove(&Text(key))
    }

    /// Takes a key of any type out, keeping the order of the rest.
    pub fn remove_key(&mut self, key: &Value) -> Option<Value> {
        self.0.shift_remove(key)
    }

    /// Takes the last entry out, as Python's `popitem` does.
    pub fn pop_last(&mut self) -> Option<(Value, Value)> {
        self.0.pop()
    }

    /// Takes everything out.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The entries in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Value, &Value)> {
        self.0.iter()
    }

    /// The only entry, if there is exactly one.
    pub fn single(&self) -> Option<(&Value, &Value)> {
        if self.0.len() == 1 { self.0.first() } else { None }
    }
}

impl<K: Into<Value>, V: Into<Value>> FromIterator<(K, V)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        Self(entries.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}

impl IntoIterator for Map {
    type Item = (Value, Value);
    type IntoIter = indexmap::map::IntoIter<Value, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
