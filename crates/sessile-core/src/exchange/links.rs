//! Links and forms that carry the session's id, for visitors without cookies.

use super::failure::Failure;
use super::head::{Headers, RequestView};
use super::request::Exchange;
use crate::html::escape;
use crate::transport::Place;

/// Makes the links and forms of a page carry the session's id, where ids travel in the address or
/// in forms; with the other [transports](crate::Transport) links stay as they are, forms get no
/// field, and the session is not even read. So pages can be written for all of them.
///
/// A page speaks of the session as it is when the link is made: log in, change and end the
/// session first. Redirects need no help: `Location` gets the id by itself.
#[derive(Clone, Debug)]
pub struct SessionLinks {
    exchange: Exchange,
}

impl SessionLinks {
    /// The links of a request. Reads the session where ids travel so.
    ///
    /// # Errors
    ///
    /// [`Failure`], as for [`Exchange::session`].
    pub async fn of<H: Headers>(
        exchange: Exchange,
        request: &RequestView<'_, H>,
    ) -> Result<Self, Failure> {
        if exchange.carried().is_some() {
            exchange.session(request).await?;
        }
        Ok(Self { exchange })
    }

    /// `address` with the session's id, if it is one of this site and there is a session. Not
    /// escaped: in HTML write it as any text, with `&` as `&amp;`.
    ///
    /// Addresses of other sites never get it.
    pub fn url(&self, address: &str) -> String {
        let Some(carried) = self.exchange.carried() else { return address.to_owned() };
        let link = self.exchange.link();
        carried.link(self.exchange.app().engine(), address, &link)
    }

    /// The hidden field for a form, escaped; empty where ids do not travel in forms or there is
    /// no session. Put it first in forms with files, so that it is found before they are read.
    pub fn field(&self) -> String {
        let Some(carried) = self.exchange.carried() else { return String::new() };
        let Place::Form { name, .. } = self.exchange.app().engine().transport().place() else {
            return String::new();
        };
        let link = self.exchange.link();
        match carried.id(&link) {
            Some(id) => {
                let id = escape(id);
                format!("<input type=\"hidden\" name=\"{name}\" value=\"{id}\">")
            }
            None => String::new(),
        }
    }
}
