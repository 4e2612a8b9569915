//! Whether a store that seems empty holds sessions in another layout than was said.

use sessile::SessionStore as _;
use sessile::store::Layout;
use sessile_connect::{Purpose, StoreChoice};

use crate::args::Profile;
use crate::open_store::Directions;

/// Entries asked for at a time, and how often: a large store is not searched through for a hint.
const PAGE: usize = 500;
const PAGES: usize = 20;

/// A key for settings that ask for one; nothing is read with it.
const ANY_KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef";

/// Another layout that a store has sessions in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OtherLayout(Profile);

impl OtherLayout {
    /// What it is, and what to give.
    pub(crate) fn hint(self, option: &str) -> String {
        let option = match option {
            "--from" => "--from-profile",
            "--to" => "--to-profile",
            _ => "--profile",
        };
        let profile = self.0.name();
        format!("It holds sessions {}: give {option} {profile}", self.layout())
    }

    /// "in Django’s layout".
    pub(crate) fn layout(self) -> &'static str {
        match self.0 {
            Profile::Native => "in sessile’s own layout",
            Profile::FlaskSession => "in Flask-Session’s layout",
            Profile::Django => "in Django’s layout",
        }
    }

    pub(crate) fn profile(self) -> &'static str {
        self.0.name()
    }
}

impl Directions<'_> {
    /// Looks for sessions in the other layouts, where these keep them by default. Nothing is
    /// written; what cannot be opened is passed over.
    pub(crate) async fn other_layout(&self) -> Option<OtherLayout> {
        let (config, choice) = self.read().ok()?;
        if matches!(choice, StoreChoice::Moving { .. } | StoreChoice::Cached { .. }) {
            return None;
        }
        let given = Layout::of(config.profile);
        for profile in [Profile::Django, Profile::FlaskSession, Profile::Native] {
            if profile.layout() != given && self.holds(profile).await {
                return Some(OtherLayout(profile));
            }
        }
        None
    }

    async fn holds(&self, profile: Profile) -> bool {
        let Ok(mut settings) = self.settings() else { return false };
        if !settings.names().any(|name| name == "SECRET_KEY") {
            settings.set("SECRET_KEY", ANY_KEY);
        }
        settings.set("SESSION_PROFILE", profile.name());
        let Ok((config, choice)) = settings.into_config() else { return false };
        if let StoreChoice::File { dir, .. } = &choice
            && profile == Profile::FlaskSession
        {
            return has_cachelibs_files(dir);
        }
        let Ok(store) = sessile_connect::open_store(choice, &config, Purpose::Look).await else {
            return false;
        };
        let Some(scan) = store.capabilities().scan else { return false };
        let mut after = None;
        for _ in 0..PAGES {
            match scan.scan(after.as_ref(), PAGE).await {
                Ok(page) if !page.entries.is_empty() => return true,
                Ok(page) if page.next.is_some() => after = page.next,
                _ => return false,
            }
        }
        false
    }
}

/// cachelib names its files by hashes of their keys, in 64 or (before 0.16) 32 digits. One of them
/// is its own count.
fn has_cachelibs_files(folder: &std::path::Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    let hash = |name: &str| {
        matches!(name.len(), 32 | 64) && name.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|name| hash(name)).nth(1).is_some()
}
