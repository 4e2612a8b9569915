//! What a handler holds: a dict-like, synchronous value that never holds a store.
//!
//! A [`Session`] is plain data plus the list of what the request did to it.
//! Nothing is saved by its methods: when the handler is done, `settle` reads
//! the list and says what the store and the browser must be told.

mod changes;
mod data;
mod dict;
mod django;
mod expiry;
mod flash;
mod lifecycle;
mod terms;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use changes::{Changes, Choice, Rotation};
pub(crate) use data::Data;
pub use expiry::Expiry;
pub use flash::FlashedMessage;
pub(crate) use terms::LifetimePolicy;

use crate::profile::Profile;
use crate::store::{Record, Version};
use crate::{SessionId, StoreKey};
use sessile_formats::Timestamp;
use sessile_formats::{Map, ValueError};

/// One visitor's session during one request. Clones are the same session.
///
/// ```
/// use sessile_core::Session;
///
/// let session = Session::anonymous();
/// session.insert("cart", vec!["apples", "pears"]);
/// assert_eq!(session.get::<Vec<String>>("cart").unwrap().len(), 2);
/// assert_eq!(session.get::<String>("username"), None);
/// ```
#[derive(Clone)]
pub struct Session {
    state: Arc<Mutex<State>>,
}

/// A key to load, and the id it was made of.
#[derive(Clone, Debug)]
pub struct Lookup {
    pub(crate) key: StoreKey,
    /// The id the browser sent. `None` when that was an old one in its
    /// grace period: the new one is known to nobody but the browser that got it.
    pub(crate) id: Option<SessionId>,
    /// How many pointers led here.
    pub(crate) hops: u8,
}

/// Pointers that are followed: ids change seldom, so more of them are a fault.
const HOPS_TO_READ: u8 = 4;

impl Lookup {
    pub(crate) fn new(key: StoreKey, id: SessionId) -> Self {
        Self { key, id: Some(id), hops: 0 }
    }

    /// The next step along a pointer, unless there were too many.
    pub(crate) fn follow(&self, to: StoreKey) -> Option<Self> {
        let hops = self.hops + 1;
        (hops <= HOPS_TO_READ).then_some(Self { key: to, id: None, hops })
    }

    /// What the store is asked for.
    pub fn key(&self) -> &StoreKey {
        &self.key
    }
}

/// The session's insides, shared by its clones.
pub(crate) struct State {
    pub(crate) profile: Profile,
    pub(crate) terms: LifetimePolicy,
    /// When this request asked for it.
    pub(crate) opened: Timestamp,
    pub(crate) origin: Source,
    pub(crate) data: Data,
    pub(crate) changes: Changes,
    pub(crate) accessed: bool,
    pub(crate) settled: bool,
    /// The one-time messages this request has taken out.
    pub(crate) shown: Option<Vec<FlashedMessage>>,
    /// Which parts of a session in several cookies came with the request.
    pub(crate) chunks: u16,
    /// The id that the session is to have once it is saved, where a page had to name it before.
    pub(crate) reserved: Option<Box<SessionId>>,
    /// The first value that could not be stored; `settle` refuses because of it.
    pub(crate) refused: Option<SessionError>,
}

/// Where the session came from.
pub(crate) enum Source {
    /// The visitor has none: no credential, or one that led nowhere.
    Fresh {
        /// What came with the request.
        credential: Credential,
    },
    /// Loaded from a store.
    Stored {
        /// Its key, and the id that led to it.
        at: Lookup,
        version: Version,
        record: Record,
    },
    /// Carried whole by the cookie. The record's payload is empty.
    Held { record: Record },
}

/// What the browser sent as a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Credential {
    Nothing,
    /// What no credential can be. Only Django's rules ask.
    Malformed,
    /// One that leads nowhere.
    Dead,
    /// One that leads to what another program wrote and we cannot read: it stays theirs.
    Unreadable,
    /// One that led to the session.
    Live,
}

impl Source {
    pub(crate) fn record(&self) -> Option<&Record> {
        match self {
            Self::Fresh { .. } => None,
            Self::Stored { record, .. } | Self::Held { record } => Some(record),
        }
    }
}

