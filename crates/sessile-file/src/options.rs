//! How a [`FileStore`](crate::FileStore) uses its folder.

use std::time::Duration;

use sessile_core::store::Layout;

/// How a [`FileStore`](crate::FileStore) uses its folder.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whose files it reads and writes: ours, by default; with
    /// [`Layout::FlaskSession`] those of cachelib's `FileSystemCache`, which
    /// the types `filesystem` and `cachelib` use; with [`Layout::Django`]
    /// those of Django's `file` engine.
    pub layout: Layout,
    /// Whether to make the folder where it is missing. True by default.
    pub create: bool,
    /// Only to look: nothing is made, whatever [`create`](Self::create) says, not even the locks
    /// that other layouts lack, and writes are refused. False by default.
    pub read_only: bool,
    /// How long a read waits for the disk to answer those before it, and a write waits for others,
    /// before [`Timeout`](sessile_core::StoreErrorKind::Timeout) and
    /// [`Locked`](sessile_core::StoreErrorKind::Locked). 5 s by default, 24 days at most.
    pub lock_timeout: Duration,
    /// What an acknowledged write survives.
    pub durability: Durability,
    /// The files' permissions in the foreign layouts, `SESSION_FILE_MODE` in
    /// Flask-Session: `0o600` by default. Ours are always their owner's only.
    pub mode: u32,
    /// `SESSION_FILE_THRESHOLD` of Flask-Session: a new session beyond so many
    /// makes the folder drop what has expired, and then what expires soonest.
    /// 500 by default, as there; 0 means any number.
    pub threshold: usize,
    /// Which cachelib the Flask application beside us has.
    pub names: CachelibNames,
    /// `SESSION_COOKIE_NAME` of Django, which begins its files' names.
    pub cookie_name: String,
    /// `SESSION_COOKIE_AGE` of Django: how long a session lives after its file
    /// was last written, unless it says otherwise itself. 14 days by default.
    pub cookie_age: Duration,
}

/// How cachelib names its files. Both kinds are read; a session that is
/// written under one name leaves the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CachelibNames {
    /// Since 0.16.
    #[default]
    Sha256,
    /// Before 0.16. Such a cachelib does not find the files of the newer.
    Md5,
}

/// What an acknowledged write survives, be it a login or a logout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The end of the process and a power failure: the disk is waited for.
    #[default]
    Power,
    /// The end of the process. A power failure may undo the last writes, or
    /// leave files that are cut off; those are refused as corrupt.
    Process,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            layout: Layout::Native,
            create: true,
            read_only: false,
            lock_timeout: Duration::from_secs(5),
            durability: Durability::default(),
            mode: 0o600,
            threshold: 500,
            names: CachelibNames::default(),
            cookie_name: "sessionid".to_owned(),
            cookie_age: Duration::from_secs(14 * 86_400),
        }
    }
}

/// No wait is longer: clocks and timers can add it to any moment.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 86_400);

impl Options {
    /// The same, with times that may be added to any moment.
    pub(crate) fn bounded(mut self) -> Self {
        self.lock_timeout = self.lock_timeout.min(LONGEST_WAIT);
        self.create &= !self.read_only;
        self
    }
}
