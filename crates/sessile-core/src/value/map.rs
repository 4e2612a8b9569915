//! An insertion-ordered mapping, as Python's `dict` is.

use indexmap::map::Slice;
use indexmap::{Equivalent, IndexMap};

use super::Value;

/// A mapping in insertion order. Keys are usually text; msgpack and tagged JSON allow others.
///
/// Two mappings are equal when they hold the same entries, in whatever order (as in Python).
// Boxed, so that a `Value` is 32 bytes and not 72; absent while empty.
#[derive(Clone, Debug, Default)]
pub struct Map(Option<Box<IndexMap<Value, Value>>>);

impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(a), Some(b)) => a == b,
            _ => self.is_empty() && other.is_empty(),
        }
    }
}

impl Eq for Map {}

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
        Self((entries > 0).then(|| Box::new(IndexMap::with_capacity(entries))))
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries().is_empty()
    }

    /// The value under the text `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.as_ref()?.get(&Text(key))
    }

    /// The value under the text `key`, to be edited.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.0.as_mut()?.get_mut(&Text(key))
    }

    /// The value under a key of any type.
    pub fn get_key(&self, key: &Value) -> Option<&Value> {
        self.0.as_ref()?.get(key)
    }

    /// Whether the text `key` is there.
    pub fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Sets `key`, keeping its place if it was there. Returns what it held.
    pub fn insert(&mut self, key: impl Into<Value>, value: impl Into<Value>) -> Option<Value> {
        self.0.get_or_insert_default().insert(key.into(), value.into())
    }

    /// Takes the text `key` out, keeping the order of the rest.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        self.0.as_mut()?.shift_remove(&Text(key))
    }

    /// Takes a key of any type out, keeping the order of the rest.
    pub fn remove_key(&mut self, key: &Value) -> Option<Value> {
        self.0.as_mut()?.shift_remove(key)
    }

    /// Takes the last entry out, as Python's `popitem` does.
    pub fn pop_last(&mut self) -> Option<(Value, Value)> {
        self.0.as_mut()?.pop()
    }

    /// Takes everything out.
    pub fn clear(&mut self) {
        self.0 = None;
    }

    /// The entries in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Value, &Value)> {
        self.entries().iter()
    }

    /// The only entry, if there is exactly one.
    pub fn single(&self) -> Option<(&Value, &Value)> {
        if self.len() == 1 { self.entries().first() } else { None }
    }

    fn entries(&self) -> &Slice<Value, Value> {
        self.0.as_ref().map_or(Slice::new(), |entries| entries.as_slice())
    }
}

impl<K: Into<Value>, V: Into<Value>> FromIterator<(K, V)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::new();
        for (key, value) in entries {
            map.insert(key, value);
        }
        map
    }
}

impl IntoIterator for Map {
    type Item = (Value, Value);
    type IntoIter = indexmap::map::IntoIter<Value, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.map(|entries| entries.into_iter()).unwrap_or_default()
    }
}
