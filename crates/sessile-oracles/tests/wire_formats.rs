//! The examples in docs/wire-formats.md are what the code writes.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::fmt::Write as _;

use sessile_core::{DateTime, KeyRing, Map, SecretKey, Timestamp, Value};
use sessile_formats::django::{self, SessionCodec};
use sessile_formats::flask::{FlaskCookie, FlaskCookieOptions, TaggedJson};
use sessile_formats::flask_session::{self, Format, SidSigner};
use sessile_formats::itsdangerous::{
    Codec as _, Derivation, SERIALIZER_SALT, Signer, SignerOptions, UrlSafeTimedSerializer,
};
use sessile_formats::json::Style;
use sessile_formats::starlette::StarletteCookie;
use sessile_formats::{msgpack, pickle};
use sessile_oracles::python_cookies::{
    WerkzeugAttributes, django_parse_cookie, werkzeug_dump_cookie, werkzeug_parse_cookie,
};

const DOCUMENT: &str = include_str!("../../../docs/wire-formats.md");
const NOW: Timestamp = Timestamp::from_secs(1_767_323_045);

fn key(text: &str) -> SecretKey {
    SecretKey::allow_weak(text).unwrap()
}

fn ring(text: &str) -> KeyRing {
    KeyRing::new(key(text))
}

/// Names and values.
type Pairs<'a> = &'a [(&'a str, &'a str)];

/// Stands in the document as a line of its own.
fn line(example: &str) {
    assert!(DOCUMENT.lines().any(|line| line == example), "not in the document: {example}");
}

