//! Secret keys: what signs, what may still verify, and what is refused.

use std::fmt;

use zeroize::Zeroizing;

/// The fewest bytes [`SecretKey::new`] takes: 256 bits, as the hashes here use.
pub const MIN_KEY_BYTES: usize = 32;

/// Keys printed in documentation or shipped as defaults, 32 bytes and longer.
/// Shorter ones fall to the length check, whoever published them.
const PUBLISHED: &[&[u8]] = &[
    // Flask's documentation and tutorial.
    b"192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
    b"192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcb",
    // Tutorials of Flask and Flask-Session, much copied.
    b"why would I tell you my secret key?",
    b"aadifsdfyugdfgytegetyfteft*@7247",
    // Apache Superset, CVE-2023-27524.
    b"CHANGE_ME_TO_A_COMPLEX_RANDOM_SECRET_KEY",
    b"YOUR_OWN_RANDOM_GENERATED_SECRET_KEY",
    b"\\2\\1thisismyscretkey\\1\\2\\e\\y\\y\\h",
    b"\\x02\\x01thisismyscretkey\\x01\\x02\\\\e\\\\y\\\\y\\\\h",
    // Digits and letters in order, a favourite of examples.
    b"0123456789abcdef0123456789abcdef",
    b"abcdefghijklmnopqrstuvwxyz012345",
    b"abcdefghijklmnopqrstuvwxyz0123456789",
    b"12345678901234567890123456789012",
];

/// Starts of keys that their makers marked as unfit for production.
const MARKED: &[&[u8]] = &[b"django-insecure-"];

/// Words that make a key of any length a placeholder when it holds little else.
const PLACEHOLDERS: &[&[u8]] =
    &[b"dev", b"secret", b"changeme", b"change_me", b"change-me", b"temporary_key", b"secret-key"];

/// A repetition of a pattern this short is no random key.
const SHORT_PATTERN: usize = 8;

/// Why a key was refused. The key itself is not in here.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WeakKey {
    /// There are no bytes at all.
    Empty,
    /// Fewer than [`MIN_KEY_BYTES`].
    Short {
        /// How many there are.
        len: usize,
    },
    /// Published in some documentation or shipped as a default.
    WellKnown,
    /// One short pattern over and over.
    Repetitive,
}

impl fmt::Display for WeakKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the secret key is empty")?,
            Self::Short { len } => {
                write!(f, "the secret key has {len} bytes, at least {MIN_KEY_BYTES} are needed")?;
            }
            Self::WellKnown => f.write_str("the secret key is a published one")?,
            Self::Repetitive => f.write_str("the secret key repeats one short pattern")?,
        }
        f.write_str("; make one with `sessile key generate`")
    }
}

crate::debug_reads_like_display!(WeakKey);

impl std::error::Error for WeakKey {}

/// A secret key. Wiped from memory when dropped, and never printed.
///
/// ```
/// use sessile_formats::{SecretKey, WeakKey};
///
/// assert!(SecretKey::new("3f1c0b6f9a3d47c28c5e6a1d0b7f2e94").is_ok());
/// assert_eq!(SecretKey::new("dev").err(), Some(WeakKey::Short { len: 3 }));
/// ```
#[derive(Clone)]
pub struct SecretKey(Zeroizing<Vec<u8>>);

impl SecretKey {
    /// A key that is fit for use.
    ///
    /// # Errors
    /// Says what is wrong with an empty, short, published or repetitive key.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, WeakKey> {
        let key = Self(Zeroizing::new(bytes.into()));
        match weakness(&key.0) {
            None => Ok(key),
            Some(weak) => Err(weak),
        }
    }

    /// A key that may be weak, for tests, demos and keys already in use by
    /// others. Anyone who guesses it can write any session.
    ///
    /// # Errors
    /// [`WeakKey::Empty`]: an empty key protects nothing.
    pub fn allow_weak(bytes: impl Into<Vec<u8>>) -> Result<Self, WeakKey> {
        let key = Self(Zeroizing::new(bytes.into()));
        if key.0.is_empty() { Err(WeakKey::Empty) } else { Ok(key) }
    }

    /// The bytes, for the code that derives keys from them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

/// What is wrong with a key, if anything. Not constant in time: it runs on the
/// operator's own key, at start.
fn weakness(key: &[u8]) -> Option<WeakKey> {
    if key.is_empty() {
        return Some(WeakKey::Empty);
    }
    if key.len() < MIN_KEY_BYTES {
        return Some(WeakKey::Short { len: key.len() });
    }
    let trimmed = key.trim_ascii();
    let published = PUBLISHED.iter().any(|known| trimmed.eq_ignore_ascii_case(known));
    let marked = MARKED.iter().any(|mark| key.starts_with(mark));
    if published || marked {
        return Some(WeakKey::WellKnown);
    }
    if (1..=SHORT_PATTERN).any(|period| repeats(key, period)) {
        return Some(WeakKey::Repetitive);
    }
    let placeholder = |word: &&[u8]| repeats(key, word.len()) && key.starts_with(word);
    PLACEHOLDERS.iter().any(placeholder).then_some(WeakKey::Repetitive)
}

