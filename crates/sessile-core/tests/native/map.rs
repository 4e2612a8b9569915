use std::hash::{DefaultHasher, Hash, Hasher};

use sessile_core::native::{DecodeError, EncodeError, MAX_DEPTH, decode_map, encode_map};
use sessile_core::{Map, Value};
use time::{Time, UtcOffset};

use crate::generate::Source;

const MALFORMED: Result<Map, DecodeError> = Err(DecodeError::Malformed);

#[test]
fn every_value_comes_back_exactly() {
    let mut source = Source(1);
    for round in 0..20_000 {
        let map = source.map(4);
        let bytes = encode_map(&map).unwrap();
        let back = decode_map(&bytes).unwrap();
        assert_eq!(back, map, "round {round}");
        // Mappings compare without regard to order; their bytes do not.
        assert_eq!(encode_map(&back).unwrap(), bytes, "round {round}");
    }
}

#[test]
fn every_truncation_and_every_appended_byte_is_refused() {
    let mut source = Source(2);
    for _ in 0..300 {
        let bytes = encode_map(&source.map(3)).unwrap();
        for len in 0..bytes.len() {
            assert_eq!(decode_map(&bytes[..len]), MALFORMED, "{bytes:02x?} cut at {len}");
        }
        for byte in [0, 1, 0x80, 0xff] {
            let longer = [&bytes[..], &[byte]].concat();
            assert_eq!(decode_map(&longer), MALFORMED);
        }
    }
}

#[test]
fn inv12_whatever_decodes_has_exactly_that_encoding() {
    let mut source = Source(3);
    let mut accepted = 0;
    for _ in 0..20_000 {
        let mut bytes = encode_map(&source.map(3)).unwrap();
        for _ in 0..=source.below(3) {
            let at = source.below(bytes.len() as u64) as usize;
            bytes[at] ^= 1 << source.below(8);
        }
        if let Ok(map) = decode_map(&bytes) {
            accepted += 1;
            assert_eq!(encode_map(&map).unwrap(), bytes);
        }
    }
    assert!(accepted > 1000, "alterations inside text and numbers decode: {accepted}");
}

#[test]
fn inv12_random_bytes_never_panic() {
    let mut source = Source(4);
    for _ in 0..100_000 {
        let mut bytes = source.bytes(40);
        // Tags and lengths are small numbers: most random bytes would end at the first.
        bytes.iter_mut().for_each(|byte| *byte &= 0x17);
        bytes.insert(0, 1);
        if let Ok(map) = decode_map(&bytes) {
            assert_eq!(encode_map(&map).unwrap(), bytes);
        }
    }
}

#[test]
fn inv12_a_count_the_input_cannot_hold_is_refused_before_anything_is_reserved() {
    let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    let lists = |count: &[u8]| [b"\x01\x01\x02a\x09", count].concat();
    assert_eq!(decode_map(&[&[1], &huge[..]].concat()), MALFORMED);
    assert_eq!(decode_map(&lists(&huge)), MALFORMED);
    // 2^40 items of 80 bytes would end the process, were they reserved.
    assert_eq!(decode_map(&lists(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x20, 0])), MALFORMED);
    for tag in [0x04, 0x06, 0x07, 0x08, 0x0d, 0x15] {
        let text = [b"\x01\x01\x02a", &[tag][..], &huge].concat();
        assert_eq!(decode_map(&text), MALFORMED);
    }
    // Nested lists that each claim all the rest: only one of them can be right.
    let nested = [b"\x01\x01\x02a".to_vec(), [0x09, 0x7f].repeat(60), vec![0; 80]].concat();
    assert_eq!(decode_map(&nested), MALFORMED);
}

#[test]
fn inv12_nesting_is_bounded_both_ways() {
    let nested = |depth| (0..depth).fold(Value::Null, |inner, _| Value::List(vec![inner]));
    let deepest: Map = [("a", nested(MAX_DEPTH))].into_iter().collect();
    let bytes = encode_map(&deepest).unwrap();
    assert_eq!(decode_map(&bytes), Ok(deepest));

    let deeper: Map = [("a", nested(MAX_DEPTH + 1))].into_iter().collect();
    assert_eq!(encode_map(&deeper), Err(EncodeError::TooDeep));
    let one_more = [&bytes[..4], &[0x09, 1], &bytes[4..]].concat();
    assert_eq!(decode_map(&one_more), MALFORMED);

    let keys = (0..MAX_DEPTH)
        .fold(Value::Null, |inner, _| Value::Map([(inner, Value::Null)].into_iter().collect()));
    let in_keys: Map = [(keys.clone(), Value::Null)].into_iter().collect();
    assert_eq!(decode_map(&encode_map(&in_keys).unwrap()), Ok(in_keys));
    let keys = Value::Tuple(vec![keys]);
    let too_deep: Map = [(keys, Value::Null)].into_iter().collect();
    assert_eq!(encode_map(&too_deep), Err(EncodeError::TooDeep));
    // A megabyte of opened lists is refused before the stack notices.
    let endless = [&b"\x01\x01\x02a"[..], &[0x09, 1].repeat(1 << 19)].concat();
    assert_eq!(decode_map(&endless), MALFORMED);
}

