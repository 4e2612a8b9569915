//! Everything one script needs: a watched store, a clock to set, the application, its events.

use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use sessile::{Config, Event, EventKind, SessionLayer};
use sessile_core::{AnyStore, Timestamp};

use super::app::app;
use super::browser::{Browser, Nowhere, Site};
use super::door::{Axum, Door};
use super::gates::Gates;
use super::watched::Watched;
use crate::{Failure, Open, Suite};

/// A clock that moves when told to. Clones are the same clock.
#[derive(Clone)]
pub struct Clock(Arc<AtomicI64>);

impl Default for Clock {
    /// Starts at the machine's time, so that stores which forget by themselves agree.
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(crate::suite::now().as_millis())))
    }
}

impl Clock {
    /// The time now.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(SeqCst))
    }

    /// Lets time pass.
    pub fn pass(&self, time: Duration) {
        self.0.fetch_add(i64::try_from(time.as_millis()).unwrap_or(i64::MAX), SeqCst);
    }

    /// Sets the time.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.as_millis(), SeqCst);
    }
}

/// One application over one store.
pub struct Stage {
    /// The store as the application has it.
    pub store: Watched,
    /// The application's clock.
    pub clock: Clock,
    /// Where its handlers stop.
    pub gates: Gates,
    layer: SessionLayer,
    door: Arc<dyn Door>,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Stage {
    /// The application over a new handle on the suite's store.
    ///
    /// # Errors
    ///
    /// The store does not open, or the settings do not go together.
    pub async fn new<O: Open>(suite: &Suite<O>, config: Config) -> Result<Self, Failure> {
        let stage = Self::over(AnyStore::new(suite.open().await?), config, Clock::default())?;
        Ok(stage.through(suite.door()))
    }

    /// The same, entered through another framework than axum.
    #[must_use]
    pub fn through(self, door: Arc<dyn Door>) -> Self {
        Self { door, ..self }
    }

    /// The application over this store.
    ///
    /// # Errors
    ///
    /// The settings do not go together.
    pub fn over(store: AnyStore, config: Config, clock: Clock) -> Result<Self, Failure> {
        let (store, events) = (Watched::new(store), Arc::new(Mutex::new(Vec::new())));
        let (time, list) = (clock.clone(), Arc::clone(&events));
        let layer = SessionLayer::new(config, store.clone())
            .map_err(|error| Failure(error.to_string()))?
            .with_clock(move || time.now())
            .on_event(move |event| {
                list.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
            });
        let (gates, door) = (Gates::default(), Arc::new(Axum));
        Ok(Self { store, clock, gates, layer, door, events })
    }

    /// The tower layer, for applications of another shape.
    pub fn layer(&self) -> SessionLayer {
        self.layer.clone()
    }

    /// The application, on axum.
    pub fn app(&self) -> Router {
        app(self.layer.clone(), self.gates.clone())
    }

    /// The application, as a browser visits it.
    ///
    /// # Errors
    ///
    /// The framework does not start.
    pub fn site(&self) -> Result<Arc<dyn Site>, Failure> {
        self.door.site(self.layer.app(), &self.gates)
    }

    /// The application behind a socket.
    ///
    /// # Errors
    ///
    /// As for [`site`](Self::site).
    pub async fn serve(&self) -> Result<Arc<dyn Site>, Failure> {
        self.door.serve(self.layer.app(), &self.gates).await
    }

    /// A visitor who was never here.
    pub fn browser(&self) -> Browser {
        let nowhere = |failure| Arc::new(Nowhere(failure)) as Arc<dyn Site>;
        Browser::new(self.site().unwrap_or_else(nowhere))
    }

    /// What happened since the last time this was asked.
    pub fn events(&self) -> Vec<Event> {
        std::mem::take(&mut *self.events.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The kinds of [`events`](Self::events), in order.
    pub fn kinds(&self) -> Vec<EventKind> {
        self.events().into_iter().map(|event| event.kind).collect()
    }
}
