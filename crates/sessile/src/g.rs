//! Values for the length of one request: Flask's `g`.

use std::fmt;
use std::ops::Deref;

use http::Extensions;
use sessile_core::exchange::{Exchange, Scope};

use crate::failure::Failure;
use crate::head::exchange;

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
pub struct G(Exchange);

impl G {
    /// The values of a request that came through a
    /// [`SessionLayer`](crate::SessionLayer), for services that are no axum handlers.
    ///
    /// # Errors
    ///
    /// [`Failure`]: there is no such layer.
    pub fn of(extensions: &Extensions) -> Result<Self, Failure> {
        exchange(extensions).cloned().map(Self)
    }
}

impl Deref for G {
    type Target = Scope;

    fn deref(&self) -> &Scope {
        self.0.scope()
    }
}

impl fmt::Debug for G {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("G").field(&self.names()).finish()
    }
}
