//! What a request did to its session.

use std::time::Duration;

use super::flash::FlashEdit;
use crate::id::Subject;
use crate::profile::Profile;
use crate::{Lifetime, Timestamp};
use sessile_formats::{Map, Value};

/// The changes of one request, to be put on top of whatever is stored when it ends.
#[derive(Default)]
pub(crate) struct Changes {
    /// All keys were dropped before the keys below were touched.
    pub(crate) cleared: bool,
    /// A save was asked for whatever else happened (`session.modified = True`).
    pub(crate) marked: bool,
    /// The keys set or removed; the session's data say which.
    pub(crate) keys: Keys,
    /// What was done to the one-time messages.
    pub(crate) flashes: Option<Box<FlashEdit>>,
    /// A new id was asked for.
    pub(crate) rotation: Option<Rotation>,
    /// The session was ended. What comes after it begins a new one.
    pub(crate) ended: bool,
    /// The user changed: logged in, or forgotten.
    pub(crate) subject: Option<Option<Subject>>,
    /// How long it lives was chosen anew.
    pub(crate) lifetime: Option<Choice>,
}

/// Why the id changes, which decides whether the old one gets a grace period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rotation {
    /// A routine change: requests in flight under the old id still reach the session.
    Routine,
    /// Privileges rise. Whoever planted or stole the old id must gain nothing, so it dies at once.
    LogIn,
}

/// How long a session lives, as a handler chose it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// As configured.
    Default,
    /// As configured for visitors who asked to be remembered.
    Permanent,
    /// Limits of its own, counted from now.
    Custom(Lifetime),
    /// Until a moment.
    Until(Timestamp),
}

/// A set of keys, in the order they were first touched.
#[derive(Default)]
pub(crate) struct Keys(Map);

impl Keys {
    fn add(&mut self, key: &Value) {
        if self.0.get_key(key).is_none() {
            self.0.insert(key.clone(), Value::Null);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn iter(&self) -> impl Iterator<Item = &Value> {
        self.0.iter().map(|(key, _)| key)
    }
}

impl Choice {
    pub(crate) fn after(idle: Duration) -> Self {
        Self::Custom(Lifetime { idle: Some(idle), absolute: None })
    }
}

impl Changes {
    pub(crate) fn any(&self) -> bool {
        self.data() || self.ended || self.rotation.is_some() || self.meta()
    }

    /// Whether data changed.
    pub(crate) fn data(&self) -> bool {
        self.cleared || self.marked || !self.keys.is_empty() || self.flashes.is_some()
    }

    /// Whether the user or the lifetime changed.
    pub(crate) fn meta(&self) -> bool {
        self.subject.is_some() || self.lifetime.is_some()
    }

    pub(crate) fn touch(&mut self, key: &Value) {
        self.keys.add(key);
    }

    /// Adds the keys in which `ours` differs from `base`: edits inside values leave no other trace.
    pub(crate) fn compare(&mut self, base: &Map, ours: &Map, profile: Profile) {
        let changed = ours.iter().filter(|(key, value)| base.get_key(key) != Some(value));
        let removed = base.iter().filter(|(key, _)| ours.get_key(key).is_none());
        // Messages are put together one by one.
        let flashes = self.flashes.is_some().then(|| profile.flash_key());
        for (key, _) in changed.chain(removed) {
            if flashes.is_none() || key.as_str() != flashes {
                self.keys.add(key);
            }
        }
    }

    /// `theirs` with our changes on top, taking the values from `ours`.
    pub(crate) fn apply(&self, ours: Map, theirs: Map, profile: Profile) -> Map {
        let mut merged = if self.cleared { profile.kept_by_clear(&ours) } else { theirs };
        if let Some(flashes) = &self.flashes {
            flashes.apply(profile, &mut merged);
        }
        let mut ours = ours;
        for key in self.keys.iter() {
            match ours.remove_key(key) {
                Some(value) => {
                    merged.insert(key.clone(), value);
                }
                None => {
                    merged.remove_key(key);
                }
            }
        }
        merged
    }
}
