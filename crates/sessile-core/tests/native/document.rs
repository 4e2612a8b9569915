//! The example in docs/native-format.md. Its bytes were worked out apart from this crate.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sessile_core::native::{
    SealedCookie, SignedCookie, decode_entry, decode_map, decode_record, encode_live, encode_map,
    encode_moved, encode_record,
};
use sessile_core::store::{Entry, Record, Version};
use sessile_core::{KeyRing, Lifetime, Map, SecretKey, StoreKey, Subject, Timestamp, Value};
use sha2::Sha256;

const DOCUMENT: &str = include_str!("../../../../docs/native-format.md");
const SECRET: &str = "3f1c0b6f9a3d47c28c5e6a1d0b7f2e94";

/// The block under the comment `example: name`.
fn block(name: &str) -> &'static str {
    let (_, after) = DOCUMENT.split_once(&format!("<!-- example: {name} -->\n```text\n")).unwrap();
    after.split_once("\n```").unwrap().0
}

fn from_hex(text: &str) -> Vec<u8> {
    let words = text.lines().flat_map(|line| line.split(';').next().unwrap().split_whitespace());
    words.map(|word| u8::from_str_radix(word, 16).unwrap()).collect()
}

fn session() -> Map {
    let cart = Value::List(vec![Value::Int(3), Value::Int(-1)]);
    [("user", Value::from("ada")), ("cart", cart)].into_iter().collect()
}

fn record() -> Record {
    let begun = Timestamp::from_secs(1_767_323_045);
    let record = Record::begun(encode_map(&session()).unwrap(), begun, Lifetime::AAL2);
    Record { subject: Subject::new("42"), ..record }
}

#[test]
fn the_documented_payload_and_record_are_what_is_written_and_read() {
    assert_eq!(record().payload, from_hex(block("payload")));
    assert_eq!(decode_map(&from_hex(block("payload"))), Ok(session()));
    assert_eq!(encode_record(&record()), from_hex(block("record")));
    assert!(decode_record(Bytes::from(from_hex(block("record")))) == Ok(record()));
}

#[test]
fn the_documented_entries_are_what_is_written_and_read() {
    let live = [from_hex("01 00 ac 02"), from_hex(block("record"))].concat();
    assert!(DOCUMENT.contains("`01 00 ac 02`"));
    assert_eq!(encode_live(&record(), 300), live);
    let entry = Entry::Live(record(), Version::Number(300));
    assert_eq!(decode_entry(Bytes::from(live)), Ok(entry));

    let until = Timestamp::from_secs(1_767_323_105);
    let moved = [from_hex("01 02 d0 db d3 ca ef 66"), vec![7; 32]].concat();
    assert!(DOCUMENT.contains("`01 02 d0 db d3 ca ef 66`"));
    assert_eq!(encode_moved(&StoreKey::from_hash([7; 32]), until), moved);
}

#[test]
fn the_documented_cookies_are_what_is_written_and_read() {
    let ring = KeyRing::new(SecretKey::new(SECRET).unwrap());
    let signed = SignedCookie::new(&ring, "__Host-id", "shop");
    assert_eq!(signed.encode(&record()).unwrap(), block("signed"));
    assert!(signed.decode(block("signed").as_bytes()) == Ok(record()));

    let sealed = SealedCookie::new(&ring, "__Host-id", "shop");
    let nonce = std::array::from_fn(|at| at as u8);
    assert_eq!(sealed.encode(&record(), &nonce).unwrap(), block("sealed"));
    assert!(sealed.decode(block("sealed").as_bytes()) == Ok(record()));
}

#[test]
fn the_documented_key_makes_the_documented_mac() {
    let key = Hmac::<Sha256>::new_from_slice(&from_hex(block("signed key"))).unwrap();
    let mac = key.chain_update(from_hex(block("record"))).finalize().into_bytes();
    assert_eq!(mac[..], from_hex(block("signed MAC")));
    let blob = [&mac[..], &from_hex(block("record"))].concat();
    assert_eq!(format!("s1{}", URL_SAFE_NO_PAD.encode(blob)), block("signed"));
}
