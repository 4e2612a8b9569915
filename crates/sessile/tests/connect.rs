//! Layers from settings.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::collections::HashMap;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use axum::routing::get;
use sessile::{ConnectError, Session, SessionLayer, Settings};
use tower::ServiceExt;

const KEY: &str = "3f1c0b6f9a3d47c28c5e6a1d0b7f2e94";

async fn count(session: Session) -> String {
    let visits = session.get::<u32>("visits").unwrap_or(0) + 1;
    session.insert("visits", visits);
    visits.to_string()
}

/// Visits `/` once with each layer in turn, as one browser, and says what was answered.
async fn visits(layers: impl IntoIterator<Item = SessionLayer>) -> Vec<String> {
    let mut jar: HashMap<String, String> = HashMap::new();
    let mut answers = Vec::new();
    for layer in layers {
        let app = Router::new().route("/", get(count)).layer(layer);
        let cookies: Vec<_> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = Request::get("/").header(header::COOKIE, cookies.join("; "));
        let response = app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        for cookie in response.headers().get_all(header::SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            jar.insert(name.to_owned(), value.to_owned());
        }
        let body = axum::body::to_bytes(response.into_body(), 64).await.unwrap();
        answers.push(String::from_utf8(body.to_vec()).unwrap());
    }
    answers
}

fn refused(outcome: Result<SessionLayer, ConnectError>) -> ConnectError {
    outcome.err().unwrap()
}

#[tokio::test]
async fn memory_and_cookies_need_no_feature() {
    let memory = Settings::new().with("SESSION_TYPE", "memory");
    let layer = SessionLayer::connect(memory).await.unwrap();
    assert_eq!(visits([layer.clone(), layer]).await, ["1", "2"]);

    let flask = Settings::new().with("SESSION_PROFILE", "flask").with("SECRET_KEY", KEY);
    let one = SessionLayer::connect(flask.clone()).await.unwrap();
    let other = SessionLayer::connect(flask).await.unwrap();
    assert_eq!(visits([one, other]).await, ["1", "2"]);
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn sqlite_keeps_sessions_between_layers() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("sessions.db").display());
    let settings = Settings::new().with("SESSION_URL", url).with("SESSION_TABLE", "visitors");
    let one = SessionLayer::connect(settings.clone()).await.unwrap();
    let other = SessionLayer::connect(settings).await.unwrap();
    assert_eq!(visits([one, other]).await, ["1", "2"]);
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn sqlite_serves_flask_sessions_and_djangos_tables() {
    let dir = tempfile::tempdir().unwrap();
    for profile in ["flask_session", "django"] {
        let url = format!("sqlite:{}", dir.path().join(profile).display());
        let settings = Settings::new().with("SESSION_PROFILE", profile).with("SECRET_KEY", KEY);
        let settings = settings.with("SESSION_URL", url);
        let one = SessionLayer::connect(settings.clone()).await.unwrap();
        let other = SessionLayer::connect(settings).await.unwrap();
        assert_eq!(visits([one, other]).await, ["1", "2"], "{profile}");
    }
}

#[cfg(feature = "file")]
#[tokio::test]
async fn files_keep_sessions_between_layers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sessions").display().to_string();
    let settings = Settings::new().with("SESSION_FILE_DIR", path);
    let one = SessionLayer::connect(settings.clone()).await.unwrap();
    let other = SessionLayer::connect(settings.clone()).await.unwrap();
    assert_eq!(visits([one, other]).await, ["1", "2"]);
    let shared = settings.with("SESSION_FILE_MODE", "0640");
    assert!(matches!(refused(SessionLayer::connect(shared).await), ConnectError::FileMode));

    // As the originals lay them out: their names, their bytes.
    for (profile, setting, mode) in
        [("flask_session", "SESSION_FILE_DIR", true), ("django", "SESSION_FILE_PATH", false)]
    {
        let folder = dir.path().join(profile);
        let settings = Settings::new().with("SESSION_PROFILE", profile).with("SECRET_KEY", KEY);
        let settings = settings.with(setting, folder.display().to_string());
        let settings = if mode { settings.with("SESSION_FILE_MODE", "0640") } else { settings };
        let one = SessionLayer::connect(settings.clone()).await.unwrap();
        let other = SessionLayer::connect(settings).await.unwrap();
        assert_eq!(visits([one, other]).await, ["1", "2"]);
        let names = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name());
        let django = |name: &str| name.starts_with("sessionid") && name.len() == 41;
        let cachelib = |name: &str| name.len() == 64;
        let found = names.filter_map(|name| name.into_string().ok());
        let found: Vec<_> = found.filter(|name| django(name) || cachelib(name)).collect();
        assert!(!found.is_empty(), "{profile}");
    }
}

#[tokio::test]
async fn what_cannot_be_opened_is_refused_with_what_to_do() {
    let redis = Settings::new().with("SESSION_URL", "redis://:hunter2@127.0.0.1:1");
    let error = refused(SessionLayer::connect(redis).await);
    let text = format!("{error} {error:?}");
    assert!(text.to_lowercase().contains("redis") && !text.contains("hunter2"), "{text}");

    let nothing = refused(SessionLayer::connect(Settings::new()).await);
    assert!(nothing.to_string().contains("SESSION_TYPE"), "{nothing}");
}

