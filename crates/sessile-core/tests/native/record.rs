use std::time::Duration;

use bytes::Bytes;
use sessile_core::native::{
    CLOCK_LEEWAY, DecodeError, created_ahead_of, decode_entry, decode_record, encode_entry,
    encode_live, encode_moved, encode_record,
};
use sessile_core::store::{Entry, Record, Version};
use sessile_core::{Lifetime, SessionId, StoreKey, Timestamp};

use crate::generate::Source;

fn typical() -> Record {
    let now = Timestamp::from_secs(1_767_323_045);
    Record::begun(Bytes::from_static(b"\x01\x00"), now, Lifetime::AAL2)
}

#[test]
fn records_come_back_exactly() {
    let mut source = Source(11);
    for round in 0..20_000 {
        let record = source.record();
        let bytes = encode_record(&record);
        let back = decode_record(Bytes::from(bytes.clone())).unwrap();
        assert!(back == record, "round {round}: {back:?}, {record:?}");
        assert_eq!(encode_record(&back), bytes);
    }
}

#[test]
fn entries_come_back_exactly() {
    let mut source = Source(12);
    for _ in 0..5_000 {
        let until = Timestamp::from_millis(source.int());
        let hashed = SessionId::foreign(source.text()).store_key();
        for entry in [
            Entry::Live(source.record(), Version::Number(source.next() >> source.below(64))),
            Entry::Live(source.record(), Version::Bytes(Bytes::from(source.bytes(200)))),
            Entry::Moved { to: hashed, until },
            Entry::Moved { to: StoreKey::from_text(source.text()), until },
        ] {
            let bytes = encode_entry(&entry).unwrap();
            assert_eq!(decode_entry(Bytes::from(bytes.clone())), Ok(entry));
        }
    }
}

#[test]
fn the_short_ways_to_an_entry_write_the_same_bytes() {
    let record = typical();
    let live = Entry::Live(record.clone(), Version::Number(300));
    assert_eq!(Some(encode_live(&record, 300)), encode_entry(&live));
    let (to, until) = (StoreKey::from_hash([7; 32]), Timestamp::from_secs(5));
    assert_eq!(Some(encode_moved(&to, until)), encode_entry(&Entry::Moved { to, until }));
}

#[test]
fn what_surrounds_a_typical_payload_is_small() {
    let record = typical();
    assert_eq!(encode_record(&record).len() - record.payload.len(), 17);
}

#[test]
fn the_payload_is_not_copied() {
    let bytes = Bytes::from(encode_live(&typical(), 1));
    let inside = bytes.as_ptr_range();
    let Ok(Entry::Live(record, _)) = decode_entry(bytes.clone()) else { panic!("a live entry") };
    assert!(inside.contains(&record.payload.as_ptr()));
    assert_eq!(record.payload, typical().payload);
}

#[test]
fn f23_truncated_headers_and_garbage_are_malformed_and_newer_ones_newer() {
    let mut record = typical();
    record.payload = Bytes::new();
    let bytes = Bytes::from(encode_live(&record, 1));
    for len in 0..bytes.len() {
        assert_eq!(decode_entry(bytes.slice(..len)), Err(DecodeError::Malformed), "cut at {len}");
    }
    let moved = Bytes::from(encode_moved(&StoreKey::from_hash([7; 32]), Timestamp::MAX));
    for len in 0..moved.len() {
        assert_eq!(decode_entry(moved.slice(..len)), Err(DecodeError::Malformed), "cut at {len}");
    }
    let longer = Bytes::from([&moved[..], b"x"].concat());
    assert_eq!(decode_entry(longer), Err(DecodeError::Malformed));
    for version in 2..=31 {
        let newer = Bytes::from(vec![version, 0xff, 0xff]);
        assert_eq!(decode_entry(newer.clone()), Err(DecodeError::Newer));
        if version == 2 {
            continue; // today's record
        }
        assert!(decode_record(newer.clone()) == Err(DecodeError::Newer));
        // A newer record in an entry whose own form has not changed.
        let inside = Bytes::from([&[1, 0, 9][..], &newer].concat());
        assert_eq!(decode_entry(inside), Err(DecodeError::Newer));
    }
    for garbage in [&b""[..], b"\0", b"{\"a\": 1}", b"\x80\x04}\x94.", b"\x81\xa1a\x01", b" "] {
        let garbage = Bytes::from_static(garbage);
        assert!(decode_record(garbage.clone()) == Err(DecodeError::Malformed));
        assert_eq!(decode_entry(garbage), Err(DecodeError::Malformed));
    }
}

#[test]
fn inv12_a_subject_that_could_not_have_been_set_is_refused() {
    for subject in [&b""[..], b"a\nb", b"\xff", &[b'a'; 201]] {
        let mut bytes = vec![1, 0x80];
        bytes.extend(if subject.len() > 127 { vec![0xc9, 1] } else { vec![subject.len() as u8] });
        bytes.extend(subject);
        assert!(decode_record(Bytes::from(bytes)) == Err(DecodeError::Malformed), "{subject:?}");
    }
}

#[test]
fn inv12_random_bytes_never_panic() {
    let mut source = Source(13);
    for _ in 0..100_000 {
        let mut bytes = source.bytes(60);
        bytes.splice(0..0, [1, source.below(5) as u8, source.below(3) as u8, 1]);
        if let Ok(entry) = decode_entry(Bytes::from(bytes.clone())) {
            assert_eq!(encode_entry(&entry).unwrap(), bytes);
        }
    }
}

#[test]
fn r21_a_record_from_the_future_is_noticed_beyond_the_leeway() {
    let record = typical();
    let created = record.created.unwrap();
    let before = |by: Duration| Timestamp::from_millis(created.as_millis() - by.as_millis() as i64);
    assert!(!created_ahead_of(&record, created));
    assert!(!created_ahead_of(&record, before(CLOCK_LEEWAY)));
    assert!(created_ahead_of(&record, before(CLOCK_LEEWAY + Duration::from_millis(1))));
    assert!(!created_ahead_of(&record, Timestamp::MAX));
}
