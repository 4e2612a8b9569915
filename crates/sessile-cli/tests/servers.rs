//! The commands that look after stores, on real servers.
#![cfg(feature = "servers")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod program;

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use program::sessile;
use program::shop::{KEY, json, run_in, shop, sqlite};
use sessile::store::Cursor;
use sessile::{Profile, SessionStore as _, StoreKey};
use sessile_core::SessionId;
use sessile_testbed::memcached::{self, Memcached, MemcachedOptions};
use sessile_testbed::proxy::{Faults, Proxy};
use sessile_testbed::redis::{Redis, RedisCluster, RedisOptions};

const POSTGRES: &str = "SESSILE_TEST_POSTGRES_URL";
const MYSQL: &str = "SESSILE_TEST_MYSQL_URL";
const MONGODB: &str = "SESSILE_TEST_MONGODB_URL";

/// What xtask told us about the servers it started.
fn server(variable: &str) -> String {
    std::env::var(variable)
        .unwrap_or_else(|_| panic!("{variable} is not set: use `cargo xtask servers`"))
}

/// A store for one test alone: an address, a profile and what else has to be set.
#[derive(Clone)]
struct Place {
    url: String,
    profile: &'static str,
    set: Vec<(&'static str, String)>,
}

impl Place {
    fn new(url: impl Into<String>, profile: &'static str) -> Self {
        Self { url: url.into(), profile, set: Vec::new() }
    }

    /// Where servers are shared, a table, collection or prefix keeps tests apart.
    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.set.push((name, value.into()));
        self
    }

    async fn shop(&self) -> program::shop::Shop {
        let mut pairs: Vec<(&str, &str)> =
            vec![("SESSION_PROFILE", self.profile), ("SESSION_URL", &self.url)];
        if self.profile != "native" {
            pairs.push(("SECRET_KEY", KEY));
        }
        pairs.extend(self.set.iter().map(|(name, value)| (*name, value.as_str())));
        shop(&pairs).await
    }

    /// `--from URL --from-profile … --from-set …`, or the same with `to`.
    fn words(&self, side: &str) -> Vec<String> {
        let mut words = vec![
            format!("--{side}"),
            self.url.clone(),
            format!("--{side}-profile"),
            self.profile.to_owned(),
        ];
        for (name, value) in &self.set {
            words.extend([format!("--{side}-set"), format!("{name}={value}")]);
        }
        words
    }
}

fn migrate(from: &Place, to: &Place, more: &[&str]) -> Vec<String> {
    let mut words = vec!["migrate".to_owned()];
    words.extend(from.words("from"));
    words.extend(to.words("to"));
    words.extend(more.iter().map(|&word| word.to_owned()));
    words
}