/// Stands in the document between backticks.
fn code(example: &str) {
    assert!(DOCUMENT.contains(&format!("`{example}`")), "not in the document: `{example}`");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

#[test]
fn the_examples_of_itsdangerous_are_what_is_written() {
    let options = SignerOptions::salted(SERIALIZER_SALT);
    let links = UrlSafeTimedSerializer::url_safe(&ring("dev-secret"), options, Style::COMPACT_UTF8);
    let value = Value::from(Map::from_iter([("a", "é")]));
    line(std::str::from_utf8(&links.unwrap().dumps(&value, NOW).unwrap()).unwrap());
}

/// A derived key is shown by signing with it as it is.
#[test]
fn the_derived_keys_are_those_that_sign() {
    let derived = [
        ("concat", "secret-key", "my-salt", Derivation::Concat),
        ("django-concat", "secret-key", "my-salt", Derivation::DjangoConcat),
        ("hmac", "secret-key", "my-salt", Derivation::Hmac),
        ("the derived key is", "dev-secret", "cookie-session", Derivation::Hmac),
    ];
    for (name, secret, salt, derivation) in derived {
        let (_, after) = DOCUMENT.split_once(name).unwrap();
        let shown = after.split('`').find(|part| part.len() == 40).unwrap();
        let bytes: Vec<u8> =
            (0..20).map(|at| u8::from_str_radix(&shown[2 * at..2 * at + 2], 16).unwrap()).collect();
        let options = SignerOptions { derivation, ..SignerOptions::salted(salt.as_bytes()) };
        let bare = SignerOptions { derivation: Derivation::None, ..SignerOptions::default() };
        let shown = KeyRing::new(SecretKey::allow_weak(bytes).unwrap());
        let by_name = Signer::new(&ring(secret), options).unwrap().signature(b"v");
        assert_eq!(Signer::new(&shown, bare).unwrap().signature(b"v"), by_name, "{name}");
    }
}

#[test]
fn the_examples_of_flask_are_what_is_written() {
    let cookies = FlaskCookie::new(&ring("dev-secret"), FlaskCookieOptions::default());
    line(&cookies.dumps(&Map::from_iter([("a", "b")]), NOW).unwrap());
    line(&cookies.dumps(&Map::from_iter([("s", "a".repeat(60))]), NOW).unwrap());
    let uuid = 0x0011_2233_4455_6677_8899_aabb_ccdd_eeff_u128.to_be_bytes();
    let tagged = [
        Value::Tuple(vec![1.into(), 2.into()]),
        Value::Bytes(vec![0, 1]),
        Value::Markup("<b>".into()),
        Value::Uuid(uuid),
        moment(),
    ];
    for value in tagged {
        code(std::str::from_utf8(&TaggedJson::IN_APP.dumps(&value).unwrap()).unwrap());
    }
}

fn moment() -> Value {
    let utc = time::OffsetDateTime::from_unix_timestamp(NOW.as_secs()).unwrap();
    let at = time::PrimitiveDateTime::new(utc.date(), utc.time());
    Value::DateTime(DateTime { at, offset: Some(time::UtcOffset::UTC) })
}

#[test]
fn the_examples_of_flask_session_are_what_is_written() {
    let session = Map::from_iter([("_permanent", Value::Bool(true)), ("value", Value::from("42"))]);
    line(std::str::from_utf8(&flask_session::encode(&session, Format::Json).unwrap()).unwrap());
    let packed = hex(&flask_session::encode(&session, Format::Msgpack).unwrap());
    let shown = DOCUMENT.lines().find(|line| line.starts_with("82 aa ")).unwrap();
    assert_eq!(shown.replace(' ', ""), packed);
    assert_eq!(hex(&msgpack::write(&moment()).unwrap()), "d6ff695735a5");
    code("d6 ff 69 57 35 a5");

    let random: Vec<u8> = (0..32).collect();
    line(&SidSigner::new(key("dev-secret")).unwrap().sign(&flask_session::sid(&random)));

    assert_eq!(pickle::read(&[0x80, 0x05, 0x4b, 0x2a, 0x2e]), Ok(Value::Int(42)));
    code("80 05 4b 2a 2e");
    let refused = pickle::read(b"cos\nsystem\n(S'id'\ntR.");
    assert_eq!(refused, Err(pickle::PickleError::Class("os.system".into())));
    code(r"cos\nsystem\n(S'id'\ntR.");
}

#[test]
fn the_examples_of_django_and_starlette_are_what_is_written() {
    let keys = ring("dj-secret");
    let signer = django::TimestampSigner::new(&keys, django::Options::salted("my.salt")).unwrap();
    line(&signer.dumps(&"hello".into(), false, NOW).unwrap());
    let session = Map::from_iter([("x", 1)]);
    line(&SessionCodec::stored(&keys).encode(&session, NOW).unwrap());
    line(&SessionCodec::cookie(&keys).encode(&session, NOW).unwrap());
    line(&django::SignedCookie::new(&keys, "mycookie", "", false).unwrap().sign("hello", NOW));
    code(&django::b62_encode(NOW.as_secs()));

    let cookies = StarletteCookie::new(&ring("dev-secret"));
    line(&cookies.dumps(&Map::from_iter([("a", 1)]), NOW).unwrap());
}

#[test]
fn cookie_headers_are_read_and_written_as_the_table_says() {
    let own = |pairs: Pairs<'_>| -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    };
    let rows: [(&str, Pairs<'_>, Pairs<'_>); 4] = [
        ("a=1; a=2", &[("a", "1"), ("a", "2")], &[("a", "2")]),
        (r#"a="\303\251""#, &[("a", "é")], &[("a", "Ã©")]),
        ("a", &[("a", "")], &[("", "a")]),
        ("a=b c", &[], &[("a", "b c")]),
    ];
    for (header, werkzeug, django) in rows {
        assert!(DOCUMENT.contains(&format!("\n| `{header}` |")), "{header}");
        assert_eq!(werkzeug_parse_cookie(header), own(werkzeug));
        assert_eq!(django_parse_cookie(header), own(django));
    }
    let attributes = WerkzeugAttributes::default();
    line(&werkzeug_dump_cookie("a", "x; y, z", &attributes, NOW).unwrap());
}
