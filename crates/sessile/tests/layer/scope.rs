//! `g`: values for one request.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::get;
use serde::{Serialize, Serializer};
use sessile::{Config, G, MemoryStore, SessionLayer, Value};

use crate::support::browser;

static DROPPED: AtomicUsize = AtomicUsize::new(0);

/// A handle such as a database's: shared, counted, not to be printed.
#[derive(Clone)]
struct Handle(Arc<Guard>);

struct Guard(u32);

impl Drop for Guard {
    fn drop(&mut self) {
        DROPPED.fetch_add(1, SeqCst);
    }
}

impl Serialize for Handle {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.0.0)
    }
}

async fn before(g: G, request: Request, next: Next) -> Response {
    assert!(g.names().is_empty(), "values of another request");
    g.set("handle", Handle(Arc::new(Guard(7))));
    g.set("user", "alice".to_owned());
    let response = next.run(request).await;
    assert_eq!(g.get::<u32>("seen"), Some(7), "what the handler set");
    response
}

async fn handler(g: G) -> String {
    let handle = g.get::<Handle>("handle").unwrap();
    g.set("seen", handle.0.0);
    assert_eq!(g.get::<u32>("user"), None, "of another type");
    assert_eq!(g.value("handle").unwrap(), Some(Value::Int(7)));
    assert_eq!(g.value("none").unwrap(), None);
    assert!(g.remove("user") && !g.contains("user") && !g.remove("user"));
    format!("{g:?}")
}

#[tokio::test]
async fn values_live_as_long_as_their_request() {
    let layer = SessionLayer::new(Config::native(), MemoryStore::new()).unwrap();
    let app = Router::new().route("/", get(handler)).layer(from_fn(before));
    let mut browser = browser(app, layer);
    for requests in 1..=3 {
        let reply = browser.get("/").await.unwrap();
        // Names alone, and no session because of it.
        let reply = reply.expect_body(r#"G(["handle", "seen"])"#).unwrap();
        assert_eq!(reply.expect_no_cookie().unwrap().field("vary"), "");
        assert_eq!(DROPPED.load(SeqCst), requests);
    }
}
