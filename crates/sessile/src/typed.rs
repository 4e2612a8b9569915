//! The session in a handler's hands: as a dict, or as a type of the application's.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use http::{Extensions, HeaderMap};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sessile_core::{Session as Core, SessionError, Value, from_value, to_value};

use crate::failure::Failure;
use crate::head::{Fields, exchange, fields_view};

/// The visitor's session, as an axum extractor.
///
/// `Session` is a dict: see [its methods](sessile_core::Session). `Session<T>`
/// is the same session seen as a struct whose fields are the keys, so that two
/// requests which change different fields both keep their change:
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use sessile::{Session, SessionError};
///
/// #[derive(Default, Deserialize, Serialize)]
/// #[serde(default)]
/// struct Visit { cart: Vec<String>, theme: Option<String> }
///
/// async fn add(session: Session<Visit>) -> String {
///     session.update(|visit| visit.cart.push("apples".into()));
///     format!("{} in the cart", session.read().cart.len())
/// }
/// ```
pub struct Session<T = Dict> {
    core: Core,
    shape: PhantomData<fn() -> T>,
}

/// The session as a dict: what `Session` is when no type is named.
#[derive(Debug)]
pub enum Dict {}

impl<T> Session<T> {
    fn new(core: Core) -> Self {
        Self { core, shape: PhantomData }
    }

    /// The session of a request that came through a
    /// [`SessionLayer`](crate::SessionLayer): what the axum extractor does, for
    /// services of any other make. Loads it at the first call.
    ///
    /// # Errors
    ///
    /// [`Failure`]: answer with its status and text.
    pub async fn of(headers: &HeaderMap, extensions: &Extensions) -> Result<Self, Failure> {
        let fields = Fields(headers);
        let session = exchange(extensions)?.session(&fields_view(&fields, extensions)).await?;
        Ok(Self::new(session))
    }
}

impl Deref for Session<Dict> {
    type Target = Core;

    fn deref(&self) -> &Core {
        &self.core
    }
}

impl<T: Serialize + DeserializeOwned + Default> Session<T> {
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
        let map = self.core.to_map();
        if map.is_empty() {
            return Ok(T::default());
        }
        from_value(&Value::Map(map))
            .map_err(|reason| SessionError::WrongType { key: "(the whole session)".into(), reason })
    }

    /// Edits the session as a `T`. The keys whose values change are set, those
    /// that vanish are removed, others stay. As with
    /// [`insert`](Core::insert), a failure fails the request.
    pub fn update<R>(&self, edit: impl FnOnce(&mut T) -> R) -> R {
        let mut value = self.read();
        let before = fields(&value);
        let result = edit(&mut value);
        match (before, fields(&value)) {
            (Ok(before), Ok(after)) => self.apply(&before, after),
            (_, Err(error)) | (Err(error), _) => {
                // Stored as an error, so that the request fails and nothing is half-written.
                self.core.insert("(the whole session)", Unencodable(error));
            }
        }
        result
    }

    fn apply(&self, before: &sessile_core::Map, after: sessile_core::Map) {
        for (key, _) in before.iter() {
            if after.get_key(key).is_none()
                && let Some(name) = key.as_str()
            {
                self.core.remove(name);
            }
        }
        for (key, value) in after {
            // What is stored counts, not what was read: defaults that no key holds are new.
            let stored = key.as_str().and_then(|name| self.core.get_value(name));
            let unchanged = before.get_key(&key) == Some(&value);
            if let (Value::Str(name), false) = (key, unchanged || stored.as_ref() == Some(&value)) {
                self.core.insert_value(name, value);
            }
        }
    }

    /// The same session as a dict, for everything that is not a field: logging
    /// in, ending it, its lifetime.
    pub fn dict(&self) -> &Core {
        &self.core
    }
}

fn fields<T: Serialize>(value: &T) -> Result<sessile_core::Map, String> {
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

impl<T> Clone for Session<T> {
    fn clone(&self) -> Self {
        Self::new(self.core.clone())
    }
}

impl<T> fmt::Debug for Session<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.core.fmt(f)
    }
}
