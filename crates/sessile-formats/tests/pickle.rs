//! Pickles as CPython writes them; `interop/test_pickle.py` compares more with a real one.

use sessile_formats::pickle::{WriteError, read, write};
use sessile_formats::{Map, Value};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn map<V: Into<Value>>(entries: impl IntoIterator<Item = (&'static str, V)>) -> Value {
    Map::from_iter(entries.into_iter().map(|(key, value)| (key, value.into()))).into()
}

fn ints(count: i64) -> Vec<Value> {
    (0..count).map(Value::Int).collect()
}

#[test]
fn small_pickles_are_cpythons_byte_for_byte() {
    let surrogate = Value::text_from_code_points([0xd800, u32::from('x')]).unwrap();
    let tuples = [0, 1, 3, 4].map(|count| Value::Tuple((1..=count).map(Value::Int).collect()));
    let lists = vec![Value::List(vec![]), Value::List(vec![Value::Int(1)])];
    let mixed = Map::from_iter([
        (surrogate, Value::Bytes(b"ab".to_vec())),
        ("t".into(), Value::Tuple(tuples.to_vec())),
        ("l".into(), Value::List(lists)),
    ]);
    let session =
        Map::from_iter([("_permanent", Value::Bool(true)), ("value", Value::Str("42".into()))]);
    for (value, pickle) in [
        (map::<Value>([]), "80057d942e"),
        (
            session.into(),
            "80059520000000000000007d94288c0a5f7065726d616e656e7494888c0576616c7565948c02343294752e",
        ),
        // Equal texts are one object.
        (map([("a", "a")]), "8005950a000000000000007d948c0161946801732e"),
        (
            mixed.into(),
            "8005953f000000000000007d94288c04eda080789443026162948c01749428294b0185944b014b024b038794284b014b024b034b04749474948c016c945d94285d945d944b016165752e",
        ),
        (Value::Set(vec![]), "80058f942e"),
        (Value::Set(vec![Value::Int(7)]), "80059507000000000000008f94284b07902e"),
        (Value::Int(5), "80054b052e"),
        (Value::Null, "80054e2e"),
    ] {
        let bytes = write(&value).unwrap();
        assert_eq!(hex(&bytes), pickle);
        assert_eq!(read(&bytes).unwrap(), value);
    }
}

#[test]
fn integers_take_as_few_bytes_as_cpython_gives_them() {
    let two_to = |power: usize, sign: &str| {
        let mut digits = vec![1_u8];
        for _ in 0..power {
            let mut carry = 0;
            for digit in &mut digits {
                let twice = *digit * 2 + carry;
                (*digit, carry) = (twice % 10, twice / 10);
            }
            digits.extend((carry > 0).then_some(carry));
        }
        let text: String = digits.iter().rev().map(|digit| char::from(b'0' + digit)).collect();
        Value::int_from_decimal(&format!("{sign}{text}")).unwrap()
    };
    let int = |value: i64| Value::Int(value);
    for (value, pickle) in [
        (int(-128), "8005950600000000000000 4a80ffffff 2e"),
        (int(1 << 31), "8005950800000000000000 8a050000008000 2e"),
        (int(-1 << 31), "8005950600000000000000 4a00000080 2e"),
        (int((-1 << 31) - 1), "8005950800000000000000 8a05ffffff7fff 2e"),
        (int(i64::MIN), "8005950b00000000000000 8a080000000000000080 2e"),
        (two_to(63, ""), "8005950c00000000000000 8a09000000000000008000 2e"),
        (two_to(64, "-"), "8005950c00000000000000 8a090000000000000000ff 2e"),
    ] {
        assert_eq!(hex(&write(&value).unwrap()), pickle.replace(' ', ""), "{value:?}");
    }
    // 255 bytes with their sign, and 256, which need the longer form.
    let (short, long) = (write(&two_to(2038, "")).unwrap(), write(&two_to(2039, "")).unwrap());
    assert_eq!((short.len(), short[11..13].to_vec()), (11 + 2 + 255 + 1, vec![0x8a, 255]));
    assert_eq!((long.len(), long[11..16].to_vec()), (273, vec![0x8b, 0, 1, 0, 0]));
    assert_eq!(read(&long).unwrap(), two_to(2039, ""));
}

#[test]
fn containers_are_filled_in_batches_and_long_pickles_framed_as_cpython_does() {
    let pairs = |count, value: fn(i64) -> Value| {
        Value::Map((0..count).map(|key| (Value::Int(key), value(key))).collect())
    };
    let long = Map::from_iter([
        ("big", Value::Str("x".repeat(70_000))),
        ("after", Value::Bytes(vec![b'y'; 65_536])),
        ("z", Value::Int(1)),
    ]);
    let many = (0..20_000).map(|number| Value::Str(format!("{number:05}"))).collect();
    // Lengths and digests of what CPython 3.11 writes for the same.
    for (value, len, digest) in [
        (Value::List(ints(1000)), 2760, "30780691699c4973"),
        (Value::List(ints(1001)), 2765, "042a790993ee27d3"),
        (pairs(1000, Value::Int), 5506, "f74f104fe3263e35"),
        (pairs(1001, |_| Value::Null), 3766, "bbde85e3e903d387"),
        (long.into(), 135_602, "a9b1f7f8b7a344ac"),
        (Value::List(many), 160_072, "6edf495f0b63ad13"),
    ] {
        use sha2::Digest as _;
        let bytes = write(&value).unwrap();
        assert_eq!(bytes.len(), len);
        assert_eq!(hex(&sha2::Sha256::digest(&bytes)[..8]), digest);
        assert_eq!(read(&bytes).unwrap(), value);
    }
}

#[test]
fn what_would_not_be_read_again_is_refused() {
    let nested = |depth| (0..depth).fold(Value::Null, |inner, _| Value::List(vec![inner]));
    assert!(write(&nested(127)).is_ok_and(|bytes| read(&bytes).is_ok()));
    assert_eq!(write(&nested(128)), Err(WriteError::TooDeep));
    let digits = Value::int_from_decimal(&"9".repeat(4301)).unwrap();
    assert_eq!(write(&digits), Err(WriteError::LongInteger));
    assert!(write(&digits).unwrap_err().to_string().contains("4300"));
}

#[test]
fn dates_and_the_like_are_plain_data_too() {
    let at = |text| Value::DateTime(sessile_formats::DateTime::from_isoformat(text).unwrap());
    let list = Value::List(vec![
        at("2020-01-02T03:04:05.000006"),
        at("2020-01-02T00:00:00+00:00"),
        at("2021-01-02T00:00:00+00:00"),
    ]);
    // Python has one UTC, and one class of each name.
    let pickle = "80059583000000000000005d94288c086461746574696d65948c086461746574696d65949394430a07e4010203040500000694859452946803430a07e401020000000000009468018c0874696d657a6f6e6594939468018c0974696d6564656c74619493944b004b004b008794529485945294869452946803430a07e5010200000000000094680f86945294652e";
    assert_eq!(hex(&write(&list).unwrap()), pickle);
    let others = map([
        ("u", Value::Uuid(5_u128.to_be_bytes())),
        ("v", Value::Uuid(u128::MAX.to_be_bytes())),
        ("dec", Value::Decimal("1.10".into())),
        ("date", Value::date_from_isoformat("2020-01-02").unwrap()),
        ("time", Value::time_from_isoformat("01:02:03.000004-05:30").unwrap()),
        ("span", Value::TimeDelta(-1)),
        ("html", Value::Markup("<b>".into())),
    ]);
    for value in [list, others] {
        assert_eq!(read(&write(&value).unwrap()).unwrap(), value);
    }
}

#[test]
fn peer30_a_pickle_makes_only_what_plain_data_are_made_of() {
    use sessile_formats::pickle::PickleError;
    for (data, why) in [
        // A class is no value, nor is anything made of it but by its rule.
        (&b"cdatetime\ndatetime\n."[..], PickleError::Refused("GLOBAL")),
        (b"cbuiltins\neval\n.", PickleError::Class("builtins.eval".into())),
        (b"cdatetime\nsys\n.", PickleError::Class("datetime.sys".into())),
        (b"\x80\x04N)R.", PickleError::Refused("REDUCE")),
        (b"}}b.", PickleError::Refused("BUILD")),
        (b"cuuid\nUUID\n)\x81.", PickleError::Refused("GLOBAL")),
    ] {
        assert_eq!(read(data), Err(why), "{data:?}");
    }
    for wrong in [
        &b"cuuid\nUUID\n)\x81}b."[..],
        b"cuuid\nUUID\n)\x81}(X\x03\0\0\0intJ\xff\xff\xff\xffub.",
        b"\x80\x04cdatetime\ndate\nC\x04\x07\xe4\x0d\x01\x85R.",
        b"\x80\x04cdatetime\ndate\nC\x04\0\0\x01\x01\x85R.",
        b"cdatetime\ntimedelta\n(I9223372036854775807\ntR.",
        b"cdecimal\nDecimal\n(VDROP TABLE\ntR.",
        b"c_codecs\nencode\n(Vabc\nVrot13\ntR.",
    ] {
        assert!(matches!(read(wrong), Err(PickleError::Content(_))), "{wrong:?}");
    }
}

#[test]
fn a_pickle_that_copies_a_large_value_over_and_over_is_refused() {
    use sessile_formats::pickle::PickleError;
    let large = [&b"\x80\x05B\x40\x42\x0f\0"[..], &vec![7; 1_000_000], b"\x94"].concat();
    let items = [&b"\x80\x05]("[..], &vec![b'N'; 500_000], b"e\x94"].concat();
    for (start, class) in [(large, &b"cbuiltins\nbytearray\n"[..]), (items, b"cbuiltins\nset\n")] {
        let copies = [class, b"h\0\x85R"].concat().repeat(10_000);
        assert_eq!(read(&[start, copies, b".".to_vec()].concat()), Err(PickleError::TooLarge));
    }
}

/// As CPython 3.11 and Django 5.2 wrote them.
#[test]
fn d20_classes_of_plain_data_are_written_as_they_were() {
    let head = |len: u8| {
        [&b"\x80\x05\x95"[..], &[len, 0, 0, 0, 0, 0, 0, 0], b"}\x94\x8c\x01v\x94"].concat()
    };
    for (len, rest, name) in [
        (0x0f, &b"(\x8c\x01a\x94\x91\x94s."[..], "frozenset"),
        (0x0b, b"(\x91\x94s.", "frozenset"),
        (0x14, b"\x96\x02\0\0\0\0\0\0\0\0\xff\x94s.", "bytearray"),
        (
            0x37,
            b"\x8c\x0bcollections\x94\x8c\x0bOrderedDict\x94\x93\x94)R\x94(\x8c\x01b\x94K\x01\x8c\x01a\x94K\x02us.",
            "OrderedDict",
        ),
        (0x30, b"\x8c\x0bcollections\x94\x8c\x0bOrderedDict\x94\x93\x94)R\x94\x8c\x01b\x94K\x01ss.", "OrderedDict"),
        (0x29, b"\x8c\x0bcollections\x94\x8c\x0bOrderedDict\x94\x93\x94)R\x94s.", "OrderedDict"),
        (
            0x3b,
            b"\x8c\x17django.utils.safestring\x94\x8c\x0aSafeString\x94\x93\x94\x8c\x03<b>\x94\x85\x94\x81\x94s.",
            "SafeString",
        ),
        (
            0x7d,
            b"]\x94(\x8c\x17django.utils.safestring\x94\x8c\x0aSafeString\x94\x93\x94\x8c\x03<b>\x94\x85\x94\x81\x94h\x05\x8c\x03<i>\x94\x85\x94\x81\x94(K\x01\x91\x94\x8c\x0bcollections\x94\x8c\x0bOrderedDict\x94\x93\x94)R\x94h\x0f)R\x94\x8c\x01x\x94K\x01ses.",
            "list",
        ),
    ] {
        let pickled = [head(len), rest.to_vec()].concat();
        let value = read(&pickled).unwrap();
        assert_eq!(value.as_map().unwrap().get("v").unwrap().type_name(), name);
        assert_eq!(write(&value).unwrap(), pickled, "{name}");
    }
    // To whoever asks for plain data they are what they hold.
    let safe = read(b"\x80\x04cdjango.utils.safestring\nSafeText\n\x8c\x03<b>\x85\x81.").unwrap();
    assert_eq!(safe.as_str(), Some("<b>"));
    assert_eq!(sessile_formats::from_value::<String>(&safe).unwrap(), "<b>");
    // What cannot be a key there is none here.
    assert!(read(b"}\x96\0\0\0\0\0\0\0\0Ns.").is_err());
}
