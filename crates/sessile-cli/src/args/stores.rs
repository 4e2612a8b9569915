//! The commands that look after a store.

use std::path::PathBuf;

use clap::ValueEnum;

use super::time;
use sessile::Timestamp;
use sessile::store::Layout;

/// Which store.
///
/// An address on the command line can be seen by every user of the machine: one
/// with a password belongs in the environment (SESSION_URL) or a file.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct StoreArgs {
    /// The store's address: sqlite:FILE, postgres://…, mysql://…, redis://…, memcached://…,
    /// mongodb://… or file:DIR [default: what the environment's settings say]
    #[arg(long, value_name = "URL")]
    pub(crate) store: Option<String>,
    /// Whose layout it has [default: native]
    #[arg(long, value_enum)]
    pub(crate) profile: Option<Profile>,
    /// A TOML file of settings
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// One more setting, as in the environment; may be given several times
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    pub(crate) set: Vec<(String, String)>,
}

/// Whose rules a deployment follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Profile {
    /// Ours
    Native,
    /// Flask-Session's
    #[value(alias = "flask-session")]
    FlaskSession,
    /// Django's
    Django,
}

impl Profile {
    pub(crate) fn layout(self) -> Layout {
        match self {
            Self::Native => Layout::Native,
            Self::FlaskSession => Layout::FlaskSession,
            Self::Django => Layout::Django,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::FlaskSession => "flask_session",
            Self::Django => "django",
        }
    }
}

/// Remove expired sessions from a store that does not forget them by itself.
///
/// Those that expired less than ten minutes ago stay: clocks of servers may differ.
/// In batches, so that nobody waits long. For cron, or once; a running
/// application does the same with SESSION_SWEEP_EVERY.
#[derive(Debug, clap::Args)]
pub(crate) struct Sweep {
    #[command(flatten)]
    pub(crate) place: StoreArgs,
    /// How many are removed at a time
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 500,
        value_parser = clap::value_parser!(u32).range(1..=100_000)
    )]
    pub(crate) batch: u32,
    /// The time it is: seconds since 1970, or ISO 8601 [default: the clock's]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) now: Option<Timestamp>,
    /// Only say how many would be removed
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// One JSON object, instead
    #[arg(long)]
    pub(crate) json: bool,
}

/// Say what a store holds: sessions with and without user, their age and size.
///
/// Looks at so many sessions at most, and writes nothing.
#[derive(Debug, clap::Args)]
pub(crate) struct Stats {
    #[command(flatten)]
    pub(crate) place: StoreArgs,
    /// At most so many sessions are looked at
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 100_000,
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub(crate) most: u64,
    /// One JSON object, instead
    #[arg(long)]
    pub(crate) json: bool,
}

/// Look at a store and say what is wrong with it, or will be, and what to do.
///
/// Writes nothing, unless told to. Run it as the user who runs the site.
/// Exit code 1 when something is bad; with --strict a warning will do.
#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) place: StoreArgs,
    /// Write one entry, too, change it and remove it
    #[arg(long)]
    pub(crate) write: bool,
    /// Make what is missing, as the application does at its first start
    #[arg(long)]
    pub(crate) create: bool,
    /// Warnings make the exit code 1, too
    #[arg(long)]
    pub(crate) strict: bool,
    /// One JSON object, instead
    #[arg(long)]
    pub(crate) json: bool,
}

/// Move sessions from one store to another, from one layout to another.
///
/// Sessions are copied, read back and compared; the old store keeps them. What
/// the new store has already and is newer stays, and what was ended meanwhile, on
/// either side, stays ended. It can be interrupted and run again at any time: a
/// file remembers how far it came. Between two runs of the finished move only what
/// changed is copied.
///
/// From Flask-Session or Django to the native layout the keys become hashes.
/// The other way is impossible: nobody gets an id back from its hash.
///
/// SECRET_KEY and SECRET_KEY_FALLBACKS of the environment serve both sides, unless a
/// side's file has its own.
#[derive(Debug, clap::Args)]
pub(crate) struct Migrate {
    /// The old store's address
    #[arg(long, value_name = "URL", required_unless_present = "from_config")]
    pub(crate) from: Option<String>,
    /// The new store's address
    #[arg(long, value_name = "URL", required_unless_present = "to_config")]
    pub(crate) to: Option<String>,
    /// Whose layout the old store has [default: native]
    #[arg(long, value_name = "PROFILE", value_enum)]
    pub(crate) from_profile: Option<Profile>,
    /// Whose layout the new store gets [default: native]
    #[arg(long, value_name = "PROFILE", value_enum)]
    pub(crate) to_profile: Option<Profile>,
    /// A TOML file of the old side's settings
    #[arg(long, value_name = "FILE")]
    pub(crate) from_config: Option<PathBuf>,
    /// A TOML file of the new side's settings
    #[arg(long, value_name = "FILE")]
    pub(crate) to_config: Option<PathBuf>,
    /// One more setting of the old side; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = setting)]
    pub(crate) from_set: Vec<(String, String)>,
    /// One more setting of the new side; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = setting)]
    pub(crate) to_set: Vec<(String, String)>,
    /// Read and convert everything, write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Where to remember how far it came
    #[arg(long, value_name = "FILE", default_value = "sessile-migrate.state")]
    pub(crate) state: PathBuf,
    /// Sessions under way at once
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 32,
        value_parser = clap::value_parser!(u16).range(1..=1024)
    )]
    pub(crate) parallel: u16,
    /// Do not count first: the bar then has no end
    #[arg(long)]
    pub(crate) no_count: bool,
    /// One JSON object at the end, instead
    #[arg(long)]
    pub(crate) json: bool,
}

/// List sessions: when they began, when they end, whose they are. Never their ids.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) place: StoreArgs,
    /// Only this user's
    #[arg(long, value_name = "ID")]
    pub(crate) user: Option<String>,
    /// At most so many
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 100,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub(crate) limit: u32,
    /// One JSON object a line, instead
    #[arg(long)]
    pub(crate) json: bool,
}

/// End sessions: a user's, one of them, or everybody's.
///
/// Says how many these are and asks before it ends them. Where nobody can answer, it wants --yes.
#[derive(Debug, clap::Args)]
#[group(id = "whose", required = true, multiple = true, args = ["user", "session", "everyone"])]
pub(crate) struct End {
    #[command(flatten)]
    pub(crate) place: StoreArgs,
    /// This user's sessions
    #[arg(long, value_name = "ID")]
    pub(crate) user: Option<String>,
    /// Only this one, by the handle that `list` shows
    #[arg(long, value_name = "HANDLE")]
    pub(crate) session: Option<String>,
    /// Everybody's: all have to log in again
    #[arg(long, conflicts_with_all = ["user", "session"])]
    pub(crate) everyone: bool,
    /// Only say how many would be ended
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// One JSON object, instead
    #[arg(long)]
    pub(crate) json: bool,
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
