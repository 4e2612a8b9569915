//! The file that remembers how far a move came.
//!
//! Lines of JSON, only ever added to: a first one that names both sides, then one
//! for each session that was moved and one for each page that is done. A line that was cut off is as if it had not been
//! written. In a foreign layout the place within the old store is a session's
//! key, so the file is its owner's alone.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sessile::Timestamp;
use sessile::store::Cursor;

use crate::human;
use crate::outcome::Failure;

/// What a state file remembers.
pub(super) struct State {
    path: PathBuf,
    /// `None` in a dry run.
    file: Option<File>,
    /// Handles of sessions that were moved, and when: one of these that the new
    /// store has not was ended there, one that the old store has not was ended here.
    pub(super) moved: HashMap<String, Timestamp>,
    /// Where to go on; `None` from the beginning.
    pub(super) after: Option<Cursor>,
    /// Whether there was a move before this run.
    pub(super) resumed: bool,
    /// Whether one came to the end.
    pub(super) finished: bool,
}

#[derive(Serialize, Deserialize)]
struct Head {
    sessile_migrate: u32,
    from: String,
    to: String,
}

#[derive(Serialize, Deserialize)]
struct Line {
    moved: Vec<String>,
    /// When, in milliseconds since 1970.
    at: i64,
    /// Where the next page begins, in hex; none after the last.
    next: Option<String>,
    /// Whether the page goes on: `next` says nothing then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    within: bool,
}

/// A line holds a page; a longer one is no state file's.
const LONGEST: usize = 64 << 20;

impl State {
    /// Reads the file, or begins one.
    pub(super) fn open(path: &Path, from: &str, to: &str, dry_run: bool) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| {
            Failure::usage(format!("{}: {error}; choose another with --state", path.display()))
        };
        let mut state = Self {
            path: path.to_owned(),
            file: None,
            moved: HashMap::new(),
            after: None,
            resumed: false,
            finished: false,
        };
        let mut good = 0;
        match File::open(path) {
            Ok(file) => good = state.read(BufReader::new(file), from, to)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        if dry_run {
            return Ok(state);
        }
        let mut options = OpenOptions::new();
        options.create(true).append(true).read(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(failed)?;
        // What was cut off is overwritten, not added to.
        file.set_len(good).map_err(failed)?;
        state.file = Some(file);
        if good == 0 {
            let head = Head { sessile_migrate: 1, from: from.to_owned(), to: to.to_owned() };
            state.write(&head)?;
        }
        Ok(state)
    }

    /// Reads all whole lines; how many bytes they are.
    fn read(&mut self, mut lines: BufReader<File>, from: &str, to: &str) -> Result<u64, Failure> {
        let path = self.path.display().to_string();
        let strange = || {
            Failure::usage(format!(
                "{path} is no state file of `sessile migrate`; choose another with --state"
            ))
        };
        let (mut good, mut line) = (0, Vec::new());
        loop {
            line.clear();
            let read = lines.read_until(b'\n', &mut line).map_err(Failure::usage)?;
            if read == 0 || line.last() != Some(&b'\n') || read > LONGEST {
                return if good == 0 && read > 0 { Err(strange()) } else { Ok(good) };
            }
            if good == 0 {
                let head: Head = serde_json::from_slice(&line).map_err(|_| strange())?;
                if (head.sessile_migrate, head.from.as_str(), head.to.as_str()) != (1, from, to) {
                    return Err(Failure::usage(format!(
                        "{path} is of another move, from {} to {}; remove it, or choose another \
                         with --state",
                        head.from, head.to
                    )));
                }
            } else {
                let page: Line = serde_json::from_slice(&line).map_err(|_| strange())?;
                let at = Timestamp::from_millis(page.at);
                self.moved.extend(page.moved.into_iter().map(|handle| (handle, at)));
                self.resumed = true;
                if !page.within {
                    self.after = match page.next {
                        Some(hex) => Some(Cursor::from_bytes(unhex(&hex).ok_or_else(strange)?)),
                        None => None,
                    };
                    self.finished = self.after.is_none();
                }
            }
            good += read as u64;
        }
    }

    /// Remembers a session that was moved. At once: else a run that is stopped would forget
    /// those of its last page, and the next one bring back whoever has logged out since.
    pub(super) fn moved(&mut self, handle: String) -> Result<(), Failure> {
        let at = human::now();
        let moved = vec![handle];
        let line = Line { moved, at: at.as_millis(), next: None, within: true };
        self.write(&line)?;
        self.moved.extend(line.moved.into_iter().map(|handle| (handle, at)));
        Ok(())
    }

    /// Remembers that a page is done, and makes it last.
    pub(super) fn page(&mut self, next: Option<&Cursor>) -> Result<(), Failure> {
        let next = next.map(|cursor| hex(cursor.as_bytes()));
        let at = human::now().as_millis();
        self.write(&Line { moved: Vec::new(), at, next, within: false })?;
        let Some(file) = &mut self.file else { return Ok(()) };
        file.sync_data().map_err(|error| failed(&self.path, &error))
    }

    fn write(&mut self, line: &impl Serialize) -> Result<(), Failure> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let written =
            serde_json::to_vec(line).map_err(std::io::Error::other).and_then(|mut line| {
                line.push(b'\n');
                file.write_all(&line)
            });
        written.map_err(|error| failed(&self.path, &error))
    }
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("cannot write {}: {error}", path.display()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [_, _] => u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok(),
            _ => None,
        })
        .collect()
}
