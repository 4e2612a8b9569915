//! Tokens for pages.

use std::fmt::{self, Write as _};

use axum_core::extract::FromRequestParts;
use http::request::Parts;
use http::{Extensions, HeaderMap};
use sessile_core::Session;

use crate::failure::Failure;
use crate::slot::Slot;

/// What a page needs to send forms back: its token.
///
/// Asking for it reads the session, once for the request. It adds no trip to
/// the store to that: a session that is not saved anyway is not saved for a
/// token, and a visitor without a session gets a cookie, not a record. Only
/// Flask-WTF's and Django's `CSRF_USE_SESSIONS` rules keep their secret in the
/// session from the first page on.
#[derive(Clone)]
pub struct Csrf {
    slot: Slot,
    session: Session,
}

impl Csrf {
    /// For a session that is there.
    #[cfg(feature = "templates")]
    pub(crate) fn new(slot: Slot, session: Session) -> Self {
        Self { slot, session }
    }

    /// The tokens of a request that came through a
    /// [`CsrfLayer`](crate::CsrfLayer), for services that are no axum handlers.
    ///
    /// # Errors
    ///
    /// [`Failure`].
    pub async fn of(headers: &HeaderMap, extensions: &Extensions) -> Result<Self, Failure> {
        let slot = extensions.get::<Slot>().ok_or(Failure::NoLayer)?;
        let session = slot.session(headers, extensions).await?;
        Ok(Self { slot: slot.clone(), session })
    }

    /// A token for a header (`X-CSRFToken`) or a form of your own making. In our
    /// rules and Django's another one at each call; all of them are good.
    ///
    /// Empty, and traced as an error, if there is no
    /// [`CsrfLayer`](crate::CsrfLayer) or the system has no random bytes: then
    /// forms are refused.
    pub fn token(&self) -> String {
        let Some(visit) = self.slot.csrf().get() else {
            tracing::error!(target: "sessile", "no CsrfLayer around this route; add one");
            return String::new();
        };
        visit.token(&self.slot, &self.session).unwrap_or_default()
    }

    /// The name of the form field: `csrf_token`, or what the profile calls it.
    pub fn field_name(&self) -> &str {
        self.slot.csrf().get().map_or("csrf_token", |visit| visit.guard().field())
    }

    /// The hidden field for a form, escaped. Put it first in forms with files,
    /// so that it is found before they are read.
    pub fn field(&self) -> String {
        let (name, token) = (escape(self.field_name()), escape(&self.token()));
        format!("<input type=\"hidden\" name=\"{name}\" value=\"{token}\">")
    }

    /// The element for scripts: `<meta name="csrf-token" content="…">`, as Flask-WTF's.
    pub fn meta(&self) -> String {
        let name = self.slot.csrf().get().map_or("csrf-token", |visit| &visit.guard().meta_name);
        format!("<meta name=\"{}\" content=\"{}\">", escape(name), escape(&self.token()))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Csrf {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failure> {
        Self::of(&parts.headers, &parts.extensions).await
    }
}

impl fmt::Debug for Csrf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Csrf").finish_non_exhaustive()
    }
}

/// Tokens need no escaping, a configured field name may.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' | '<' | '>' | '"' | '\'' => {
                // Writing to a String does not fail.
                let _ = write!(escaped, "&#{};", u32::from(c));
            }
            c => escaped.push(c),
        }
    }
    escaped
}
