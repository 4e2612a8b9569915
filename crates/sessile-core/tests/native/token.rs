//! Signed and sealed cookies. What holds for both is asked of both.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sessile_core::native::{
    EncodeError, MAX_TOKEN_CHARS, SealedCookie, SignedCookie, TokenError, encode_record,
};
use sessile_core::store::Record;
use sessile_core::{KeyRing, SecretKey, Timestamp};
use sha2::Sha256;

use crate::generate::Source;

const SECRET: &str = "3f1c0b6f9a3d47c28c5e6a1d0b7f2e94";
const OTHER_SECRET: &str = "d02c4f8a7b1e4935a6c0f2d18e5b7394";
const THIRD_SECRET: &str = "9be1f06c2d7843a5b40e8d3c617fa25d";
const REJECTED: Option<TokenError> = Some(TokenError::Rejected);

fn ring(secrets: &[&str]) -> KeyRing {
    let mut keys = secrets.iter().map(|secret| SecretKey::new(*secret).unwrap());
    KeyRing::new(keys.next().unwrap()).with_fallbacks(keys)
}

fn record(payload: &[u8]) -> Record {
    let created = Some(Timestamp::from_secs(1_767_323_045));
    Record { created, ..Record::new(Bytes::copy_from_slice(payload)) }
}

/// Either kind of cookie, for one ring, name and audience.
enum Cookie {
    Signed(SignedCookie),
    Sealed(SealedCookie),
}

impl Cookie {
    fn both(ring: &KeyRing, name: &str, audience: &str) -> [Self; 2] {
        [
            Self::Signed(SignedCookie::new(ring, name, audience)),
            Self::Sealed(SealedCookie::new(ring, name, audience)),
        ]
    }

    fn encode(&self, record: &Record) -> Result<String, EncodeError> {
        match self {
            Self::Signed(cookie) => cookie.encode(record),
            Self::Sealed(cookie) => cookie.encode(record, &[9; 24]),
        }
    }

    fn decode(&self, value: impl AsRef<[u8]>) -> Result<Record, TokenError> {
        match self {
            Self::Signed(cookie) => cookie.decode(value.as_ref()),
            Self::Sealed(cookie) => cookie.decode(value.as_ref()),
        }
    }
}

fn both() -> [Cookie; 2] {
    Cookie::both(&ring(&[SECRET]), "__Host-id", "shop")
}

/// A signed cookie's value made from the description in docs/native-format.md alone.
fn sign_by_hand(secret: &[u8], context: &[&str], envelope: &[u8]) -> String {
    let mac = |key: &[u8], data: &[u8]| -> [u8; 32] {
        Hmac::<Sha256>::new_from_slice(key)
            .unwrap()
            .chain_update(data)
            .finalize()
            .into_bytes()
            .into()
    };
    let lengths = |part: &&str| [&(part.len() as u64).to_be_bytes()[..], part.as_bytes()].concat();
    let context: Vec<u8> = context.iter().flat_map(lengths).collect();
    let key = mac(secret, &context);
    let blob = [&mac(&key, envelope)[..], envelope].concat();
    format!("s1{}", URL_SAFE_NO_PAD.encode(blob))
}

#[test]
fn records_come_back_exactly_from_either_kind() {
    let mut source = Source(21);
    for _ in 0..2_000 {
        let record = source.record();
        for cookie in both() {
            let value = cookie.encode(&record).unwrap();
            assert!(
                value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            );
            assert!(cookie.decode(&value).unwrap() == record);
        }
    }
}

#[test]
fn r17_a_plaintext_marker_is_absent_from_a_sealed_cookie_and_readable_in_a_signed_one() {
    let marker = b"MARKER-in-the-session";
    let [signed, sealed] = both();
    let shows = |value: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(&value[2..]).unwrap();
        let found = bytes.windows(marker.len()).any(|window| window == marker);
        let spelled = (0..3).any(|shift| {
            let text = [&vec![b'x'; shift][..], marker].concat();
            let text = STANDARD_NO_PAD.encode(&text);
            value.contains(&text[4..text.len() - 4])
        });
        assert_eq!(found, spelled, "both ways of looking agree");
        found
    };
    assert!(shows(&signed.encode(&record(marker)).unwrap()));
    assert!(!shows(&sealed.encode(&record(marker)).unwrap()));
    // The same session under two nonces has nothing in common behind the prefix.
    let cookie = SealedCookie::new(&ring(&[SECRET]), "__Host-id", "shop");
    let [one, two] =
        [[1; 24], [2; 24]].map(|nonce| cookie.encode(&record(marker), &nonce).unwrap());
    let same = one.bytes().zip(two.bytes()).skip(2 + 32).filter(|(a, b)| a == b).count();
    assert!(same < one.len() / 4, "{same} of {} characters", one.len());
}

