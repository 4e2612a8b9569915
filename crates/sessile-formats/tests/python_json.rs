//! JSON as Python writes and reads it, at its edges.

use sessile_formats::error::PayloadError;
use sessile_formats::json::{self, MAX_DEPTH, Style};
use sessile_formats::{Map, Value};

fn text(style: Style, value: impl Into<Value>) -> Result<String, PayloadError> {
    style.write(&value.into()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn message(document: &str) -> Option<String> {
    json::read(document.as_bytes()).err().map(|error| error.to_string())
}

#[test]
fn text_is_escaped_as_python_escapes_it() {
    let all = "\0\u{8}\t\n\u{b}\u{c}\r\u{1f} \u{7f}\u{80}\"\\/é\u{ffff}😀";
    let ascii = r#""\u0000\b\t\n\u000b\f\r\u001f \u007f\u0080\"\\/\u00e9\uffff\ud83d\ude00""#;
    assert_eq!(text(Style::DEFAULT, all).as_deref(), Ok(ascii));
    let raw = "\"\\u0000\\b\\t\\n\\u000b\\f\\r\\u001f \u{7f}\u{80}\\\"\\\\/é\u{ffff}😀\"";
    assert_eq!(text(Style::COMPACT_UTF8, all).as_deref(), Ok(raw));
    assert_eq!(json::read(ascii.as_bytes()), Ok(Value::from(all)));
}

#[test]
fn lone_surrogates_survive_and_pairs_join() -> Result<(), PayloadError> {
    let value = json::read(br#""\ud83d\ude00 \ude00\ud83d \ud83d\u0041""#)?;
    let Value::Wtf8(points) = &value else {
        return Err(PayloadError::NotUtf8);
    };
    let points: Vec<u32> = points.code_points().collect();
    assert_eq!(points, [0x1f600, 0x20, 0xde00, 0xd83d, 0x20, 0xd83d, 0x41]);
    assert_eq!(Style::DEFAULT.write(&value)?, br#""\ud83d\ude00 \ude00\ud83d \ud83dA""#);
    assert_eq!(Style::COMPACT_UTF8.write(&value), Err(PayloadError::LoneSurrogate));
    assert_eq!(json::read(b"\"\xed\xa0\x80\""), Err(PayloadError::NotUtf8));
    Ok(())
}

#[test]
fn numbers_keep_their_kind_and_size() {
    let cases = [
        ("-0", Value::Int(0)),
        ("-0.0", Value::Float(-0.0)),
        ("1E2", Value::Float(100.0)),
        ("1e999", Value::Float(f64::INFINITY)),
        ("-Infinity", Value::Float(f64::NEG_INFINITY)),
        ("NaN", Value::Float(f64::NAN)),
        ("999999999999999999", Value::Int(999_999_999_999_999_999)),
        ("-9223372036854775808", Value::Int(i64::MIN)),
    ];
    for (document, value) in cases {
        assert_eq!(json::read(document.as_bytes()), Ok(value), "{document}");
    }
    for document in ["9223372036854775808", "-1180591620717411303424"] {
        let value = json::read(document.as_bytes()).unwrap();
        assert!(matches!(value, Value::BigInt(_)));
        assert_eq!(text(Style::DEFAULT, value).as_deref(), Ok(document));
    }
    for document in ["01", "1.", "1e", ".5", "+1", "-", "1_0", "0x1", "nan"] {
        assert!(message(document).is_some(), "{document}");
    }
}

#[test]
fn inv12_integers_are_capped_where_cpython_caps_them() {
    let digits = "9".repeat(4300);
    let value = json::read(digits.as_bytes()).unwrap();
    assert_eq!(text(Style::DEFAULT, value), Ok(digits));
    let longer = "9".repeat(4301);
    let error = PayloadError::LongInteger { digits: 4301 };
    assert_eq!(json::read(longer.as_bytes()), Err(error.clone()));
    let value = Value::int_from_decimal(&longer).unwrap();
    assert_eq!(Style::DEFAULT.write(&value), Err(error));
}

#[test]
fn inv12_nesting_is_bounded_in_both_directions() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let deepest = json::read(nested(MAX_DEPTH).as_bytes()).unwrap();
    assert_eq!(text(Style::COMPACT, deepest.clone()), Ok(nested(MAX_DEPTH)));
    let deeper = Value::List(vec![deepest]);
    assert_eq!(Style::COMPACT.write(&deeper), Err(PayloadError::TooDeep));
    assert_eq!(json::read(nested(MAX_DEPTH + 1).as_bytes()), Err(PayloadError::TooDeep));
    let bomb = "{\"a\":[".repeat(200_000);
    assert_eq!(json::read(bomb.as_bytes()), Err(PayloadError::TooDeep));
}

#[test]
fn the_last_of_equal_keys_wins_in_the_place_of_the_first() {
    let value = json::read(br#"{"a":1,"b":2,"a":3}"#).unwrap();
    assert_eq!(text(Style::COMPACT, value).as_deref(), Ok(r#"{"a":3,"b":2}"#));
}

#[test]
fn keys_become_text_and_sort_as_python_sorts() {
    let numbers = Map::from_iter([
        (Value::Float(9.5), 0),
        (Value::int_from_decimal("-99999999999999999999").unwrap(), 1),
        (Value::Int(10), 2),
        (Value::Bool(true), 3),
        (Value::Float(f64::INFINITY), 4),
        (Value::Int(9), 5),
    ]);
    assert_eq!(
        text(Style::COMPACT.sorted(), numbers).as_deref(),
        Ok(r#"{"-99999999999999999999":1,"true":3,"9":5,"9.5":0,"10":2,"Infinity":4}"#)
    );
    let words = Map::from_iter([("😀", 1), ("\u{ffff}", 2), ("Z", 3), ("é", 4), ("a", 5)]);
    assert_eq!(
        text(Style::COMPACT.sorted(), words).as_deref(),
        Ok(r#"{"Z":3,"a":5,"\u00e9":4,"\uffff":2,"\ud83d\ude00":1}"#)
    );
    let mixed: Map = [(Value::Int(1), 1), (Value::from("b"), 2)].into_iter().collect();
    assert_eq!(text(Style::COMPACT, mixed.clone()).as_deref(), Ok(r#"{"1":1,"b":2}"#));
    let error = Style::COMPACT.sorted().write(&mixed.into()).unwrap_err();
    assert_eq!(error.python_class(), "TypeError");
    let pair = Value::Tuple(vec![1.into(), 2.into()]);
    let error = Style::COMPACT.write(&Map::from_iter([(pair, 1)]).into()).unwrap_err();
    assert_eq!(error.to_string(), "keys must be str, int, float, bool or None, not tuple");
}

#[test]
fn types_without_a_form_are_refused_by_name() {
    for value in [Value::Bytes(vec![1]), Value::Set(vec![]), Value::Uuid([0; 16])] {
        let type_name = value.type_name();
        let error = PayloadError::Unserializable { type_name };
        assert_eq!(Style::DEFAULT.write(&value), Err(error));
    }
}

#[test]
fn mistakes_are_told_as_python_tells_them() {
    let cases = [
        ("", "Expecting value: line 1 column 1 (char 0)"),
        ("[1,]", "Expecting value: line 1 column 4 (char 3)"),
        ("[1 2]", "Expecting ',' delimiter: line 1 column 4 (char 3)"),
        ("{\"a\" 1}", "Expecting ':' delimiter: line 1 column 6 (char 5)"),
        ("{a:1}", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("\n\"é", "Unterminated string starting at: line 2 column 1 (char 1)"),
        ("\"é\u{1}\"", "Invalid control character at: line 1 column 3 (char 2)"),
        ("\"\\x\"", "Invalid \\escape: line 1 column 2 (char 1)"),
        ("\"\\u12\"", "Invalid \\uXXXX escape: line 1 column 3 (char 2)"),
        ("1 1", "Extra data: line 1 column 3 (char 2)"),
        ("\u{feff}1", "Unexpected UTF-8 BOM (decode using utf-8-sig): line 1 column 1 (char 0)"),
    ];
    for (document, expected) in cases {
        assert_eq!(message(document).as_deref(), Some(expected), "{document}");
    }
}

#[test]
fn no_cut_and_no_changed_byte_of_a_document_panics() {
    let document = br#" {"k\u00e9y": [1, -2.5e3, "x\ud83d\ude00", null, {" t": [true]}]} "#;
    for cut in 0..document.len() {
        let _ = json::read(&document[..cut]);
        for byte in [0, b'"', b'\\', b'{', b']', b'u', b'-', 0xff] {
            let mut changed = document.to_vec();
            changed[cut] = byte;
            if let Ok(value) = json::read(&changed) {
                let written = Style::DEFAULT.write(&value).unwrap();
                assert_eq!(json::read(&written), Ok(value));
            }
        }
    }
}
