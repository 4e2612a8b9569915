//! More at once than a role may have connections, and more in one packet than a server takes.

use sessile_core::store::{CreateOutcome, Layout};
use sessile_core::{SessionStore as _, StoreErrorKind};
use sessile_sql::SqlStore;

use crate::{key, mariadb, name, options, postgres, record, serves};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d17_thirty_logins_by_a_role_of_three_connections_all_succeed() {
    let (role, database) = (name("few"), name("limited"));
    postgres().query(&format!("CREATE ROLE {role} LOGIN CONNECTION LIMIT 3")).unwrap();
    postgres().query(&format!("CREATE DATABASE {database} OWNER {role}")).unwrap();
    mariadb()
        .query(&format!(
            "CREATE USER '{role}'@'127.0.0.1' WITH MAX_USER_CONNECTIONS 3; \
             GRANT ALL ON sessile.* TO '{role}'@'127.0.0.1'"
        ))
        .unwrap();
    for url in [
        postgres().url_of(&database).replace("postgres@", &format!("{role}@")),
        mariadb().url().replace("sessile:sessile@", &format!("{role}@")),
    ] {
        let store = SqlStore::connect(&url, options(Layout::Native)).await.unwrap();
        let mut logins = tokio::task::JoinSet::new();
        for number in 0..30 {
            let store = store.clone();
            logins.spawn(
                async move { store.create(&key(Layout::Native, number), &record("x")).await },
            );
        }
        for login in logins.join_all().await {
            assert!(matches!(login.unwrap(), CreateOutcome::Created(_)));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d13_what_no_packet_holds_is_too_large_and_harms_nobody_else() {
    for layout in [Layout::Native, Layout::Django] {
        let store = SqlStore::connect(&mariadb().url(), options(layout)).await.unwrap();
        // The server takes 1 MiB, we would write 16.
        let giant = "x".repeat(2 << 20);
        let refused = store.create(&key(layout, 1), &record(&giant)).await.unwrap_err();
        assert_eq!(refused.kind(), StoreErrorKind::TooLarge, "{refused}");
        assert!(refused.to_string().contains("max_allowed_packet"), "{refused}");
        serves(&store, layout).await;
    }
}
