//! Vector files.

use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::Deserialize;
use serde_json::Value as Json;

/// One case: an input and what the original made of it.
#[derive(Clone, Debug, Deserialize)]
pub struct Case {
    /// Unique within its family.
    pub id: String,
    /// The library at hand, such as `flask-session`.
    pub family: String,
    /// What was done, such as `fs_decode`.
    pub op: String,
    /// What it was done with.
    #[serde(rename = "in")]
    pub input: Json,
    /// What came of it.
    pub out: Out,
    /// Whether the output holds a zlib stream, whose bytes hang on the zlib build.
    #[serde(default)]
    pub zlib: bool,
    /// When its file was made, in seconds since 1970: the moment of cases that name none.
    #[serde(skip)]
    pub made_at: Option<i64>,
    /// Whatever else it says. [`NOTES`] are for readers.
    #[serde(flatten)]
    pub rest: serde_json::Map<String, Json>,
}

/// Members of a case that say nothing of what is done or what comes of it.
pub const NOTES: [&str; 2] = ["note", "derived_key"];

/// What the original answered.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Out {
    /// An exception.
    Error {
        /// Its class.
        error: String,
        /// Its text, where the original's is to be matched.
        message: Option<String>,
    },
    /// A result, in the typed form of [`crate::typed`].
    Ok {
        /// The result; `null` counts.
        ok: Json,
    },
}

/// A file that cannot be used.
#[derive(Debug)]
pub struct LoadError {
    path: PathBuf,
    source: io::Error,
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.source)
    }
}

impl std::error::Error for LoadError {}

/// The cases of a file, or of all `*.json` files in a directory, in the order of their names.
///
/// # Errors
/// [`LoadError`] for a file that cannot be read or is not a vector file; a
/// directory without one is an error, too.
pub fn load(path: &Path) -> Result<Vec<Case>, LoadError> {
    let wrap = |path: &Path, source| LoadError { path: path.into(), source };
    if !path.is_dir() {
        return load_file(path).map_err(|source| wrap(path, source));
    }
    let entries = fs::read_dir(path).map_err(|source| wrap(path, source))?;
    let mut files = Vec::new();
    for entry in entries {
        let file = entry.map_err(|source| wrap(path, source))?.path();
        if file.extension().is_some_and(|extension| extension == "json") {
            files.push(file);
        }
    }
    if files.is_empty() {
        return Err(wrap(path, io::Error::other("no *.json files in here")));
    }
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        cases.extend(load_file(&file).map_err(|source| wrap(&file, source))?);
    }
    Ok(cases)
}

fn load_file(path: &Path) -> io::Result<Vec<Case>> {
    #[derive(Deserialize)]
    struct File {
        cases: Vec<Case>,
        #[serde(default)]
        meta: Meta,
    }
    #[derive(Default, Deserialize)]
    struct Meta {
        now: Option<i64>,
    }
    let mut file: File = serde_json::from_slice(&fs::read(path)?)?;
    for case in &mut file.cases {
        case.made_at = file.meta.now;
    }
    Ok(file.cases)
}