#[test]
fn r19_every_flipped_bit_truncation_and_appended_byte_is_rejected_identically() {
    for cookie in both() {
        // Three lengths: with no, two and four spare bits in the last character.
        for payload in [&b"\x01\x00"[..], b"\x01\x00.", b"\x01\x00.."] {
            let value = cookie.encode(&record(payload)).unwrap().into_bytes();
            assert!(cookie.decode(&value).is_ok());
            for bit in 0..value.len() * 8 {
                let mut flipped = value.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(cookie.decode(&flipped).err(), REJECTED, "bit {bit}");
            }
            for len in 0..value.len() {
                assert_eq!(cookie.decode(&value[..len]).err(), REJECTED, "cut at {len}");
            }
            for byte in 0..=u8::MAX {
                let longer = [&value[..], &[byte]].concat();
                assert_eq!(cookie.decode(&longer).err(), REJECTED, "with {byte}");
            }
            let longer = [&value[..], b"AAAA"].concat();
            assert_eq!(cookie.decode(&longer).err(), REJECTED);
        }
    }
}

#[test]
fn r19_an_all_zero_mac_and_an_empty_envelope_are_rejected() {
    for cookie in both() {
        for len in 0..100 {
            for prefix in ["s1", "e1"] {
                let zeros = format!("{prefix}{}", URL_SAFE_NO_PAD.encode(vec![0; len]));
                assert_eq!(cookie.decode(zeros).err(), REJECTED);
            }
        }
    }
}

#[test]
fn r20_the_token_chooses_neither_version_nor_algorithm() {
    let [signed, sealed] = both();
    let record = record(b"\x01\x00");
    for (cookie, other) in [(&signed, &sealed), (&sealed, &signed)] {
        let value = cookie.encode(&record).unwrap();
        for prefix in ["", "s", "s0", "s2", "s9", "S1", "e0", "e2", "n1", "v1.", "none.", "s1e1"] {
            let token = format!("{prefix}{}", &value[2..]);
            assert_eq!(cookie.decode(token).err(), REJECTED, "{prefix}");
        }
        // One kind's cookie, as it is and dressed as the other kind's.
        let foreign = other.encode(&record).unwrap();
        assert_eq!(cookie.decode(&foreign).err(), REJECTED);
        assert_eq!(cookie.decode(format!("{}{}", &value[..2], &foreign[2..])).err(), REJECTED);
        let plain = URL_SAFE_NO_PAD.encode(encode_record(&record));
        assert_eq!(cookie.decode(format!("{}{plain}", &value[..2])).err(), REJECTED);
    }
}

#[test]
fn r22_another_name_audience_or_purpose_is_rejected() {
    let ring = ring(&[SECRET]);
    let record = record(b"\x01\x00");
    let elsewhere = [
        ("__Host-id", "bank"),
        ("__Host-id", "shop2"),
        ("__Host-id", ""),
        ("__host-id", "shop"),
        ("csrf", "shop"),
        ("shop", "__Host-id"),
        ("__Host-i", "dshop"),
        ("__Host-idshop", ""),
        ("", "__Host-idshop"),
    ];
    for (kind, cookie) in both().iter().enumerate() {
        let value = cookie.encode(&record).unwrap();
        for (name, audience) in elsewhere {
            let other = &Cookie::both(&ring, name, audience)[kind];
            assert_eq!(other.decode(&value).err(), REJECTED, "{name}, {audience}");
            assert!(other.decode(other.encode(&record).unwrap()).is_ok());
        }
    }
}