impl Session {
    /// A session for a visitor who has none, in the native profile, at the
    /// beginning of 1970. A request's session is made through
    /// [`Engine`](crate::Engine); this one is for tests and examples.
    pub fn anonymous() -> Self {
        let origin = Source::Fresh { credential: Credential::Nothing };
        Self::new(
            Profile::Native,
            LifetimePolicy::NATIVE,
            Timestamp::from_secs(0),
            origin,
            Data::default(),
        )
    }

    pub(crate) fn new(
        profile: Profile,
        terms: LifetimePolicy,
        opened: Timestamp,
        origin: Source,
        data: Data,
    ) -> Self {
        let state = State {
            profile,
            terms,
            opened,
            origin,
            data,
            changes: Changes::default(),
            accessed: false,
            settled: false,
            chunks: 0,
            shown: None,
            reserved: None,
            refused: None,
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// The state. A handler that panicked while holding it left it whole:
    /// every change is a single step.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, noting that the response now depends on the session.
    fn access(&self) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        state.accessed = true;
        state
    }

    /// The state for a change, unless the session is settled already.
    fn change(&self) -> Result<MutexGuard<'_, State>, SessionError> {
        let state = self.access();
        if state.settled { Err(SessionError::Settled) } else { Ok(state) }
    }

    /// Whether the response depends on the session: something asked or changed it.
    pub fn is_accessed(&self) -> bool {
        self.lock().accessed
    }

    /// Whether this request changed the session.
    pub fn is_modified(&self) -> bool {
        self.lock().changes.any()
    }

    /// Ends the time for changes: what comes later is refused as
    /// [`SessionError::Settled`], because nothing would save it.
    pub fn seal(&self) {
        self.lock().settled = true;
    }

    /// Puts the request's changes on top of what somebody else stored meanwhile.
    /// Their other keys stay; of a key both changed, ours wins wholly.
    /// `base` is what this request loaded, where `modified` was set: edits inside values are then
    /// found by comparing.
    pub(crate) fn rebase(&self, base: Option<&Map>, origin: Source, theirs: Data) {
        let mut guard = self.lock();
        let state = &mut *guard;
        if let Some(base) = base {
            state.changes.compare(base, state.data.map_mut(), state.profile);
        }
        let ours = std::mem::take(&mut state.data).into_map();
        state.origin = origin;
        // A login that lost against another user's takes nothing over from it.
        let base = match state.changes.subject.as_ref().zip(state.subject_of(&theirs)) {
            Some((Some(ours), theirs)) if *ours != theirs => Map::new(),
            _ => theirs.into_map(),
        };
        state.data = state.changes.apply(ours, base, state.profile).into();
    }
}

// The data may be anything, secrets among it, so only its size shows.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Session")
            .field("keys", &state.data.len())
            .field("modified", &state.changes.any())
            .finish_non_exhaustive()
    }
}

/// Why a session could not do what was asked.
#[derive(Clone, PartialEq, Eq)]
pub enum SessionError {
    /// The value under `key` is not of the type asked for.
    WrongType {
        /// The key that was read.
        key: String,
        /// What was found instead.
        reason: ValueError,
    },
    /// The value for `key` cannot be stored.
    Unencodable {
        /// The key that was written.
        key: String,
        /// Why not.
        reason: ValueError,
    },
    /// The response is on its way, so nothing can be saved any more.
    Settled,
    /// The profile's format has no place for this.
    NotInProfile {
        /// What was asked for.
        what: &'static str,
        /// What to do instead.
        instead: &'static str,
    },
    /// The subject is empty, over 200 bytes long, or holds control characters.
    BadSubject,
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongType { key, reason } => {
                write!(f, "session key {key:?} is not of the type asked for: {reason}")
            }
            Self::Unencodable { key, reason } => {
                write!(f, "session key {key:?} cannot hold this value: {reason}")
            }
            Self::Settled => f.write_str(
                "the session was changed after the response began; change it in the handler, \
                 before returning the response",
            ),
            Self::NotInProfile { what, instead } => {
                write!(f, "this profile's sessions have no place for {what}; {instead}")
            }
            Self::BadSubject => f.write_str(
                "a subject must be 1 to 200 bytes without control characters; pass the user's id",
            ),
        }
    }
}

sessile_formats::debug_reads_like_display!(SessionError);

impl std::error::Error for SessionError {}
