//! Where the command's secret keys come from. Never from the command line:
//! every process of the machine can read that.

use std::env;

use sessile::{KeyRing, SecretKey, WeakKey};
use zeroize::Zeroizing;

use crate::outcome::Failure;

/// What is allowed of a key.
pub(crate) type Check = fn(Vec<u8>) -> Result<SecretKey, WeakKey>;

/// `SECRET_KEY` and `SECRET_KEY_FALLBACKS` (a JSON list, oldest first, as in
/// Flask) of the environment; `None` without the former.
pub(crate) fn from_environment(check: Check) -> Result<Option<KeyRing>, Failure> {
    let Some(newest) = variable("SECRET_KEY")? else { return Ok(None) };
    let key = |name: &str, text: &str| {
        check(text.as_bytes().to_vec()).map_err(|weak| Failure::usage(format!("{name}: {weak}")))
    };
    let mut keys = Vec::new();
    if let Some(text) = variable("SECRET_KEY_FALLBACKS")? {
        let older: Vec<Zeroizing<String>> = serde_json::from_str::<Vec<String>>(&text)
            .map_err(|_| {
                Failure::usage(
                    "SECRET_KEY_FALLBACKS must be a JSON list of keys, oldest first: [\"…\", \"…\"]",
                )
            })?
            .into_iter()
            .map(Zeroizing::new)
            .collect();
        for text in &older {
            keys.push(key("SECRET_KEY_FALLBACKS", text)?);
        }
    }
    keys.push(key("SECRET_KEY", &newest)?);
    KeyRing::from_oldest_first(keys).map(Some).map_err(Failure::usage)
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
