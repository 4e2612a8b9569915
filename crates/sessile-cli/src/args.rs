//! The command line.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// Sessions and session cookies: a demo site, keys, a look inside.
#[derive(Debug, Parser)]
#[command(name = "sessile", version, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(Demo),
}

/// Serve a small site that shows sessions at work: a login, a cart, your devices.
///
/// For one machine and plain http: the session cookie goes without TLS. With
/// `--profile flask` sessions live in Flask's own cookie, so that a Flask
/// application with the same SECRET_KEY shares its visitors.
///
/// Environment: SECRET_KEY signs cookie-held sessions (without it a random one
/// is made for this run), SECRET_KEY_FALLBACKS is a JSON list of older keys,
/// oldest first, and SESSION_ALLOW_WEAK_KEY=true permits short keys.
#[derive(Debug, clap::Args)]
pub(crate) struct Demo {
    /// Where sessions live [default: sqlite; with `--profile flask` cookie]
    #[arg(long, value_enum)]
    pub(crate) store: Option<StoreKind>,
    /// The port to listen on; 0 takes any free one
    #[arg(long, default_value_t = 8000)]
    pub(crate) port: u16,
    /// The address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    pub(crate) host: IpAddr,
    /// Whose rules to follow
    #[arg(long, value_enum, default_value_t = Rules::Native)]
    pub(crate) profile: Rules,
    /// Where stores that use files keep them; made if missing
    #[arg(long, value_name = "DIR", default_value = "sessile-demo")]
    pub(crate) data: PathBuf,
    /// End sessions after this long without activity [default: an hour]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) seconds_idle: Option<NonZeroU32>,
    /// Log what happens to sessions
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

/// Where the demo's sessions live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StoreKind {
    /// In a SQLite file: they survive a restart
    Sqlite,
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
}
