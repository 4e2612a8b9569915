//! Opening the file, and noticing when it is no longer the one at its path.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags};
use sessile_core::StoreErrorKind;
use sessile_core::store::Layout;

use super::fault::Fault;
use super::look::{self, Stamp};
use super::schema::{self, Found};
use super::statements::Sql;
use crate::{ConnectError, Durability, Options};

/// What every thread needs to open a connection.
#[derive(Clone)]
pub(super) struct Opener(Arc<Settings>);

struct Settings {
    path: PathBuf,
    options: Options,
    sql: Sql,
    /// Whether it has a write-ahead log, where it is only looked at. Asked once, before it is
    /// opened: see [`look::has_log`].
    has_log: OnceLock<bool>,
    /// Goes up when every connection must be opened anew.
    round: AtomicU64,
}

/// A connection and the file it is to.
pub(super) struct Opened {
    pub(super) connection: Connection,
    file: FileId,
    round: u64,
    read_only: bool,
    /// What the file was, where it is read without a lock.
    unlocked: Option<Stamp>,
}

impl Opener {
    pub(super) fn new(path: PathBuf, options: Options) -> Self {
        let sql = Sql::new(&options.table);
        Self(Arc::new(Settings {
            path,
            options,
            sql,
            has_log: OnceLock::new(),
            round: AtomicU64::new(0),
        }))
    }

    pub(super) fn sql(&self) -> &Sql {
        &self.0.sql
    }

    /// The first connection: makes what is missing, if told to.
    pub(super) fn first(&self) -> Result<Opened, ConnectError> {
        let Settings { path, options, .. } = &*self.0;
        let store = |fault: Fault| ConnectError::Store(self.explained(fault).into());
        let no_table = || ConnectError::NoTable { table: options.table.clone() };
        if options.create {
            create_file(path).map_err(|error| {
                let no_folder = error.kind() == std::io::ErrorKind::NotFound;
                store(if no_folder { Fault::no_folder(path) } else { Fault::io(&error) })
            })?;
        }
        self.check_owner().map_err(|fault| ConnectError::Store(fault.into()))?;
        let opened = self.connect().map_err(store)?;
        if options.layout != Layout::Native {
            // Their file, so its journal stays as they chose it.
            let there = schema::foreign(&opened.connection, options, options.create);
            return if there.map_err(store)? { Ok(opened) } else { Err(no_table()) };
        }
        let mut found = schema::look(&opened.connection, &options.table).map_err(store)?;
        if options.create && matches!(found, Found::Missing) {
            // A table that is there was made with its journal, and whoever changed that meant it.
            use_wal(&opened.connection, options.busy_timeout).map_err(store)?;
            found = schema::make(&opened.connection, &options.table).map_err(store)?;
        }
        match found {
            Found::Current => Ok(opened),
            Found::Missing => Err(no_table()),
            Found::Newer(found) => Err(ConnectError::Newer { found, known: schema::KNOWN }),
        }
    }

    /// A further connection: makes nothing, so that a file that was removed stays so.
    pub(super) fn again(&self) -> Result<Opened, Fault> {
        self.check_owner()?;
        let opened = self.connect().map_err(|fault| self.explained(fault))?;
        let options = &self.0.options;
        if options.layout != Layout::Native {
            let found = schema::foreign(&opened.connection, options, false);
            let there = found.map_err(|fault| self.explained(fault))?;
            return if there { Ok(opened) } else { Err(Fault::no_table()) };
        }
        let found = schema::look(&opened.connection, &options.table);
        match found.map_err(|fault| self.explained(fault))? {
            Found::Current => Ok(opened),
            Found::Missing | Found::Newer(_) => Err(Fault::no_table()),
        }
    }

    /// SQLite says only that it cannot open a database when it may not make
    /// the files beside it. So may we?
    fn explained(&self, fault: Fault) -> Fault {
        let path = &self.0.path;
        if self.0.options.read_only {
            return fault;
        }
        if fault.kind != StoreErrorKind::Unavailable || !path.exists() {
            return fault;
        }
        let probe = path.with_extension(format!("probe-{}", std::process::id()));
        match fs::OpenOptions::new().write(true).create_new(true).open(&probe) {
            Ok(_) => {
                // A file that stays is no harm.
                let _ = fs::remove_file(&probe);
                fault
            }
            Err(error) => match Fault::io(&error) {
                found if found.kind == StoreErrorKind::Unavailable => fault,
                found => found,
            },
        }
    }

    fn check_owner(&self) -> Result<(), Fault> {
        #[cfg(unix)]
        super::owner::check(&self.0.path)?;
        Ok(())
    }

