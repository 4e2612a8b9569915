//! Django's CSRF secrets and tokens: `_mask_cipher_secret` and its kin.
//!
//! A secret is 32 letters and digits. A token is a mask of the same kind and
//! the secret shifted by it, so that what a page shows differs every time.

use std::fmt;

use subtle::ConstantTimeEq as _;

/// The characters of a secret (`CSRF_SECRET_LENGTH`).
pub const SECRET_LENGTH: usize = 32;
/// The characters of a masked secret (`CSRF_TOKEN_LENGTH`).
pub const TOKEN_LENGTH: usize = 2 * SECRET_LENGTH;
/// Where the session keeps the secret with `CSRF_USE_SESSIONS`.
pub const SESSION_KEY: &str = "_csrftoken";

const ALPHABET: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// What is wrong with a secret or token (`InvalidTokenFormat`).
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum InvalidToken {
    /// It is neither 32 nor 64 characters long.
    Length,
    /// It holds something besides letters and digits.
    Characters,
}

impl fmt::Display for InvalidToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "has incorrect length",
            Self::Characters => "has invalid characters",
        })
    }
}

crate::debug_reads_like_display!(InvalidToken);

impl std::error::Error for InvalidToken {}

/// `_check_token_format`: whether it can be a secret or token, masked or not.
///
/// # Errors
/// [`InvalidToken`].
pub fn check_format(token: &str) -> Result<(), InvalidToken> {
    // Python counts characters; where all are valid they are the bytes.
    let length = if token.is_ascii() { token.len() } else { token.chars().count() };
    if length != SECRET_LENGTH && length != TOKEN_LENGTH {
        return Err(InvalidToken::Length);
    }
    let valid = token.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if valid { Ok(()) } else { Err(InvalidToken::Characters) }
}

/// `_mask_cipher_secret`: `None` unless both are 32 letters and digits.
pub fn mask(secret: &str, mask: &str) -> Option<String> {
    let mut token = String::with_capacity(TOKEN_LENGTH);
    token.push_str(mask);
    shift(secret.as_bytes(), mask.as_bytes(), false, |letter| token.push(letter))?;
    Some(token)
}

/// `_unmask_cipher_token`: `None` unless it is 64 letters and digits.
pub fn unmask(token: &str) -> Option<String> {
    let (mask, cipher) = token.as_bytes().split_at_checked(SECRET_LENGTH)?;
    let mut secret = String::with_capacity(SECRET_LENGTH);
    shift(cipher, mask, true, |letter| secret.push(letter))?;
    Some(secret)
}

/// `_does_token_match`, in a time that tells nothing. Whatever is malformed matches nothing.
pub fn matches(token: &str, secret: &str) -> bool {
    if secret.len() != SECRET_LENGTH || check_format(secret).is_err() {
        return false;
    }
    let unmasked;
    let presented = if token.len() == TOKEN_LENGTH {
        let Some(secret) = unmask(token) else { return false };
        unmasked = secret;
        unmasked.as_str()
    } else {
        token
    };
    presented.as_bytes().ct_eq(secret.as_bytes()).into()
}

/// A secret or mask from random bytes. Bytes that would favour some letters
/// are passed over; `None` when too few are left (draw again).
pub fn random_secret(random: &[u8]) -> Option<String> {
    const FAIR: u8 = 248; // 4 × 62
    let letters = random.iter().filter(|&&byte| byte < FAIR).take(SECRET_LENGTH);
    let secret: String = letters.map(|&byte| letter(usize::from(byte))).collect();
    (secret.len() == SECRET_LENGTH).then_some(secret)
}

fn letter(index: usize) -> char {
    ALPHABET.get(index % ALPHABET.len()).map_or('a', |&byte| char::from(byte))
}

fn position(byte: u8) -> Option<usize> {
    Some(usize::from(match byte {
        b'a'..=b'z' => byte - b'a',
        b'A'..=b'Z' => byte - b'A' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        _ => return None,
    }))
}

fn shift(text: &[u8], mask: &[u8], back: bool, mut put: impl FnMut(char)) -> Option<()> {
    if text.len() != SECRET_LENGTH || mask.len() != SECRET_LENGTH {
        return None;
    }
    for (&text, &mask) in text.iter().zip(mask) {
        let (text, mask) = (position(text)?, position(mask)?);
        let by = if back { ALPHABET.len() - mask } else { mask };
        put(letter(text + by));
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "lcccccccX2kcccccccY2jcccccccssIC";

    #[test]
    fn r48_masked_tokens_differ_and_all_match() {
        let masks = ["0123456789abcdefghijklmnopqrstuv", "99999999999999999999999999999999"];
        let tokens = masks.map(|it| mask(SECRET, it).unwrap());
        assert_ne!(tokens[0], tokens[1]);
        for token in &tokens {
            assert_eq!(unmask(token).as_deref(), Some(SECRET));
            assert!(matches(token, SECRET));
        }
        assert!(matches(SECRET, SECRET));
        assert!(!matches(&SECRET.to_lowercase(), SECRET));
    }

    #[test]
    fn r45_a_malformed_expected_token_matches_nothing() {
        for broken in ["", "x", &"é".repeat(16), &"-".repeat(32), &"a".repeat(33)] {
            assert!(!matches(broken, broken), "{broken}");
            assert!(!matches("", broken) && !matches(SECRET, broken));
        }
        assert_eq!(unmask(&"é".repeat(32)), None);
        assert_eq!(mask("short", &"a".repeat(32)), None);
    }

    #[test]
    fn secrets_are_drawn_fairly() {
        assert_eq!(random_secret(&[255; 64]), None);
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(random_secret(&bytes).unwrap(), "abcdefghijklmnopqrstuvwxyzABCDEF");
        assert_eq!(random_secret(&[247; 48]).unwrap(), "9".repeat(32));
    }
}
