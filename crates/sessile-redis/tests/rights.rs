//! Users with the rights that the guide gives them: they are enough, and none is too many.
#![cfg(feature = "servers")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod support;

use std::time::Duration;

use sessile_conformance::{Capabilities, Keys, run_all};
use sessile_core::store::{CreateOutcome, Entry, Finding, Layout, Level, Record};
use sessile_core::{SessionStore as _, StoreKey, Subject, Timestamp};
use sessile_redis::{Options, RedisStore};
use sessile_testbed::redis::{Redis, RedisOptions};
use support::{near, open};

const GUIDE: &str = include_str!("../../../docs/guides/managed-redis.md");

const LAYOUTS: [(Layout, &str, &str); 3] = [
    (Layout::Native, "native", "sessile:"),
    (Layout::FlaskSession, "flask_session", "session:"),
    (Layout::Django, "django", ":1:django.contrib.sessions.cache"),
];

/// The words of the guide's `ACL SETUSER` for a layout, from `web` on.
fn rights(profile: &str) -> Vec<String> {
    let (_, after) = GUIDE.split_once(&format!("<!-- rights: {profile} -->")).unwrap();
    let line = after.lines().find(|line| line.starts_with("ACL SETUSER web")).unwrap();
    line.split(' ').skip(2).map(str::to_owned).collect()
}

/// The rights of a row of the guide's table.
fn more(row: &str) -> Vec<String> {
    let line = GUIDE.lines().find(|line| line.starts_with(&format!("| {row}"))).unwrap();
    let (_, rights) = line.trim_end_matches([' ', '|']).split_once(" | `").unwrap();
    rights.trim_end_matches('`').replace('\\', "").split(' ').map(str::to_owned).collect()
}

fn make_user(redis: &Redis, words: &[String]) -> String {
    redis.command(&["ACL", "DELUSER", "web"]).unwrap();
    let words = words.iter().map(String::as_str);
    let command: Vec<_> = ["ACL", "SETUSER"].into_iter().chain(words).collect();
    redis.command(&command).unwrap();
    redis.command(&["ACL", "LOG", "RESET"]).unwrap();
    redis.url().replace("redis://", "redis://web:secret@")
}

/// What the server refused since the user was made.
fn refused(redis: &Redis) -> String {
    format!("{:?}", redis.command(&["ACL", "LOG"]).unwrap())
}

