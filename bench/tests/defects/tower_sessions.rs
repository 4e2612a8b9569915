//! tower-sessions with its memory store.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use sessile::store::BoxFuture;
use sessile_conformance::Failure;
use sessile_conformance::http::app::InMemory;
use sessile_conformance::http::defects::{Implementation, SessionApp};
use sessile_conformance::http::{Gates, Site};
use tower_sessions::{Expiry, MemoryStore, Session, SessionManagerLayer};

use crate::Params;

pub(crate) struct TowerSessions;

struct App {
    router: Router,
    gates: Gates,
}

impl Implementation for TowerSessions {
    fn name(&self) -> &str {
        "tower-sessions 0.15, memory"
    }

    fn app(
        &self,
        lifetime: Option<Duration>,
    ) -> BoxFuture<'_, Result<Box<dyn SessionApp>, Failure>> {
        let gates = Gates::default();
        let mut layer = SessionManagerLayer::new(MemoryStore::default());
        if let Some(lifetime) = lifetime {
            layer = layer.with_expiry(Expiry::OnInactivity(lifetime.try_into().unwrap()));
        }
        let router = Router::new()
            .route("/get", get(read))
            .route("/set", post(set))
            .route("/login", post(log_in))
            .route("/logout", post(async |session: Session| session.flush().await.unwrap()))
            .route("/rotate-then-500", post(rotate_then_fail))
            .with_state(gates.clone())
            .layer(layer);
        Box::pin(async { Ok(Box::new(App { router, gates }) as Box<dyn SessionApp>) })
    }
}

impl SessionApp for App {
    fn site(&self) -> Arc<dyn Site> {
        InMemory::site(self.router.clone())
    }

    fn gates(&self) -> &Gates {
        &self.gates
    }

    fn planted(&self) -> Option<(String, String)> {
        Some(("id".into(), "AAAAAAAAAAAAAAAAAAAAAA".into()))
    }

    fn pass(&self, time: Duration) -> BoxFuture<'_, ()> {
        // It takes no clock.
        Box::pin(tokio::time::sleep(time))
    }
}

async fn read(State(gates): State<Gates>, params: Query<Params>, session: Session) -> String {
    let value = session.get::<String>(&params.k).await.unwrap();
    params.wait(&gates).await;
    value.unwrap_or_else(|| "-".into())
}

async fn set(State(gates): State<Gates>, params: Query<Params>, session: Session) {
    session.get::<String>(&params.k).await.unwrap();
    params.wait(&gates).await;
    session.insert(&params.k, &params.v).await.unwrap();
}

async fn log_in(params: Query<Params>, session: Session) {
    session.cycle_id().await.unwrap();
    session.insert("user", &params.user).await.unwrap();
}

async fn rotate_then_fail(session: Session) -> StatusCode {
    session.cycle_id().await.unwrap();
    StatusCode::INTERNAL_SERVER_ERROR
}
