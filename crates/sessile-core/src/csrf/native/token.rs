//! A visitor's secret, and the tokens made of it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// What tokens are for; in every MAC, so that nothing else of ours is one (invariant 10).
const PURPOSE: &[u8] = b"sessile csrf token 1";

const SECRET_BYTES: usize = 32;
const SALT_BYTES: usize = 16;
const MAC_BYTES: usize = 32;
const TOKEN_BYTES: usize = SALT_BYTES + MAC_BYTES;

/// The characters of a secret as it is kept.
pub const SECRET_CHARS: usize = 43;
/// The characters of a token.
pub const TOKEN_CHARS: usize = 64;

/// What a session, or the cookie of a visitor without one, keeps: 256 random
/// bits that no page ever shows. Tokens are
/// `base64url(salt ‖ HMAC-SHA256(secret, len ‖ purpose ‖ len ‖ salt))`, with a
/// fresh salt each, so that compressed pages tell nothing of them (BREACH).
#[derive(Clone)]
pub struct Secret(Zeroizing<[u8; SECRET_BYTES]>);

impl Secret {
    /// A secret of random bytes.
    pub fn new(random: [u8; SECRET_BYTES]) -> Self {
        Self(Zeroizing::new(random))
    }

    /// Reads what [`to_text`](Self::to_text) wrote; `None` for anything else.
    pub fn read(text: &str) -> Option<Self> {
        let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
        if text.len() != SECRET_CHARS {
            return None;
        }
        let len = URL_SAFE_NO_PAD.decode_slice(text, bytes.as_mut_slice()).ok()?;
        (len == SECRET_BYTES).then_some(Self(bytes))
    }

    /// The text to keep in a session or cookie.
    pub fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.as_slice())
    }

    /// A token, another for each salt.
    pub fn token(&self, salt: [u8; SALT_BYTES]) -> String {
        let mut bytes = [0; TOKEN_BYTES];
        for (to, from) in bytes.iter_mut().zip(salt.iter().chain(&self.mac(&salt))) {
            *to = *from;
        }
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Whether the token was made of this secret. Takes the same time for every
    /// token of the right length.
    pub fn made(&self, token: &str) -> bool {
        let mut bytes = [0; TOKEN_BYTES];
        if token.len() != TOKEN_CHARS {
            return false;
        }
        let Ok(TOKEN_BYTES) = URL_SAFE_NO_PAD.decode_slice(token, &mut bytes) else { return false };
        let Some((salt, mac)) = bytes.split_first_chunk::<SALT_BYTES>() else { return false };
        self.mac(salt).ct_eq(mac).into()
    }

    fn mac(&self, salt: &[u8; SALT_BYTES]) -> [u8; MAC_BYTES] {
        let mut block = Zeroizing::new([0; 64]);
        for (to, from) in block.iter_mut().zip(self.0.iter()) {
            *to = *from;
        }
        let mut mac: Hmac<Sha256> = Hmac::new((&*block).into());
        for part in [PURPOSE, salt] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