fn repeats(key: &[u8], period: usize) -> bool {
    key.iter().zip(key.iter().skip(period)).all(|(one, next)| one == next)
}

/// The key that signs and the older ones that still verify (R23).
///
/// ```
/// use sessile_formats::{KeyRing, SecretKey};
///
/// let new = SecretKey::new("3f1c0b6f9a3d47c28c5e6a1d0b7f2e94")?;
/// let old = SecretKey::new("d02c4f8a7b1e4935a6c0f2d18e5b7394")?;
/// let ring = KeyRing::new(new).with_fallbacks([old]);
/// assert_eq!(ring.iter().count(), 2);
/// # Ok::<(), sessile_formats::WeakKey>(())
/// ```
#[derive(Clone, Debug)]
pub struct KeyRing {
    newest: SecretKey,
    /// Newest first.
    older: Vec<SecretKey>,
}

impl KeyRing {
    /// A ring of one key.
    pub fn new(newest: SecretKey) -> Self {
        Self { newest, older: Vec::new() }
    }

    /// Adds keys that verify but never sign, in the order they are to be tried.
    #[must_use]
    pub fn with_fallbacks(mut self, keys: impl IntoIterator<Item = SecretKey>) -> Self {
        self.older.extend(keys);
        self
    }

    /// A ring from keys in the order they came into use, as itsdangerous wants
    /// them and as Flask builds them: `[*SECRET_KEY_FALLBACKS, SECRET_KEY]`.
    ///
    /// # Errors
    /// [`WeakKey::Empty`] when there is no key.
    pub fn from_oldest_first(keys: impl IntoIterator<Item = SecretKey>) -> Result<Self, WeakKey> {
        let mut keys: Vec<SecretKey> = keys.into_iter().collect();
        let newest = keys.pop().ok_or(WeakKey::Empty)?;
        keys.reverse();
        Ok(Self { newest, older: keys })
    }

    /// The key that signs.
    pub fn newest(&self) -> &SecretKey {
        &self.newest
    }

    /// All keys, newest first: the order in which they are tried.
    pub fn iter(&self) -> impl Iterator<Item = &SecretKey> {
        std::iter::once(&self.newest).chain(&self.older)
    }
}

impl From<SecretKey> for KeyRing {
    fn from(key: SecretKey) -> Self {
        Self::new(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "3f1c0b6f9a3d47c28c5e6a1d0b7f2e94";

    #[test]
    fn r24_empty_short_and_well_known_keys_are_refused() {
        let refused = |key: &[u8]| SecretKey::new(key).err();
        assert_eq!(refused(b""), Some(WeakKey::Empty));
        assert_eq!(refused(b"dev"), Some(WeakKey::Short { len: 3 }));
        assert_eq!(refused(&GOOD.as_bytes()[1..]), Some(WeakKey::Short { len: 31 }));
        assert_eq!(refused(PUBLISHED[0]), Some(WeakKey::WellKnown));
        assert_eq!(refused(b"Why would I tell you my secret key?"), Some(WeakKey::WellKnown));
        let superset = b" change_me_to_a_complex_random_secret_key\n";
        assert_eq!(refused(superset), Some(WeakKey::WellKnown));
        let django = format!("django-insecure-{GOOD}");
        assert_eq!(refused(django.as_bytes()), Some(WeakKey::WellKnown));
        assert_eq!(refused(&[7; 64]), Some(WeakKey::Repetitive));
        assert_eq!(refused("changeme".repeat(5).as_bytes()), Some(WeakKey::Repetitive));
        assert_eq!(refused("secret-key".repeat(5).as_bytes()), Some(WeakKey::Repetitive));
        assert_eq!(refused(GOOD.as_bytes()), None);
    }

    #[test]
    fn r24_the_opt_out_still_refuses_an_empty_key() {
        assert!(SecretKey::allow_weak("dev").is_ok());
        assert_eq!(SecretKey::allow_weak("").err(), Some(WeakKey::Empty));
    }

    #[test]
    fn inv11_debug_shows_no_key() -> Result<(), WeakKey> {
        let ring = KeyRing::new(SecretKey::new(GOOD)?);
        assert!(!format!("{ring:?}").contains("3f1c"));
        Ok(())
    }

    #[test]
    fn r23_both_ways_to_build_a_ring_try_the_newest_first() -> Result<(), WeakKey> {
        let key = SecretKey::allow_weak;
        let one = KeyRing::new(key("c")?).with_fallbacks([key("b")?, key("a")?]);
        let other = KeyRing::from_oldest_first([key("a")?, key("b")?, key("c")?])?;
        let order =
            |ring: &KeyRing| ring.iter().flat_map(|key| key.expose().to_vec()).collect::<Vec<_>>();
        assert_eq!(order(&one), b"cba");
        assert_eq!(order(&other), b"cba");
        assert_eq!(other.newest().expose(), b"c");
        assert_eq!(KeyRing::from_oldest_first([]).err(), Some(WeakKey::Empty));
        Ok(())
    }
}
