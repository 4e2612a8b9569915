//! The command line.

mod stores;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use sessile::Timestamp;

pub(crate) use self::stores::{Doctor, End, List, Migrate, Profile, Stats, StoreArgs, Sweep};

const EXAMPLES: &str = "\
Examples:
  sessile demo                                      http://127.0.0.1:8000, on SQLite
  sessile doctor --store redis://127.0.0.1:6379     what is wrong with a store, and what to do
  sessile list --store sqlite:sessions.db           who is logged in
  sessile end --store sqlite:sessions.db --user ann
  SECRET_KEY=… sessile cookie decode --format flask COOKIE

A store's settings come from the environment too (SESSION_TYPE, SESSION_URL, …), or from a file
(--config): docs/configuration.md has them all.";

/// Sessions and session cookies: a demo site, stores, keys, a look inside.
#[derive(Debug, Parser)]
#[command(name = "sessile", version, max_term_width = 100, after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(Demo),
    List(List),
    End(End),
    Sweep(Sweep),
    Stats(Stats),
    Doctor(Doctor),
    Migrate(Box<Migrate>),
    /// Secret keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// Read, check and write session cookies
    #[command(subcommand)]
    Cookie(CookieCommand),
    Completions(Completions),
    Man(Man),
}

/// Print completions for a shell, to be put where it looks for them.
#[derive(Debug, clap::Args)]
pub(crate) struct Completions {
    /// Which shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// Write the manual pages into a folder, one for each command.
#[derive(Debug, clap::Args)]
pub(crate) struct Man {
    /// The folder; made if missing
    pub(crate) folder: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    Generate(Generate),
}

/// Print a new random secret key, for SECRET_KEY or a key file.
#[derive(Debug, clap::Args)]
pub(crate) struct Generate {
    /// How many random bytes
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 32,
        value_parser = clap::value_parser!(u16).range(32..=1024)
    )]
    pub(crate) bytes: u16,
    /// In hexadecimal digits (the default)
    #[arg(long)]
    pub(crate) hex: bool,
    /// In URL-safe base64, which is shorter
    #[arg(long, conflicts_with = "hex")]
    pub(crate) base64url: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CookieCommand {
    Decode(Decode),
    Verify(Verify),
    Encode(Encode),
}

/// Print what a cookie holds, as JSON.
///
/// The payload goes to stdout, what is known of its signature to stderr.
/// Types that JSON lacks are shown as Flask's tags: {" b": base64} for bytes,
/// {" t": […]} for tuples, {" d": date}, {" u": hex} for UUIDs, {" m": html}.
#[derive(Debug, clap::Args)]
pub(crate) struct Decode {
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// Look without any key: anybody may have written what is shown
    #[arg(long, conflicts_with_all = ["key_file", "now", "max_age"])]
    pub(crate) unverified: bool,
    /// One JSON object with everything, instead
    #[arg(long)]
    pub(crate) json: bool,
}

/// Say in one line whether a cookie's signature is right, and it is not too old.
#[derive(Debug, clap::Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) reading: Reading,
}

/// Sign (or encrypt) a payload and print the cookie's value.
#[derive(Debug, clap::Args)]
pub(crate) struct Encode {
    /// The payload as JSON, with Flask's tags for other types; `-` or nothing: from stdin
    pub(crate) payload: Option<String>,
    #[command(flatten)]
    pub(crate) how: How,
    /// The time of signing: seconds since 1970, or ISO 8601 [default: the clock's]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) now: Option<Timestamp>,
}

/// What reading a cookie takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Reading {
    /// The cookie's value, or the whole header as it was copied; `-` or nothing: from stdin, where
    /// no other user sees it
    pub(crate) value: Option<String>,
    #[command(flatten)]
    pub(crate) how: How,
    /// Judge its age as of then: seconds since 1970, or ISO 8601 [default: the clock's]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) now: Option<Timestamp>,
    /// Refuse what was signed longer ago than this: seconds, or a time such as 31d or "2 hours"
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) max_age: Option<Duration>,
}

/// Format and key. A key is never taken from the command line, where every
/// user of the machine could read it.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct How {
    /// Who writes such cookies [default when reading: whichever it is]
    #[arg(long, short, value_enum)]
    pub(crate) format: Option<Format>,
    /// A file of keys, one a line, newest first; `-` is stdin [default: SECRET_KEY and
    /// SECRET_KEY_FALLBACKS of the environment]
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// Another salt than the format's own; without it those that are known are tried
    #[arg(long)]
    pub(crate) salt: Option<String>,
    /// The cookie's name, which native cookies are bound to [default: __Host-id]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The application's name, which native cookies are bound to [default: none]
    #[arg(long)]
    pub(crate) audience: Option<String>,
}

