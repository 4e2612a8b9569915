//! Stores with sessions in them, beside the program.

use std::path::Path;

use serde_json::Value;
use sessile::store::{CreateOutcome, Entry, Record};
use sessile::{
    AnyStore, Config, Engine, Map, SessionStore as _, Settings, StoreKey, Subject, Timestamp,
};

use super::{Ran, sessile};

/// A store that settings lead to, for putting sessions in and looking at them.
pub(crate) struct Shop {
    pub(crate) store: AnyStore,
    engine: Engine,
    pub(crate) config: Config,
}

pub(crate) async fn shop(pairs: &[(&str, &str)]) -> Shop {
    let mut settings = Settings::new();
    pairs.iter().for_each(|(name, value)| settings.set(*name, *value));
    let (config, choice) = settings.into_config().unwrap();
    let store = sessile_connect::connect_store(choice, &config).await.unwrap();
    Shop { store, engine: Engine::new(config.clone()).unwrap(), config }
}

pub(crate) fn now() -> Timestamp {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_millis(now.as_millis() as i64)
}

impl Shop {
    pub(crate) fn key(&self, number: u32) -> StoreKey {
        match self.config.profile {
            sessile::Profile::Native => StoreKey::from_hash(std::array::from_fn(|at| {
                number.to_be_bytes().get(at).copied().unwrap_or(7)
            })),
            _ => StoreKey::from_text(format!("{}{:0>32}", self.config.key_prefix, number)),
        }
    }

    pub(crate) fn record(&self, word: &str, user: &str, ends: Timestamp) -> Record {
        let mut data = Map::new();
        data.insert("word", word);
        let native = self.config.profile == sessile::Profile::Native;
        if !native {
            data.insert("_auth_user_id", user);
        }
        Record {
            created: native.then(now),
            seen: native.then(now),
            subject: native.then(|| Subject::new(user)).flatten(),
            ..Record::ending(self.engine.encode(&data, now()).unwrap(), Some(ends))
        }
    }

    pub(crate) async fn put(&self, number: u32, word: &str, user: &str, secs: i64) {
        let ends = Timestamp::from_millis(now().as_millis() + secs * 1000);
        let created = self.store.create(&self.key(number), &self.record(word, user, ends)).await;
        assert!(matches!(created.unwrap(), CreateOutcome::Created(_)));
    }

    pub(crate) async fn change(&self, number: u32, word: &str, secs: i64) {
        let key = self.key(number);
        let Some(Entry::Live(_, version)) = self.store.load(&key).await.unwrap() else { panic!() };
        let ends = Timestamp::from_millis(now().as_millis() + secs * 1000);
        self.store.update(&key, &self.record(word, "ann", ends), &version).await.unwrap();
    }

    /// The word of a session under its key.
    pub(crate) async fn at(&self, key: &StoreKey) -> Option<String> {
        match self.store.load(key).await.unwrap()? {
            Entry::Live(record, _) => {
                let data = self.engine.decode(&record.payload).unwrap();
                Some(data.get("word").unwrap().as_str().unwrap().to_owned())
            }
            Entry::Moved { .. } | Entry::Unreadable(_) => None,
        }
    }
}

pub(crate) const KEY: &str = "3f1c0b6f9a3d47c28c5e6a1d0b7f2e94";

pub(crate) fn run_in(dir: &Path, words: &[&str]) -> Ran {
    let mut program = sessile(words).env("SECRET_KEY", KEY).env("NO_COLOR", "1");
    program.0.current_dir(dir);
    program.run("")
}

pub(crate) fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{} {}", ran.out, ran.err))
}

pub(crate) fn sqlite(dir: &Path, name: &str) -> String {
    format!("sqlite:{}", dir.join(name).display())
}
