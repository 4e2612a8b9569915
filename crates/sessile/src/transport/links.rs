//! Links and forms that carry the session's id, for visitors without cookies.

use std::fmt;

#[cfg(feature = "axum")]
use axum_core::extract::FromRequestParts;
#[cfg(feature = "axum")]
use http::request::Parts;
use http::{Extensions, HeaderMap};
use sessile_core::transport::Place;

use crate::failure::Failure;
use crate::slot::Slot;

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
#[derive(Clone)]
pub struct SessionLinks {
    slot: Slot,
}

impl SessionLinks {
    /// The links of a request that came through a [`SessionLayer`](crate::SessionLayer), for
    /// services that are no axum handlers. Reads the session where ids travel so.
    ///
    /// # Errors
    ///
    /// [`Failure`].
    pub async fn of(headers: &HeaderMap, extensions: &Extensions) -> Result<Self, Failure> {
        let slot = extensions.get::<Slot>().ok_or(Failure::NoLayer)?;
        if slot.carried().is_some() {
            slot.session(headers, extensions).await?;
        }
        Ok(Self { slot: slot.clone() })
    }

    /// `address` with the session's id, if it is one of this site and there is a session. Not
    /// escaped: in HTML write it as any text, with `&` as `&amp;`.
    ///
    /// Addresses of other sites never get it.
    pub fn url(&self, address: &str) -> String {
        let Some(carried) = self.slot.carried() else { return address.to_owned() };
        let link = self.slot.link();
        carried.link(&self.slot.shared().engine, address, &link)
    }

    /// The hidden field for a form, escaped; empty where ids do not travel in forms or there is
    /// no session. Put it first in forms with files, so that it is found before they are read.
    pub fn field(&self) -> String {
        let Some(carried) = self.slot.carried() else { return String::new() };
        let Place::Form { name, .. } = self.slot.shared().engine.transport().place() else {
            return String::new();
        };
        let link = self.slot.link();
        match carried.id(&link) {
            Some(id) => {
                let id = escape(id);
                format!("<input type=\"hidden\" name=\"{name}\" value=\"{id}\">")
            }
            None => String::new(),
        }
    }
}

#[cfg(feature = "axum")]
impl<S: Send + Sync> FromRequestParts<S> for SessionLinks {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failure> {
        Self::of(&parts.headers, &parts.extensions).await
    }
}

impl fmt::Debug for SessionLinks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionLinks").finish_non_exhaustive()
    }
}

/// Ids of ours need none; one that a visitor made up may.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
