//! Listing and ending sessions: "your devices", "log out everywhere".

use std::ops::Deref;
use std::time::Duration;

use http::Extensions;
use sessile_core::exchange::{App, Sessions as Core};

use crate::failure::Failure;
use crate::head::exchange;

/// The sessions of a layer's store, as an extractor or from
/// [`SessionLayer::sessions`](crate::SessionLayer::sessions): see [its methods](Core). Shows
/// handles, never ids.
#[derive(Clone, Debug)]
pub struct Sessions(Core);

impl Sessions {
    pub(crate) fn new(app: &App) -> Self {
        Self(app.sessions())
    }

    /// From a request that came through a [`SessionLayer`](crate::SessionLayer),
    /// for services that are no axum handlers.
    ///
    /// # Errors
    ///
    /// [`Failure`]: there is no such layer.
    pub fn of_layer(extensions: &Extensions) -> Result<Self, Failure> {
        Ok(Self::new(exchange(extensions)?.app()))
    }

    /// Removes expired sessions from the store every `period`, in batches, for
    /// as long as this process runs. Those that ended less than ten minutes ago stay, for
    /// the clocks of other servers. Does nothing where the store forgets by itself.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn sweep_every(&self, period: Duration) {
        if self.0.needs_sweeping() {
            let sessions = self.0.clone();
            tokio::spawn(async move { sessions.sweep_every(period).await });
        }
    }
}

impl Deref for Sessions {
    type Target = Core;

    fn deref(&self) -> &Core {
        &self.0
    }
}