#[cfg(not(feature = "sqlite"))]
#[tokio::test]
async fn a_store_left_out_names_its_feature() {
    let settings = Settings::new().with("SESSION_URL", "sqlite:sessions.db");
    let error = refused(SessionLayer::connect(settings).await);
    assert!(matches!(error, ConnectError::NoFeature { feature: "sqlite", .. }), "{error}");
}

#[cfg(feature = "toml")]
#[test]
fn a_file_is_read_and_its_absence_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sessile.toml");
    std::fs::write(&path, "SESSION_TYPE = 'memory'\n").unwrap();
    let settings = sessile::from_toml(&path).unwrap();
    assert_eq!(settings.names().collect::<Vec<_>>(), ["SESSION_TYPE"]);
    let absent = sessile::from_toml(dir.path().join("other.toml")).unwrap_err();
    assert!(absent.to_string().contains("other.toml"), "{absent}");
    std::fs::write(&path, "SESSION_TYPE = memory\n").unwrap();
    let broken = sessile::from_toml(&path).unwrap_err().to_string();
    assert!(broken.contains("sessile.toml: line 1") && broken.contains("quotes"), "{broken}");
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn f21_sessions_that_expired_a_while_ago_are_removed_behind_the_requests() {
    use sessile::SessionStore as _;
    use sessile::store::Record;

    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("sessions.db").display());
    let settings = Settings::new().with("SESSION_URL", url.clone());
    let store = sessile::sql::SqlStore::connect(&url, Default::default()).await.unwrap();
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let key = |minutes: u8| sessile::StoreKey::from_hash([minutes; 32]);
    let ended = async |minutes: u8| {
        let end = sessile::Timestamp::from_secs((now - u64::from(minutes) * 60) as i64);
        let record = Record::ending("", Some(end));
        store.create(&key(minutes), &record).await.unwrap();
    };
    // To a server whose clock is behind by less, this one still lives.
    ended(5).await;
    let ways = [("SESSION_SWEEP_EVERY", "0.002"), ("SESSION_CLEANUP_N_REQUESTS", "2")];
    // A layer that is given its configuration in code follows it, too.
    for ((name, value), in_code) in
        ways.map(|way| [(way, false), (way, true)]).into_iter().flatten()
    {
        ended(11).await;
        let settings = settings.clone().with(name, value);
        let swept = match in_code {
            true => {
                let (config, _) = settings.into_config().unwrap();
                let store = sessile::sql::SqlStore::connect(&url, Default::default()).await;
                SessionLayer::new(config, store.unwrap()).unwrap()
            }
            false => SessionLayer::connect(settings).await.unwrap(),
        };
        let emptied = async {
            while store.load(&key(11)).await.unwrap().is_some() {
                if name == "SESSION_CLEANUP_N_REQUESTS" {
                    // Two requests: the second of them sweeps.
                    visits([swept.clone()]).await;
                    visits([swept.clone()]).await;
                }
                tokio::task::yield_now().await;
            }
        };
        let limit = std::time::Duration::from_secs(20);
        tokio::time::timeout(limit, emptied).await.unwrap_or_else(|_| panic!("{name}"));
        assert!(store.load(&key(5)).await.unwrap().is_some(), "{name}");
    }
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn nobody_is_logged_out_while_sessions_move_to_another_store() {
    let dir = tempfile::tempdir().unwrap();
    let url = |name: &str| format!("sqlite:{}", dir.path().join(name).display());
    for profile in ["native", "flask_session", "django"] {
        let settings = Settings::new().with("SESSION_PROFILE", profile).with("SECRET_KEY", KEY);
        let (from, to) = (url(&format!("{profile}-a")), url(&format!("{profile}-b")));
        let old = settings.clone().with("SESSION_URL", from.clone());
        let new = settings.with("SESSION_URL", to);
        let both = new.clone().with("SESSION_MIGRATE_FROM", from);
        let old = SessionLayer::connect(old).await.unwrap();
        let both = SessionLayer::connect(both).await.unwrap();
        let new = SessionLayer::connect(new).await.unwrap();
        assert_eq!(visits([old, both, new]).await, ["1", "2", "3"], "{profile}");
    }
}

/// Between the look at a store and the end of a session, a request may change its id.
#[tokio::test]
async fn r10_a_session_that_is_ended_by_a_key_of_before_is_ended_where_it_is() {
    use sessile::store::{CreateOutcome, Record};
    use sessile::{AnyStore, Config, Engine, SessionStore as _, StoreKey, Timestamp};

    let engine = Engine::new(Config::native()).unwrap();
    let store = AnyStore::new(sessile::MemoryStore::new());
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() as i64;
    let later = Some(Timestamp::from_secs(now + 600));
    let payload = engine.encode(&sessile::Map::new(), Timestamp::from_secs(now)).unwrap();
    let record = Record::ending(payload, later);
    let [old, new] = [1, 2].map(|number| StoreKey::from_hash([number; 32]));
    let CreateOutcome::Created(version) = store.create(&old, &record).await.unwrap() else {
        unreachable!("it is there already")
    };
    store.replace(&old, &version, &new, &record, later).await.unwrap();
    store.end(&old).await.unwrap();
    assert_eq!(store.load(&new).await.unwrap(), None);
    store.end(&old).await.unwrap();
}
