//! Stores that run out of room, and disks that can be made to.
//!
//! What is full or read-only is each store's own; what must hold then is here.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use sessile_core::store::{CreateOutcome, Entry, Record, Version};
use sessile_core::{SessionStore, StoreError, StoreErrorKind, StoreKey, Timestamp};

use crate::Failure;
use crate::check::ensure;

/// Bytes in the payload of a session of [`create`].
pub const PAYLOAD: usize = 3000;

/// The key of the session with this number.
pub fn key(number: u32) -> StoreKey {
    let mut hash = [7; 32];
    for (to, from) in hash.iter_mut().zip(number.wrapping_mul(0x9e37_79b9).to_be_bytes()) {
        *to = from;
    }
    StoreKey::from_hash(hash)
}

/// A session that does not end, with as many bytes of `x` as payload.
pub fn record(bytes: usize) -> Record {
    Record { created: Some(Timestamp::from_secs(1)), ..Record::new(vec![b'x'; bytes]) }
}

/// Creates the session with this number.
///
/// # Errors
///
/// The store's own.
pub async fn create(store: &impl SessionStore, number: u32) -> Result<Version, StoreError> {
    match store.create(&key(number), &record(PAYLOAD)).await? {
        CreateOutcome::Created(version) => Ok(version),
        CreateOutcome::Exists => Err(StoreError::new("test", StoreErrorKind::Corrupt)
            .because("a session that was never acknowledged is there")),
    }
}

/// Whether the session with this number is there.
///
/// # Errors
///
/// When it is there in part, or the store fails.
pub async fn is_live(store: &impl SessionStore, number: u32) -> Result<bool, Failure> {
    match store.load(&key(number)).await? {
        Some(Entry::Live(found, _)) => {
            ensure!(found == record(PAYLOAD), "session {number} is there in part");
            Ok(true)
        }
        Some(other) => Err(Failure(format!("session {number} is {other:?}"))),
        None => Ok(false),
    }
}

/// Creates sessions 0, 1, 2, … until one is refused, and returns its number
/// and why. All before it are there then, and it is not.
///
/// # Errors
///
/// When that does not hold, or nothing is refused.
pub async fn fill(store: &impl SessionStore) -> Result<(u32, StoreErrorKind), Failure> {
    for number in 0..100_000 {
        let Err(error) = create(store, number).await else { continue };
        ensure!(number > 0, "there was never room: {error}");
        ensure!(!is_live(store, number).await?, "a refused session is there");
        for written in 0..number {
            ensure!(is_live(store, written).await?, "acknowledged session {written} is not there");
        }
        return Ok((number, error.kind()));
    }
    Err(Failure("the store is never full".into()))
}

/// Where a test started by [`run_apart`] has its folder.
pub const FOLDER: &str = "SESSILE_TEST_FOLDER";

/// Runs an ignored test of this program in a process of its own, behind some
/// shell words such as `ulimit -n 64; exec`. It finds `folder` in [`FOLDER`].
///
/// # Errors
///
/// What the process printed, when its test did not pass.
pub fn run_apart(test: &str, folder: &Path, shell: &str, user: User) -> Result<(), Failure> {
    let program = folder.join("program");
    // Copied here, it would be open for writing in whatever another test starts
    // meanwhile, and then it cannot be run (ETXTBSY).
    let copied = Command::new("cp").arg(std::env::current_exe()?).arg(&program).output()?;
    ensure!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
    let script = format!("{shell} \"$0\" --ignored --exact {test} --nocapture");
    let mut child = Command::new("sh");
    child.args(["-c", &script]).arg(program).env(FOLDER, folder);
    #[cfg(unix)]
    if user == User::Unprivileged && std::os::unix::fs::MetadataExt::uid(&folder.metadata()?) == 0 {
        std::os::unix::process::CommandExt::uid(&mut child, NOBODY);
        std::os::unix::process::CommandExt::gid(&mut child, NOBODY);
    }
    let output = child.output()?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    ensure!(output.status.success() && said.contains("1 passed"), "{test} apart: {said}");
    Ok(())
}

/// Whom [`run_apart`] runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    /// Whoever runs the tests.
    Same,
    /// The same, or nobody where that is root: root is never refused a file.
    Unprivileged,
}

