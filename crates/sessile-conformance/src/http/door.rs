//! The framework through which the scripts enter.

use std::sync::Arc;

use sessile::SessionLayer;
use sessile_core::exchange::App;
use sessile_core::store::BoxFuture;

use super::app::{InMemory, app};
use super::browser::Site;
use super::gates::Gates;
use super::socket;
use crate::Failure;

/// A framework with its session layer. The scripts are the same for all of them.
pub trait Door: Send + Sync {
    /// The routes that [`routes`](super::app::routes) has, with the sessions of `app`.
    ///
    /// # Errors
    ///
    /// Says why they cannot be had.
    fn site(&self, app: &App, gates: &Gates) -> Result<Arc<dyn Site>, Failure>;

    /// The same behind a socket of this machine.
    fn serve<'d>(
        &'d self,
        app: &'d App,
        gates: &'d Gates,
    ) -> BoxFuture<'d, Result<Arc<dyn Site>, Failure>>;
}

impl<D: Door + ?Sized> Door for &D {
    fn site(&self, app: &App, gates: &Gates) -> Result<Arc<dyn Site>, Failure> {
        (**self).site(app, gates)
    }

    fn serve<'d>(
        &'d self,
        app: &'d App,
        gates: &'d Gates,
    ) -> BoxFuture<'d, Result<Arc<dyn Site>, Failure>> {
        (**self).serve(app, gates)
    }
}

/// axum, with the tower layer.
#[derive(Clone, Copy, Debug)]
pub struct Axum;

impl Door for Axum {
    fn site(&self, sessions: &App, gates: &Gates) -> Result<Arc<dyn Site>, Failure> {
        Ok(InMemory::site(app(SessionLayer::from(sessions.clone()), gates.clone())))
    }

    fn serve<'d>(
        &'d self,
        sessions: &'d App,
        gates: &'d Gates,
    ) -> BoxFuture<'d, Result<Arc<dyn Site>, Failure>> {
        Box::pin(socket::serve(app(SessionLayer::from(sessions.clone()), gates.clone())))
    }
}
