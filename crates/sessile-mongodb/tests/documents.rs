//! What stands in the database, and how many round trips it takes to get there.
#![cfg(feature = "servers")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::net::ToSocketAddrs as _;
use std::time::Duration;

use common::{DATABASE, collection, open, options, url};
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Document, doc};
use mongodb::{Client, Collection};
use sessile_conformance::http::{Clock, Stage};
use sessile_conformance::{Capabilities, Suite};
use sessile_core::store::{
    CreateOutcome, Entry, Finding, Layout, Level, TouchOutcome, Version, WriteOutcome,
};
use sessile_core::{AnyStore, SessionStore as _, StoreKey, Subject, Timestamp};
use sessile_mongodb::MongoStore;
use sessile_testbed::proxy::Proxy;

/// The collection as its other users see it.
async fn beside(collection: &str) -> Collection<Document> {
    Client::with_uri_str(url()).await.unwrap().database(DATABASE).collection(collection)
}

async fn only_document(collection: &str) -> Document {
    let collection = beside(collection).await;
    let mut cursor = collection.find(doc! {}).await.unwrap();
    assert!(cursor.advance().await.unwrap());
    let found = cursor.deserialize_current().unwrap();
    assert!(!cursor.advance().await.unwrap(), "more than one document");
    found
}

fn binary(bytes: &[u8]) -> Bson {
    Binary { subtype: BinarySubtype::Generic, bytes: bytes.to_vec() }.into()
}

/// Records of the suite's, for stores of any layout.
fn suite() -> Suite<impl sessile_conformance::Open> {
    Suite::new(|| open(Layout::Native, collection()), Capabilities::all())
}

#[tokio::test]
async fn flask_sessions_document_is_its_own_to_the_last_field() {
    let (name, key) = (collection(), StoreKey::from_text("session:abc"));
    let store = open(Layout::FlaskSession, name.clone()).await.unwrap();
    let mut record = suite().record(&b"\x81\xaa_permanent\xc3"[..]);
    record.absolute = None;
    let end = record.ends().unwrap();
    let created = store.create(&key, &record).await.unwrap();
    let mut found = only_document(&name).await;
    assert!(matches!(found.remove("_id"), Some(Bson::ObjectId(_))), "as theirs has");
    let wanted = doc! {
        "id": "session:abc",
        "val": binary(b"\x81\xaa_permanent\xc3"),
        "expiration": DateTime::from_millis(end.as_millis()),
    };
    assert_eq!(found, wanted);

    // A save of ours changes what a save of theirs does, and keeps `_id`.
    let CreateOutcome::Created(version) = created else { panic!("{created:?}") };
    record.payload = b"\x80"[..].into();
    let written = store.update(&key, &record, &version).await.unwrap();
    assert_eq!(written, WriteOutcome::Written(Version::Bytes(b"\x80"[..].into())));
    let mut found = only_document(&name).await;
    found.remove("_id");
    assert_eq!(found.get("val"), Some(&binary(b"\x80")));
    assert_eq!(found.len(), 3);
}

#[tokio::test]
async fn two_documents_of_one_id_end_together() {
    // Two first saves of Flask-Session's at once leave them: it has no unique index.
    let (name, key) = (collection(), StoreKey::from_text("session:twice"));
    let store = open(Layout::FlaskSession, name.clone()).await.unwrap();
    let end = DateTime::from_millis(DateTime::now().timestamp_millis() + 60_000);
    for _ in 0..2 {
        let theirs = doc! { "id": "session:twice", "val": binary(b"\x80"), "expiration": end };
        beside(&name).await.insert_one(theirs).await.unwrap();
    }
    assert!(store.load(&key).await.unwrap().is_some());
    let record = suite().record(&b"\x80"[..]);
    assert_eq!(store.create(&key, &record).await.unwrap(), CreateOutcome::Exists);
    store.delete(&key).await.unwrap();
    assert_eq!(store.load(&key).await.unwrap(), None);
}

