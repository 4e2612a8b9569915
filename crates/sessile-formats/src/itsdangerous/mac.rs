//! Keyed hashes, derived once per key.

use hmac::{Hmac, KeyInit, Mac as _};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// The hash beneath a signature and its key derivation (`digest_method`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Digest {
    /// SHA-1, itsdangerous' and Flask's default. HMAC does not rest on the
    /// collision resistance that SHA-1 lost.
    #[default]
    Sha1,
    /// SHA-256, Django's.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// How the signing key comes from the secret key and the salt (`key_derivation`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Derivation {
    /// `H(salt + key)`.
    Concat,
    /// `H(salt + "signer" + key)`, itsdangerous' and Django's default.
    #[default]
    DjangoConcat,
    /// `HMAC-H(key, salt)`, Flask's.
    Hmac,
    /// The secret key itself, whatever the salt.
    None,
}

/// The longest tag a [`Digest`] makes, in bytes.
pub(super) const MAX_TAG: usize = 64;

/// A keyed hash that has already absorbed its key: each message costs its own
/// blocks and the outer hash, not the key's two blocks again.
#[derive(Clone)]
pub(super) enum Keyed {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    Sha384(Hmac<Sha384>),
    Sha512(Hmac<Sha512>),
}

/// One tag, on the stack.
pub(super) struct Tag {
    bytes: [u8; MAX_TAG],
    len: usize,
}

impl Tag {
    fn new(source: &[u8]) -> Self {
        let mut bytes = [0; MAX_TAG];
        let len = source.len().min(MAX_TAG);
        for (to, from) in bytes.iter_mut().zip(source) {
            *to = *from;
        }
        Self { bytes, len }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl Keyed {
    /// Derives the signing key and absorbs it.
    pub(super) fn derive(
        digest: Digest,
        derivation: Derivation,
        secret: &[u8],
        salt: &[u8],
    ) -> Self {
        match derivation {
            Derivation::None => Self::new(digest, secret),
            Derivation::Hmac => {
                let tag = Self::new(digest, secret).tag(salt);
                Self::new(digest, &Zeroizing::new(tag.bytes)[..tag.len])
            }
            Derivation::Concat => Self::new(digest, &hash(digest, &[salt, secret])),
            Derivation::DjangoConcat => {
                Self::new(digest, &hash(digest, &[salt, b"signer", secret]))
            }
        }
    }

    fn new(digest: Digest, key: &[u8]) -> Self {
        // HMAC takes a key longer than a block as its hash; done here, because
        // a whole block is what the infallible constructor wants.
        macro_rules! keyed {
            ($kind:ident, $hash:ty) => {{
                let mut block = hmac::digest::common::Key::<Hmac<$hash>>::default();
                if key.len() > block.len() {
                    fill(&mut block, &<$hash>::digest(key));
                } else {
                    fill(&mut block, key);
                }
                Self::$kind(Hmac::new(&block))
            }};
        }
        match digest {
            Digest::Sha1 => keyed!(Sha1, Sha1),
            Digest::Sha256 => keyed!(Sha256, Sha256),
            Digest::Sha384 => keyed!(Sha384, Sha384),
            Digest::Sha512 => keyed!(Sha512, Sha512),
        }
    }

    pub(super) fn tag(&self, message: &[u8]) -> Tag {
        macro_rules! tag {
            ($keyed:expr) => {
                Tag::new(&$keyed.clone().chain_update(message).finalize().into_bytes())
            };
        }
        match self {
            Self::Sha1(keyed) => tag!(keyed),
            Self::Sha256(keyed) => tag!(keyed),
            Self::Sha384(keyed) => tag!(keyed),
            Self::Sha512(keyed) => tag!(keyed),
        }
    }

    /// In time that does not depend on where the tags differ.
    pub(super) fn verify(&self, message: &[u8], presented: &[u8]) -> bool {
        self.tag(message).as_bytes().ct_eq(presented).into()
    }
}

fn fill(block: &mut [u8], key: &[u8]) {
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
}

fn hash(digest: Digest, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    macro_rules! hash {
        ($hash:ty) => {{
            let mut state = <$hash>::new();
            parts.iter().for_each(|part| state.update(part));
            Zeroizing::new(state.finalize().to_vec())
        }};
    }
    match digest {
        Digest::Sha1 => hash!(Sha1),
        Digest::Sha256 => hash!(Sha256),
        Digest::Sha384 => hash!(Sha384),
        Digest::Sha512 => hash!(Sha512),
    }
}
