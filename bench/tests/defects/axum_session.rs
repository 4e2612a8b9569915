//! axum_session without a database: sessions live in its own memory map.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum_session::{
    SessionConfig, SessionLayer, SessionNullPool, SessionNullSession, SessionStore,
};
use sessile::store::BoxFuture;
use sessile_conformance::Failure;
use sessile_conformance::http::app::InMemory;
use sessile_conformance::http::defects::{Implementation, SessionApp};
use sessile_conformance::http::{Gates, Site};

use crate::Params;

pub(crate) struct AxumSession;

struct App {
    router: Router,
    gates: Gates,
}

impl Implementation for AxumSession {
    fn name(&self) -> &str {
        "axum_session 0.22, memory"
    }

    fn app(
        &self,
        lifetime: Option<Duration>,
    ) -> BoxFuture<'_, Result<Box<dyn SessionApp>, Failure>> {
        Box::pin(async move {
            let gates = Gates::default();
            let mut config = SessionConfig::default();
            if let Some(lifetime) = lifetime {
                let lifetime = lifetime.try_into().unwrap();
                config = config.with_lifetime(lifetime).with_memory_lifetime(lifetime);
            }
            let store = SessionStore::<SessionNullPool>::new(None, config).await.unwrap();
            let router = Router::new()
                .route("/get", get(read))
                .route("/set", post(set))
                .route("/login", post(log_in))
                .route("/logout", post(async |session: SessionNullSession| session.destroy()))
                .route("/rotate-then-500", post(rotate_then_fail))
                .with_state(gates.clone())
                .layer(SessionLayer::new(store));
            Ok(Box::new(App { router, gates }) as Box<dyn SessionApp>)
        })
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
        Some(("session".into(), "6f1b3c52-8c1e-4b7e-9d0a-2f4c5e6a7b8c".into()))
    }

    fn pass(&self, time: Duration) -> BoxFuture<'_, ()> {
        // It takes no clock.
        Box::pin(tokio::time::sleep(time))
    }
}

async fn read(
    State(gates): State<Gates>,
    params: Query<Params>,
    session: SessionNullSession,
) -> String {
    let value = session.get::<String>(&params.k);
    params.wait(&gates).await;
    value.unwrap_or_else(|| "-".into())
}

async fn set(State(gates): State<Gates>, params: Query<Params>, session: SessionNullSession) {
    session.get::<String>(&params.k);
    params.wait(&gates).await;
    session.set(&params.k, &params.v);
}

async fn log_in(params: Query<Params>, session: SessionNullSession) {
    session.renew();
    session.set("user", &params.user);
}

async fn rotate_then_fail(session: SessionNullSession) -> StatusCode {
    session.renew();
    StatusCode::INTERNAL_SERVER_ERROR
}