/// Whom permissions bind.
#[cfg(unix)]
const NOBODY: u32 = 65534;

/// A folder that whoever [`run_apart`] runs as may write to.
///
/// # Errors
///
/// The system's own.
#[cfg(unix)]
pub fn open_to_all(folder: &Path) -> io::Result<()> {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(folder, mode)
}

/// The most bytes that any file of this process may have from now on; `None`
/// is no limit. Start the process by [`run_apart`] behind `trap '' XFSZ; exec`.
///
/// # Errors
///
/// When util-linux is missing.
pub fn limit_file_size(bytes: Option<u64>) -> io::Result<()> {
    let soft = bytes.map_or_else(|| "unlimited".into(), |bytes| bytes.to_string());
    let mut prlimit = Command::new("prlimit");
    prlimit.arg(format!("--pid={}", std::process::id())).arg(format!("--fsize={soft}:"));
    let output = prlimit.output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    output.status.success().then_some(()).ok_or_else(|| io::Error::other(said))
}

/// A [`SmallDisk`] for the test around it: `small_disk!(folder.path(), "size=64k")`.
///
/// Where this process may not mount, the whole test runs in a process with a user's and a
/// mount's namespace of its own and this one returns. Where that cannot be either, the test is
/// one that [was not run](crate::not_run!).
#[macro_export]
macro_rules! small_disk {
    ($folder:expr, $options:expr) => {
        match $crate::faults::SmallDisk::mount($folder, $options) {
            Ok(disk) => disk,
            Err(why) => return $crate::faults::where_mounting_works($crate::test_name!(), &why),
        }
    };
}

/// Set for a test that runs in namespaces of its own.
const NAMESPACES: &str = "SESSILE_TEST_NAMESPACES";

/// Runs a test of this program where it may mount.
///
/// # Panics
///
/// When it does not pass there.
#[doc(hidden)]
#[allow(clippy::panic, reason = "part of a test")]
pub fn where_mounting_works(test: &str, why: &io::Error) {
    let apart = || {
        let mut unshare = Command::new("unshare");
        unshare.args(["--user", "--map-root-user", "--mount", "--"]).env(NAMESPACES, "1");
        unshare
    };
    let possible = apart().arg("true").output().is_ok_and(|it| it.status.success());
    if !possible || std::env::var_os(NAMESPACES).is_some() {
        return crate::not_run(test, format_args!("no mount, nor a namespace with one: {why}"));
    }
    // libtest knows its tests without the program's name.
    let name = test.split_once("::").map_or(test, |it| it.1);
    let program = std::env::current_exe().unwrap_or_else(|error| panic!("{test} apart: {error}"));
    let output = apart().arg(program).args(["--exact", name, "--nocapture"]).output();
    let output = output.unwrap_or_else(|error| panic!("{test} apart: {error}"));
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success() && said.contains("1 passed"), "{test} apart: {said}");
    if let Some((_, line)) = said.split_once("[not run] ") {
        crate::not_run(test, line.lines().next().unwrap_or_default());
    }
}

/// A file system in memory, as small as wanted. Unmounted when dropped.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts one on an empty folder, `options` as for `mount -t tmpfs -o`. Only its owner may
    /// write to it, unless these say otherwise: stores refuse a folder that others may write to.
    ///
    /// # Errors
    ///
    /// When this process may not mount; [`small_disk!`](crate::small_disk) knows what to do then.
    pub fn mount(folder: &Path, options: &str) -> io::Result<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "mode=0755", "-o", options, "tmpfs"]).arg(folder);
        let output = mount.output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().next().unwrap_or_default().to_owned();
        output
            .status
            .success()
            .then(|| Self(folder.to_owned()))
            .ok_or_else(|| io::Error::other(said))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Changes its options: `ro`, `size=4m`.
    ///
    /// # Errors
    ///
    /// When it is in use: not read-only while a file is open for writing.
    pub fn remount(&self, options: &str) -> io::Result<()> {
        let mut mount = Command::new("mount");
        // Without those it has: they name an owner whom a user's namespace does not know.
        mount.args(["--options-mode", "ignore", "-o", &format!("remount,{options}")]);
        let output = mount.arg(&self.0).output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        output.status.success().then_some(()).ok_or_else(|| io::Error::other(said))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // What cannot be unmounted now goes with the machine.
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}