fn can(layout: Layout, prefix: &'static str) -> Capabilities {
    let native = Capabilities { sweep: false, ..Capabilities::all() };
    match layout {
        Layout::Native => native,
        _ => Capabilities {
            directory: false,
            grace: false,
            metadata: false,
            two_deadlines: false,
            fresh_versions: false,
            precision: Duration::from_secs(2),
            keys: Keys::Text(prefix),
            ..native
        },
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d11_the_guides_rights_are_enough_for_the_whole_suite() {
    let redis = Redis::start(RedisOptions::default()).unwrap();
    for (layout, profile, prefix) in LAYOUTS {
        for (options, row) in
            [(Options::default(), None), (near(), Some("`SESSION_REDIS_NEAR_CACHE`"))]
        {
            let mut words = rights(profile);
            words.extend(row.map(more).unwrap_or_default());
            let (url, options) = (make_user(&redis, &words), Options { layout, ..options });
            let can = Capabilities { immediate: row.is_none(), ..can(layout, prefix) };
            let report = run_all(move || open(url.clone(), options.clone()), can).await;
            // In foreign layouts a key is asked for as it is given: one that begins otherwise, which
            // the engine never makes, is another program's.
            let foreign = layout != Layout::Native;
            let is_hostile = |case: &str| foreign && case.starts_with("hostile_keys::");
            assert!(
                report.failed.iter().all(|(case, _)| is_hostile(case)),
                "{profile}, {row:?}: {report}\n{}",
                refused(&redis)
            );
            assert!(foreign || refused(&redis) == "Row([])", "{}", refused(&redis));
        }
    }
}

/// Some of everything that the suite does with a store, whatever fails.
async fn some_of_everything(url: &str, layout: Layout, prefix: &str) {
    let Ok(store) = RedisStore::connect(url, Options { layout, ..Options::default() }).await else {
        return;
    };
    let now = Timestamp::from_secs(0)
        + std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let key = |number: u8| match layout {
        Layout::Native => StoreKey::from_hash([number; 32]),
        _ => StoreKey::from_text(format!("{prefix}{number:032}")),
    };
    let hour = Some(now + Duration::from_secs(3600));
    let subject = Subject::new("ada").filter(|_| layout == Layout::Native);
    let pickle = b"\x80\x04}\x94.".to_vec();
    let of = |end| Record { subject: subject.clone(), ..Record::ending(pickle.clone(), end) };
    // More than a short index has, and one without an end in an index that has one.
    for number in 1..=90 {
        let end = hour.filter(|_| number <= 80);
        if let Ok(CreateOutcome::Created(version)) = store.create(&key(number), &of(end)).await {
            let _ = store.update(&key(number), &of(end), &version).await;
        }
    }
    for idle in [None, Some(Duration::from_secs(7200))] {
        let _ = store.touch(&key(1), now + Duration::from_secs(5), idle).await;
    }
    if let Ok(Some(Entry::Live(record, version))) = store.load(&key(1)).await {
        let until = Some(now + Duration::from_secs(60));
        let _ = store.replace(&key(1), &version, &key(100), &record, until).await;
        let _ = store.end(&key(1)).await;
    }
    if let Some(directory) = store.capabilities().directory {
        let ada = Subject::new("ada").unwrap();
        let _ = directory.by_subject(&ada).await;
        let _ = directory.delete_by_subject(&ada, Some(&key(2))).await;
    }
    let _ = store.capabilities().scan.unwrap().scan(None, 10).await;
    for number in 2..=90 {
        let _ = store.end(&key(number)).await;
        let _ = store.delete(&key(number)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d11_with_one_right_less_than_the_guides_something_is_refused() {
    let redis = Redis::start(RedisOptions::default()).unwrap();
    for (layout, profile, prefix) in LAYOUTS {
        let all = rights(profile);
        for missing in all.iter().filter(|word| word.starts_with('+')) {
            redis.command(&["FLUSHALL"]).unwrap();
            // Scripts that the server knows are not sent.
            redis.command(&["SCRIPT", "FLUSH"]).unwrap();
            let less: Vec<_> = all.iter().filter(|word| *word != missing).cloned().collect();
            let url = make_user(&redis, &less);
            some_of_everything(&url, layout, prefix).await;
            assert_ne!(refused(&redis), "Row([])", "{profile}: {missing} is not needed");
        }
    }
}

async fn diagnosed(store: &RedisStore) -> Vec<Finding> {
    let clock = || Timestamp::from_secs(0) + std::time::UNIX_EPOCH.elapsed().unwrap();
    store.capabilities().diagnose.unwrap().diagnose(&clock).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d11_the_doctor_names_the_rights_that_are_missing() {
    let redis = Redis::start(RedisOptions::default()).unwrap();
    for (layout, profile, _) in LAYOUTS {
        let mut words = rights(profile);
        words.extend(more("`sessile doctor`"));
        let url = make_user(&redis, &words);
        let options = Options { layout, ..Options::default() };
        let store = RedisStore::connect(&url, options.clone()).await.unwrap();
        let findings = diagnosed(&store).await;
        assert!(findings.iter().all(|it| it.check != "rights"), "{profile}: {findings:?}");
        assert_eq!(refused(&redis), "Row([])", "{profile}");
        words.retain(|word| word != "+evalsha" && word != "+scan");
        make_user(&redis, &words);
        let findings = diagnosed(&store).await;
        let rights = findings.iter().find(|it| it.check == "rights").unwrap();
        assert_eq!(rights.level, Level::Bad, "{rights:?}");
        let advice = rights.advice.clone().unwrap_or_default();
        assert!(advice.contains("ACL SETUSER web +scan +evalsha"), "{advice}");
        // Not even scripts, and none of its keys.
        for (missing, says) in [("+eval", "+eval +evalsha"), ("~", "~")] {
            let mut words = self::rights(profile);
            words.extend(more("`sessile doctor`"));
            words.retain(|word| word != missing && !(missing == "~" && word.starts_with('~')));
            make_user(&redis, &words);
            let findings = diagnosed(&store).await;
            let rights = findings.iter().find(|it| it.check == "rights").unwrap();
            let advice = rights.advice.clone().unwrap_or_default();
            assert!(advice.contains(&format!("ACL SETUSER web {says}")), "{advice}");
        }
    }
}
