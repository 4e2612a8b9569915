//! From the command line to a checked configuration and a store.

use std::path::Path;
use std::time::Duration;

use sessile::file::{self, FileStore};
use sessile::sql::{self, SqlStore};
use sessile::store::NoStore;
use sessile::{
    AnyStore, Config, CookieSettings, CsrfLayer, Engine, KeyRing, MemoryStore, Profile, SecretKey,
    SessionStore as _, Settings, Storage,
};
use sessile_connect::StoreChoice;

use super::guard;
use crate::args::{Demo, DemoStore, Rules, StoreKind};
use crate::outcome::Failure;
use crate::{keys, open_store};

/// A user's oldest session ends when there are more than this.
pub(crate) const SESSIONS_PER_USER: usize = 5;

/// The cookie-held sessions of this site are for it alone.
const AUDIENCE: &str = "sessile demo";

/// What the site needs to know of its sessions.
pub(crate) struct Setup {
    pub(crate) engine: Engine,
    /// The attributes of its cookie.
    pub(crate) cookie: CookieSettings,
    /// Whether the store's keys are hashes of ids, as in our own layout.
    pub(crate) hashed: bool,
    /// What the keys begin with where they are not.
    pub(crate) key_prefix: String,
    pub(crate) csrf: CsrfLayer,
    /// What that was shown when it lets a form in.
    pub(crate) proof: &'static str,
    pub(crate) store: AnyStore,
    pub(crate) kind: Kind,
    /// The store in a few words.
    pub(crate) place: String,
    /// How long a session lives without activity.
    pub(crate) idle: Option<Duration>,
    /// What the operator is to be told.
    pub(crate) notes: Vec<String>,
}

/// How sessions are kept, as far as the pages differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Stored,
    Signed,
    Encrypted,
    Flask,
}

impl Kind {
    pub(crate) fn is_stored(self) -> bool {
        self == Self::Stored
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Signed => "signed",
            Self::Encrypted => "encrypted",
            Self::Flask => "flask",
        }
    }
}

pub(crate) async fn prepare(options: &Demo) -> Result<Setup, Failure> {
    let own_rules = matches!(options.profile, Rules::FlaskSession | Rules::Django);
    let named = match &options.store {
        Some(DemoStore::Url(url)) => return from_settings(options, Some(url)).await,
        Some(DemoStore::Kind(StoreKind::Memory)) if own_rules => {
            return from_settings(options, None).await;
        }
        Some(DemoStore::Kind(_)) if own_rules => {
            return Err(Failure::usage(
                "with this profile --store takes an address, such as sqlite:FILE, or memory",
            ));
        }
        None if own_rules || options.profile == Rules::Native && names_a_store()? => {
            return from_settings(options, None).await;
        }
        Some(DemoStore::Kind(named)) => Some(*named),
        None => None,
    };
    let mut notes = Vec::new();
    let kind = kind(options.profile, named)?;
    let mut config = match kind {
        Kind::Stored => Config::native(),
        Kind::Flask => Config::flask(key_ring(&mut notes)?),
        Kind::Signed | Kind::Encrypted => {
            let mut config = Config::native();
            config.keys = Some(key_ring(&mut notes)?);
            config.storage = match kind {
                Kind::Signed => Storage::SignedCookie,
                _ => Storage::EncryptedCookie,
            };
            config.audience = AUDIENCE.to_owned();
            config.cookie_sessions_cannot_be_revoked = true;
            notes.push("sessions kept in cookies cannot be ended from the server".to_owned());
            config
        }
    };
    let mut idle = None;
    match (kind, options.idle) {
        (Kind::Flask, Some(_)) => {
            return Err(Failure::usage("--idle: Flask's sessions have no idle limit"));
        }
        (Kind::Flask, None) => {}
        (_, seconds) => {
            if let Some(seconds) = seconds {
                config.lifetime.idle = Some(seconds);
            }
            idle = config.lifetime.idle;
        }
    }
    if kind.is_stored() {
        config.sessions_per_subject = Some(SESSIONS_PER_USER);
    }
    let (store, place) = store(options, named, kind).await?;
    site(options.profile, config, store, kind, place, idle, notes)
}

/// Whether the environment says where sessions are kept.
fn names_a_store() -> Result<bool, Failure> {
    let settings: Settings = sessile::from_env().map_err(Failure::usage)?;
    Ok(settings.names().any(|name| matches!(name, "SESSION_URL" | "SESSION_TYPE")))
}

/// What every way of keeping sessions has in common.
fn site(
    profile: Rules,
    config: Config,
    store: AnyStore,
    kind: Kind,
    place: String,
    idle: Option<Duration>,
    mut notes: Vec<String>,
) -> Result<Setup, Failure> {
    notes.push(format!("sessions live in {place}"));
    notes.push("plain http: session cookies travel without TLS; for this machine only".to_owned());
    let csrf = guard::layer(profile, config.keys.as_ref())?;
    let config = config.for_development();
    let (cookie, hashed) = (config.cookie.clone(), config.profile == Profile::Native);
    let key_prefix = config.key_prefix.clone();
    let engine = Engine::new(config).map_err(Failure::usage)?;
    let proof = guard::proof(profile);
    Ok(Setup { engine, cookie, hashed, key_prefix, csrf, proof, store, kind, place, idle, notes })
}

