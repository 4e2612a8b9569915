//! Session values through serde: what goes in comes out, and nothing else does.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sessile_formats::{DateTime, Map, Value, from_value, to_value};
use time::{Date, Month, PrimitiveDateTime, Time, UtcOffset};

#[derive(Serialize, Deserialize, PartialEq, Debug)]
enum Shape {
    Dot,
    Circle(f64),
    Line(i32, i32),
    Box { width: u16, label: Option<String> },
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Unit;

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Everything {
    flag: bool,
    small: i8,
    large: u64,
    huge: u128,
    low: i128,
    ratio: f32,
    letter: char,
    text: String,
    nothing: Option<u8>,
    something: Option<u8>,
    unit: (),
    marker: Unit,
    pair: (u8, String),
    bytes: Vec<u8>,
    shapes: Vec<Shape>,
    by_number: BTreeMap<u32, String>,
    by_flag: BTreeMap<bool, i64>,
    #[serde(flatten)]
    rest: BTreeMap<String, i64>,
}

fn everything() -> Everything {
    Everything {
        flag: true,
        small: -128,
        large: u64::MAX,
        huge: u128::MAX,
        low: i128::MIN,
        ratio: 0.5,
        letter: 'é',
        text: "a\0b".into(),
        nothing: None,
        something: Some(0),
        unit: (),
        marker: Unit,
        pair: (1, "one".into()),
        bytes: vec![0, 255],
        shapes: vec![
            Shape::Dot,
            Shape::Circle(1.5),
            Shape::Line(-1, 2),
            Shape::Box { width: 3, label: None },
        ],
        by_number: BTreeMap::from([(7, "seven".into())]),
        by_flag: BTreeMap::from([(true, 1)]),
        rest: BTreeMap::from([("extra".into(), 9)]),
    }
}

fn python_only() -> Value {
    let at = PrimitiveDateTime::new(
        Date::from_calendar_date(2026, Month::January, 2).unwrap(),
        Time::from_hms_micro(3, 4, 5, 6).unwrap(),
    );
    let offset = UtcOffset::from_hms(-5, -30, 0).unwrap();
    Value::List(vec![
        Value::Tuple(vec![Value::Set(vec![Value::Null]), Value::List(vec![])]),
        Value::text_from_code_points([0xd800, u32::from('\\'), u32::from('x')]).unwrap(),
        Value::Markup("<b>".into()),
        Value::Decimal("1.50".into()),
        Value::Uuid(*b"0123456789abcdef"),
        Value::DateTime(DateTime { at, offset: Some(offset) }),
        Value::DateTime(DateTime { at, offset: None }),
        Value::Date(at.date()),
        Value::Time(at.time(), Some(UtcOffset::UTC)),
        Value::TimeDelta(-1),
        Value::Bytes(vec![1, 2]),
        Value::Float(f64::NAN),
        Value::int_from_decimal("-1234567890123456789012345678901234567890123").unwrap(),
        Value::Map(Map::from_iter([(Value::Tuple(vec![Value::Int(1)]), Value::Int(2))])),
    ])
}

#[test]
fn a_type_with_everything_comes_back() {
    let value = to_value(&everything()).unwrap();
    assert_eq!(from_value::<Everything>(&value).unwrap(), everything());
}

#[test]
fn enums_are_tagged_as_serde_json_tags_them() {
    let shapes = everything().shapes;
    let ours = serde_json::to_string(&to_value(&shapes).unwrap()).unwrap();
    assert_eq!(ours, serde_json::to_string(&shapes).unwrap());
}

#[test]
fn text_keys_from_json_become_numbers_and_flags() {
    let value = Value::Map(Map::from_iter([("12", "twelve")]));
    let map: BTreeMap<u8, &str> = from_value(&value).unwrap();
    assert_eq!(map, BTreeMap::from([(12, "twelve")]));
    assert!(from_value::<BTreeMap<i8, &str>>(&Value::Map(Map::from_iter([("999", "x")]))).is_err());
}

#[test]
fn values_inside_a_type_keep_their_kind() {
    #[derive(Serialize, Deserialize)]
    struct Holder {
        value: Value,
        maybe: Option<Value>,
        map: Map,
    }
    let map = Map::from_iter([("inner", python_only())]);
    let holder = Holder { value: python_only(), maybe: Some(python_only()), map: map.clone() };
    let value = to_value(&holder).unwrap();
    let back: Holder = from_value(&value).unwrap();
    assert_eq!(back.value, python_only());
    assert_eq!(back.maybe, Some(python_only()));
    assert_eq!(back.map, map);
    assert_eq!(to_value(&python_only()).unwrap(), python_only());
}

#[test]
fn python_kinds_are_text_and_lists_to_other_formats() {
    let Value::List(items) = python_only() else { unreachable!() };
    let json = serde_json::to_value(&items[..10]).unwrap();
    assert_eq!(
        json,
        serde_json::json!([
            [[null], []],
            "\\ud800\\\\x",
            "<b>",
            "1.50",
            "30313233-3435-3637-3839-616263646566",
            "2026-01-02T03:04:05.000006-05:30",
            "2026-01-02T03:04:05.000006",
            "2026-01-02",
            "03:04:05.000006+00:00",
            "-PT0.000001S",
        ])
    );
    let back: Value =
        serde_json::from_str(r#"{"a":[1,-2,18446744073709551615,1.5,null]}"#).unwrap();
    let list = back.as_map().unwrap().get("a").unwrap();
    assert_eq!(
        from_value::<(i64, i64, u64, f64, Option<u8>)>(list).unwrap(),
        (1, -2, u64::MAX, 1.5, None)
    );
}

#[test]
fn integers_become_floats_and_text_is_borrowed() {
    assert_eq!(from_value::<f64>(&Value::Int(3)).unwrap(), 3.0);
    let big = Value::int_from_decimal("1000000000000000000000000000000000000000000").unwrap();
    assert_eq!(from_value::<f64>(&big).unwrap(), 1e42);
    assert_eq!(from_value::<Option<&str>>(&Value::Markup("<i>".into())).unwrap(), Some("<i>"));
}

#[test]
fn errors_name_what_was_expected_and_the_kind_found_but_no_value() {
    fn error<T: for<'a> Deserialize<'a>>(value: Value) -> String {
        from_value::<T>(&value).map(|_| ()).unwrap_err().to_string()
    }
    assert_eq!(error::<String>(Value::List(vec![])), "expected a string, found a list");
    assert_eq!(error::<u8>("secret".into()), "expected u8, found a string");
    assert_eq!(error::<Vec<u8>>("secret".into()), "expected a list, found a string");
    assert_eq!(error::<u8>(Value::Int(300)), "expected u8, found an integer that is not one");
    assert_eq!(error::<bool>(Value::Null), "expected a boolean, found null");
    assert!(!error::<Shape>("secret".into()).contains("secret"));
    let lone = Value::text_from_code_points([0xdfff]).unwrap();
    assert_eq!(error::<String>(lone), "expected a string, found a string holding lone surrogates");
    let three = Value::List(vec![Value::Int(1), Value::Int(2), Value::Int(3)]);
    assert!(error::<(u8, u8)>(three).starts_with("expected"));
    assert!(error::<Shape>(Value::Map(Map::new())).contains("0 entries"));
}