fn run(dir: &Path, words: &[String]) -> program::Ran {
    run_in(dir, &words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The key under which a session of `from` is found in `to`.
fn key_there(from: &program::shop::Shop, to: &program::shop::Shop, number: u32) -> StoreKey {
    if to.config.profile == Profile::Native && from.config.profile != Profile::Native {
        return SessionId::foreign(format!("{number:0>32}")).store_key();
    }
    to.key(number)
}

fn three_memcacheds() -> Vec<Memcached> {
    Memcached::several(3, &MemcachedOptions::default()).unwrap()
}

/// How many sessions a store has, by going through them.
async fn count(shop: &program::shop::Shop) -> usize {
    let scan = shop.store.capabilities().scan.unwrap();
    let (mut count, mut after) = (0, None::<Cursor>);
    loop {
        let page = scan.scan(after.as_ref(), 1000).await.unwrap();
        count += page.entries.len();
        after = page.next;
        if after.is_none() {
            return count;
        }
    }
}

/// Moves 300 sessions, ends one on either side, and moves again.
async fn moves(dir: &Path, name: &str, from: &Place, to: &Place) {
    const SESSIONS: u32 = 300;
    const WEEKS: i64 = 14 * 86_400;
    let (old, new) = (from.shop().await, to.shop().await);
    for number in 0..SESSIONS {
        old.put(number, "old", "ann", WEEKS).await;
    }
    let state = format!("--state={name}.state");
    let step = |more: &[&str]| {
        let ran = run(dir, &migrate(from, to, &[&[state.as_str(), "--json"], more].concat()));
        assert_eq!(ran.code, 0, "{name}: {}{}", ran.out, ran.err);
        json(&ran)
    };
    let dry = step(&["--dry-run"]);
    assert_eq!(dry["moved"].as_u64(), Some(SESSIONS.into()), "{name}: {dry}");
    assert_eq!(count(&new).await, 0, "{name}: a dry run writes nothing");

    let moved = step(&[]);
    assert_eq!(moved["moved"].as_u64(), Some(SESSIONS.into()), "{name}: {moved}");
    assert_eq!(moved["verified"], moved["moved"], "{name}: {moved}");
    assert_eq!(count(&new).await, SESSIONS as usize, "{name}");
    for number in [0, 1, 150, SESSIONS - 1] {
        let found = new.at(&key_there(&old, &new, number)).await;
        assert_eq!(found.as_deref(), Some("old"), "{name}: session {number}");
    }
    // Two log out, one on either side.
    new.store.delete(&key_there(&old, &new, 1)).await.unwrap();
    old.store.delete(&old.key(2)).await.unwrap();
    let again = step(&[]);
    assert_eq!(again["moved"].as_u64(), Some(0), "{name}: {again}");
    assert_eq!(again["ended_in_new"].as_u64(), Some(1), "{name}: {again}");
    assert_eq!(again["ended_in_old"].as_u64(), Some(1), "{name}: {again}");
    for number in [1, 2] {
        let found = new.at(&key_there(&old, &new, number)).await;
        assert_eq!(found, None, "{name}: session {number} is back");
    }
    println!("{name}: {SESSIONS} sessions moved and compared, a logout on either side kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_move_between_all_servers_and_layouts() {
    let dir = tempfile::tempdir().unwrap();
    let redis = Redis::start(RedisOptions::default()).unwrap();
    let cluster = RedisCluster::start(RedisOptions::default()).unwrap();
    let run = std::process::id();
    let database = |number: u8| format!("{}/{number}", redis.url());
    let native = |url: String| {
        let table = format!("cli_{run}");
        Place::new(url, "native").with("SESSION_TABLE", table)
    };
    let flask = |url: String| {
        let table = format!("cli_flask_{run}");
        Place::new(url, "flask_session").with("SESSION_SQLALCHEMY_TABLE", table)
    };
    let mongo = |profile| {
        Place::new(server(MONGODB), profile)
            .with("SESSION_MONGODB_DB", format!("cli_{run}"))
            .with("SESSION_MONGODB_COLLECT", profile)
    };
    let cache = |number| Place::new(database(number), "django").with("SESSION_ENGINE", "cache");
    let file = |name: &str, profile| Place::new(sqlite(dir.path(), name), profile);
    let caches: Vec<_> = (0..5).map(|_| three_memcacheds()).collect();
    let memcached = |number: usize, profile| Place::new(memcached::url(&caches[number]), profile);
    for (name, from, to) in [
        ("Redis to PostgreSQL", Place::new(database(1), "native"), native(server(POSTGRES))),
        ("SQLite to MariaDB", file("a.db", "native"), native(server(MYSQL))),
        ("SQLite to a Redis cluster", file("b.db", "native"), Place::new(cluster.url(), "native")),
        ("MongoDB to SQLite", mongo("native"), file("c.db", "native")),
        (
            "Flask-Session, MariaDB to Redis",
            flask(server(MYSQL)),
            Place::new(database(2), "flask_session"),
        ),
        ("Flask-Session, PostgreSQL to MongoDB", flask(server(POSTGRES)), mongo("flask_session")),
        (
            "Flask-Session's Redis to our MongoDB",
            Place::new(database(3), "flask_session"),
            mongo("native").with("SESSION_MONGODB_COLLECT", "ours"),
        ),
        ("Django, db to cache", file("d.db", "django"), cache(4)),
        ("Django's cache to our Redis", cache(5), Place::new(database(6), "native")),
        ("Memcached to SQLite", memcached(0, "native"), file("e.db", "native")),
        ("SQLite to Memcached", file("f.db", "native"), memcached(1, "native")),
        (
            "Flask-Session, Memcached to Redis",
            memcached(2, "flask_session"),
            Place::new(database(7), "flask_session"),
        ),
        (
            "Flask-Session's Memcached to our Redis",
            memcached(3, "flask_session"),
            Place::new(database(8), "native"),
        ),
        (
            "Django's cache, Memcached to db",
            memcached(4, "django").with("SESSION_ENGINE", "cache"),
            file("g.db", "django"),
        ),
    ] {
        moves(dir.path(), name, &from, &to).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_that_was_killed_is_finished_by_the_next() {
    const SESSIONS: u32 = 4000;
    let dir = tempfile::tempdir().unwrap();
    let redis = Redis::start(RedisOptions::default()).unwrap();
    let proxy = Proxy::start(redis.address()).unwrap();
    let from = Place::new(proxy.instead_of(&redis.url()), "native");
    let to = Place::new(server(POSTGRES), "native")
        .with("SESSION_TABLE", format!("cli_killed_{}", std::process::id()));
    let (old, new) = (from.shop().await, to.shop().await);
    for number in 0..SESSIONS {
        old.put(number, "old", "ann", 600).await;
    }
    // However busy this machine is: the first run has more to wait for than we have to do.
    proxy.set(Faults { latency: Duration::from_millis(2), ..Faults::default() });
    let words = migrate(&from, &to, &["--parallel=1", "--json"]);
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let mut first = sessile(&words);
    first.0.current_dir(dir.path()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = first.0.spawn().unwrap();
    // It has written down a page, and is at the next.
    let (state, began) = (dir.path().join("sessile-migrate.state"), Instant::now());
    while std::fs::read_to_string(&state).unwrap_or_default().lines().count() < 600 {
        assert!(began.elapsed() < Duration::from_secs(300), "it does not get on");
        assert!(child.try_wait().unwrap().is_none(), "it was done before it could be killed");
        tokio::task::yield_now().await;
    }
    child.kill().unwrap();
    child.wait().unwrap();
    proxy.heal();
    let before = count(&new).await;
    assert!(0 < before && before < SESSIONS as usize, "{before} were moved before the kill");
    // One of them logs out before the next run.
    let said = std::fs::read_to_string(&state).unwrap();
    let last = said.lines().rfind(|line| line.contains("\"moved\":[\"")).unwrap();
    let mut keys = (0..SESSIONS).map(|number| new.key(number));
    let out = keys.find(|key| last.contains(&key.handle().to_string())).unwrap();
    new.store.delete(&out).await.unwrap();
    let ran = run(dir.path(), &migrate(&from, &to, &["--json"]));
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert_eq!(count(&new).await, SESSIONS as usize - 1, "{}", ran.out);
    assert_eq!(new.at(&out).await, None, "a logout is not undone");
    println!("killed after {before} of {SESSIONS} sessions, finished by the next run");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_looks_at_every_server_and_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    for variable in [
        "SESSILE_TEST_REDIS_URL",
        "SESSILE_TEST_REDIS_SENTINEL_URL",
        "SESSILE_TEST_REDIS_CLUSTER_URL",
        "SESSILE_TEST_MEMCACHED_URL",
        POSTGRES,
        MYSQL,
        MONGODB,
    ] {
        let url = server(variable);
        let ran = run_in(dir.path(), &["doctor", "--write", "--create", "--store", &url]);
        assert_eq!(ran.code, 0, "{variable}: {}{}", ran.out, ran.err);
        for check in ["opens", "reads", "writes"] {
            assert!(ran.out.contains(&format!("✓ good    {check}")), "{variable}: {}", ran.out);
        }
        assert!(!ran.out.contains("sessile:sessile@"), "{variable}: its password is shown");
        let said = json(&run_in(dir.path(), &["doctor", "--json", "--write", "--store", &url]));
        for finding in said["findings"].as_array().unwrap() {
            let fine = finding["level"] == "good";
            assert!(fine || finding["advice"].as_str().is_some(), "{variable}: {finding}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f10_the_doctor_warns_of_a_redis_that_evicts_and_a_table_of_another_shape() {
    let dir = tempfile::tempdir().unwrap();
    let redis = Redis::start(RedisOptions::default()).unwrap();
    for (name, value) in [("maxmemory", "100mb"), ("maxmemory-policy", "allkeys-lru")] {
        redis.command(&["CONFIG", "SET", name, value]).unwrap();
    }
    let ran = run_in(dir.path(), &["doctor", "--json", "--store", &redis.url()]);
    let said = json(&ran);
    let finding = |check: &str| {
        let mut findings = said["findings"].as_array().unwrap().iter();
        findings.find(|finding| finding["check"] == check).unwrap().clone()
    };
    assert_eq!((ran.code, said["worst"].as_str()), (1, Some("bad")), "{said}");
    let eviction = finding("eviction");
    assert_eq!(eviction["level"], "bad", "{eviction}");
    assert!(eviction["advice"].as_str().unwrap().contains("noeviction"), "{eviction}");
    assert_eq!(finding("persistence")["level"], "warning");

    let table = format!("cli_odd_{}", std::process::id());
    let postgres = sessile_testbed::postgres::Postgres::start(&Default::default()).unwrap();
    postgres.query(&format!("CREATE TABLE {table} (id int, what text)")).unwrap();
    let set = format!("SESSION_TABLE={table}");
    let url = postgres.url();
    let ran = run_in(dir.path(), &["doctor", "--store", &url, "--set", &set]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("✗ bad"), "{}", ran.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn list_end_and_sweep_work_on_every_server() {
    let dir = tempfile::tempdir().unwrap();
    let redis = Redis::start(RedisOptions::default()).unwrap();
    let cluster = RedisCluster::start(RedisOptions::default()).unwrap();
    let caches = three_memcacheds();
    let own = format!("cli_users_{}", std::process::id());
    for (place, sweeps) in [
        (Place::new(memcached::url(&caches), "native"), false),
        (Place::new(redis.url(), "native"), false),
        (Place::new(cluster.url(), "native"), false),
        (Place::new(server(POSTGRES), "native").with("SESSION_TABLE", own.clone()), true),
        (Place::new(server(MYSQL), "native").with("SESSION_TABLE", own.clone()), true),
        (Place::new(server(MONGODB), "native").with("SESSION_MONGODB_DB", own.clone()), true),
    ] {
        let shop = place.shop().await;
        for (number, user) in [(1, "ann"), (2, "ann"), (3, "bob")] {
            shop.put(number, "x", user, 600).await;
        }
        let run = |words: &[&str]| {
            let mut words = [words, &["--store", &place.url]].concat();
            let set: Vec<_> = place.set.iter().map(|it| format!("{}={}", it.0, it.1)).collect();
            set.iter().for_each(|it| words.extend(["--set", it.as_str()]));
            run_in(dir.path(), &words)
        };
        let ann = run(&["list", "--user", "ann", "--json"]);
        assert_eq!(ann.out.lines().count(), 2, "{}: {}{}", place.url, ann.out, ann.err);
        let dry = run(&["end", "--dry-run", "--everyone"]);
        assert_eq!(dry.out, "3 sessions would end\n", "{}: {}", place.url, dry.err);
        let stats = json(&run(&["stats", "--json"]));
        assert_eq!((stats["live"].as_u64(), stats["with_user"].as_u64()), (Some(3), Some(3)));
        let ended = run(&["end", "--yes", "--user", "ann"]);
        assert_eq!(ended.out, "2 sessions ended\n", "{}: {}", place.url, ended.err);
        assert_eq!(shop.at(&shop.key(1)).await, None);
        assert_eq!(shop.at(&shop.key(3)).await.as_deref(), Some("x"));
        if sweeps {
            for (number, since) in [(4, 60), (5, 590), (6, 660)] {
                shop.put(number, "x", "bob", -since).await;
            }
            // For the clocks of other servers: s12.
            let dry = json(&run(&["sweep", "--json", "--dry-run"]));
            assert_eq!(dry["would_remove"].as_u64(), Some(1), "{}: {dry}", place.url);
            let swept = json(&run(&["sweep", "--json"]));
            assert_eq!(swept["removed"].as_u64(), Some(1), "{}: {swept}", place.url);
        }
        assert_eq!(run(&["end", "--yes", "--everyone"]).code, 0);
        assert_eq!(run(&["list"]).out, "no live sessions\n", "{}", place.url);
    }
}

/// What looks at a store, each with the words that say which.
const LOOKS: [&[&str]; 5] =
    [&["list"], &["list", "--user", "ann"], &["sweep", "--dry-run"], &["doctor"], &["stats"]];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u01_looking_makes_no_table_and_suggests_the_profile_on_postgresql() {
    let dir = tempfile::tempdir().unwrap();
    let postgres = sessile_testbed::postgres::Postgres::start(&Default::default()).unwrap();
    let url = postgres.url();
    let relations = || {
        let all = "SELECT coalesce(string_agg(relname::text, ' ' ORDER BY relname), '') FROM \
                   pg_class WHERE relnamespace = 'public'::regnamespace";
        postgres.query(all).unwrap()
    };
    let migrate = ["migrate", "--dry-run", "--to", "sqlite:new.db", "--from", &url];
    let nothing = relations();
    for words in LOOKS.iter().map(|words| [words, &["--store", &url][..]].concat()) {
        let ran = run_in(dir.path(), &words);
        assert!(ran.code == 1 || ran.code == 2, "{words:?}: {}{}", ran.out, ran.err);
        assert!(format!("{}{}", ran.out, ran.err).contains("no session table"), "{words:?}");
    }
    assert_eq!(run_in(dir.path(), &migrate).code, 2);
    assert_eq!(relations(), nothing);
    let django = Place::new(&url, "django").shop().await;
    django.put(1, "x", "ann", 3600).await;
    let theirs = relations();
    for words in LOOKS.iter().map(|words| [words, &["--store", &url][..]].concat()) {
        let ran = run_in(dir.path(), &words);
        let said = format!("{}{}", ran.out, ran.err);
        assert!(said.contains("--profile django"), "{words:?}: {said}");
    }
    let ran = run_in(dir.path(), &migrate);
    assert!(ran.err.contains("--from-profile django"), "{}", ran.err);
    let listed = run_in(dir.path(), &["list", "--store", &url, "--profile", "django"]);
    assert!(listed.out.contains("ann"), "{}{}", listed.out, listed.err);
    assert_eq!(relations(), theirs);
    assert!(std::fs::read_dir(dir.path()).unwrap().next().is_none());
}

/// A server that refuses every write.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u01_looking_at_redis_writes_nothing_and_suggests_the_profile() {
    let dir = tempfile::tempdir().unwrap();
    for profile in ["native", "django", "flask_session"] {
        let redis = Redis::start(RedisOptions::default()).unwrap();
        let place = Place::new(redis.url(), profile).shop().await;
        place.put(1, "x", "ann", 3600).await;
        place.put(2, "x", "ann", 3600).await;
        // One that the user's index still names, which reading would take out.
        let ours = "sessile:".to_owned() + &place.key(2).to_name();
        let _ = redis.command(&["DEL", &ours]);
        redis.command(&["CONFIG", "SET", "min-replicas-to-write", "1"]).unwrap();
        let state = || {
            let info = redis.command(&["INFO", "persistence"]).unwrap();
            let mut lines = info.text().unwrap().lines();
            // Every change counts, also one that is taken back.
            let changes = lines.find(|it| it.starts_with("rdb_changes_since_last_save:"));
            (redis.command(&["KEYS", "*"]).unwrap(), changes.unwrap().to_owned())
        };
        let before = state();
        let url = redis.url();
        for words in LOOKS {
            let words = [words, &["--store", &url, "--profile", profile][..]].concat();
            let ran = run_in(dir.path(), &words);
            assert_eq!(ran.code, 0, "{profile} {words:?}: {}{}", ran.out, ran.err);
        }
        let other = if profile == "native" { "django" } else { "native" };
        let ran = run_in(dir.path(), &["list", "--store", &url, "--profile", other]);
        assert!(ran.err.contains(&format!("--profile {profile}")), "{profile}: {}", ran.err);
        assert_eq!(state(), before, "{profile}");
    }
}
