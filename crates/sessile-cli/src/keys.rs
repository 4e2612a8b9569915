//! Where the command's secret keys come from. Never from the command line:
//! every process of the machine can read that.

use std::env;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use sessile::{KeyRing, SecretKey, WeakKey};
use sessile_formats::base64;
use zeroize::Zeroizing;

use crate::args::Generate;
use crate::outcome::{Failure, print};

/// A file of keys is no longer than this many bytes.
const FILE_MAX: u64 = 64 << 10;

/// What is allowed of a key.
pub(crate) type Check = fn(Vec<u8>) -> Result<SecretKey, WeakKey>;

/// `SECRET_KEY` and `SECRET_KEY_FALLBACKS` (a JSON list, or one a line, newest first, as the
/// settings have it) of the environment; `None` without the former.
pub(crate) fn from_environment(check: Check) -> Result<Option<KeyRing>, Failure> {
    let Some(newest) = variable("SECRET_KEY")? else { return Ok(None) };
    let key = |name: &str, text: &str| {
        check(text.as_bytes().to_vec()).map_err(|weak| Failure::usage(format!("{name}: {weak}")))
    };
    let newest = key("SECRET_KEY", &newest)?;
    let mut fallbacks = Vec::new();
    if let Some(text) = variable("SECRET_KEY_FALLBACKS")? {
        for text in older(&text)? {
            fallbacks.push(key("SECRET_KEY_FALLBACKS", &text)?);
        }
    }
    Ok(Some(KeyRing::new(newest).with_fallbacks(fallbacks)))
}

/// The keys in the text of `SECRET_KEY_FALLBACKS`.
fn older(text: &str) -> Result<Vec<Zeroizing<String>>, Failure> {
    if !text.trim_start().starts_with('[') {
        let lines = text.lines().filter(|line| !line.is_empty());
        return Ok(lines.map(|line| Zeroizing::new(line.to_owned())).collect());
    }
    let list = serde_json::from_str::<Vec<String>>(text).map_err(|_| {
        Failure::usage(
            "SECRET_KEY_FALLBACKS begins with [ and is no JSON list of keys: write \
             [\"newer\", \"older\"], or one key a line",
        )
    })?;
    Ok(list.into_iter().map(Zeroizing::new).collect())
}

/// The keys in a file, one a line, newest first. `-` is stdin.
pub(crate) fn from_file(path: &Path, check: Check) -> Result<KeyRing, Failure> {
    let shown = path.display();
    let text =
        Zeroizing::new(read(path).map_err(|error| {
            Failure::usage(format!("cannot read the key file {shown}: {error}"))
        })?);
    let mut keys = Vec::new();
    for line in text.split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if !line.is_empty() {
            let key = check(line.to_vec());
            keys.push(key.map_err(|weak| Failure::usage(format!("key file {shown}: {weak}")))?);
        }
    }
    let mut keys = keys.into_iter();
    let newest = keys.next();
    let newest = newest.ok_or_else(|| Failure::usage(format!("the key file {shown} is empty")))?;
    Ok(KeyRing::new(newest).with_fallbacks(keys))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let source: Box<dyn io::Read> =
        if path == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(path)?) };
    // Read no further than any file of keys reaches: it may be a device.
    source.take(FILE_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_MAX {
        return Err(io::Error::other("over 64 KiB are no keys"));
    }
    Ok(bytes)
}

/// `sessile key generate`.
pub(crate) fn generate(options: &Generate) -> Result<(), Failure> {
    let key = random(options.bytes.into())?;
    let mut text = Zeroizing::new(if options.base64url {
        base64::encode(&key)
    } else {
        key.iter().map(|byte| format!("{byte:02x}")).collect()
    });
    text.push('\n');
    print(&text)
}

/// A fresh key of `bytes` random bytes.
pub(crate) fn random(bytes: usize) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut key = Zeroizing::new(vec![0; bytes]);
    getrandom::fill(&mut key)
        .map_err(|error| Failure::usage(format!("the system gives no random bytes: {error}")))?;
    Ok(key)
}

/// A variable of the environment; unset and empty are the same.
pub(crate) fn variable(name: &str) -> Result<Option<Zeroizing<String>>, Failure> {
    match env::var(name) {
        Ok(text) if text.is_empty() => Ok(None),
        Ok(text) => Ok(Some(Zeroizing::new(text))),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(Failure::usage(format!("{name} is not UTF-8"))),
    }
}
