//! What the tests here share.

use sessile::{AnyStore, Config, KeyRing, MemoryStore, SecretKey, SessionLayer, Storage};
use sessile_conformance::http::app::InMemory;
use sessile_conformance::http::{Browser, Clock, Stage};

pub(crate) const SECRET: &str = "3f1c0b6f9a3d47c28c5e6a1d0b7f2e94";
pub(crate) const OTHER_SECRET: &str = "d02c4f8a7b1e4935a6c0f2d18e5b7394";

/// A stage over a memory store of its own.
pub(crate) fn stage(config: Config) -> Stage {
    Stage::over(AnyStore::new(MemoryStore::new()), config, Clock::default()).unwrap()
}

/// A browser on an application of the test's own shape.
pub(crate) fn browser(app: axum::Router, layer: SessionLayer) -> Browser {
    Browser::new(InMemory::site(app.layer(layer)))
}

pub(crate) fn ring(secrets: &[&str]) -> KeyRing {
    let mut keys = secrets.iter().map(|secret| SecretKey::new(*secret).unwrap());
    KeyRing::new(keys.next().unwrap()).with_fallbacks(keys)
}

/// Cookie-held sessions, with what they cannot do accepted.
pub(crate) fn held(storage: Storage, secrets: &[&str]) -> Config {
    let mut config = Config::native();
    config.storage = storage;
    config.keys = Some(ring(secrets));
    config.cookie_sessions_cannot_be_revoked = true;
    config
}

/// Both kinds of cookie-held sessions.
pub(crate) const HELD: [Storage; 2] = [Storage::SignedCookie, Storage::EncryptedCookie];
