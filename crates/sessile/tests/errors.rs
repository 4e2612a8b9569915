//! What errors say, of whatever crate: under `{:?}` as under `{}`, and everything once.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::error::Error;

use sessile::{
    BadHandle, Config, Failure, Handle, MemoryStore, SessionLayer, Settings, Storage, StoreError,
    StoreErrorKind,
};

/// Errors as a program meets them, those within others among them.
async fn met() -> Vec<Box<dyn Error>> {
    let settings = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Settings::from_pairs(pairs)
    };
    let mut errors: Vec<Box<dyn Error>> = Vec::new();
    for pairs in [
        &[("SESSION_PROFILE", "flask")][..],
        &[("SESSION_PROFILE", "native"), ("SESSION_GRACE", "never")],
        &[("SESSION_PROFILE", "flask"), ("SECRET_KEY", "short")],
        &[("SESSION_TYPE", "memory"), ("SESSION_COOKIE_DOMAIN", "not a domain")],
        &[("SESSION_URL", "oracle://host/db")],
        &[("SESION_TYPE", "memory")],
    ] {
        let error = SessionLayer::connect(settings(pairs)).await.err().unwrap();
        errors.push(error.into());
    }
    // Each names its store's own error; those that are not in the build say so.
    for url in [
        "sqlite:/proc/none/sessions.db",
        "postgres://127.0.0.1:1/db?nonsense=1",
        "mysql://127.0.0.1:1/db?nonsense=1",
        "redis://127.0.0.1:1/not-a-number",
        "memcached://127.0.0.1:0",
        "mongodb://",
        "file:/proc/none",
    ] {
        errors.extend(
            SessionLayer::connect(settings(&[("SESSION_URL", url)])).await.err().map(Into::into),
        );
    }
    let mut config = Config::native();
    config.storage = Storage::SignedCookie;
    errors.push(SessionLayer::new(config, MemoryStore::new()).err().unwrap().into());
    let said = std::io::Error::other("the driver's words");
    let store =
        || StoreError::new("file", StoreErrorKind::Full).because(std::io::Error::other("said"));
    errors.push(store().into());
    errors.push(StoreError::new("file", StoreErrorKind::Unavailable).because(said).into());
    errors.push(Failure::from(sessile_core::exchange::Failure::from(store())).into());
    errors.push("nothing".parse::<Handle>().unwrap_err().into());
    errors.push(BadHandle.into());
    errors.push(sessile::SecretKey::new("short").unwrap_err().into());
    errors.push(sessile::from_value::<u8>(&sessile::Value::from("text")).unwrap_err().into());
    let session = sessile_core::Session::anonymous();
    session.insert("key", "text");
    errors.push(session.try_get::<u8>("key").unwrap_err().into());
    errors
}

#[tokio::test]
async fn u04_what_an_error_shows_is_what_it_says() {
    for error in met().await {
        assert_eq!(format!("{error:?}"), error.to_string());
        assert!(!error.to_string().is_empty());
    }
}

#[tokio::test]
async fn u04_nothing_is_said_twice_along_the_sources() {
    for error in met().await {
        let said = error.to_string();
        let mut source = error.source();
        while let Some(next) = source {
            assert!(!said.contains(&next.to_string()), "{said} / {next}");
            source = next.source();
        }
    }
}