/// Formats of cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Flask's session cookie
    Flask,
    /// Starlette's SessionMiddleware
    Starlette,
    /// django.core.signing.dumps
    Django,
    /// Django's session data, in its database or in the cookie of its engine signed_cookies
    DjangoSession,
    /// itsdangerous.URLSafeTimedSerializer
    Itsdangerous,
    /// Flask-Session's signed session id
    FlaskSessionSid,
    /// Our signed cookie
    Native,
    /// Our encrypted cookie
    NativeEncrypted,
}

fn duration(text: &str) -> Result<Duration, String> {
    sessile_connect::parse_duration(text)
        .ok_or_else(|| "give seconds, or a time such as 90, 31d, 1h30m or \"2 weeks\"".to_owned())
}

fn some_time(text: &str) -> Result<Duration, String> {
    duration(text).and_then(|span| match span.is_zero() {
        true => Err("give more than nothing".to_owned()),
        false => Ok(span),
    })
}

fn time(text: &str) -> Result<Timestamp, String> {
    if let Ok(secs) = text.parse() {
        return Ok(Timestamp::from_secs(secs));
    }
    Timestamp::from_iso8601(text)
        .ok_or_else(|| "give seconds since 1970, or a time like 2026-01-02T03:04:05Z".to_owned())
}

/// Serve a small site that shows sessions at work: a login, a cart, your devices, a bank
/// and a hostile site that attacks it.
///
/// For one machine and plain http: the session cookie goes without TLS. With
/// `--profile flask` sessions live in Flask's own cookie, so that a Flask
/// application with the same SECRET_KEY shares its visitors. With `--profile
/// flask-session` or `django` they live where such an application keeps them.
///
/// Environment: SECRET_KEY signs cookie-held sessions (without it a random one
/// is made for this run), SECRET_KEY_FALLBACKS holds older keys (a JSON list,
/// or one a line, newest first), and SESSION_ALLOW_WEAK_KEY=true permits short
/// keys. Where SESSION_URL or SESSION_TYPE is set and --store is not, with an
/// address, and with the profiles flask-session and django, every setting of
/// docs/configuration.md counts.
#[derive(Debug, clap::Args)]
pub(crate) struct Demo {
    /// Where sessions live: sqlite, file, memory, cookie, encrypted-cookie, or a store's address
    /// (sqlite:FILE, postgres://…, mysql://…, redis://…, memcached://…, mongodb://…, file:DIR). One
    /// with a password belongs in SESSION_URL, where no other user reads it [default: what
    /// SESSION_URL or SESSION_TYPE says, else sqlite; with `--profile flask` cookie]
    #[arg(long, alias = "url", value_name = "STORE", value_parser = demo_store)]
    pub(crate) store: Option<DemoStore>,
    /// The port to listen on; 0 takes any free one
    #[arg(long, default_value_t = 8000)]
    pub(crate) port: u16,
    /// The port of the hostile site, which attacks the demo's bank; there is none where others
    /// reach the address [default: the next port, or any free one]
    #[arg(long, value_name = "PORT")]
    pub(crate) hostile_port: Option<u16>,
    /// The address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    pub(crate) host: IpAddr,
    /// Whose rules to follow
    #[arg(long, value_enum, default_value_t = Rules::Native)]
    pub(crate) profile: Rules,
    /// Where stores that use files keep them; made if missing
    #[arg(long, value_name = "DIR", default_value = "sessile-demo")]
    pub(crate) data: PathBuf,
    /// End sessions after this long without activity: seconds, or a time such as 5m
    /// [default: an hour]
    #[arg(long, alias = "seconds-idle", value_name = "TIME", value_parser = some_time)]
    pub(crate) idle: Option<Duration>,
    /// Log what happens to sessions
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

/// Where the demo's sessions live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DemoStore {
    /// In one of the kinds that need no address.
    Kind(StoreKind),
    /// At an address.
    Url(String),
}

fn demo_store(text: &str) -> Result<DemoStore, String> {
    match StoreKind::from_str(text, false) {
        Ok(kind) => Ok(DemoStore::Kind(kind)),
        Err(_) if text.contains(':') => Ok(DemoStore::Url(text.to_owned())),
        Err(_) => {
            let kinds = StoreKind::value_variants().iter().filter_map(ValueEnum::to_possible_value);
            let names: Vec<_> = kinds.map(|kind| kind.get_name().to_owned()).collect();
            Err(format!("give one of {}, or a store's address", names.join(", ")))
        }
    }
}

/// Where the demo's sessions live, if no address says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StoreKind {
    /// In a SQLite file: they survive a restart
    Sqlite,
    /// In files, one per session
    File,
    /// In this process, gone when it ends
    Memory,
    /// In the cookie, signed: readable by the visitor
    Cookie,
    /// In the cookie, encrypted
    EncryptedCookie,
}

/// Whose rules the demo follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rules {
    /// Ours, with secure defaults
    Native,
    /// Flask's signed cookie
    Flask,
    /// Flask-Session's, in its own store
    #[value(alias = "flask_session")]
    FlaskSession,
    /// Django's, in the store of its session engine
    Django,
}