#[tokio::test]
async fn indexes_are_made_as_flask_session_makes_them_and_may_be_there_already() {
    let (theirs_first, ours_first) = (collection(), collection());
    for (name, first) in [(&theirs_first, true), (&ours_first, false)] {
        if first {
            // What its constructor does, but for the option that not every server has.
            let keys = doc! { "expiration": 1 };
            let index = mongodb::IndexModel::builder().keys(keys).build();
            beside(name).await.create_index(index).await.unwrap();
        }
        for _ in 0..2 {
            open(Layout::FlaskSession, name.clone()).await.unwrap();
        }
        let mut names = beside(name).await.list_index_names().await.unwrap();
        names.sort();
        assert_eq!(names, ["_id_", "expiration_1", "id_1"]);
    }
    let ours = collection();
    open(Layout::Native, ours.clone()).await.unwrap();
    let mut names = beside(&ours).await.list_index_names().await.unwrap();
    names.sort();
    assert_eq!(names, ["_id_", "absolute_1", "idle_until_1", "subject_1"]);
}

#[tokio::test]
async fn f22_what_has_expired_is_never_readable_though_the_server_still_has_it() {
    // Our clock goes ahead of the server's, whose TTL monitor does nothing then.
    let name = collection();
    let store = open(Layout::Native, name.clone()).await.unwrap();
    let clock = Clock::default();
    let stage = Stage::over(AnyStore::new(store), sessile::Config::native(), clock).unwrap();
    let mut alice = stage.browser();
    alice.post("/login?user=alice").await.unwrap().expect(200).unwrap();
    stage.clock.pass(Duration::from_secs(3600));
    let documents = beside(&name).await;
    assert_eq!(documents.count_documents(doc! {}).await.unwrap(), 1);
    for path in ["/who", "/get?k=a"] {
        alice.clone().get(path).await.unwrap().expect_body("-").unwrap();
    }
    alice.post("/set?k=a&v=1").await.unwrap().expect(200).unwrap();
    alice.get("/who").await.unwrap().expect_body("-").unwrap();
}

#[tokio::test]
async fn f20_what_expired_between_load_and_save_is_not_revived() {
    for layout in [Layout::Native, Layout::FlaskSession] {
        let (suite, store) = (suite(), open(layout, collection()).await.unwrap());
        let key = StoreKey::from_text("session:late");
        let mut record = suite.record(&b"\x80"[..]);
        let end = record.seen.unwrap() + Duration::from_secs(1);
        (record.idle, record.absolute) = (Some(Duration::from_secs(1)), None);
        let CreateOutcome::Created(version) = store.create(&key, &record).await.unwrap() else {
            panic!("{layout:?}: a fresh key is taken")
        };
        let touched = store.touch(&key, end, record.idle).await.unwrap();
        assert_eq!(touched, TouchOutcome::Gone, "{layout:?}");
        // The server, or a sweep, forgets it before the save comes.
        assert_eq!(
            store.capabilities().sweep.unwrap().sweep(end, 10).await.unwrap(),
            1,
            "{layout:?}"
        );
        let saved = store.update(&key, &record, &version).await.unwrap();
        assert_eq!(saved, WriteOutcome::Gone, "{layout:?}");
        assert_eq!(store.load(&key).await.unwrap(), None, "{layout:?}");
    }
}

#[tokio::test]
async fn f23_documents_that_we_did_not_write_are_refused_and_left_alone() {
    let name = collection();
    let store = open(Layout::Native, name.clone()).await.unwrap();
    let suite = suite();
    let good = doc! {
        "format": 2, "version": 7_i64, "permanent": false, "payload": binary(b"x"),
        "idle": 3_600_000_i64,
    };
    let with = |field: &str, value: Bson| {
        let mut changed = good.clone();
        changed.insert(field, value);
        changed
    };
    let without = |field: &str| {
        let mut changed = good.clone();
        changed.remove(field);
        changed
    };
    let strange = [
        doc! {},
        with("format", 3.into()),
        with("format", 1.into()),
        with("format", "2".into()),
        without("format"),
        without("version"),
        with("version", (-1_i64).into()),
        with("version", 1.5.into()),
        without("payload"),
        with("payload", "text".into()),
        with("permanent", 1.into()),
        with("idle", "tomorrow".into()),
        with("idle", (-1_i64).into()),
        with("absolute", 5_i64.into()),
        with("subject", "".into()),
        with("subject", "x".repeat(500).into()),
        doc! { "format": 2, "to": 5 },
        doc! { "format": 2, "to": "somewhere" },
    ];
    for mut planted in strange {
        let key = suite.key();
        planted.insert("_id", key.to_text());
        beside(&name).await.insert_one(&planted).await.unwrap();
        let loaded = store.load(&key).await.unwrap();
        assert!(matches!(loaded, Some(Entry::Unreadable(_))), "{planted}");
        let record = suite.record("ours");
        let exists = store.create(&key, &record).await.unwrap();
        assert_eq!(exists, CreateOutcome::Exists, "{planted}");
        let found = beside(&name).await.find_one(doc! { "_id": key.to_text() }).await.unwrap();
        assert_eq!(found, Some(planted));
        store.delete(&key).await.unwrap();
    }
    let key = suite.key();
    let mut planted = good;
    planted.insert("_id", key.to_text());
    beside(&name).await.insert_one(&planted).await.unwrap();
    assert!(matches!(store.load(&key).await.unwrap(), Some(Entry::Live(..))));
}

