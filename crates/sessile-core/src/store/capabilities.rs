//! What a store can do besides keeping sessions.

use std::fmt;
use std::time::Duration;

use super::{BoxFuture, Diagnose, Listing, Scan, StoreError};
use crate::Timestamp;
use crate::id::{StoreKey, Subject};

/// What a store can do besides keeping sessions, each part where its layout and backend allow it.
///
/// A store that wraps another starts from the other's, `..self.inner.capabilities()`, so that it
/// forgets none.
///
/// ```
/// use sessile_core::store::SessionStore as _;
/// use sessile_core::{MemoryStore, Subject};
///
/// let store = MemoryStore::new();
/// let directory = store.capabilities().directory.expect("it knows whose a session is");
/// let alice = Subject::new("alice").expect("a name");
/// let listed = directory.by_subject(&alice);
/// # drop(listed);
/// ```
#[derive(Clone, Copy, Default)]
pub struct Capabilities<'s> {
    /// Removes what has expired, where the backend does not forget it by itself.
    pub sweep: Option<&'s dyn Sweep>,
    /// Lists and ends a user's sessions, where the layout knows whose a session is.
    pub directory: Option<&'s dyn Directory>,
    /// Goes through all entries, where the backend can list them.
    pub scan: Option<&'s dyn Scan>,
    /// Says what an operator should know of the backend.
    pub diagnose: Option<&'s dyn Diagnose>,
    /// How long ending a session or changing its id may wait for something other than the
    /// backend, such as for what other processes remember to be forgotten. Whoever bounds calls in
    /// time adds it to the bound, or a store that only waits would be taken for one that hangs.
    pub waits: Duration,
}

impl fmt::Debug for Capabilities<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capabilities")
            .field("sweep", &self.sweep.is_some())
            .field("directory", &self.directory.is_some())
            .field("scan", &self.scan.is_some())
            .field("diagnose", &self.diagnose.is_some())
            .field("waits", &self.waits)
            .finish()
    }
}

/// Removing what has expired.
pub trait Sweep: Send + Sync {
    /// Removes at most `limit` entries whose deadlines have passed at `now`; how many it removed.
    fn sweep(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<usize, StoreError>>;
}

/// Listing and ending a user's sessions.
pub trait Directory: Send + Sync {
    /// The live entries of one user, newest first, expired ones possibly among them.
    /// Those that cannot be read are counted.
    fn by_subject<'a>(&'a self, subject: &'a Subject)
    -> BoxFuture<'a, Result<Listing, StoreError>>;

    /// Deletes every session of one user except `keep`; how many it deleted.
    fn delete_by_subject<'a>(
        &'a self,
        subject: &'a Subject,
        keep: Option<&'a StoreKey>,
    ) -> BoxFuture<'a, Result<usize, StoreError>>;
}
