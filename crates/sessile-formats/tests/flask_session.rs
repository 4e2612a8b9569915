//! Flask-Session's records: msgspec's msgpack and JSON, and the pickles before them.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use sessile_formats::flask_session::{
    DecodeError, Format, SidSigner, decode, encode, read_json, write_json,
};
use sessile_formats::msgpack::{self, MAX_DEPTH, ReadError, WriteError};
use sessile_formats::pickle::{self, PickleError};
use sessile_formats::{DateTime, Map, SecretKey, Value};

fn list(items: impl IntoIterator<Item = Value>) -> Value {
    Value::List(items.into_iter().collect())
}

fn at(text: &str) -> Value {
    Value::DateTime(DateTime::from_isoformat(text).unwrap())
}

/// What both formats give back as they got it.
fn plain() -> Map {
    Map::from_iter([
        ("none", Value::Null),
        ("yes", Value::Bool(true)),
        ("ints", list([i64::MIN, -32_769, -33, -1, 0, 127, 255, 65_536, i64::MAX].map(Value::Int))),
        ("big", Value::from(u64::MAX)),
        (
            "floats",
            list([0.0, -0.0, 1e16, 1e-5, 0.1, f64::MIN_POSITIVE, f64::MAX].map(Value::Float)),
        ),
        (
            "text",
            list(["", "é\u{1f600}\u{2028}\"\\/\u{7}\n", &"x".repeat(70_000)].map(Value::from)),
        ),
        ("map", Value::Map(Map::from_iter((0..20).map(|n| (n.to_string(), Value::Int(n)))))),
    ])
}

#[test]
fn both_formats_read_back_what_they_wrote_and_what_the_other_wrote() {
    for format in [Format::Msgpack, Format::Json] {
        let bytes = encode(&plain(), format).unwrap();
        for reader in [Format::Msgpack, Format::Json] {
            assert_eq!(decode(&bytes, reader), Ok(Value::Map(plain())));
        }
    }
}

#[test]
fn lengths_take_the_smallest_form() {
    for (length, head) in
        [(31, "bf"), (32, "d920"), (255, "d9ff"), (256, "da0100"), (65_536, "db00010000")]
    {
        let bytes = msgpack::write(&"a".repeat(length).into()).unwrap();
        let hex: String =
            bytes.iter().take(head.len() / 2).map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((hex.as_str(), bytes.len()), (head, head.len() / 2 + length));
    }
}

#[test]
fn timestamps_round_trip_from_year_1_to_9999() {
    for text in [
        "0001-01-01T00:00:00+00:00",
        "1969-12-31T23:59:59.999999+00:00",
        "1970-01-01T00:00:00+00:00",
        "2106-02-07T06:28:15+00:00",
        "2514-05-30T01:53:04.000001+00:00",
        "9999-12-31T23:59:59.999999+00:00",
    ] {
        assert_eq!(msgpack::read(&msgpack::write(&at(text)).unwrap()), Ok(at(text)));
    }
    let early = msgpack::write(&at("0001-01-01T00:00:00+00:01"));
    assert_eq!(early, Err(WriteError::DateRange));
    let rounded = msgpack::read(b"\xc7\x0c\xff\x3b\x9a\xc9\xff\0\0\0\x3a\xff\xf4\x41\x7f");
    assert_eq!(rounded, Err(ReadError::DateRange));
}

#[test]
fn json_rounds_offsets_to_minutes() {
    for (at_text, json) in [
        ("2026-01-02T03:04:05+00:00:30", "\"2026-01-02T03:04:05Z\""),
        ("2026-01-02T03:04:05-00:00:31", "\"2026-01-02T03:04:05-00:01\""),
        ("2026-01-02T03:04:05.5+23:59:59", "\"2026-01-02T03:04:05.500000Z\""),
    ] {
        assert_eq!(write_json(&at(at_text)).unwrap(), json.as_bytes());
    }
}

#[test]
fn what_has_no_form_is_a_typed_error() {
    let markup = Value::Markup("<b>".into());
    let lone = Value::text_from_code_points([0xd800]).unwrap();
    let huge = Value::int_from_decimal("18446744073709551616").unwrap();
    assert_eq!(msgpack::write(&markup), Err(WriteError::Type("Markup")));
    assert_eq!(msgpack::write(&lone), Err(WriteError::Surrogate));
    assert_eq!(msgpack::write(&huge), Err(WriteError::IntegerRange));
    let null_key = Value::Map(Map::from_iter([(Value::Null, 1)]));
    assert_eq!(write_json(&null_key), Err(WriteError::Key));
    assert_eq!(msgpack::write(&null_key).unwrap(), b"\x81\xc0\x01");
}

#[test]
fn inv12_a_length_allocates_nothing_the_input_does_not_hold() {
    for bomb in [
        &b"\xdd\xff\xff\xff\xff"[..],
        b"\xdf\xff\xff\xff\xff\x01\x01",
        b"\xdb\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xc9\xff\xff\xff\xff\x01",
    ] {
        assert!(matches!(msgpack::read(bomb), Err(ReadError::Malformed { .. })));
    }
    assert!(pickle::read(b"\x80\x05\x8e\xff\xff\xff\xff\xff\xff\xff\xff.").is_err());
}

