//! A site whose cookie got another domain or path, and browsers that still have the old one.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

#[path = "traced/mod.rs"]
mod traced;

use axum::Router;
use axum::routing::{get, post};
use sessile::testing::TestClient;
use sessile::{AnyStore, Config, KeyRing, MemoryStore, SecretKey, Session, SessionLayer, Storage};

use traced::Everything;

const SITE: &str = "https://shop.example.com";

fn keys() -> KeyRing {
    KeyRing::new(SecretKey::new("3f1c0b6f9a3d47c28c5e6a1d0b7f2e94").unwrap())
}

/// One of each way to keep sessions.
fn profiles() -> Vec<(&'static str, Config)> {
    let named = |mut config: Config| {
        config.cookie.name = "id".to_owned();
        config
    };
    let mut held = named(Config::native());
    held.storage = Storage::SignedCookie;
    held.keys = Some(keys());
    held.cookie_sessions_cannot_be_revoked = true;
    vec![
        ("native", named(Config::native())),
        ("native, held", held),
        ("flask", Config::flask(keys())),
        ("flask_session", Config::flask_session(None)),
        ("django", Config::django(keys())),
        ("starlette", Config::starlette(keys())),
    ]
}

fn site(config: Config, store: &MemoryStore) -> Router {
    let sessions = match config.storage {
        Storage::Store => SessionLayer::new(config, AnyStore::new(store.clone())),
        _ => SessionLayer::in_cookies(config),
    };
    Router::new()
        .route("/app/visit", post(async |session: Session| session.insert("seen", true)))
        .route(
            "/app/login",
            post(async |session: Session| {
                session.cycle_id();
                session.insert("user", "ada");
            }),
        )
        .route("/app/who", get(who))
        .route("/app/logout", post(async |session: Session| session.flush()))
        .layer(sessions.unwrap())
}

async fn who(session: Session) -> String {
    session.get::<String>("user").unwrap_or_else(|| "nobody".to_owned())
}

/// The visitor's browser at a site of another make.
fn at(mut before: TestClient, site: Router) -> TestClient {
    let mut after = TestClient::new(site).at(SITE);
    *after.cookies() = std::mem::take(before.cookies());
    after
}

/// Domain and path before and now.
type Move = (Option<&'static str>, &'static str, Option<&'static str>, &'static str);

const MOVES: [Move; 6] = [
    (None, "/", Some("example.com"), "/"),
    (Some("example.com"), "/", None, "/"),
    (Some("example.com"), "/", Some("shop.example.com"), "/"),
    (None, "/app", None, "/"),
    (None, "/", None, "/app"),
    (Some("example.com"), "/app", None, "/"),
];

fn moved(config: &Config, (old, old_path, new, new_path): Move, told: bool) -> (Config, Config) {
    let with = |domain: Option<&str>, path: &str| {
        let mut config = config.clone();
        config.cookie.domain = domain.map(str::to_owned);
        config.cookie.path = path.to_owned();
        config
    };
    let mut now = with(new, new_path);
    if told {
        now.former_domain = Some(old.map(str::to_owned));
        now.former_path = Some(old_path.to_owned());
    }
    (with(old, old_path), now)
}

#[tokio::test]
async fn d16_a_cookie_that_was_moved_hides_nobodys_login_and_goes() {
    // Whoever traces first decides for a while whether others' events are built at all.
    let _traced = tracing::subscriber::set_default(Everything::default());
    for (name, config) in profiles() {
        for from_to in MOVES {
            let what = format!("{name}: {from_to:?}");
            let (before, now) = moved(&config, from_to, true);
            let store = MemoryStore::new();
            let mut visitor = TestClient::new(site(before, &store)).at(SITE);
            visitor.post("/app/visit").send().await.unwrap().assert_status(200);
            let mut visitor = at(visitor, site(now, &store));
            // A page of the new site, the login, and whoever comes back after it.
            visitor.get("/app/who").send().await.unwrap().assert_status(200);
            visitor.post("/app/login").send().await.unwrap().assert_status(200);
            for _ in 0..3 {
                assert_eq!(visitor.get("/app/who").send().await.unwrap().text(), "ada", "{what}");
            }
            assert_eq!(visitor.cookies().names().len(), 1, "{what}: one cookie is left");
            // And the one that is left is the new one: nobody has to be told any more.
            let (_, untold) = moved(&config, from_to, false);
            let mut visitor = at(visitor, site(untold, &store));
            assert_eq!(visitor.get("/app/who").send().await.unwrap().text(), "ada", "{what}");
            visitor.post("/app/logout").send().await.unwrap().assert_status(200);
            assert_eq!(visitor.get("/app/who").send().await.unwrap().text(), "nobody", "{what}");
            assert!(visitor.cookies().names().is_empty(), "{what}");
        }
    }
}

/// Where nobody said what the cookie was before: with a domain the host's own one is known to be
/// old, and elsewhere the operator is told what to say.
#[tokio::test]
async fn d16_an_old_cookie_that_nobody_named_is_removed_or_said_once() {
    for (name, config) in profiles() {
        for from_to in MOVES {
            let what = format!("{name}: {from_to:?}");
            let (before, now) = moved(&config, from_to, false);
            let (old_store, store) = (MemoryStore::new(), MemoryStore::new());
            let mut before = before;
            // Its sessions are gone, or not ours at all.
            let others = SecretKey::new("d02c4f8a7b1e4935a6c0f2d18e5b7394").unwrap();
            before.keys = before.keys.map(|_| KeyRing::new(others));
            let mut visitor = TestClient::new(site(before, &old_store)).at(SITE);
            visitor.post("/app/visit").send().await.unwrap().assert_status(200);
            let traced = Everything::default();
            let guard = tracing::subscriber::set_default(traced.clone());
            let mut visitor = at(visitor, site(now, &store));
            visitor.post("/app/login").send().await.unwrap().assert_status(200);
            let mut known = true;
            for _ in 0..3 {
                known &= visitor.get("/app/who").send().await.unwrap().text() == "ada";
            }
            drop(guard);
            let said = traced.0.lock().unwrap().matches("several cookies of the session").count();
            let has_domain = from_to.2.is_some();
            assert!(known || !has_domain, "{what}");
            assert_eq!(said, usize::from(!known || has_domain), "{what}");
        }
    }
}

#[tokio::test]
async fn d16_who_has_one_good_cookie_hears_nothing_of_it() {
    let _traced = tracing::subscriber::set_default(Everything::default());
    for (name, config) in profiles() {
        for from_to in MOVES {
            let (_, now) = moved(&config, from_to, true);
            let (was, _) = moved(&config, from_to, false);
            // As it is now, and as one who was not here since the change.
            for settings in [now.clone(), was] {
                let store = MemoryStore::new();
                let mut visitor = TestClient::new(site(settings, &store)).at(SITE);
                visitor.post("/app/login").send().await.unwrap().assert_status(200);
                let mut visitor = at(visitor, site(now.clone(), &store));
                let reply = visitor.get("/app/who").send().await.unwrap();
                let removed = reply.headers.get_all("set-cookie").iter();
                let removed = removed.filter(|it| it.to_str().unwrap().contains("1970")).count();
                assert_eq!((reply.text().as_str(), removed), ("ada", 0), "{name} {from_to:?}");
            }
        }
    }
}
