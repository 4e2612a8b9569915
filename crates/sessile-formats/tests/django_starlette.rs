//! Django's signing and sessions, Starlette's cookie.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use sessile_formats::django::{
    Options, SessionCodec, SignedCookie, Signer, SigningError, TimestampSigner,
};
use sessile_formats::starlette::{StarletteCookie, StarletteLoadError};
use sessile_formats::{KeyRing, Map, SecretKey, Timestamp, Value};

const NOW: Timestamp = Timestamp::from_secs(1_767_323_045);

fn key(text: &str) -> SecretKey {
    SecretKey::allow_weak(text).unwrap()
}

fn ring(text: &str) -> KeyRing {
    KeyRing::new(key(text))
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() + millis)
}

fn cart() -> Map {
    let items = (0..40).map(|n| Value::Str(format!("item-{n}"))).collect::<Vec<_>>();
    Map::from_iter([("cart", Value::List(items)), ("é", Value::Str("\u{1f600}".into()))])
}

#[test]
fn sessions_come_back_compressed_or_not() {
    for codec in [SessionCodec::stored(&ring("k")), SessionCodec::cookie(&ring("k"))] {
        for data in [Map::new(), Map::from_iter([("x", 1)]), cart()] {
            let text = codec.encode(&data, NOW).unwrap();
            let decoded = codec.decode(&text);
            assert_eq!((decoded.data, decoded.fault), (data, None));
        }
    }
    assert!(SessionCodec::stored(&ring("k")).encode(&cart(), NOW).unwrap().starts_with('.'));
}

#[test]
fn r19_every_changed_or_missing_character_is_refused_alike() {
    let codec = SessionCodec::stored(&ring("k"));
    let text = codec.encode(&Map::from_iter([("x", 1)]), NOW).unwrap();
    for at in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
        let decoded = codec.decode(std::str::from_utf8(&bytes).unwrap());
        assert!(decoded.data.is_empty() && decoded.fault.unwrap().is_bad_signature(), "{at}");
        assert!(codec.decode(&text[..at]).fault.unwrap().is_bad_signature(), "{at}");
    }
    assert!(codec.decode(&format!("{text}=")).fault.is_some());
}

#[test]
fn r22_a_session_of_one_purpose_is_none_of_another() {
    let stored = SessionCodec::stored(&ring("k"));
    let text = stored.encode(&Map::from_iter([("x", 1)]), NOW).unwrap();
    assert!(SessionCodec::cookie(&ring("k")).decode(&text).fault.is_some());
    let cookie = SignedCookie::new(&ring("k"), "ab", "c", false).unwrap();
    let other = SignedCookie::new(&ring("k"), "a", "bc", false).unwrap();
    assert!(other.unsign(&cookie.sign("v", NOW), None, NOW).is_err());
}

#[test]
fn r23_fallback_keys_verify_and_never_sign() {
    let both = KeyRing::new(key("new")).with_fallbacks([key("old"), key("older")]);
    let old = SessionCodec::stored(&ring("older")).encode(&Map::new(), NOW).unwrap();
    assert_eq!(SessionCodec::stored(&both).decode(&old).fault, None);
    let fresh = SessionCodec::stored(&both).encode(&Map::new(), NOW).unwrap();
    assert_eq!(SessionCodec::stored(&ring("new")).decode(&fresh).fault, None);
    assert!(SessionCodec::stored(&ring("old")).decode(&fresh).fault.is_some());
}

#[test]
fn ages_are_compared_with_fractions_and_the_future_is_accepted() {
    let signer = TimestampSigner::new(&ring("k"), Options::salted("s")).unwrap();
    let signed = signer.sign("v", NOW);
    let unsign = |max_age, millis| signer.unsign(&signed, Some(max_age), at(millis));
    assert_eq!(unsign(10.0, 10_000), Ok("v"));
    assert_eq!(unsign(0.5, 500), Ok("v"));
    assert_eq!(unsign(10.0, -1_000_000), Ok("v"));
    let expired = unsign(10.0, 10_001).unwrap_err();
    assert_eq!(expired.python_class(), "SignatureExpired");
    assert!(unsign(-1.0, 0).is_err());
    assert_eq!(signer.unsign(&signed, None, at(i64::MAX / 2)), Ok("v"));
}

