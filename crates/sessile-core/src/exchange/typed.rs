//! The session seen as a struct of the application's.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::session::{Session, SessionError};
use crate::{Map, Value, from_value, to_value};

/// The visitor's session, seen as a `T` whose fields are the keys, so that two requests which
/// change different fields both keep their change. It derefs to the session as a dict, for
/// everything that is not a field: logging in, ending it, its lifetime.
pub struct TypedSession<T> {
    session: Session,
    shape: PhantomData<fn() -> T>,
}

impl<T> From<Session> for TypedSession<T> {
    fn from(session: Session) -> Self {
        Self { session, shape: PhantomData }
    }
}

impl<T> Deref for TypedSession<T> {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl<T: Serialize + DeserializeOwned + Default> TypedSession<T> {
    /// The session as a `T`; the default where the stored keys do not make
    /// one, which is traced as a warning. Mark the type `#[serde(default)]`, so
    /// that a new field does not make old sessions unreadable.
    pub fn read(&self) -> T {
        self.try_read().unwrap_or_else(|error| {
            tracing::warn!(target: "sessile", %error, "session ignored");
            T::default()
        })
    }

    /// The session as a `T`; the default for a session without any keys.
    ///
    /// # Errors
    ///
    /// [`SessionError::WrongType`] when the stored keys do not make a `T`.
    pub fn try_read(&self) -> Result<T, SessionError> {
        let map = self.session.to_map();
        if map.is_empty() {
            return Ok(T::default());
        }
        from_value(&Value::Map(map))
            .map_err(|reason| SessionError::WrongType { key: "(the whole session)".into(), reason })
    }

    /// Edits the session as a `T`. The keys whose values change are set, those
    /// that vanish are removed, others stay. Where `T` has a field without a
    /// default that no key holds yet, all fields are set.
    ///
    /// As with [`insert`](Session::insert), a failure fails the request: also
    /// when what would be stored makes no `T`, so that [`read`](Self::read)
    /// could not read it.
    pub fn update<R>(&self, edit: impl FnOnce(&mut T) -> R) -> R {
        let mut value = self.read();
        let before = fields(&value);
        let result = edit(&mut value);
        match (before, fields(&value)) {
            (Ok(before), Ok(after)) => {
                let fields = after.clone();
                self.apply(&before, after);
                self.check(fields);
            }
            (_, Err(error)) | (Err(error), _) => {
                // Stored as an error, so that the request fails and nothing is half-written.
                self.session.insert("(the whole session)", Unencodable(error));
            }
        }
        result
    }

    fn apply(&self, before: &Map, after: Map) {
        for (key, _) in before.iter() {
            if after.get_key(key).is_none()
                && let Some(name) = key.as_str()
            {
                self.session.remove(name);
            }
        }
        for (key, value) in after {
            // What is stored counts, not what was read: defaults that no key holds are new.
            let stored = key.as_str().and_then(|name| self.session.get_value(name));
            let unchanged = before.get_key(&key) == Some(&value);
            if let (Value::Str(name), false) = (key, unchanged || stored.as_ref() == Some(&value)) {
                self.session.insert_value(name, value);
            }
        }
    }

    /// That what is stored now can be read; fields that no key holds yet are set for that.
    fn check(&self, fields: Map) {
        if self.try_read().is_ok() {
            return;
        }
        for (key, value) in fields {
            if let Value::Str(name) = key
                && !self.session.contains_key(&name)
            {
                self.session.insert_value(name, value);
            }
        }
        if let Err(error) = self.try_read() {
            self.session.refuse(error);
        }
    }

    /// The same session as a dict.
    pub fn dict(&self) -> &Session {
        &self.session
    }
}

fn fields<T: Serialize>(value: &T) -> Result<Map, String> {
    match to_value(value) {
        Ok(Value::Map(map)) => Ok(map),
        Ok(other) => {
            Err(format!("a session type must be a struct or map, not {}", other.type_name()))
        }
        Err(error) => Err(error.to_string()),
    }
}

/// Refuses to be stored, with a reason.
struct Unencodable(String);

impl Serialize for Unencodable {
    fn serialize<S: serde::Serializer>(&self, _serializer: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom(&self.0))
    }
}

impl<T> Clone for TypedSession<T> {
    fn clone(&self) -> Self {
        Self::from(self.session.clone())
    }
}

impl<T> fmt::Debug for TypedSession<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.session.fmt(f)
    }
}
