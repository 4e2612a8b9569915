//! Tokens for pages.

use std::fmt;

use crate::exchange::failure::Failure;
use crate::exchange::head::{Headers, RequestView};
use crate::exchange::request::Exchange;
use crate::html::escape;
use crate::session::Session;

/// What a page needs to send forms back: its token.
///
/// Asking for it reads the session, once for the request. It adds no trip to the store to that: a
/// session that is not saved anyway is not saved for a token, and a visitor without a session gets
/// a cookie, not a record. Only Flask-WTF's and Django's `CSRF_USE_SESSIONS` rules keep their
/// secret in the session from the first page on.
#[derive(Clone)]
pub struct Csrf {
    exchange: Exchange,
    session: Session,
}

impl Csrf {
    /// The tokens of a request under protection.
    ///
    /// # Errors
    ///
    /// As for [`Exchange::session`].
    pub async fn of<H: Headers>(
        exchange: Exchange,
        request: &RequestView<'_, H>,
    ) -> Result<Self, Failure> {
        let session = exchange.session(request).await?;
        Ok(Self { exchange, session })
    }

    /// The tokens of a session that is open already; `None` where the request is not under
    /// protection.
    pub fn opened(exchange: &Exchange) -> Option<Self> {
        exchange.csrf_state().get()?;
        let session = exchange.opened()?.clone();
        Some(Self { exchange: exchange.clone(), session })
    }

    /// A token for a header (`X-CSRFToken`) or a form of your own making. In our rules and
    /// Django's another one at each call; all of them are good.
    ///
    /// Empty, and traced as an error, if the request is not under protection or the system has no
    /// random bytes: then forms are refused.
    pub fn token(&self) -> String {
        let Some(state) = self.exchange.csrf_state().get() else {
            tracing::error!(target: "sessile", "no CSRF layer between this route and its session layer; add one, before the session's: what is added last stands outside");
            return String::new();
        };
        state.token(&self.exchange, &self.session).unwrap_or_default()
    }

    /// The name of the form field: `csrf_token`, or what the profile calls it.
    pub fn field_name(&self) -> &str {
        self.exchange.csrf_state().get().map_or("csrf_token", |state| state.guard().field_name())
    }

    /// The hidden field for a form, escaped. Put it first in forms with files, so that it is found
    /// before they are read.
    pub fn field(&self) -> String {
        let (name, token) = (escape(self.field_name()), escape(&self.token()));
        format!("<input type=\"hidden\" name=\"{name}\" value=\"{token}\">")
    }

    /// The element for scripts: `<meta name="csrf-token" content="…">`, as Flask-WTF's.
    pub fn meta(&self) -> String {
        let state = self.exchange.csrf_state().get();
        let name = escape(state.map_or("csrf-token", |state| &state.guard().meta_name));
        format!("<meta name=\"{name}\" content=\"{}\">", escape(&self.token()))
    }
}

impl fmt::Debug for Csrf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Csrf").finish_non_exhaustive()
    }
}
