//! Every setting of sessions. `cargo xtask configuration --write` makes documentation of it.

use std::num::NonZero;
use std::time::Duration;

use super::error::SettingsError;
use super::read::*;
use super::setting::{Setting, settings};
use super::store::address::StoreUrl;
use super::store::address::{self, Found, Kind};
use super::store::choice::MemcachedClient;
use super::value::SettingValue;
use super::words::*;
use sessile_core::cookie::SameSite;
use sessile_core::{EndedMeanwhile, Lifetime, Profile, Storage, StoreFailure};
use sessile_formats::django_redis::{Compressor, Serializer};
use sessile_formats::flask_session::Format;

const SPAN: &str = "seconds or a time such as \"31 days\" or \"PT8H\", above zero";
const LIMIT: &str = "seconds, a time such as \"30 minutes\" or \"PT8H\", or \"none\"";
const SOME: &str = "1 or more, or \"none\"";
const PREFIX: &str = "text without control characters, at most 128 bytes";
const TABLE: &str = "letters, digits and _, at most 48, no digit first";
const DIRECTORY: &str = "a directory";

settings! {
    /// What was given of the settings of sessions.
    Table, csrf: false;
    "Profile and keys" {
        /// Whose rules to follow: our own, or those of the application whose sessions you share.
        "SESSION_PROFILE" profile: Profile = |it| word(it, PROFILES),
            "native, flask, flask_session, django or starlette",
            [ALL => "native"], "sessile";
        /// Signs cookies and ids. Needed by flask, django and starlette, with
        /// `SESSION_USE_SIGNER`, and by native sessions kept in the cookie. At least 32 bytes, and
        /// not one that was published.
        "SECRET_KEY" key: String = string,
            TEXT, [ALL => NOT_SET], "Flask, Django", secret, may_be_empty;
        /// Older keys, newest first: what they signed still counts, nothing new is signed with
        /// them.
        "SECRET_KEY_FALLBACKS" older_keys: Vec<String> = lines,
            "a list of texts; in the environment a JSON array, or one key a line",
            [ALL => NOT_SET], "Flask 3.1, Django 4.1", secret;
        /// **Weakening.** Lets short and published keys pass, for tests. An empty one never does.
        "SESSION_ALLOW_WEAK_KEY" allow_weak_key: bool = flag,
            BOOL, [ALL => "false"], "sessile";
        /// **Weakening.** Plain `http://localhost` works: no `Secure`, no `__Host-`. Never in
        /// production.
        "SESSION_DEVELOPMENT" development: bool = flag,
            BOOL, [N => "false"], "sessile";
    }
    "Where sessions are kept" {
        /// Which store keeps the sessions. Not set: what the address or the directory implies;
        /// with `SESSION_DEVELOPMENT` and neither of them, memory. With flask_session `cached` is
        /// refused, because Flask-Session would write past the cache.
        "SESSION_TYPE" kind: Kind = |it| word(it, TYPES),
            "cookie (or null), memory, sqlite, sql (or sqlalchemy), filesystem (or file, \
             cachelib), redis, memcached, mongodb or cached",
            [N | S | D => NOT_SET, F | T => "cookie"], "Flask-Session";
        /// Django's way to say `SESSION_TYPE`. The name of the module may be left out:
        /// `cached_db`.
        "SESSION_ENGINE" engine: Kind = engine,
            "django.contrib.sessions.backends. and db, cache, cached_db, file or signed_cookies",
            [D => NOT_SET], "Django";
        /// The store's address. With a cache in front it is that of the store behind it.
        "SESSION_URL" url: SettingValue = as_given,
            "the store's address: sqlite:, postgres://, mysql://, redis://, memcached://, \
             mongodb:// or file:",
            [N | S | D => NOT_SET], "sessile", secret;
        /// The longest a call to the store may take before it counts as failed.
        "SESSION_STORE_TIMEOUT" store_timeout: Duration = some_span,
            SPAN, [N | S | D => "10 seconds"], "sessile";
        /// What to do while the store fails: answer 503, or give those who only read an empty
        /// session.
        "SESSION_STORE_FAILURE" store_failure: StoreFailure = |it| word(it, FAILURES),
            "refuse or read_as_anonymous", [N | S | D => "refuse"], "sessile";
        /// The most that a session's data may take in the store or the cookie.
        "SESSION_MAX_BYTES" max_bytes: usize = some_count,
            "1 or more bytes", [ALL => "1048576"], "sessile";
        /// Removes expired sessions in the background, from stores that do not forget by
        /// themselves. They go ten minutes after they expired, since servers' clocks may differ.
        /// One process that does it, or `sessile sweep` from cron, is enough.
        "SESSION_SWEEP_EVERY" sweep_every: Option<Duration> = limit,
            LIMIT, [N | S | D => "none"], "sessile";
        /// Does what `SESSION_SWEEP_EVERY` does, after about one in so many requests that reach
        /// the store.
        "SESSION_CLEANUP_N_REQUESTS" cleanup_n_requests: Option<NonZero<u32>> =
            |it| or_none(it, |it| NonZero::new(some_small(it)?)),
            SOME, [N | S => "none"], "Flask-Session";
        /// The address of the store you are moving away from. A session that is not in the new
        /// store is looked for there, and moves with its next change; a logout ends it in both.
        /// Both have the same layout, the old one under its default names.
        "SESSION_MIGRATE_FROM" migrate_from: StoreUrl = |it| Some(address::parse(it, None)?.1),
            "the old store's address, as SESSION_URL takes it",
            [N | S | D => NOT_SET], "sessile", secret;
        /// Visitors whose sessions `sessile migrate` brought from there stay logged in with the id
        /// their browser has. `SESSION_COOKIE_NAME` must then be the old cookie's.
        "SESSION_FORMER_IDS" former_ids: Option<Profile> = |it| word(it, FORMER),
            "flask_session, django or none", [N => "none"], "sessile";
    }
    "SQL: SQLite, PostgreSQL, MySQL, MariaDB" {
        /// The database's address: what the application has as `SQLALCHEMY_DATABASE_URI`.
        "SESSION_SQLALCHEMY" sqlalchemy: Found = |it| address::of(it, Kind::Sql),
            "an address: sqlite:, postgres:// or mysql://",
            [N | S => NOT_SET], "Flask-Session", secret;
        /// The table's name.
        "SESSION_SQLALCHEMY_TABLE" sqlalchemy_table: String = table_name,
            TABLE, [S => "sessions"], "Flask-Session";
        /// The table's schema. Not set: the database's default.
        "SESSION_SQLALCHEMY_SCHEMA" sqlalchemy_schema: String = table_name,
            TABLE, [S => NOT_SET], "Flask-Session";
        /// The table's name.
        "SESSION_TABLE" table: String = table_name,
            TABLE, [N => "sessile_sessions"], "sessile";
        /// The table's schema. Not set: the database's default.
        "SESSION_SCHEMA" schema: String = table_name,
            TABLE, [N => NOT_SET], "sessile";
        /// Makes a table, and SQLite's file, where they are missing. `false`: that is an error at
        /// the start. Where they are there, nothing is written at the start, and no right to make
        /// anything is needed.
        "SESSION_CREATE_TABLES" create_tables: bool = flag,
            BOOL, [N | S | D => "true"], "sessile";
        /// How many connections to a server each process has at most. Where the server has fewer
        /// to give, requests wait for one.
        "SESSION_SQL_CONNECTIONS" sql_connections: usize = some_count,
            "1 or more", [N | S | D => "8"], "sessile";
        /// The certificates, in PEM, of the authorities that a server's certificate must come
        /// from, and be for the host of the address. TLS is then asked for unless the address
        /// says otherwise. Not set: what the [address](addresses.md) says.
        "SESSION_SQL_CA" sql_ca: String = directory,
            "a file of certificates", [N | S | D => NOT_SET], "sessile";
    }
    "Redis and Valkey" {
        /// The server's address. Flask-Session has its client object here.
        "SESSION_REDIS" redis: Found = |it| address::of(it, Kind::Redis),
            "an address: redis://, rediss://, redis+unix://, redis+sentinel:// or \
             redis+cluster://",
            [N | S => NOT_SET], "Flask-Session", secret;
        /// Acknowledges a write, a logout above all, only when so many replicas have it too;
        /// otherwise it fails. Without this Redis may forget the last writes when a replica takes
        /// over.
        "SESSION_REDIS_REPLICAS" redis_replicas: Option<u32> = |it| or_none(it, some_small),
            SOME, [N | S | D => "none"], "sessile";
        /// **Weakening.** Keeps sessions that were read in this process for this long at most, or
        /// until Redis says that they changed, so that reading one again costs no round trip. See
        /// below.
        "SESSION_REDIS_NEAR_CACHE" redis_near_cache: Option<Duration> = limit,
            LIMIT, [N | S | D => "none"], "sessile";
    }
    "Memcached" {
        /// The servers, as a text or a list; their order counts. Flask-Session has its client
        /// object here.
        "SESSION_MEMCACHED" memcached: Found = address::memcached,
            "servers: host:11211,other:11211", [N | S => NOT_SET], "Flask-Session", secret;
        /// The Python client that shares the servers: it decides which of several servers has a
        /// key.
        "SESSION_MEMCACHED_CLIENT" memcached_client: MemcachedClient = |it| word(it, CLIENTS),
            "pymemcache, pylibmc, pylibmc_ketama or python_memcached",
            [N | D => "pymemcache", S => "pylibmc"], "sessile";
    }
    "MongoDB" {
        /// The server's address. Flask-Session has its client object here.
        "SESSION_MONGODB" mongodb: Found = |it| address::of(it, Kind::MongoDb),
            "an address: mongodb:// or mongodb+srv://",
            [N | S => NOT_SET], "Flask-Session", secret;
        /// The database's name. Not set: the one in the address, else `sessile`. Flask-Session
        /// takes no notice of the address's.
        "SESSION_MONGODB_DB" mongodb_db: String = |it| mongodb_name(it, "/\\. \"$*<>:|?"),
            "a database's name", [N => NOT_SET, S => "flask_session"], "Flask-Session";
        /// The collection's name.
        "SESSION_MONGODB_COLLECT" mongodb_collect: String = |it| mongodb_name(it, "$"),
            "a collection's name", [N | S => "sessions"], "Flask-Session";
    }
    "Files" {
        /// The directory the files are in.
        "SESSION_FILE_DIR" file_dir: String = directory,
            DIRECTORY, [N => NOT_SET, S => "flask_session"], "Flask-Session";
        /// The directory the files are in. Django's own default, the directory for temporary
        /// files, is not taken.
        "SESSION_FILE_PATH" file_path: String = directory,
            DIRECTORY, [D => NOT_SET], "Django";
        /// The session files' permissions.
        "SESSION_FILE_MODE" file_mode: u32 = mode,
            "0600, 0640 or 0660 (as a number: 384, 416, 432)", [N | S => "0600"], "Flask-Session";
        /// How many files there may be before some are dropped: expired ones first, then those
        /// that expire soonest.
        "SESSION_FILE_THRESHOLD" file_threshold: usize = count,
            "a number of files; 0 for no limit", [S => "500"], "Flask-Session";
        /// The directory of cachelib's `FileSystemCache`. Its other caches are not read.
        "SESSION_CACHELIB" cachelib: String = cachelib,
            "cachelib's directory", [S => NOT_SET], "Flask-Session";
        /// How the Flask application's cachelib names its files: by SHA-256 since 0.16, by MD5
        /// before.
        "SESSION_CACHELIB_NAMES" cachelib_md5: bool =
            |it| word(it, &[("sha256", false), ("md5", true)]),
            "sha256 or md5", [S => "sha256"], "sessile";
    }
    "A cache in front, and Django's cache" {
        /// The cache of `SESSION_TYPE=cached`, and of Django's `cache` and `cached_db`: `LOCATION`
        /// of that entry of `CACHES`.
        "SESSION_CACHE_URL" cache_url: Found = |it| address::of(it, Kind::Cache),
            "redis://, rediss:// or memcached:// and the servers",
            [N | D => NOT_SET], "Django's `CACHES`", secret;
        /// What the cache's keys begin with: `KEY_PREFIX` of that entry.
        "SESSION_CACHE_KEY_PREFIX" cache_key_prefix: String = prefix,
            PREFIX, [D => NOT_SET], "Django's `CACHES`", may_be_empty;
        /// The number that follows it in the keys: `VERSION` of that entry.
        "SESSION_CACHE_VERSION" cache_version: usize = count,
            "a whole number", [D => "1"], "Django's `CACHES`";
        /// How new sessions are written for django-redis: `SERIALIZER` of that entry's `OPTIONS`.
        /// The others stay as they are found.
        "SESSION_CACHE_SERIALIZER" cache_serializer: Serializer = |it| word(it, SERIALIZERS),
            "pickle, json, msgpack, or django-redis' name of one",
            [D => "pickle"], "Django's `CACHES`";
        /// The same for `COMPRESSOR`. django-redis reads what is not compressed too.
        "SESSION_CACHE_COMPRESSOR" cache_compressor: Option<Compressor> = |it| word(it, COMPRESSORS),
            "none, zlib, gzip, lzma, lz4, zstd, or django-redis' name of one",
            [D => "none"], "Django's `CACHES`";
    }
    "The cookie" {
        /// The cookie's name.
        "SESSION_COOKIE_NAME" cookie_name: String = string,
            TEXT, [N => "__Host-id", F | S | T => "session", D => "sessionid"], "Flask, Django";
        /// Sends the cookie to this domain's subdomains too. `false`: to the host alone.
        "SESSION_COOKIE_DOMAIN" cookie_domain: Option<String> = domain,
            DOMAIN, [ALL => "false"], "Flask, Django";
        /// The path below which browsers send the cookie.
        "SESSION_COOKIE_PATH" cookie_path: String = string,
            PATH, [ALL => "/"], "Flask, Django";
        /// What `SESSION_COOKIE_DOMAIN` was before it was changed: what browsers still have of that
        /// cookie is removed. `false`: it was the host's alone.
        "SESSION_COOKIE_FORMER_DOMAIN" former_domain: Option<String> = domain,
            DOMAIN, [ALL => NOT_SET], "sessile";
        /// What `SESSION_COOKIE_PATH` was before it was changed.
        "SESSION_COOKIE_FORMER_PATH" former_path: String = string,
            PATH, [ALL => NOT_SET], "sessile";
        /// The cookie's path where `SESSION_COOKIE_PATH` is not set.
        "APPLICATION_ROOT" application_root: String = string,
            PATH, [F | S => "/"], "Flask";
        /// Sends the cookie over HTTPS only. The native profile refuses `false` unless
        /// `SESSION_DEVELOPMENT` is set.
        "SESSION_COOKIE_SECURE" cookie_secure: bool = flag,
            BOOL, [N => "true", F | S | D | T => "false"], "Flask, Django";
        /// Keeps the cookie out of reach of scripts.
        "SESSION_COOKIE_HTTPONLY" cookie_httponly: bool = flag,
            BOOL, [ALL => "true"], "Flask, Django";
        /// The cookie's `SameSite`. `None` needs `SESSION_COOKIE_SECURE`. The native profile
        /// refuses `false`.
        "SESSION_COOKIE_SAMESITE" cookie_samesite: Option<SameSite> = same_site,
            SAME_SITE, [N | D | T => "Lax", F | S => "false"], "Flask, Django";
        /// Gives the cookie a jar of its own on each site that embeds this one (CHIPS). Needs
        /// `SESSION_COOKIE_SECURE`.
        "SESSION_COOKIE_PARTITIONED" cookie_partitioned: bool = flag,
            BOOL, [N | F | T => "false"], "Flask 3.1, Starlette";
        /// **Weakening.** Lets cookies pass that the original writes though browsers drop them:
        /// `SameSite=None` without `Secure`, over 4096 bytes.
        "SESSION_COOKIE_ALLOW_DROPPED" cookie_allow_dropped: bool = flag,
            BOOL, [F | S | D | T => "false"], "sessile";
        /// Accepted and checked, without effect: Flask warns above it, sessile refuses what
        /// browsers drop.
        "MAX_COOKIE_SIZE" max_cookie_size: usize = count,
            "a number of bytes", [F | S => "4093"], "Flask";
    }
    "Sessions inside the cookie" {
        /// Whether the cookie holds an id (`store`), or the session itself: signed and readable by
        /// the visitor, or encrypted (native only). Not set: what `SESSION_TYPE` says.
        "SESSION_STORAGE" storage: Storage = |it| word(it, STORAGES),
            "store, signed_cookie or encrypted_cookie",
            [N | S | D => "store", F | T => "signed_cookie"], "sessile";
        /// **Weakening.** Accepts that native sessions kept in the cookie work until they expire,
        /// logout or not. They are refused without it.
        "SESSION_COOKIE_SESSIONS_CANNOT_BE_REVOKED" cannot_be_revoked: bool = flag,
            BOOL, [N => "false"], "sessile";
        /// Over how many cookies a session may be spread when one cannot hold it. Servers and
        /// proxies often refuse more than 8 KiB of cookies: 2 works everywhere.
        "SESSION_COOKIE_CHUNKS" cookie_chunks: u8 = chunks,
            "1 to 8; above 1 only where the cookie holds the session", [N => "1"], "sessile";
        /// Which application a session kept in the cookie is for; others with the same key refuse
        /// it.
        "SESSION_AUDIENCE" audience: String = string,
            TEXT, [N => NOT_SET], "sessile";
    }
    "How long sessions live" {
        /// How long a permanent ("remembered") session lives; with flask_session every stored one.
        "PERMANENT_SESSION_LIFETIME" permanent_lifetime: Duration = some_span,
            SPAN, [N => "30 days", F | S => "31 days"], "Flask";
        /// How long a session lives.
        "SESSION_COOKIE_AGE" cookie_age: Duration = some_span,
            SPAN, [D | T => "14 days"], "Django, Starlette (`max_age`)";
        /// Makes new sessions permanent.
        "SESSION_PERMANENT" permanent: bool = flag,
            BOOL, [S => "true"], "Flask-Session";
        /// Extends a permanent session with every request.
        "SESSION_REFRESH_EACH_REQUEST" refresh_each_request: bool = flag,
            BOOL, [F | S => "true"], "Flask";
        /// Extends a session with every request.
        "SESSION_SAVE_EVERY_REQUEST" save_every_request: bool = flag,
            BOOL, [D => "false"], "Django";
        /// Lets the cookie end with the browser.
        "SESSION_EXPIRE_AT_BROWSER_CLOSE" expire_at_browser_close: bool = flag,
            BOOL, [D => "false"], "Django";
        /// Sets both timeouts, for remembered sessions too: aal1 30 days, no idle limit; aal2 24
        /// hours, 1 hour idle; aal3 12 hours, 15 minutes idle. The settings below may then tighten
        /// it, not loosen it.
        "SESSION_LEVEL" level: Lifetime = |it| word(it, LEVELS),
            "aal1, aal2 or aal3", [N => NOT_SET], "NIST SP 800-63B-4";
        /// Ends a session after this long without a request. A visit that changes nothing is
        /// written down only every `SESSION_RENEW_AFTER`, so it may end that much earlier.
        "SESSION_IDLE_TIMEOUT" idle_timeout: Option<Duration> = limit,
            LIMIT, [N => "1 hour"], "OWASP ASVS 7.3.1, NIST AAL2";
        /// Ends a session this long after it began or its user logged in, used or not.
        "SESSION_ABSOLUTE_TIMEOUT" absolute_timeout: Option<Duration> = limit,
            LIMIT, [N => "24 hours"], "OWASP ASVS 7.3.2, NIST AAL2";
        /// A visit that changes nothing is written down only when the last one written is this
        /// old, so that reading rarely writes. Not set: a tenth of the idle limit.
        "SESSION_RENEW_AFTER" renew_after: Duration = span,
            "seconds or a time such as \"5 minutes\"", [N => NOT_SET], "sessile";
        /// Gives a session a new id after this long.
        "SESSION_ROTATE_AFTER" rotate_after: Option<Duration> = limit,
            LIMIT, [N => "none"], "OWASP session cheat sheet";
        /// How long an old id still reaches its session after such a change, for requests on their
        /// way. A login gives none. A logout that began before the change ends the session all the
        /// same, for two minutes.
        "SESSION_GRACE" grace: Duration = span,
            "seconds or a time such as \"30 seconds\"; 0 for none", [N => "30 seconds"], "sessile";
        /// Ends a user's oldest sessions when there are more than this.
        "SESSION_LIMIT_PER_USER" limit_per_user: Option<usize> = |it| or_none(it, some_count),
            SOME, [N => "none"], "OWASP ASVS 7.1.2";
    }
    "Ids and records" {
        /// Where ids travel, for all visitors; ids anywhere else are ignored. See [ids without
        /// cookies](guides/ids-without-cookies.md) for the risks of each. `SESSION_COOKIE_SECURE`
        /// holds for all of them. The form's needs `SessionLayer::reading_forms()`.
        "SESSION_TRANSPORT" transport: Channel = |it| word(it, CHANNELS),
            "cookie, header, bearer, url_readable_in_logs, form or form_and_url_readable_in_logs",
            [N | S | D => "cookie"], "sessile";
        /// What the header (not set: `X-Session-Id`), the address's parameter or the form's field
        /// (not set: `sid`) is called.
        "SESSION_TRANSPORT_NAME" transport_name: SettingValue = as_given,
            "a header's, parameter's or form field's name", [N | S | D => NOT_SET], "sessile";
        /// Signs the id in the cookie.
        "SESSION_USE_SIGNER" use_signer: bool = flag,
            BOOL, [S => "false"], "Flask-Session";
        /// What the keys in the store begin with.
        "SESSION_KEY_PREFIX" key_prefix: String = prefix,
            PREFIX, [S => "session:"], "Flask-Session", may_be_empty;
        /// How many random bytes an id has.
        "SESSION_ID_LENGTH" id_length: usize = id_length,
            "16 to 192 bytes; below 16 an id could be guessed", [S => "32"], "Flask-Session";
        /// How sessions are written. Both are read.
        "SESSION_SERIALIZATION_FORMAT" serialization_format: Format = |it| word(it, FORMATS),
            "msgpack or json", [S => "msgpack"], "Flask-Session";
        /// Accepted and checked, without effect: sessions are JSON, as Django's default is.
        "SESSION_SERIALIZER" serializer: () = json_serializer,
            "django.contrib.sessions.serializers.JSONSerializer",
            [D => "django.contrib.sessions.serializers.JSONSerializer"], "Django";
    }
    "Responses" {
        /// Saves changes although the response is a 5xx. The other profiles do as their originals
        /// do.
        "SESSION_SAVE_ON_SERVER_ERROR" save_on_server_error: bool = flag,
            BOOL, [N => "false"], "sessile";
        /// What to answer when the session was ended while the handler ran: 409, or the handler's
        /// response.
        "SESSION_ENDED_MEANWHILE" ended_meanwhile: EndedMeanwhile = |it| word(it, ENDED),
            "refuse or keep_response", [N | S | D => "refuse"], "sessile";
        /// Adds `Cache-Control: no-store` to every response that sets a cookie: the session's,
        /// that of CSRF protection, your own.
        "SESSION_NO_STORE" no_store: bool = flag,
            BOOL, [N => "true", F | S | D | T => "false"], "sessile";
        /// Adds `Clear-Site-Data: "cookies", "storage"` whenever a session ends.
        "SESSION_CLEAR_SITE_DATA" clear_site_data: bool = flag,
            BOOL, [ALL => "false"], "sessile";
    }
}
