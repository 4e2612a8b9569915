//! The session in a handler's hands: as a dict, or as a type of the application's.

use std::fmt;
use std::ops::Deref;

use http::{Extensions, HeaderMap};
use sessile_core::exchange::TypedSession;

use crate::failure::Failure;
use crate::head::{Fields, exchange, fields_view};

/// The visitor's session, as an axum extractor.
///
/// `Session` is a dict: see [its methods](sessile_core::Session). [`Session<T>`](TypedSession)
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
pub struct Session<T = Dict>(TypedSession<T>);

/// The session as a dict: what `Session` is when no type is named.
#[derive(Debug)]
pub enum Dict {}

impl<T> Session<T> {
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
        Ok(Self(session.into()))
    }
}

impl<T> Deref for Session<T> {
    type Target = TypedSession<T>;

    fn deref(&self) -> &TypedSession<T> {
        &self.0
    }
}

impl<T> Clone for Session<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> fmt::Debug for Session<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