/// As any application is set up: by the settings of the environment, in the
/// store at the address given or in the one that they name.
async fn from_settings(options: &Demo, url: Option<&String>) -> Result<Setup, Failure> {
    let profile = match options.profile {
        Rules::Native => "native",
        Rules::Flask => {
            return Err(Failure::usage(
                "--profile flask keeps its sessions in cookies; leave --store away, or use \
                 --profile flask-session",
            ));
        }
        Rules::FlaskSession => "flask_session",
        Rules::Django => "django",
    };
    let mut settings =
        sessile::from_env().map_err(Failure::usage)?.with("SESSION_PROFILE", profile);
    match url {
        Some(url) => settings.set("SESSION_URL", url.as_str()),
        None if options.store.is_some() => settings.set("SESSION_TYPE", "memory"),
        None => {}
    }
    if let Some(idle) = options.idle {
        let millis = i64::try_from(idle.as_millis()).unwrap_or(i64::MAX);
        settings = settings.with("SESSION_IDLE_TIMEOUT", format!("{}", millis as f64 / 1000.0));
    }
    let read = settings.into_config();
    let (mut config, choice) =
        read.map_err(|error| open_store::refused("--store", url.is_some(), &error))?;
    let kind = match config.storage {
        Storage::Store => Kind::Stored,
        Storage::SignedCookie => Kind::Signed,
        _ => Kind::Encrypted,
    };
    let place = place(&choice);
    let store = sessile_connect::connect_store(choice, &config).await.map_err(Failure::usage)?;
    if store.capabilities().directory.is_some() {
        config.sessions_per_subject = Some(SESSIONS_PER_USER);
    }
    let idle = config.lifetime.idle;
    site(options.profile, config, store, kind, place, idle, Vec::new())
}

/// A store in a few words, without its password.
fn place(choice: &StoreChoice) -> String {
    match choice {
        StoreChoice::Cookie => "your cookie".to_owned(),
        StoreChoice::Memory => "this process’s memory".to_owned(),
        StoreChoice::Sql { url, table, .. } => format!("the table {table} of {url}"),
        StoreChoice::File { dir, .. } => format!("files, in {}", dir.display()),
        StoreChoice::Redis { url, .. } => format!("Redis, at {url}"),
        StoreChoice::Memcached { url, .. } => format!("Memcached, at {url}"),
        StoreChoice::MongoDb { url, .. } => format!("MongoDB, at {url}"),
        StoreChoice::Cached { front, back, .. } => {
            format!("{}, behind {}", place(back), place(front))
        }
        StoreChoice::Moving { new, old } => format!("{}, and still {}", place(new), place(old)),
        _ => "a store".to_owned(),
    }
}

fn kind(profile: Rules, named: Option<StoreKind>) -> Result<Kind, Failure> {
    Ok(match (profile, named) {
        (Rules::Flask, None | Some(StoreKind::Cookie)) => Kind::Flask,
        (Rules::Flask, Some(_)) => {
            return Err(Failure::usage(
                "--profile flask keeps its sessions in cookies; leave --store away",
            ));
        }
        (Rules::Native, Some(StoreKind::Cookie)) => Kind::Signed,
        (Rules::Native, Some(StoreKind::EncryptedCookie)) => Kind::Encrypted,
        _ => Kind::Stored,
    })
}

async fn store(
    options: &Demo,
    named: Option<StoreKind>,
    kind: Kind,
) -> Result<(AnyStore, String), Failure> {
    if !kind.is_stored() {
        return Ok((AnyStore::new(NoStore), "your cookie".to_owned()));
    }
    if named == Some(StoreKind::Memory) {
        return Ok((AnyStore::new(MemoryStore::default()), "this process’s memory".to_owned()));
    }
    if named == Some(StoreKind::File) {
        let folder = make_folder(&options.data)?.join("sessions");
        let place = format!("files, in {}", folder.display());
        let store = FileStore::open(folder, file::Options::default()).await;
        return Ok((AnyStore::new(store.map_err(Failure::usage)?), place));
    }
    let path = options.data.join("sessions.sqlite");
    let Some(path) = path.to_str() else {
        return Err(Failure::usage("--data: SQLite takes no path that is not UTF-8"));
    };
    make_folder(&options.data)?;
    let store = SqlStore::connect(&format!("sqlite:{path}"), sql::Options::default())
        .await
        .map_err(|error| Failure::usage(format!("{path}: {error}")))?;
    Ok((AnyStore::new(store), format!("SQLite, in {path}")))
}

/// The folder for stores that use files, readable by its owner only if it is new.
fn make_folder(path: &Path) -> Result<&Path, Failure> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|error| {
        Failure::usage(format!(
            "cannot make {}: {error}; choose another with --data",
            path.display()
        ))
    })?;
    Ok(path)
}

/// The keys of the environment, or a random one for this run.
fn key_ring(notes: &mut Vec<String>) -> Result<KeyRing, Failure> {
    let allowed = keys::variable("SESSION_ALLOW_WEAK_KEY")?
        .is_some_and(|text| matches!(text.as_str(), "1" | "true" | "True"));
    let check: keys::Check =
        if allowed { |key| SecretKey::allow_weak(key) } else { |key| SecretKey::new(key) };
    let found = keys::from_environment(check).map_err(|failure| {
        if allowed { failure } else { failure.and("; SESSION_ALLOW_WEAK_KEY=true lets it pass") }
    })?;
    if let Some(ring) = found {
        return Ok(ring);
    }
    notes.push(
        "SECRET_KEY is not set: a random key is used, and every session ends with this run"
            .to_owned(),
    );
    let key = SecretKey::new(keys::random(sessile::MIN_KEY_BYTES)?.to_vec());
    Ok(KeyRing::new(key.map_err(Failure::usage)?))
}