#[tokio::test]
async fn a_change_of_id_that_was_cut_off_shows_one_session_only() {
    let name = collection();
    let store = open(Layout::Native, name.clone()).await.unwrap();
    let (suite, documents) = (suite(), beside(&name).await);
    let user = Subject::new("moving").unwrap();
    let (old, new) = (suite.key(), suite.key());
    let mut record = suite.record("moving");
    record.subject = Some(user.clone());
    let CreateOutcome::Created(version) = store.create(&old, &record).await.unwrap() else {
        panic!("a fresh key is taken")
    };
    let directory = store.capabilities().directory.unwrap();
    let listed = async || -> Vec<StoreKey> {
        let found = directory.by_subject(&user).await.unwrap().sessions;
        found.into_iter().map(|(key, _)| key).collect()
    };
    let scanned =
        async || store.capabilities().scan.unwrap().scan(None, 10).await.unwrap().entries.len();

    // Killed after the first step: the new document is there, the old one as it was.
    let mut unseen = documents.find_one(doc! {}).await.unwrap().unwrap();
    unseen.insert("_id", new.to_text());
    unseen.insert("from", old.to_text());
    documents.insert_one(&unseen).await.unwrap();
    assert_eq!(store.load(&new).await.unwrap(), None);
    assert!(listed().await == [old.clone()]);
    assert_eq!(scanned().await, 1);
    documents.delete_one(doc! { "_id": new.to_text() }).await.unwrap();

    // Killed after the second: the new document is not made sure, the old one leads to it.
    let until = record.ends();
    let moved = store.replace(&old, &version, &new, &record, until).await.unwrap();
    assert!(matches!(moved, WriteOutcome::Written(_)));
    let again = doc! { "$set": { "from": old.to_text() } };
    documents.update_one(doc! { "_id": new.to_text() }, again).await.unwrap();
    assert!(listed().await == [new.clone()]);
    assert_eq!(scanned().await, 1);
    assert!(matches!(store.load(&new).await.unwrap(), Some(Entry::Live(..))));
    let sure = documents.find_one(doc! { "_id": new.to_text() }).await.unwrap().unwrap();
    assert!(!sure.contains_key("from"), "whoever finds it out writes it down");
}

fn with_options(url: &str, options: &str) -> String {
    let (_, rest) = url.split_once("://").unwrap();
    match rest.split_once('?') {
        Some(_) => format!("{url}&{options}"),
        None if rest.contains('/') => format!("{url}?{options}"),
        None => format!("{url}/?{options}"),
    }
}

#[tokio::test]
async fn an_operator_is_told_what_is_wrong() {
    let at = |level: Level, findings: &[Finding]| -> Vec<&'static str> {
        findings.iter().filter(|it| it.level == level).map(|it| it.check).collect()
    };
    let clock = || Timestamp::from_millis(DateTime::now().timestamp_millis());
    let weak = with_options(&url(), "w=1&readPreference=secondaryPreferred");
    for layout in [Layout::Native, Layout::FlaskSession] {
        let store = open(layout, collection()).await.unwrap();
        let findings = store.capabilities().diagnose.unwrap().diagnose(&clock).await.unwrap();
        assert!(at(Level::Bad, &findings).is_empty(), "{findings:?}");
        let good = at(Level::Good, &findings);
        for check in ["clock", "write concern", "reads", "index"] {
            assert!(good.contains(&check), "{check}: {findings:?}");
        }
        let hasty = || clock() + Duration::from_secs(300);
        let findings = store.capabilities().diagnose.unwrap().diagnose(&hasty).await.unwrap();
        assert_eq!(at(Level::Bad, &findings), ["clock"], "{findings:?}");

        let mut without = common::options(layout, &collection());
        without.create_indexes = false;
        let store = MongoStore::connect(&weak, without).await.unwrap();
        store.create(&StoreKey::from_text("session:a"), &suite().record("a")).await.unwrap();
        let findings = store.capabilities().diagnose.unwrap().diagnose(&clock).await.unwrap();
        assert_eq!(at(Level::Bad, &findings), ["write concern", "reads"], "{findings:?}");
        let warnings = at(Level::Warning, &findings);
        assert!(warnings.contains(&"index") && warnings.contains(&"TTL index"), "{findings:?}");
        assert!(findings.iter().all(|it| it.level < Level::Warning || it.advice.is_some()));
    }
}

