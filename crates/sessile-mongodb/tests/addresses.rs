//! What is refused before anything is connected to.

#![allow(clippy::expect_used, reason = "helpers of tests")]

use std::time::Duration;

use sessile_core::StoreErrorKind;
use sessile_core::store::Layout;
use sessile_mongodb::{ConnectError, MongoStore, Options};

async fn refused(url: &str, options: Options) -> ConnectError {
    MongoStore::connect(url, options).await.expect_err("nothing listens there")
}

#[tokio::test]
async fn an_address_that_is_none_is_refused_and_its_password_never_printed() {
    for url in [
        "",
        "localhost",
        "redis://:hunter2@localhost",
        "mongodb://",
        "mongodb://u:hunter2@",
        "mongodb://u:hunter2@host:port/",
        "mongodb://u:hunter2/@host/",
        "mongodb://u:hunter2@host/?w=-2",
        "mongodb://u:hunter2@host/?authMechanism=hunter2",
        "mongodb+srv://u:hunter2@host:1/",
        "mongodb://u:hunter2@host/d?directConnection=hunter2",
    ] {
        let error = refused(url, Options::default()).await;
        assert!(matches!(error, ConnectError::Url(_)), "{url}: {error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}

#[tokio::test]
async fn django_has_no_layout_in_mongodb() {
    let options = Options { layout: Layout::Django, ..Options::default() };
    let error = refused("mongodb://localhost/", options).await;
    assert!(matches!(error, ConnectError::Layout(Layout::Django)), "{error}");
}

#[tokio::test]
async fn names_that_mongodb_does_not_take_are_refused() {
    let long = "x".repeat(64);
    for name in ["", "a/b", "a b", "a$b", "a\0b", ".a", "system.users", &long] {
        let options = Options { database: Some(name.into()), ..Options::default() };
        let error = refused("mongodb://localhost/", options).await;
        assert!(matches!(error, ConnectError::Name("database")), "{name:?}: {error}");
        let options = Options { collection: name.into(), ..Options::default() };
        let error = refused("mongodb://localhost/", options).await;
        assert!(matches!(error, ConnectError::Name("collection")), "{name:?}: {error}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_said_within_the_time_allowed() {
    let options = Options { timeout: Duration::from_millis(300), ..Options::default() };
    // Port 1 is nobody's.
    let error = refused("mongodb://u:hunter2@127.0.0.1:1/", options).await;
    let ConnectError::Store(store) = &error else { panic!("{error}") };
    let kinds = [StoreErrorKind::Unavailable, StoreErrorKind::Timeout];
    assert!(kinds.contains(&store.kind()), "{error}");
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
}
