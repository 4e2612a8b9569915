//! A shared cache in front, as far as RFC 9111 needs one here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use http::{Method, Request, header};
use sessile::store::BoxFuture;
use sessile::{Config, Session};
use sessile_conformance::Failure;
use sessile_conformance::http::app::InMemory;
use sessile_conformance::http::{Browser, Reply, Site};

use crate::support::stage;

/// The request's fields that `Vary` names, and their values.
type Fields = Vec<(String, Option<String>)>;

/// The answers stored for one address.
type Variants = Vec<(Fields, Reply)>;

/// Stores every 200 to a GET that does not say `no-store` or `private`, with
/// its `Set-Cookie`, and gives it to whoever sends the same fields that `Vary` names.
#[derive(Clone)]
struct Cache {
    origin: Arc<dyn Site>,
    stored: Arc<Mutex<HashMap<String, Variants>>>,
    hits: Arc<Mutex<usize>>,
}

impl Cache {
    fn before(app: Router) -> Self {
        let (stored, hits) = Default::default();
        Self { origin: InMemory::site(app), stored, hits }
    }
}

fn selecting(vary: &str, request: &Request<String>) -> Fields {
    let names = vary.split(',').map(|name| name.trim().to_ascii_lowercase());
    let values = |name: &str| {
        let fields: Vec<_> = request.headers().get_all(name).iter().collect();
        (!fields.is_empty()).then(|| format!("{fields:?}"))
    };
    names.filter(|name| !name.is_empty()).map(|name| (name.clone(), values(&name))).collect()
}

impl Site for Cache {
    fn answer(&self, request: Request<String>) -> BoxFuture<'_, Result<Reply, Failure>> {
        Box::pin(async move {
            let target = request.uri().to_string();
            if request.method() == Method::GET {
                let stored = self.stored.lock().unwrap();
                for (fields, reply) in stored.get(&target).into_iter().flatten() {
                    let vary: Vec<_> = fields.iter().map(|(name, _)| name.as_str()).collect();
                    if selecting(&vary.join(","), &request) == *fields {
                        *self.hits.lock().unwrap() += 1;
                        return Ok(reply.clone());
                    }
                }
            }
            let cacheable = request.method() == Method::GET;
            let mut asked = Request::new(String::new());
            *asked.headers_mut() = request.headers().clone();
            let reply = self.origin.answer(request).await?;
            let control = reply.field("cache-control");
            let vary = reply.field(header::VARY.as_str());
            let forbidden = ["no-store", "private"].iter().any(|word| control.contains(word));
            if cacheable && reply.status == 200 && !forbidden && vary != "*" {
                let entry = (selecting(&vary, &asked), reply.clone());
                self.stored.lock().unwrap().entry(target).or_default().push(entry);
            }
            Ok(reply)
        })
    }
}

fn app() -> Router {
    const PUBLIC: [(header::HeaderName, &str); 1] =
        [(header::CACHE_CONTROL, "public, max-age=3600")];
    Router::new()
        .route(
            "/login/{user}",
            post(async |path: axum::extract::Path<String>, s: Session| {
                s.log_in(path.0);
            }),
        )
        .route(
            "/who",
            get(async |s: Session| {
                let name = s.subject().map_or_else(|| "-".into(), |name| name.to_string());
                (PUBLIC, name)
            }),
        )
        .route("/same-for-all", get(async || (PUBLIC, "same")))
        .route(
            "/begins",
            get(async |s: Session| {
                s.insert("a", 1);
                (PUBLIC, "begun")
            }),
        )
}

/// User A, then user B, both through the cache: nobody gets the other's page or
/// cookie, and the cache still does its work.
#[tokio::test]
async fn r42_a_cache_in_front_never_mixes_visitors() {
    let mut config = Config::native();
    config.rotate_after = Some(Duration::from_secs(600));
    let stage = stage(config);
    let cache = Cache::before(app().layer(stage.layer()));
    let visitor = || Browser::new(Arc::new(cache.clone()));
    let (mut alice, mut bob, mut nobody) = (visitor(), visitor(), visitor());
    alice.post("/login/alice").await.unwrap().expect(200).unwrap();
    bob.post("/login/bob").await.unwrap().expect(200).unwrap();
    for _ in 0..3 {
        alice.get("/who").await.unwrap().expect_body("alice").unwrap();
        bob.get("/who").await.unwrap().expect_body("bob").unwrap();
        nobody.get("/who").await.unwrap().expect_body("-").unwrap();
    }
    assert_eq!(*cache.hits.lock().unwrap(), 6, "the cache stores and finds by Cookie");
    // A change of id on a page that is public: its Set-Cookie reaches one visitor only.
    stage.clock.pass(Duration::from_secs(600));
    cache.stored.lock().unwrap().clear();
    let stolen = bob.jar().clone();
    alice.get("/who").await.unwrap().expect_body("alice").unwrap();
    bob.get("/who").await.unwrap().expect_body("bob").unwrap();
    assert_ne!(alice.jar(), bob.jar());
    assert_ne!(&stolen, bob.jar(), "the id did not change");
    let (mut first, mut second) = (visitor(), visitor());
    first.get("/begins").await.unwrap().expect(200).unwrap();
    second.get("/begins").await.unwrap().expect(200).unwrap();
    assert_ne!(first.jar(), second.jar(), "two visitors with one session");
    assert_eq!((first.jar().len(), second.jar().len()), (1, 1));
}

/// The cache of this test would mix them up, were it not for what the layer sends.
#[tokio::test]
async fn r42_pages_without_a_session_are_shared() {
    let stage = stage(Config::native());
    let cache = Cache::before(app().layer(stage.layer()));
    let visitor = || Browser::new(Arc::new(cache.clone()));
    let mut alice = visitor();
    alice.post("/login/alice").await.unwrap().expect(200).unwrap();
    for mut who in [alice, visitor(), visitor()] {
        who.get("/same-for-all").await.unwrap().expect_body("same").unwrap();
    }
    assert_eq!(*cache.hits.lock().unwrap(), 2);
}
