//! The session as a dict: Python's operations under Rust's names.

use std::borrow::Cow;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Session, SessionError, State};
use sessile_formats::{Map, Value, from_value, to_value};

impl Session {
    /// The value under `key`; `None` if it is missing or of another type.
    /// Another type is traced as a warning: see [`try_get`](Self::try_get).
    ///
    /// ```
    /// # let session = sessile_core::Session::anonymous();
    /// session.insert("visits", 3);
    /// assert_eq!(session.get::<u32>("visits"), Some(3));
    /// assert_eq!(session.get::<Vec<u8>>("visits"), None);
    /// ```
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        self.try_get(key).unwrap_or_else(|error| {
            tracing::warn!(%error, "session value ignored");
            None
        })
    }

    /// The value under `key`, if there is one.
    ///
    /// # Errors
    ///
    /// [`SessionError::WrongType`] when what is there is not a `T`.
    pub fn try_get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, SessionError> {
        read(self.access().data.get(key).as_deref(), key)
    }

    /// The value under `key` as it is, for types serde does not know, such as tuples and datetimes.
    pub fn get_value(&self, key: &str) -> Option<Value> {
        self.access().data.get(key).map(Cow::into_owned)
    }

    /// Sets `key`.
    ///
    /// A value that cannot be stored, or a call after the response began, is
    /// not lost silently: the first is answered with an error response instead
    /// of the handler's, the second is traced as an error. Where the handler
    /// wants to know, see [`try_insert`](Self::try_insert).
    pub fn insert<T: Serialize>(&self, key: impl Into<String>, value: T) {
        if let Err(error) = self.try_insert(key, value) {
            self.remember(error);
        }
    }

    /// Sets `key`, saying at once when it cannot.
    ///
    /// # Errors
    ///
    /// [`SessionError::Unencodable`] when serde refuses the value,
    /// [`SessionError::Settled`] when the response has begun.
    pub fn try_insert<T: Serialize>(
        &self,
        key: impl Into<String>,
        value: T,
    ) -> Result<(), SessionError> {
        let key = key.into();
        match to_value(&value) {
            Ok(value) => self.change()?.set(Value::Str(key), value),
            Err(reason) => return Err(SessionError::Unencodable { key, reason }),
        }
        Ok(())
    }

    /// Sets `key` to a value as it is. Like [`insert`](Self::insert) when it is too late.
    pub fn insert_value(&self, key: impl Into<String>, value: impl Into<Value>) {
        match self.change() {
            Ok(mut state) => state.set(Value::Str(key.into()), value.into()),
            Err(error) => self.remember(error),
        }
    }

    /// Sets `key` if it is missing (Python's `setdefault`). Whether it did.
    pub fn insert_if_missing<T: Serialize>(&self, key: impl Into<String>, value: T) -> bool {
        let key = key.into();
        let missing = !self.contains_key(&key);
        if missing {
            self.insert(key, value);
        }
        missing
    }

    /// Takes `key` out. Whether it was there.
    pub fn remove(&self, key: &str) -> bool {
        self.take(key).is_some()
    }

    /// Takes `key` out and returns what it held. Of another type it stays where
    /// it is, and the answer is `None` as for [`get`](Self::get).
    pub fn pop<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let value = self.get(key)?;
        self.take(key);
        Some(value)
    }

    /// Edits the value under `key` in place. Whether it was there.
    pub fn update_value(&self, key: &str, edit: impl FnOnce(&mut Value)) -> bool {
        let found = self.edit_in_place(key, edit);
        if found {
            match self.change() {
                Ok(mut state) => state.changes.touch(&Value::Str(key.to_owned())),
                Err(error) => self.remember(error),
            }
        }
        found
    }

    /// Edits inside a value without noting it, as `session["list"].append(1)`
    /// does in Flask and Django: nothing is saved because of it alone. For
    /// bindings that hand out live values; [`mark_modified`](Self::mark_modified) follows.
    pub fn edit_in_place(&self, key: &str, edit: impl FnOnce(&mut Value)) -> bool {
        let mut state = self.access();
        let found = state.data.map_mut().get_mut(key);
        found.map(edit).is_some()
    }

    /// Saves the session whatever else happens (`session.modified = True`).
    pub fn mark_modified(&self) {
        match self.change() {
            Ok(mut state) => state.changes.marked = true,
            Err(error) => self.remember(error),
        }
    }

    fn take(&self, key: &str) -> Option<Value> {
        match self.change() {
            Ok(mut state) => state.unset(key),
            Err(error) => {
                self.remember(error);
                None
            }
        }
    }

    /// Drops every key. The session itself goes on; [`flush`](Self::flush) ends it.
    pub fn clear(&self) {
        match self.change() {
            Ok(mut state) => state.clear(),
            Err(error) => self.remember(error),
        }
    }

    /// Whether `key` is there.
    pub fn contains_key(&self, key: &str) -> bool {
        self.access().data.contains_key(key)
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.access().data.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A copy of everything, in order.
    pub fn to_map(&self) -> Map {
        self.access().data.map().into_owned()
    }

    /// A copy of everything, without making the response depend on it: for logs and tests.
    pub fn peek(&self) -> Map {
        self.lock().data.map().into_owned()
    }

    /// Has the request fail because of this, whatever else it does.
    pub(crate) fn refuse(&self, error: SessionError) {
        self.remember(error);
    }

    /// Keeps an error that a call without a `Result` met.
    pub(super) fn remember(&self, error: SessionError) {
        if error == SessionError::Settled {
            tracing::error!(%error, "session change lost");
            return;
        }
        tracing::warn!(%error, "session change refused");
        self.lock().refused.get_or_insert(error);
    }
}

fn read<T: DeserializeOwned>(value: Option<&Value>, key: &str) -> Result<Option<T>, SessionError> {
    value
        .map(from_value)
        .transpose()
        .map_err(|reason| SessionError::WrongType { key: key.to_owned(), reason })
}

impl State {
    pub(crate) fn set(&mut self, key: Value, value: Value) {
        self.changes.touch(&key);
        self.data.map_mut().insert(key, value);
    }

    pub(crate) fn unset(&mut self, key: &str) -> Option<Value> {
        let value = self.data.map_mut().remove(key)?;
        self.changes.touch(&Value::Str(key.to_owned()));
        Some(value)
    }

    pub(crate) fn clear(&mut self) {
        self.data = self.profile.kept_by_clear(&self.data.map()).into();
        self.changes.cleared = true;
        self.changes.keys.clear();
        self.changes.flashes = None;
    }
}