#[test]
fn inv12_depth_is_bounded_in_both_directions() {
    let mut deep = Value::Null;
    for _ in 0..MAX_DEPTH {
        deep = list([deep]);
    }
    let bytes = msgpack::write(&deep).unwrap();
    assert_eq!(msgpack::read(&bytes).as_ref(), Ok(&deep));
    let json = write_json(&deep).unwrap();
    assert_eq!(read_json(&json).as_ref(), Ok(&deep));
    let deeper = list([deep]);
    assert_eq!(msgpack::write(&deeper), Err(WriteError::TooDeep));
    assert_eq!(write_json(&deeper), Err(WriteError::TooDeep));
    assert_eq!(msgpack::read(&[&b"\x91"[..], &bytes].concat()), Err(ReadError::TooDeep));
    assert_eq!(read_json(&[&b"["[..], &json, b"]"].concat()), Err(ReadError::TooDeep));
    assert_eq!(
        pickle::read(&[&[b']'; 300][..], &[b'a'; 299], b"."].concat()),
        Err(PickleError::TooDeep)
    );
}

#[test]
fn inv12_the_number_of_values_is_bounded() {
    let mut many = vec![0xdd, 0, 0x10, 0, 1];
    many.resize(5 + (1 << 20) + 1, 0xc0);
    assert_eq!(msgpack::read(&many), Err(ReadError::TooLarge));
    let json = format!("[{}0]", "0,".repeat(1 << 20));
    assert_eq!(read_json(json.as_bytes()), Err(ReadError::TooLarge));
}

#[test]
fn floats_between_two_shortest_texts_take_the_even_one() {
    assert_eq!(write_json(&Value::Float(205_054_335_224_964.63)).unwrap(), b"205054335224964.62");
    assert_eq!(write_json(&Value::Float(-1e-6)).unwrap(), b"-1e-6");
    assert_eq!(write_json(&Value::Float(1.5e300)).unwrap(), b"1.5e300");
    assert_eq!(write_json(&Value::Float(1e-5)).unwrap(), b"0.00001");
}

#[test]
fn unknown_extensions_are_refused_by_their_code() {
    assert_eq!(msgpack::read(b"\x91\xd4\x05x"), Err(ReadError::Extension(5)));
    assert!(matches!(msgpack::read(b"\x92\xd4\x05x"), Err(ReadError::Malformed { .. })));
}

#[test]
fn json_is_read_strictly() {
    for bad in [
        "",
        " ",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "{a:1}",
        "01",
        "-",
        "1.",
        "1e",
        ".5",
        "+1",
        "NaN",
        "nul",
        "\"\t\"",
        "\"\\x\"",
        "\"\\ud800\"",
        "\"\\ud800\\u0041\"",
        "\"\\udc00\"",
        "1e999",
        "[1 2]",
        "1 2",
        "\u{feff}1",
    ] {
        assert!(matches!(read_json(bad.as_bytes()), Err(ReadError::Malformed { .. })), "{bad}");
    }
    assert_eq!(read_json(b"\"\xff\""), Err(ReadError::Utf8 { at: 1 }));
    let good = read_json(b" { \"a\" : [ -0 , 1E2 , \"\\ud83d\\ude00\\/\" ] , \"a\" : 1 } ");
    assert_eq!(good, Ok(Value::Map(Map::from_iter([("a", 1)]))));
}

#[test]
fn peer30_a_pickle_that_names_code_is_refused() {
    let system = PickleError::Class("os.system".to_owned());
    for (data, error) in [
        (&b"cos\nsystem\n(S'id'\ntR."[..], system.clone()),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R.", system.clone()),
        (b"(S'id'\nios\nsystem\n.", PickleError::Refused("INST")),
        (b"Pid\n.", PickleError::Refused("PERSID")),
    ] {
        assert_eq!(pickle::read(data), Err(error));
    }
    let answer = decode(b"cos\nsystem\n(S'id'\ntR.", Format::Msgpack);
    assert_eq!(answer, Err(DecodeError::Pickle(system)));
}

#[test]
fn a_pickle_that_multiplies_itself_is_refused() {
    // Each list holds the one before it twice: 2³⁰ values from some hundred bytes.
    let mut data = b"]\x94".to_vec();
    for index in 0..30_u8 {
        data.extend([b']', 0x94, b'(', b'h', index, b'h', index, b'e']);
    }
    data.push(b'.');
    assert_eq!(pickle::read(&data), Err(PickleError::TooLarge));
    assert_eq!(pickle::read(b"]\x94h\x00a."), Err(PickleError::TooDeep));
}

#[test]
fn damaged_pickles_raise_what_python_raises() {
    for (data, class) in [
        (&b""[..], "EOFError"),
        (b"K", "UnpicklingError"),
        (b"K\x01", "EOFError"),
        (b".", "UnpicklingError"),
        (b"Ix\n.", "ValueError"),
        (b"\x80\x06N.", "ValueError"),
        (b"}]Ns.", "TypeError"),
        (b"h\x05.", "UnpicklingError"),
        (b"\xff", "UnpicklingError"),
        (b"\x82\x01.", "ValueError"),
        (b"\x84\0\0\0\x80.", "UnpicklingError"),
    ] {
        assert_eq!(pickle::read(data).unwrap_err().python_class(), class, "{data:?}");
    }
}

#[test]
fn r19_a_signed_id_with_any_changed_character_is_refused() {
    let signer = SidSigner::new(SecretKey::allow_weak("dev-secret").unwrap()).unwrap();
    let signed = signer.sign("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
    assert!(signed.ends_with(".f3kXakUCeA5kxNwbCon2rjSSpY0"));
    assert_eq!(signer.unsign(&signed).unwrap().len(), 43);
    // The last character holds two spare bits, which are not part of the signature.
    for at in 0..signed.len() - 1 {
        let mut bytes = signed.clone().into_bytes();
        bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
        assert!(signer.unsign(std::str::from_utf8(&bytes).unwrap()).is_err(), "{at}");
    }
}
