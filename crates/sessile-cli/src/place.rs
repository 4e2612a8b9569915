//! From the command line to an open store.

use std::future::Future;
use std::path::PathBuf;

use sessile::{AnyStore, Config, Settings, StoreChoice};

use crate::args::{Profile, StoreArgs};
use crate::outcome::Failure;

/// A store and the rules it is used by.
pub(crate) struct Place {
    pub(crate) store: AnyStore,
    pub(crate) config: Config,
    /// Its address, without what may be secret.
    pub(crate) name: String,
}

/// What says where a store is.
#[derive(Default)]
pub(crate) struct Directions<'a> {
    pub(crate) url: Option<&'a str>,
    pub(crate) profile: Option<Profile>,
    pub(crate) file: Option<&'a PathBuf>,
    pub(crate) set: &'a [(String, String)],
}

impl<'a> From<&'a StoreArgs> for Directions<'a> {
    fn from(args: &'a StoreArgs) -> Self {
        let StoreArgs { store, profile, config, set } = args;
        Self { url: store.as_deref(), profile: *profile, file: config.as_ref(), set }
    }
}

/// What both sides of a move, and an address given by hand, take from the environment.
const KEYS: &[&str] = &["SECRET_KEY", "SECRET_KEY_FALLBACKS", "SESSION_ALLOW_WEAK_KEY"];

impl Directions<'_> {
    /// The settings they come to.
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        let given_by_hand = self.url.is_some() || self.file.is_some();
        let mut settings = environment(given_by_hand)?;
        if let Some(path) = self.file {
            let file = sessile::from_toml(path).map_err(Failure::usage)?;
            settings = settings.overridden_by(file);
        }
        if let Some(profile) = self.profile {
            settings.set("SESSION_PROFILE", profile.name());
        }
        match self.url {
            Some("memory") => settings.set("SESSION_TYPE", "memory"),
            Some(url) => settings.set("SESSION_URL", url),
            None => {}
        }
        for (name, value) in self.set {
            settings.set(name, value.as_str());
        }
        Ok(settings)
    }

    /// What they mean, checked; nothing is opened.
    pub(crate) fn read(&self) -> Result<(Config, StoreChoice), Failure> {
        let (mut config, choice) = self.settings()?.into_config().map_err(Failure::usage)?;
        if choice == StoreChoice::Cookie {
            return Err(Failure::usage(
                "these settings keep sessions in cookies: there is no store to look after",
            ));
        }
        // This program sweeps when it is asked to.
        config.sweep_every = None;
        config.cleanup_n_requests = None;
        Ok((config, choice))
    }

    /// The store they lead to, opened.
    pub(crate) async fn open(&self) -> Result<Place, Failure> {
        let (config, choice) = self.read()?;
        let name = name(&choice);
        let store = sessile::connect_store(choice, &config)
            .await
            .map_err(|error| Failure::usage(format!("{name}: {error}")))?;
        Ok(Place { store, config, name })
    }
}

fn environment(keys_only: bool) -> Result<Settings, Failure> {
    let mut pairs = Vec::new();
    for (variable, value) in std::env::vars_os() {
        let Ok(variable) = variable.into_string() else { continue };
        let bare = variable.strip_prefix("SESSILE_").unwrap_or(&variable);
        if !Settings::is_variable(&variable) || keys_only && !KEYS.contains(&bare) {
            continue;
        }
        let value = value.into_string().map_err(|_| {
            Failure::usage(format!("the environment's {variable} is not text; write it in UTF-8"))
        })?;
        pairs.push((variable, value));
    }
    Ok(Settings::from_pairs(pairs))
}

/// A store in a few words, without what may be secret.
pub(crate) fn name(choice: &StoreChoice) -> String {
    match choice {
        StoreChoice::Sql { url, table, schema } => match schema {
            Some(schema) => format!("{url}, table {schema}.{table}"),
            None => format!("{url}, table {table}"),
        },
        StoreChoice::File { dir, .. } => format!("file:{}", dir.display()),
        StoreChoice::Redis { url, .. } | StoreChoice::Memcached { url, .. } => url.to_string(),
        StoreChoice::MongoDb { url, database, collection } => {
            format!("{url}, collection {database}.{collection}")
        }
        StoreChoice::Cached { front, back, .. } => {
            format!("{} behind {}", name(back), name(front))
        }
        StoreChoice::Moving { new, old } => format!("{} taking over from {}", name(new), name(old)),
        StoreChoice::Memory => "this process’s memory".to_owned(),
        _ => "cookies".to_owned(),
    }
}

/// Why the store of that name has no list of its sessions, and what to do instead.
pub(crate) fn no_list(name: &str) -> String {
    let why = if name.starts_with("file:") {
        "cachelib names its files by hashes of their keys, and the keys are not in them"
    } else {
        "it has none"
    };
    format!(
        "this store cannot list what it holds: {why}. To leave it, set SESSION_MIGRATE_FROM in \
         the application: its sessions are read there and move with their next change"
    )
}

/// The name of a configuration's layout.
pub(crate) fn layout(config: &Config) -> &'static str {
    match sessile::store::Layout::of(config.profile) {
        sessile::store::Layout::FlaskSession => "Flask-Session’s layout",
        sessile::store::Layout::Django => "Django’s layout",
        _ => "native layout",
    }
}

/// Runs a command that waits for a store.
pub(crate) fn wait_for<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::usage(format!("cannot start: {error}")))?;
    let result = runtime.block_on(work);
    // A store that hangs is not waited for.
    runtime.shutdown_background();
    result
}