#[test]
fn what_is_signed_but_no_token_raises_what_django_raises() {
    let signer = Signer::new(&ring("k"), Options::salted("s")).unwrap();
    let reader = TimestampSigner::new(&ring("k"), Options::salted("s")).unwrap();
    let class =
        |value: &str| reader.loads(&signer.sign(value), None, NOW).unwrap_err().python_class();
    assert_eq!(class("no-stamp"), "ValueError");
    assert_eq!(class("e30:"), "IndexError");
    assert_eq!(class("e30:!"), "ValueError");
    assert_eq!(class("e:1"), "Error");
    assert_eq!(class(".e30:1"), "error");
    assert_eq!(class("e3:1"), "JSONDecodeError");
    assert_eq!(reader.loads("none", None, NOW).unwrap_err().python_class(), "BadSignature");
}

#[test]
fn separators_that_a_signature_could_hold_are_refused() {
    for separator in ["", "-", "_", "a", "Z9", "^", "=\n"] {
        let options = Options { separator: separator.into(), ..Options::default() };
        assert!(Signer::new(&ring("k"), options).is_err(), "{separator:?}");
    }
    for separator in [":", "~", "a:", "é"] {
        let options = Options { separator: separator.into(), ..Options::default() };
        let signer = Signer::new(&ring("k"), options).unwrap();
        assert_eq!(signer.unsign(&signer.sign("v")), Ok("v"), "{separator:?}");
    }
}

#[test]
fn inv12_long_texts_and_bombs_are_refused_before_they_are_read() {
    let options = Options { max_len: 100, ..Options::salted("s") };
    let signer = TimestampSigner::new(&ring("k"), options).unwrap();
    let long = "a".repeat(101);
    let refused = signer.unsign(&long, None, NOW);
    assert_eq!(refused, Err(SigningError::TooLong { len: 101, limit: 100 }));
    let large = Value::Str("a".repeat(2_000_000));
    let open = TimestampSigner::new(&ring("k"), Options::salted("s")).unwrap();
    let bomb = open.dumps(&large, true, NOW).unwrap();
    assert!(bomb.len() < 10_000);
    assert_eq!(open.loads(&bomb, None, NOW).unwrap_err().python_class(), "error");
}

#[test]
fn inv11_errors_do_not_show_what_was_presented() {
    let signer = Signer::new(&ring("k"), Options::salted("s")).unwrap();
    let error = signer.unsign("v:s3cr3t").unwrap_err();
    assert!(!format!("{error} {error:?}").contains("s3cr3t"));
    assert!(error.python_message().contains("s3cr3t"));
}

#[test]
fn legacy_cookies_are_read_only_where_that_is_switched_on() {
    let legacy =
        TimestampSigner::new(&ring("django.http.cookiesk"), Options::salted("np")).unwrap();
    let signed = legacy.sign("v", NOW);
    let cookie = |legacy| SignedCookie::new(&ring("k"), "n", "p", legacy).unwrap();
    assert_eq!(cookie(true).unsign(&signed, None, NOW), Ok("v"));
    assert!(cookie(false).unsign(&signed, None, NOW).is_err());
    let expired = cookie(true).unsign(&signed, Some(1.0), at(2_000));
    assert!(matches!(expired, Err(SigningError::Expired { .. })));
}

#[test]
fn starlette_cookies_come_back_and_only_bad_signatures_are_forgiven() {
    let cookies = StarletteCookie::new(&ring("dev-secret"));
    let text = cookies.dumps(&cart(), NOW).unwrap();
    assert_eq!(cookies.loads(&text, Some(60), NOW), Ok(cart()));
    assert!(cookies.loads(&text, Some(60), at(61_000)).unwrap_err().is_bad_signature());
    assert!(cookies.loads(&text, Some(60), at(-1_000)).unwrap_err().is_bad_signature());
    assert!(cookies.loads("bad", Some(60), NOW).unwrap_err().is_bad_signature());
    let not_json = cookies.loads("bm90IGpzb24=.aVc1pQ._D4Sd_7vhq5hyXyD6WpdJh54RE8", None, NOW);
    assert!(matches!(&not_json, Err(error @ StarletteLoadError::Payload(_))
        if !error.is_bad_signature() && error.python_class() == "JSONDecodeError"));
}
