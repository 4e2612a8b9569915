//! Values for the length of one request: Flask's `g`.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::Extensions;
use serde::Serialize;
use sessile_core::{Value, ValueError, to_value};

use crate::failure::Failure;
use crate::slot::Slot;

/// What middleware and handlers of one request share, by name, as Flask's `g`:
/// the logged-in user's row, a database handle. Templates see it as `g`.
///
/// Nothing of it is stored or sent. The values are dropped when the response's
/// headers leave: that is Flask's `teardown_request`. For what needs no name
/// and no template, axum's `Extension` does as well.
///
/// ```
/// use sessile::{G, Session};
/// # #[derive(Clone, serde::Serialize)] struct User { name: String }
/// # async fn find_user(id: &str) -> Option<User> { Some(User { name: id.into() }) }
///
/// /// Flask's `before_request`: `Router::route_layer(axum::middleware::from_fn(load_user))`.
/// async fn load_user(
///     session: Session,
///     g: G,
///     request: axum::extract::Request,
///     next: axum::middleware::Next,
/// ) -> axum::response::Response {
///     if let Some(id) = session.subject()
///         && let Some(user) = find_user(id.as_str()).await
///     {
///         g.set("user", user);
///     }
///     next.run(request).await
/// }
///
/// async fn profile(g: G) -> String {
///     g.get::<User>("user").map_or("nobody".into(), |user| user.name)
/// }
/// ```
#[derive(Clone)]
pub struct G(Slot);

/// The values of one request.
#[derive(Default)]
pub(crate) struct Scope(Mutex<BTreeMap<String, Arc<dyn Held>>>);

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
}

impl G {
    /// The values of a request that came through a
    /// [`SessionLayer`](crate::SessionLayer), for services that are no axum handlers.
    ///
    /// # Errors
    ///
    /// [`Failure::NoLayer`].
    pub fn of(extensions: &Extensions) -> Result<Self, Failure> {
        extensions.get::<Slot>().cloned().map(Self).ok_or(Failure::NoLayer)
    }

    /// Keeps a value under `name`, in place of an earlier one.
    pub fn set<T: Any + Serialize + Send + Sync>(&self, name: impl Into<String>, value: T) {
        self.0.scope().lock().insert(name.into(), Arc::new(value));
    }

    /// The value under `name`; `None` if there is none or it is no `T`.
    pub fn get<T: Any + Clone>(&self, name: &str) -> Option<T> {
        let held = self.0.scope().lock().get(name)?.clone();
        // Of the value itself, not of the pointer to it.
        (*held).as_any().downcast_ref::<T>().cloned()
    }

    /// Takes the value under `name` out. Whether there was one.
    pub fn remove(&self, name: &str) -> bool {
        self.0.scope().lock().remove(name).is_some()
    }

    /// Whether there is a value under `name`.
    pub fn contains(&self, name: &str) -> bool {
        self.0.scope().lock().contains_key(name)
    }

    /// The value under `name` as templates see it; `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`ValueError`] when serde refuses it.
    pub fn value(&self, name: &str) -> Result<Option<Value>, ValueError> {
        let held = self.0.scope().lock().get(name).cloned();
        held.map(|held| held.shown()).transpose()
    }

    /// The names that are set.
    pub fn names(&self) -> Vec<String> {
        self.0.scope().lock().keys().cloned().collect()
    }
}

/// Names only: values may be secret.
impl fmt::Debug for G {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("G").field(&self.names()).finish()
    }
}