/// A store whose every byte goes through a proxy that counts.
async fn counted(layout: Layout) -> (MongoStore, Proxy) {
    let url = url();
    let (_, rest) = url.split_once("://").unwrap();
    let host = rest.split(['/', ',', '?']).next().unwrap().rsplit('@').next().unwrap();
    let proxy = Proxy::start(host.to_socket_addrs().unwrap().next().unwrap()).unwrap();
    // The driver asks the server how it is on connections of its own: not now.
    let quiet = "directConnection=true&heartbeatFrequencyMS=3600000";
    let url = with_options(&url, quiet).replacen(host, &proxy.address().to_string(), 1);
    let store = MongoStore::connect(&url, options(layout, &collection())).await.unwrap();
    (store, proxy)
}

#[tokio::test]
async fn each_call_is_one_round_trip() {
    for layout in [Layout::Native, Layout::FlaskSession] {
        let ((store, proxy), suite) = (counted(layout).await, suite());
        let key = StoreKey::from_text("session:counted");
        let record = suite.record("counted");
        let mut before = proxy.counts().round_trips;
        let mut trips = || {
            let now = proxy.counts().round_trips;
            std::mem::replace(&mut before, now).abs_diff(now)
        };
        let CreateOutcome::Created(version) = store.create(&key, &record).await.unwrap() else {
            panic!("a fresh key is taken")
        };
        assert_eq!(trips(), 1, "{layout:?}: create");
        store.load(&key).await.unwrap();
        assert_eq!(trips(), 1, "{layout:?}: load");
        let written = store.update(&key, &suite.record("changed"), &version).await.unwrap();
        assert!(matches!(written, WriteOutcome::Written(_)), "{layout:?}: {written:?}");
        assert_eq!(trips(), 1, "{layout:?}: update");
        store
            .touch(&key, record.seen.unwrap() + Duration::from_secs(60), record.idle)
            .await
            .unwrap();
        assert_eq!(trips(), 1, "{layout:?}: touch");
        store.delete(&key).await.unwrap();
        assert_eq!(trips(), 1, "{layout:?}: delete");
    }
}

#[tokio::test]
async fn inv02_round_trips_of_requests_counted_at_the_wire() {
    let (store, proxy) = counted(Layout::Native).await;
    let config = sessile::Config::native();
    let stage = Stage::over(AnyStore::new(store), config, Clock::default()).unwrap();
    let mut visitor = stage.browser();
    let mut before = proxy.counts().round_trips;
    for (path, wanted) in [
        ("/untouched", 0),
        ("/get?k=a", 0),
        ("/set?k=a&v=1", 1),
        ("/untouched", 0),
        ("/get?k=a", 1),
        ("/set?k=a&v=2", 2),
        ("/remove?k=missing", 1),
    ] {
        if path.contains("/get") || path == "/untouched" {
            visitor.get(path).await.unwrap().expect(200).unwrap();
        } else {
            visitor.post(path).await.unwrap().expect(200).unwrap();
        }
        let now = proxy.counts().round_trips;
        assert_eq!(now - before, wanted, "{path}");
        before = now;
    }
}

fn like_theirs() -> Capabilities {
    Capabilities {
        directory: false,
        grace: false,
        metadata: false,
        two_deadlines: false,
        fresh_versions: false,
        keys: sessile_conformance::Keys::Text("session:"),
        ..Capabilities::all()
    }
}

