//! Signed values of Flask, Django and Starlette, and the base64 they travel in.

use std::sync::LazyLock;

use sessile_core::Timestamp;
use sessile_formats::base64;
use sessile_formats::itsdangerous::{Derivation, Digest, Signer, SignerOptions, TimestampSigner};

use crate::rings;

/// When the corpora were signed: 2026-01-02T03:04:05Z.
const NOW: i64 = 1_767_323_045;
/// Flask's PERMANENT_SESSION_LIFETIME.
const MAX_AGE: i64 = 31 * 24 * 60 * 60;

/// One way to sign, with the right key, with a wrong key, and for another purpose.
struct Way {
    right: Signer,
    wrong: [Signer; 2],
    stamped: TimestampSigner,
}

impl Way {
    fn new(options: &SignerOptions) -> Option<Self> {
        let [key, other_key] = rings();
        let other_purpose = SignerOptions { salt: b"another purpose".into(), ..options.clone() };
        Some(Self {
            right: Signer::new(key, options.clone()).ok()?,
            wrong: [
                Signer::new(other_key, options.clone()).ok()?,
                Signer::new(key, other_purpose).ok()?,
            ],
            stamped: TimestampSigner::new(key, options.clone()).ok()?,
        })
    }

    fn check(&self, input: &[u8]) {
        if let Ok(value) = self.right.unsign(input) {
            assert!(input.starts_with(value), "the value is what was signed");
            for wrong in &self.wrong {
                assert!(wrong.unsign(input).is_err(), "verified with a wrong key or purpose");
            }
            if let Some(first) = value.first() {
                let mut forged = input.to_vec();
                forged[0] = first ^ 1;
                assert!(self.right.unsign(&forged).is_err(), "verified though the value changed");
            }
            assert_eq!(self.right.unsign(&self.right.sign(value)).ok(), Some(value));
        }

        let signed = self.right.sign(input);
        assert_eq!(self.right.unsign(&signed).ok(), Some(input));
        assert!(self.right.unsign(&signed[..signed.len() - 1]).is_err(), "verified though cut");

        let now = Timestamp::from_secs(NOW);
        if let Ok(stamped) = self.stamped.unsign(input, Some(MAX_AGE), now) {
            let age = NOW - i64::try_from(stamped.secs).unwrap_or(i64::MAX);
            assert!((0..=MAX_AGE).contains(&age), "accepted at the age of {age} s");
        }
        let signed = self.stamped.sign(input, now);
        let read = |max_age, later| {
            let now = Timestamp::from_secs(NOW + later);
            self.stamped.unsign(&signed, Some(max_age), now).map(|it| it.value)
        };
        assert_eq!(read(5, 5).ok(), Some(input));
        assert!(read(5, 6).is_err(), "accepted when too old");
        assert!(read(5, -1).is_err(), "accepted from the future");
    }
}

static WAYS: LazyLock<Vec<Way>> = LazyLock::new(|| {
    let flask = SignerOptions {
        derivation: Derivation::Hmac,
        ..SignerOptions::salted(&b"cookie-session"[..])
    };
    let django = SignerOptions {
        separator: b":".into(),
        digest: Digest::Sha256,
        ..SignerOptions::salted(&b"django.contrib.sessions.SessionStore"[..])
    };
    let ways: Vec<Way> =
        [flask, django, SignerOptions::default()].iter().filter_map(Way::new).collect();
    assert_eq!(ways.len(), 3);
    ways
});

/// Nothing verifies without the key, for another purpose, changed, cut, too old or too new;
/// what was signed does.
pub fn signed_decode(input: &[u8]) {
    WAYS.iter().for_each(|way| way.check(input));
    for decode in [base64::decode, base64::decode_standard] {
        if let Ok(bytes) = decode(input) {
            assert!(bytes.len() <= input.len());
            assert_eq!(base64::decode(base64::encode(&bytes).as_bytes()).ok(), Some(bytes));
        }
    }
    assert_eq!(base64::decode(base64::encode(input).as_bytes()).ok().as_deref(), Some(input));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_originals_signed_verifies_in_exactly_one_way() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/signed_decode");
        let mut seen = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let is_original = ["flask", "django", "starlette"]
                .iter()
                .any(|it| name.starts_with(&format!("seed-{it}-")));
            if is_original {
                let signed = std::fs::read(&path).unwrap();
                let ways = WAYS.iter().filter(|way| way.right.unsign(&signed).is_ok()).count();
                assert_eq!(ways, 1, "{name}");
                seen += 1;
            }
        }
        assert!(seen >= 20, "only {seen} seeds");
    }
}
