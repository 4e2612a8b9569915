//! Signed texts: what verifies and what does not.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use sessile_formats::base64;
use sessile_formats::error::{BadData, Fault};
use sessile_formats::itsdangerous::{Derivation, Digest, Signer, SignerOptions, TimestampSigner};
use sessile_formats::{KeyRing, SecretKey, Timestamp};

const NOW: Timestamp = Timestamp::from_secs(1_767_323_045);

fn ring(keys_oldest_first: &[&str]) -> KeyRing {
    KeyRing::from_oldest_first(
        keys_oldest_first.iter().map(|key| SecretKey::allow_weak(*key).unwrap()),
    )
    .unwrap()
}

fn options(salt: &'static str, derivation: Derivation, digest: Digest) -> SignerOptions {
    SignerOptions { derivation, digest, ..SignerOptions::salted(salt.as_bytes()) }
}

fn flask_like(keys: &[&str]) -> Signer {
    Signer::new(&ring(keys), options("s", Derivation::Hmac, Digest::Sha1)).unwrap()
}

#[test]
fn signatures_are_those_of_itsdangerous() {
    let cases = [
        (Derivation::Concat, Digest::Sha1, "Vcz0K4_n5OfhvujHJIOWGXDJPhE"),
        (Derivation::DjangoConcat, Digest::Sha1, "OWGgR0_s7da2FDl_kORNSUkZGu8"),
        (Derivation::Hmac, Digest::Sha1, "2quecLnoadPfZj6pqOPxzjgtn74"),
        (Derivation::None, Digest::Sha1, "KR0bPVhdBT1d8GpHRrZeO1VF_ew"),
        (Derivation::Hmac, Digest::Sha256, "CJ6jb2J91vtY_cB9eHOVRh7u02oLmjx3C-Fry4XUJY4"),
    ];
    for (derivation, digest, expected) in cases {
        let options = options("my-salt", derivation, digest);
        let signer = Signer::new(&ring(&["secret-key"]), options).unwrap();
        assert_eq!(signer.signature(b"value"), expected);
        assert_eq!(signer.sign(b"value"), format!("value.{expected}").as_bytes());
    }
}

#[test]
fn r23_the_newest_key_signs_and_a_removed_key_fails() {
    let signed = flask_like(&["k1", "k2", "k3"]).sign(b"v");
    assert_eq!(signed, flask_like(&["k3"]).sign(b"v"));
    assert_eq!(flask_like(&["k3", "k4"]).unsign(&signed), Ok(&b"v"[..]));
    assert!(flask_like(&["k1", "k2"]).unsign(&signed).is_err());
}

#[test]
fn r19_every_flipped_bit_every_cut_and_every_addition_is_refused() {
    let signer = flask_like(&["k1", "k2"]);
    let signed = signer.sign(b"user=1");
    for at in 0..signed.len() {
        for bit in 0..8 {
            let mut forged = signed.clone();
            forged[at] ^= 1 << bit;
            if let Ok(value) = signer.unsign(&forged) {
                // Only the two spare bits of the last character may differ.
                assert_eq!((value, at), (&b"user=1"[..], signed.len() - 1));
                let tag = |text: &[u8]| base64::decode(&text[text.len() - 27..]);
                assert_eq!(tag(&forged), tag(&signed));
            }
        }
        assert!(signer.unsign(&signed[..at]).is_err());
    }
    for more in 0..=u8::MAX {
        let longer: Vec<u8> = signed.iter().copied().chain([more]).collect();
        let fits = base64::decode(&longer[7..]) == base64::decode(&signed[7..]);
        assert_eq!(signer.unsign(&longer).is_ok(), fits, "{more}");
    }
}