#[test]
fn inv12_second_spellings_are_refused() {
    for (what, bytes) in [
        ("duplicate keys", &b"\x01\x02\x02a\x00\x02a\x01"[..]),
        ("duplicate keys that are numbers", b"\x01\x02\x01\x03\x02\x00\x01\x03\x02\x00"),
        ("a count of more bytes than needed", b"\x01\x81\x00\x02a\x00"),
        ("a number of more bytes than needed", b"\x01\x01\x02a\x03\x82\x00"),
        ("a number over 64 bits", b"\x01\x01\x02a\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
        ("a number without end", b"\x01\x01\x02a\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        ("a text key in the long form", b"\x01\x01\x01\x06\x01a\x00"),
        ("a key header that is reserved", b"\x01\x01\x03\x06\x01a\x00"),
        ("an unknown tag", b"\x01\x01\x02a\x16"),
        ("a large unknown tag", b"\x01\x01\x02a\xff"),
        ("text that is not UTF-8", b"\x01\x01\x02a\x06\x01\xff"),
        ("a key that is not UTF-8", b"\x01\x01\x02\xff\x00"),
        ("a big integer that fits 64 bits", b"\x01\x01\x02a\x04\x0242"),
        ("a big integer with a zero in front", b"\x01\x01\x02a\x04\x15012345678901234567890"),
        ("a big integer that is none", b"\x01\x01\x02a\x04\x141234567890123456789x"),
        ("WTF-8 without lone surrogates", b"\x01\x01\x02a\x07\x01a"),
        ("WTF-8 with a surrogate pair", b"\x01\x01\x02a\x07\x06\xed\xa0\x80\xed\xb0\x80"),
        ("WTF-8 cut off", b"\x01\x01\x02a\x07\x05\xed\xa0\x80\xed\xa0"),
        ("a time of day of 24 hours", b"\x01\x01\x02a\x12\x80\x80\xbc\x8a\xc9\xd2\x13"),
        ("an offset of 26 hours", b"\x01\x01\x02a\x13\x00\xc0\xb6\x0b"),
        ("a day beyond the calendar", b"\x01\x01\x02a\x11\x80\x80\x80\x80\x08"),
        (
            "a day beyond all arithmetic",
            b"\x01\x01\x02a\x11\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        ),
        ("nothing", b""),
        ("version nought", b"\x00\x00"),
        ("JSON", b"{\"a\": 1}"),
        ("a msgpack map", b"\x81\xa1a\x01"),
        ("a pickle", b"\x80\x04}\x94."),
    ] {
        assert_eq!(decode_map(bytes), MALFORMED, "{what}");
    }
}

#[test]
fn inv12_keys_of_one_kind_do_not_collide() {
    let hash = |value: &Value| {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        hasher.finish()
    };
    let one = |key: i64, value: i64| Value::Map([(Value::Int(key), value)].into_iter().collect());
    let zone = |seconds| UtcOffset::from_whole_seconds(seconds).unwrap();
    let mut hashes: Vec<u64> = (0..1000).map(|number| hash(&one(number, 0))).collect();
    hashes.extend((1..1000).map(|number| hash(&one(0, number))));
    hashes.extend((0..1000).map(|east| hash(&Value::Time(Time::MIDNIGHT, Some(zone(east))))));
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 2999);
    // Equal mappings hash alike, in whatever order.
    let ordered: Map = [("a", 1), ("b", 2)].into_iter().collect();
    let other: Map = [("b", 2), ("a", 1)].into_iter().collect();
    assert_eq!(hash(&Value::Map(ordered)), hash(&Value::Map(other)));
}

#[test]
fn f23_newer_versions_are_told_apart_from_garbage() {
    for version in 2..=31 {
        assert_eq!(decode_map(&[version, 0xff]), Err(DecodeError::Newer));
    }
}
