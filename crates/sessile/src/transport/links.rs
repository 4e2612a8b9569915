//! Links and forms that carry the session's id, for visitors without cookies.

use std::ops::Deref;

#[cfg(feature = "axum")]
use axum_core::extract::FromRequestParts;
#[cfg(feature = "axum")]
use http::request::Parts;
use http::{Extensions, HeaderMap};
use sessile_core::exchange::SessionLinks as Core;

use crate::failure::Failure;
use crate::head::{Fields, exchange, fields_view};

/// Makes the links and forms of a page carry the session's id, where ids travel in the address or
/// in forms; with the other [transports](crate::Transport) links stay as they are, forms get no
/// field, and the session is not even read. So pages can be written for all of them.
///
/// ```
/// use axum::response::Html;
/// use sessile::{Session, transport::SessionLinks};
///
/// async fn cart(session: Session, links: SessionLinks) -> Html<String> {
///     session.insert("seen", true);
///     let (shop, field) = (links.url("/shop?page=2"), links.field());
///     Html(format!("<a href=\"{shop}\">On</a><form method=post>{field}<button>Buy</button></form>"))
/// }
/// ```
///
/// A page speaks of the session as it is when the link is made: log in, change and end the
/// session first. Redirects need no help: `Location` gets the id by itself.
#[derive(Clone, Debug)]
pub struct SessionLinks(Core);

impl SessionLinks {
    /// The links of a request that came through a [`SessionLayer`](crate::SessionLayer), for
    /// services that are no axum handlers. Reads the session where ids travel so.
    ///
    /// # Errors
    ///
    /// [`Failure`].
    pub async fn of(headers: &HeaderMap, extensions: &Extensions) -> Result<Self, Failure> {
        let exchange = exchange(extensions)?.clone();
        let fields = Fields(headers);
        Ok(Self(Core::of(exchange, &fields_view(&fields, extensions)).await?))
    }
}

impl Deref for SessionLinks {
    type Target = Core;

    fn deref(&self) -> &Core {
        &self.0
    }
}

#[cfg(feature = "axum")]
impl<S: Send + Sync> FromRequestParts<S> for SessionLinks {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failure> {
        Self::of(&parts.headers, &parts.extensions).await
    }
}