    fn connect(&self) -> Result<Opened, Fault> {
        let Settings { path, options, .. } = &*self.0;
        let round = self.0.round.load(Ordering::Relaxed);
        let file = FileId::at(path).map_err(|error| Fault::io(&error))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let (mut connection, unlocked) = match options.read_only {
            true => {
                let has_log = *self.0.has_log.get_or_init(|| look::has_log(path));
                look::open(path, has_log)?
            }
            false => (Connection::open_with_flags(path, flags)?, None),
        };
        PATIENCE.set(options.busy_timeout);
        connection.busy_handler(Some(wait_for_lock))?;
        let synchronous = match options.durability {
            Durability::Power => "FULL",
            Durability::Process => "NORMAL",
        };
        connection.execute_batch(&format!(
            "PRAGMA synchronous = {synchronous};
             PRAGMA cell_size_check = ON;
             PRAGMA trusted_schema = OFF;"
        ))?;
        if options.layout != Layout::Native {
            // Without a write-ahead log, what outgrows the cache is written to the file before the
            // commit, and from then on readers wait. 32 MiB.
            connection.execute_batch("PRAGMA cache_spill = 8192")?;
        }
        if let Some(bytes) = options.max_bytes.filter(|_| !options.read_only) {
            let page: u32 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
            let pages = (bytes / u64::from(page.max(1))).clamp(1, u64::from(u32::MAX - 1));
            let sql = format!("PRAGMA max_page_count = {pages}");
            connection.query_row(&sql, [], |_| Ok(()))?;
        }
        connection.set_prepared_statement_cache_capacity(32);
        let read_only = connection.is_readonly(rusqlite::MAIN_DB)?;
        let opened = Opened { connection, file, round, read_only, unlocked };
        if self.is_current(&opened) { Ok(opened) } else { Err(Fault::file_removed()) }
    }

    /// Whether the file at the path is still the one that was opened. A write
    /// to any other is a write nobody will find.
    pub(super) fn is_current(&self, opened: &Opened) -> bool {
        FileId::at(&self.0.path).is_ok_and(|file| file == opened.file)
    }

    /// Whether more may be done with it than what it was opened for. All
    /// connections of a process share what SQLite has open of the log: while one
    /// that may only read is there, no new one can write, whatever was mended.
    pub(super) fn may_stay(&self, opened: &Opened) -> bool {
        let as_wanted = opened.read_only == self.0.options.read_only;
        as_wanted && opened.round == self.0.round.load(Ordering::Relaxed) && !self.is_late(opened)
    }

    /// Whether somebody wrote to a file that is read without a lock: what was read of it is
    /// worth nothing.
    pub(super) fn is_late(&self, opened: &Opened) -> bool {
        let path = &self.0.path;
        opened.unlocked.as_ref().is_some_and(|then| look::stamp(path).as_ref() != Ok(then))
    }

    /// Lets no connection stay that is open now.
    pub(super) fn open_all_anew(&self) {
        self.0.round.fetch_add(1, Ordering::Relaxed);
    }
}

thread_local! {
    /// How long this thread's connection waits for a lock.
    static PATIENCE: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    static WAITING_SINCE: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// SQLite's own timeout looks ever more seldom, up to every 100 ms, and so a reader misses turn
/// after turn between the commits of a busy writer.
fn wait_for_lock(tries: i32) -> bool {
    let now = Instant::now();
    let since = WAITING_SINCE.get().filter(|_| tries > 0).unwrap_or(now);
    WAITING_SINCE.set(Some(since));
    if now.duration_since(since) >= PATIENCE.get() {
        return false;
    }
    thread::sleep(Duration::from_millis(if tries < 100 { 1 } else { 5 }));
    true
}

/// Makes the file, for its owner only. SQLite gives the files beside it the same mode. Its folder
/// must be there: a mistyped path makes no store.
///
/// A file that is there is not opened: closing it would release the locks of
/// other connections in this process (POSIX).
fn create_file(path: &Path) -> std::io::Result<()> {
    if fs::exists(path)? {
        return Ok(());
    }
    let mut make_file = fs::OpenOptions::new();
    make_file.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        make_file.mode(0o600);
    }
    match make_file.open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        other => other.map(|_| ()),
    }
}

/// Readers and the writer of a write-ahead log do not wait for each other.
///
/// Changing to it needs the file alone, and SQLite does not always wait for that by itself.
fn use_wal(connection: &Connection, patience: Duration) -> Result<(), Fault> {
    let start = Instant::now();
    loop {
        let mode =
            connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0));
        match mode {
            Ok(mode) if mode.eq_ignore_ascii_case("wal") => return Ok(()),
            // No shared memory here: SQLite goes on with its older journal.
            Ok(_) => {
                tracing::warn!("no write-ahead log on this file system: readers wait for writers");
                return Ok(());
            }
            Err(rusqlite::Error::SqliteFailure(error, _))
                if error.code == ErrorCode::DatabaseBusy && start.elapsed() < patience =>
            {
                thread::sleep(Duration::from_millis(5));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

#[derive(PartialEq, Eq)]
struct FileId(u64, u64);

impl FileId {
    #[cfg(unix)]
    fn at(path: &Path) -> std::io::Result<Self> {
        use std::os::unix::fs::MetadataExt as _;
        fs::metadata(path).map(|meta| Self(meta.dev(), meta.ino()))
    }

    /// Elsewhere an open file cannot be removed.
    #[cfg(not(unix))]
    fn at(path: &Path) -> std::io::Result<Self> {
        fs::metadata(path).map(|_| Self(0, 0))
    }
}