#[test]
fn the_salt_the_derivation_and_the_digest_tell_signatures_apart() {
    let mut seen = std::collections::HashSet::new();
    for salt in ["s", "t"] {
        for derivation in [Derivation::Concat, Derivation::DjangoConcat, Derivation::Hmac] {
            for digest in [Digest::Sha1, Digest::Sha256, Digest::Sha384, Digest::Sha512] {
                let options = options(salt, derivation, digest);
                let signer = Signer::new(&ring(&["k"]), options).unwrap();
                assert!(seen.insert(signer.sign(b"v")));
            }
        }
    }
}

#[test]
fn a_separator_inside_the_alphabet_is_refused() {
    let with = |separator: &'static [u8]| {
        let options = SignerOptions { separator: separator.into(), ..SignerOptions::default() };
        Signer::new(&ring(&["k"]), options)
    };
    assert!(with(b"").is_err() && with(b"a").is_err() && with(b"-_").is_err());
    let signer = with(b"::").unwrap();
    assert_eq!(signer.unsign(&signer.sign(b"a::b")), Ok(&b"a::b"[..]));
}

#[test]
fn r21_only_the_valid_span_is_accepted() {
    let signer = TimestampSigner::new(&ring(&["k"]), SignerOptions::default()).unwrap();
    let signed = signer.sign(b"v", NOW);
    let age = |secs: i64, max_age| {
        let now = Timestamp::from_secs(NOW.as_secs() + secs);
        signer.unsign(&signed, max_age, now).map(|stamped| stamped.secs)
    };
    let secs = 1_767_323_045;
    assert_eq!(age(0, Some(0)), Ok(secs));
    assert_eq!(age(10, Some(10)), Ok(secs));
    let expired = |age, max_age| BadData::SignatureExpired { age, max_age, signed_at: NOW };
    assert_eq!(age(11, Some(10)), Err(expired(11, 10)));
    assert_eq!(age(-1, Some(10)), Err(expired(-1, 10)));
    assert_eq!(age(-1, None), Ok(secs));
    assert_eq!(age(i64::MAX / 2000, None), Ok(secs));
    let error = age(-1, Some(10)).unwrap_err();
    assert_eq!(error.python_message(), "Signature age -1 < 0 seconds");
}

#[test]
fn a_right_signature_over_a_wrong_time_is_a_typed_error() {
    let plain = Signer::new(&ring(&["k"]), SignerOptions::default()).unwrap();
    let timed = TimestampSigner::new(&ring(&["k"]), SignerOptions::default()).unwrap();
    let read = |value: &str, max_age| {
        timed.unsign(&plain.sign(value.as_bytes()), max_age, NOW).map(|stamped| stamped.secs)
    };
    let bad = |fault| Err(BadData::BadTimeSignature(fault));
    assert_eq!(read("v", None), bad(Fault::TimestampMissing));
    assert_eq!(read("v.Zm9vY", None), bad(Fault::TimestampMalformed));
    assert_eq!(read("v.AP__________8", None), bad(Fault::TimestampMalformed));
    assert_eq!(read("v.", None), Ok(0));
    assert_eq!(read("v.__________8", None), Ok(u64::MAX));
    assert_eq!(read("v.__________8", Some(1)), Err(BadData::TimeOutOfRange { secs: u64::MAX }));
}

#[test]
fn a_forged_time_is_told_from_a_missing_separator() {
    let signer = TimestampSigner::new(&ring(&["k"]), SignerOptions::default()).unwrap();
    let message = |text: &str| {
        let error = signer.unsign(text.as_bytes(), None, NOW).unwrap_err();
        (error.python_class(), error.python_message())
    };
    assert_eq!(message("v"), ("BadSignature", "No b'.' found in value".into()));
    assert_eq!(message("v.x"), ("BadSignature", "Signature b'x' does not match".into()));
    assert_eq!(message("v.aVc1pQ.x"), ("BadTimeSignature", "Signature b'x' does not match".into()));
    assert_eq!(message("v.__________8.x"), ("BadTimeSignature", "Malformed timestamp".into()));
}
