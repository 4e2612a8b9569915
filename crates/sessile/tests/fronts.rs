//! A cache that is down when the application starts.
#![cfg(all(
    feature = "servers",
    feature = "redis",
    feature = "memcached",
    feature = "sqlite",
    feature = "testing"
))]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::net::SocketAddr;

use axum::Router;
use axum::routing::get;
use sessile::testing::TestClient;
use sessile::{Session, SessionLayer, Settings};
use sessile_testbed::proxy::Proxy;

async fn count(session: Session) -> String {
    let visits = session.get::<u32>("visits").unwrap_or(0) + 1;
    session.insert("visits", visits);
    visits.to_string()
}

async fn visit(visitor: &mut TestClient) -> String {
    visitor.get("/").send().await.unwrap().assert_status(200).text()
}

/// Where the first server of a kind is.
fn server(variable: &str) -> (String, SocketAddr) {
    let url = std::env::var(variable)
        .unwrap_or_else(|_| unreachable!("{variable} is not set: use `cargo xtask servers`"));
    let url = url.split(',').next().unwrap();
    let hosts = url.split("://").nth(1).unwrap().rsplit('@').next().unwrap();
    (url.to_owned(), hosts.split('/').next().unwrap().parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cache_that_is_down_at_the_start_is_used_when_it_is_up() {
    // A port that was just free: nobody listens there.
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for variable in ["SESSILE_TEST_REDIS_URL", "SESSILE_TEST_MEMCACHED_URL"] {
        for settings in [
            Settings::new().with("SESSION_TYPE", "cached"),
            Settings::new()
                .with("SESSION_PROFILE", "django")
                .with("SESSION_ENGINE", "cached_db")
                .with("SECRET_KEY", "3f1c0b6f9a3d47c28c5e6a1d0b7f2e94"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let (url, up) = server(variable);
            let proxy = Proxy::start(up).unwrap();
            let front = proxy.instead_of(&url);
            proxy.lead_to(nowhere);
            let settings = settings
                .with("SESSION_URL", format!("sqlite:{}", folder.path().join("s.db").display()))
                .with("SESSION_CACHE_URL", front);
            let layer = SessionLayer::connect(settings).await.unwrap();
            let app = Router::new().route("/", get(count)).layer(layer);
            let mut visitor = TestClient::new(app);
            for number in 1..4 {
                assert_eq!(visit(&mut visitor).await, number.to_string(), "{variable}, down");
            }
            assert_eq!(proxy.counts().round_trips, 0, "{variable}, down");
            proxy.lead_to(up);
            let limit = std::time::Instant::now() + std::time::Duration::from_secs(30);
            let mut visits = 3;
            // A cache that failed is left alone for a while.
            while proxy.counts().round_trips == 0 {
                assert!(std::time::Instant::now() < limit, "{variable} is up and not asked");
                visits += 1;
                assert_eq!(visit(&mut visitor).await, visits.to_string(), "{variable}, up");
            }
            assert_eq!(visit(&mut visitor).await, (visits + 1).to_string(), "{variable}, used");
        }
    }
}
