//! A session's data: bytes as they were stored until a request needs the whole map.

use std::borrow::Cow;

use bytes::Bytes;

use crate::native::{self, Plain};
use sessile_formats::{Map, Value};

/// The data of one session. Most requests read a key or two and change nothing: those find them
/// in the bytes.
#[derive(Default)]
pub(crate) struct Data {
    /// The bytes, until a map was made of them.
    unread: Option<Plain>,
    /// All of it, where nothing is unread.
    map: Map,
}

impl From<Map> for Data {
    fn from(map: Map) -> Self {
        Self { unread: None, map }
    }
}

impl Data {
    /// Data in our own format; `None` if they cannot be read.
    pub(crate) fn native(payload: &Bytes) -> Option<Self> {
        match Plain::check(payload) {
            Some(plain) => Some(Self { unread: Some(plain), map: Map::new() }),
            None => native::decode_map(payload).ok().map(Self::from),
        }
    }

    /// All of it. Made anew while it is unread.
    pub(crate) fn map(&self) -> Cow<'_, Map> {
        match &self.unread {
            Some(plain) => Cow::Owned(plain.to_map()),
            None => Cow::Borrowed(&self.map),
        }
    }

    /// All of it, to be changed.
    pub(crate) fn map_mut(&mut self) -> &mut Map {
        if let Some(plain) = self.unread.take() {
            self.map = plain.to_map();
        }
        &mut self.map
    }

    /// All of it.
    pub(crate) fn into_map(mut self) -> Map {
        std::mem::take(self.map_mut())
    }

    /// The value under the text `key`.
    pub(crate) fn get(&self, key: &str) -> Option<Cow<'_, Value>> {
        match &self.unread {
            Some(plain) => plain.get(key).map(Cow::Owned),
            None => self.map.get(key).map(Cow::Borrowed),
        }
    }

    pub(crate) fn contains_key(&self, key: &str) -> bool {
        match &self.unread {
            Some(plain) => plain.contains_key(key),
            None => self.map.contains_key(key),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.unread.as_ref().map_or_else(|| self.map.len(), Plain::len)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
