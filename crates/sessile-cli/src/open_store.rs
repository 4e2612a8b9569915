//! From the command line to an open store.

use std::future::Future;
use std::path::PathBuf;

use sessile::{AnyStore, Config, MemoryStore, Settings, SettingsError};
use sessile_connect::{ConnectError, Purpose, StoreChoice};

use crate::args::{Profile, StoreArgs};
use crate::outcome::Failure;
use crate::progress::Progress;

/// A store and the rules it is used by.
pub(crate) struct OpenStore {
    pub(crate) store: AnyStore,
    pub(crate) config: Config,
    /// Its address, without what may be secret.
    pub(crate) name: String,
}

/// What says where a store is.
pub(crate) struct Directions<'a> {
    /// The option that takes its address.
    pub(crate) option: &'static str,
    pub(crate) url: Option<&'a str>,
    pub(crate) profile: Option<Profile>,
    pub(crate) file: Option<&'a PathBuf>,
    pub(crate) set: &'a [(String, String)],
}

impl<'a> From<&'a StoreArgs> for Directions<'a> {
    fn from(args: &'a StoreArgs) -> Self {
        let StoreArgs { store, profile, config, set } = args;
        let (url, file) = (store.as_deref(), config.as_ref());
        Self { option: "--store", url, profile: *profile, file, set }
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
        let settings = self.settings()?;
        // Its application would not start with wrong ones.
        if settings.names().any(|name| name.starts_with("CSRF_") || name.starts_with("WTF_CSRF_")) {
            settings.csrf().map_err(Failure::usage)?;
        }
        let (mut config, choice) = settings
            .into_config()
            .map_err(|error| refused(self.option, self.url.is_some(), &error))?;
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

    /// The store they lead to, opened for something to be changed in it; nothing is made.
    pub(crate) async fn open(&self) -> Result<OpenStore, Failure> {
        self.existing(Purpose::Tend).await
    }

    /// The store they lead to, opened to look: nothing is made or written.
    pub(crate) async fn look(&self) -> Result<OpenStore, Failure> {
        self.existing(Purpose::Look).await
    }

    async fn existing(&self, purpose: Purpose) -> Result<OpenStore, Failure> {
        let (config, choice) = self.read()?;
        if choice == StoreChoice::Memory {
            return Err(Failure::usage(
                "a store in memory is seen by its own process alone: there is nothing to look at",
            ));
        }
        if let Some(path) = absent(&choice) {
            return Err(Failure::usage(nothing_at(&path)));
        }
        match connect(config, choice, purpose).await {
            Err(error) => Err(match self.other_layout().await {
                Some(other) => Failure::usage(format!("{error}.\n{}", other.hint(self.option))),
                None => Failure::usage(error),
            }),
            Ok(place) => Ok(place),
        }
    }

    /// The store they lead to, opened, and made if it is new.
    pub(crate) async fn open_or_make(&self) -> Result<OpenStore, Failure> {
        let (config, choice) = self.read()?;
        connect(config, choice, Purpose::Serve).await.map_err(Failure::usage)
    }

    /// The store they lead to, opened to look; an empty one in memory stands for what would be
    /// new.
    pub(crate) async fn look_unless_new(&self) -> Result<OpenStore, Failure> {
        let (config, choice) = self.read()?;
        let name = choice.to_string();
        let new = |config| OpenStore { store: AnyStore::new(MemoryStore::default()), config, name };
        if absent(&choice).is_some() {
            return Ok(new(config));
        }
        match connect(config.clone(), choice, Purpose::Look).await {
            Err(ConnectError::NoTable { .. }) => Ok(new(config)),
            other => other.map_err(Failure::usage),
        }
    }
}

/// What is wrong with settings, in the words of whoever gave an address by `option`.
pub(crate) fn refused(option: &str, given: bool, error: &SettingsError) -> Failure {
    match error {
        SettingsError::Invalid { setting: "SESSION_URL", takes, .. } if given => {
            Failure::usage(format!("{option} takes {takes} and what follows"))
        }
        SettingsError::Missing { setting: "SESSION_TYPE", .. } => Failure::usage(format!(
            "which store? Give {option} and its address, such as sqlite:sessions.db, or set \
             SESSION_TYPE and SESSION_URL"
        )),
        error => Failure::usage(error),
    }
}

async fn connect(
    config: Config,
    choice: StoreChoice,
    purpose: Purpose,
) -> Result<OpenStore, ConnectError> {
    let name = choice.to_string();
    let store = sessile_connect::open_store(choice, &config, purpose).await?;
    Ok(OpenStore { store, config, name })
}

/// The file or folder of a store that would be made by opening it.
pub(crate) fn absent(choice: &StoreChoice) -> Option<PathBuf> {
    let path = match choice {
        StoreChoice::Sql { url, .. } if url.scheme() == "sqlite" => {
            let (_, path) = url.expose().split_once(':')?;
            PathBuf::from(path.strip_prefix("///").unwrap_or(path))
        }
        StoreChoice::File { dir, .. } => dir.clone(),
        StoreChoice::Cached { back, .. } => return absent(back),
        StoreChoice::Moving { new, old } => return absent(old).or_else(|| absent(new)),
        _ => return None,
    };
    // What cannot be looked at is the store's to complain of.
    matches!(path.try_exists(), Ok(false)).then_some(path)
}

/// What to say of it.
pub(crate) fn nothing_at(path: &std::path::Path) -> String {
    format!(
        "there is no {}; the application makes it at its first start. Check the path, and the \
         folder it begins in",
        path.display()
    )
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

/// Why the store of that name has no list of its sessions.
pub(crate) fn no_list(name: &str) -> String {
    let why = if name.starts_with("file:") {
        "cachelib names its files by hashes of their keys, and the keys are not in them"
    } else {
        "it has none"
    };
    format!("this store cannot list what it holds: {why}")
}

/// How to leave such a store.
pub(crate) const LEAVE: &str = "to leave it, set SESSION_MIGRATE_FROM in the application: its \
                                sessions are read there and move with their next change";

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
    let result = runtime.block_on(async {
        tokio::select! {
            // Ctrl-C is listened for before anything is done.
            biased;
            () = interrupted() => Err(Failure::interrupted()),
            result = work => result,
        }
    });
    // A store that hangs is not waited for.
    runtime.shutdown_background();
    result
}

/// Until somebody presses Ctrl-C. What a bar has drawn is wiped.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Nobody can say it, so the system's own way holds.
        std::future::pending::<()>().await;
    }
    Progress::wipe();
}
