//! Values for the length of one request: Flask's `g`.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::{Value, ValueError, to_value};

/// What middleware and handlers of one request share, by name. Nothing of it is stored or sent;
/// the values are dropped with the request.
#[derive(Default)]
pub struct Scope(Mutex<BTreeMap<String, Arc<dyn Held>>>);

/// A value that can be given back as what it was, or shown to a template.
trait Held: Send + Sync {
    fn as_any(&self) -> &dyn Any;
    fn shown(&self) -> Result<Value, ValueError>;
}

impl<T: Any + Serialize + Send + Sync> Held for T {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn shown(&self) -> Result<Value, ValueError> {
        to_value(self)
    }
}

impl Scope {
    /// A panic while it was held left every value whole.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<dyn Held>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a value under `name`, in place of an earlier one.
    pub fn set<T: Any + Serialize + Send + Sync>(&self, name: impl Into<String>, value: T) {
        self.lock().insert(name.into(), Arc::new(value));
    }

    /// The value under `name`; `None` if there is none or it is no `T`.
    pub fn get<T: Any + Clone>(&self, name: &str) -> Option<T> {
        let held = self.lock().get(name)?.clone();
        // Of the value itself, not of the pointer to it.
        (*held).as_any().downcast_ref::<T>().cloned()
    }

    /// Takes the value under `name` out. Whether there was one.
    pub fn remove(&self, name: &str) -> bool {
        self.lock().remove(name).is_some()
    }

    /// Whether there is a value under `name`.
    pub fn contains(&self, name: &str) -> bool {
        self.lock().contains_key(name)
    }

    /// The value under `name` as templates see it; `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`ValueError`] when serde refuses it.
    pub fn value(&self, name: &str) -> Result<Option<Value>, ValueError> {
        let held = self.lock().get(name).cloned();
        held.map(|held| held.shown()).transpose()
    }

    /// The names that are set.
    pub fn names(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }
}

/// Names only: values may be secret.
impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Scope").field(&self.names()).finish()
    }
}
