//! Databases whose encoding is not Unicode's.

use sessile_core::store::{CreateOutcome, Layout, Record};
use sessile_core::{SessionStore as _, StoreKey, Subject};
use sessile_sql::SqlStore;

use super::{LAYOUTS, key, mariadb, name, options, postgres, record, serves};

/// Of every script, one that only differs by its case, one that collations take for another.
const NAMES: [&str; 6] = ["名", "ada", "Ada", "straße", "strasse", "👩‍🚀"];

/// Databases in other encodings, by their addresses.
fn addresses() -> Vec<String> {
    let mut addresses = Vec::new();
    for encoding in ["LATIN1", "SQL_ASCII", "EUC_JP"] {
        let database = name("encoded");
        postgres()
            .query(&format!(
                "CREATE DATABASE {database} ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' \
                 TEMPLATE template0"
            ))
            .unwrap();
        addresses.push(postgres().url_of(&database));
    }
    let database = name("encoded");
    mariadb().query(&format!("CREATE DATABASE {database} CHARACTER SET latin1")).unwrap();
    addresses.push(mariadb().url_of(&database));
    addresses
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d19_any_user_in_any_encoding() {
    for url in addresses() {
        let store = SqlStore::connect(&url, options(Layout::Native)).await.unwrap();
        for (number, user) in (1..).zip(NAMES) {
            let (key, record) = (
                key(Layout::Native, number),
                Record { subject: Subject::new(user), ..record("x") },
            );
            let made = store.create(&key, &record).await.unwrap();
            assert!(matches!(made, CreateOutcome::Created(_)), "{url}: {user}");
        }
        let directory = store.capabilities().directory.unwrap();
        for (number, user) in (1..).zip(NAMES) {
            let subject = Subject::new(user).unwrap();
            let found = directory.by_subject(&subject).await.unwrap().sessions;
            let [(found, record)] = &*found else { panic!("{url}: {user}: {found:?}") };
            assert_eq!(*found, key(Layout::Native, number), "{url}: {user}");
            assert_eq!(record.subject.as_ref(), Some(&subject), "{url}");
            assert_eq!(directory.delete_by_subject(&subject, None).await.unwrap(), 1, "{url}");
        }
    }
}

/// An id is what a browser sent: one that the database cannot even write down is nobody's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d19_an_id_that_has_no_form_in_the_encoding_is_nobodys() {
    for url in addresses() {
        for layout in LAYOUTS {
            let store = SqlStore::connect(&url, options(layout)).await.unwrap();
            serves(&store, layout).await;
            for id in ["名", "session:👩‍🚀", "é", "\u{80}"] {
                let found = store.load(&StoreKey::from_text(id)).await;
                assert!(matches!(found, Ok(None)), "{url}, {layout:?}: {id}: {found:?}");
                store.end(&StoreKey::from_text(id)).await.unwrap();
            }
        }
    }
}