/// A newer release's, a damaged one, and what somebody else wrote, in each layout.
#[test]
fn s13_an_unreadable_document_is_nobodys_session() {
    use sessile_conformance::cases::unreadable::an_unreadable_entry_is_nobodys_session as case;
    use sessile_conformance::passed;

    let native = [
        doc! { "format": 9, "version": 5_i64 },
        doc! { "version": -1_i64 },
        doc! { "version": "5" },
        doc! { "version": 5_i64, "payload": "text" },
        doc! { "version": 5_i64, "idle": "long" },
        doc! { "version": 5_i64, "to": 5 },
    ];
    let theirs = [doc! { "val": "text" }, doc! { "val": Bson::Null }, doc! { "val": 5 }];
    let like_theirs = like_theirs();
    let native = native.map(|set| (Layout::Native, "_id", Capabilities::all(), set));
    let theirs = theirs.map(|set| (Layout::FlaskSession, "id", like_theirs.clone(), set));
    for (layout, id, can, set) in native.into_iter().chain(theirs) {
        let name = collection();
        let opened = name.clone();
        let suite = Suite::new(move || open(layout, opened.clone()), can);
        let damage = async |key: &StoreKey| {
            let (documents, this) = (beside(&name).await, doc! { id: key.to_text() });
            let changed = documents.update_one(this, doc! { "$set": set.clone() }).await;
            assert_eq!(changed.unwrap().modified_count, 1);
        };
        passed(case(&suite, damage)).unwrap_or_else(|failure| panic!("{set}: {failure}"));
    }
}

#[test]
fn s14_a_hostile_moment_in_a_document_harms_nobody() {
    use sessile_conformance::cases::hostile_moments::a_hostile_moment_harms_nobody as case;
    use sessile_conformance::passed;

    let dates = [i64::MIN, -1, 0, 253_402_300_800_000, i64::MAX].map(DateTime::from_millis);
    let values: Vec<_> = dates
        .map(Bson::from)
        .into_iter()
        .chain([Bson::Null, Bson::Int64(i64::MAX), "soon".into(), 1e300.into()])
        .collect();
    let fields = ["created", "seen", "rotated", "authenticated", "absolute", "idle_until"];
    let native = fields.into_iter().flat_map(|field| {
        let set =
            |value: &Bson| (Layout::Native, "_id", Capabilities::all(), doc! { field: value });
        values.iter().map(set).collect::<Vec<_>>()
    });
    let spans = [i64::MIN, -1, 0, i64::MAX]
        .map(|idle| (Layout::Native, "_id", Capabilities::all(), doc! { "idle": idle }));
    let theirs = values
        .iter()
        .map(|end| (Layout::FlaskSession, "id", like_theirs(), doc! { "expiration": end }));
    for (layout, id, can, set) in native.clone().chain(spans).chain(theirs) {
        let name = collection();
        let opened = name.clone();
        let suite = Suite::new(move || open(layout, opened.clone()), can);
        let plant = async |key: &StoreKey| {
            let (documents, this) = (beside(&name).await, doc! { id: key.to_text() });
            let changed = documents.update_one(this, doc! { "$set": set.clone() }).await;
            assert_eq!(changed.unwrap().matched_count, 1);
        };
        passed(case(&suite, plant)).unwrap_or_else(|failure| panic!("{set}: {failure}"));
    }
}

#[test]
fn s18_settings_at_their_extremes_panic_nowhere() {
    use sessile_conformance::cases::settings::every_call_serves as case;
    use sessile_conformance::{block_on, passed};

    for layout in [Layout::Native, Layout::FlaskSession] {
        let can = match layout {
            Layout::FlaskSession => like_theirs(),
            _ => Capabilities::all(),
        };
        let suite = |timeout: Duration, waiting: usize, url: String| {
            let options =
                sessile_mongodb::Options { timeout, waiting, ..options(layout, &collection()) };
            let open = move || {
                let (url, options) = (url.clone(), options.clone());
                async move {
                    MongoStore::connect(&url, options).await.map_err(|error| match error {
                        sessile_mongodb::ConnectError::Store(error) => error,
                        other => unreachable!("{other}"),
                    })
                }
            };
            Suite::new(open, can.clone())
        };
        passed(case(&suite(Duration::MAX, usize::MAX, url()))).unwrap();
        let joint = if url().contains('?') { '&' } else { '?' };
        let slash = if url().matches('/').count() < 3 { "/" } else { "" };
        let largest = "serverSelectionTimeoutMS=9223372036854775807&\
                       connectTimeoutMS=9223372036854775807&maxPoolSize=4294967295";
        let told = format!("{}{slash}{joint}{largest}", url());
        passed(case(&suite(Duration::MAX, usize::MAX, told))).unwrap();
        // Nothing is done in no time; what matters is that this returns.
        assert!(block_on(case(&suite(Duration::ZERO, 0, url()))).unwrap().is_err());
    }
}