#[test]
fn inv10_a_mac_for_another_purpose_or_with_the_bare_key_never_verifies() {
    let [signed, _] = both();
    let envelope = encode_record(&record(b"\x01\x00"));
    let by_hand = |context: &[&str]| sign_by_hand(SECRET.as_bytes(), context, &envelope);
    let right = by_hand(&["sessile/v1/signed-session", "__Host-id", "shop"]);
    assert_eq!(signed.encode(&record(b"\x01\x00")).unwrap(), right);
    for purpose in ["sessile/v1/sealed-session", "sessile/v1/csrf", "sessile/v2/signed-session"] {
        let value = by_hand(&[purpose, "__Host-id", "shop"]);
        assert_eq!(signed.decode(value.as_bytes()).err(), REJECTED, "{purpose}");
    }
    let joined = by_hand(&["sessile/v1/signed-session", "__Host-idshop"]);
    assert_eq!(signed.decode(joined).err(), REJECTED);
    let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap().chain_update(&envelope);
    let bare = [&mac.finalize().into_bytes()[..], &envelope].concat();
    let bare = format!("s1{}", URL_SAFE_NO_PAD.encode(bare));
    assert_eq!(signed.decode(bare).err(), REJECTED);
}

#[test]
fn r23_the_newest_key_signs_all_verify_and_a_removed_one_does_not() {
    let record = record(b"\x01\x00");
    let cookies = |secrets: &[&str]| Cookie::both(&ring(secrets), "__Host-id", "shop");
    for kind in 0..2 {
        let old = &cookies(&[SECRET])[kind];
        let rotated = &cookies(&[THIRD_SECRET, OTHER_SECRET, SECRET])[kind];
        let removed = &cookies(&[THIRD_SECRET, OTHER_SECRET])[kind];
        let value = old.encode(&record).unwrap();
        assert!(rotated.decode(&value).unwrap() == record);
        assert_eq!(removed.decode(&value).err(), REJECTED);
        let value = rotated.encode(&record).unwrap();
        assert_eq!(old.decode(&value).err(), REJECTED);
        assert!(cookies(&[THIRD_SECRET])[kind].decode(&value).unwrap() == record);
    }
}

#[test]
fn inv12_nothing_over_the_bound_is_written_or_read() {
    for cookie in both() {
        let fits = |len: &usize| cookie.encode(&record(&vec![0; *len])).is_ok();
        let room = 2900 + (2900..).take_while(fits).count();
        let longest = cookie.encode(&record(&vec![0; room - 1])).unwrap();
        assert!((MAX_TOKEN_CHARS - 1..=MAX_TOKEN_CHARS).contains(&longest.len()));
        assert!(cookie.decode(&longest).is_ok());
        let chars = MAX_TOKEN_CHARS + 1;
        let error = cookie.encode(&record(&vec![0; room])).err();
        assert_eq!(error, Some(EncodeError::TooLong { chars }));
        let prefix = &longest[..2];
        assert_eq!(cookie.decode(format!("{prefix}{}", "A".repeat(1 << 24))).err(), REJECTED);
    }
    // Signed by us and valid, but for its length.
    let envelope = encode_record(&record(&[0; 4000]));
    let context = ["sessile/v1/signed-session", "__Host-id", "shop"];
    let value = sign_by_hand(SECRET.as_bytes(), &context, &envelope);
    assert_eq!(both()[0].decode(value).err(), REJECTED);
}

#[test]
fn f23_a_newer_record_under_a_right_mac_is_newer_and_garbage_is_rejected() {
    let context = ["sessile/v1/signed-session", "__Host-id", "shop"];
    let decode = |envelope: &[u8]| {
        both()[0].decode(sign_by_hand(SECRET.as_bytes(), &context, envelope)).err()
    };
    assert_eq!(decode(b"\x03anything"), Some(TokenError::Newer));
    assert_eq!(decode(b""), REJECTED);
    assert_eq!(decode(b"\xffanything"), REJECTED);
    assert_eq!(decode(b"\x02\x01"), REJECTED);
    assert_eq!(decode(b"\x01\x01"), REJECTED, "a form that no release had");
}

#[test]
fn inv11_debug_shows_no_key() {
    let ring = ring(&[SECRET, OTHER_SECRET]);
    let signed = SignedCookie::new(&ring, "__Host-id", "shop");
    let sealed = SealedCookie::new(&ring, "__Host-id", "shop");
    assert_eq!(format!("{signed:?}"), "SignedCookie { keys: 2 }");
    assert_eq!(format!("{sealed:?}"), "SealedCookie { keys: 2 }");
}
