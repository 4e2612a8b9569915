//! Flask's session cookie: what comes back, what is refused, and how.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use sessile_formats::base64;
use sessile_formats::error::{BadData, PayloadError, PayloadFault};
use sessile_formats::flask::{
    FlaskCookie, FlaskCookieOptions, FlaskLoadError, MAX_COOKIE_LEN, TaggedJson,
};
use sessile_formats::itsdangerous::{Codec, Derivation, SignerOptions, TimestampSigner};
use sessile_formats::{KeyRing, Map, SecretKey, Timestamp, Value};

const NOW: Timestamp = Timestamp::from_secs(1_767_323_045);

fn ring() -> KeyRing {
    KeyRing::new(SecretKey::allow_weak("dev-secret").unwrap())
}

fn cookies() -> FlaskCookie {
    FlaskCookie::new(&ring(), FlaskCookieOptions::default())
}

/// A cookie rightly signed over any payload.
fn signed(payload: &str) -> String {
    let options = SignerOptions {
        derivation: Derivation::Hmac,
        ..SignerOptions::salted(b"cookie-session".as_slice())
    };
    let signer = TimestampSigner::new(&ring(), options).unwrap();
    String::from_utf8(signer.sign(payload.as_bytes(), NOW)).unwrap()
}

fn open(json: &str) -> Result<Map, FlaskLoadError> {
    cookies().open(Some(&signed(&base64::encode(json.as_bytes()))), None, NOW)
}

fn loads(json: &str) -> Result<Value, &'static str> {
    TaggedJson::IN_APP.loads(json.as_bytes()).map_err(|error| error.python_class())
}

#[test]
fn a_session_of_every_type_comes_back() {
    let text = r#"{"b":{" b":"AP8="},"d":{" d":"Fri, 02 Jan 2026 03:04:05 GMT"},"e":{" di":{" t__":1}},"m":{" m":"<i>"},"t":{" t":[1,{" t":[]}]},"u":{" u":"12345678123456781234567812345678"}}"#;
    let value = TaggedJson::IN_APP.loads(text.as_bytes()).unwrap();
    let session = value.as_map().unwrap();
    assert_eq!(session.get("b"), Some(&Value::Bytes(vec![0, 255])));
    assert_eq!(session.get("m"), Some(&Value::Markup("<i>".into())));
    assert_eq!(session.get("e").unwrap().as_map().unwrap().get(" t"), Some(&Value::Int(1)));
    assert!(matches!(session.get("d"), Some(Value::DateTime(_))));
    let cookie = cookies().dumps(session, NOW).unwrap();
    assert_eq!(&cookies().loads(&cookie, Some(0), NOW).unwrap(), session);
    assert_eq!(TaggedJson::UNSORTED.dumps(&value).unwrap(), text.as_bytes());
}

#[test]
fn r19_every_flipped_bit_gives_an_empty_session_or_the_same() {
    let session = Map::from_iter([("user_id", 42)]);
    let cookie = cookies().dumps(&session, NOW).unwrap();
    for at in 0..cookie.len() {
        for bit in 0..7 {
            let mut forged = cookie.clone().into_bytes();
            forged[at] ^= 1 << bit;
            let opened = cookies().open(std::str::from_utf8(&forged).ok(), None, NOW).unwrap();
            // The spare bits of the last character carry nothing.
            assert!(opened.is_empty() || (at == cookie.len() - 1 && opened == session));
        }
        assert_eq!(cookies().open(Some(&cookie[..at]), None, NOW), Ok(Map::new()));
    }
}

#[test]
fn r21_the_lifetime_ends_after_its_last_second() {
    let session = Map::from_iter([("a", 1)]);
    let cookie = cookies().dumps(&session, NOW).unwrap();
    let at = |secs| {
        let now = Timestamp::from_secs(NOW.as_secs() + secs);
        cookies().open(Some(&cookie), Some(10), now).unwrap().len()
    };
    assert_eq!([at(-1), at(0), at(10), at(11)], [0, 1, 1, 0]);
}

#[test]
fn a_signed_payload_that_cannot_be_read_is_no_bad_signature() {
    let fault = |payload: &str| match cookies().open(Some(&signed(payload)), None, NOW) {
        Err(FlaskLoadError::Data(BadData::BadPayload(fault))) => fault,
        other => unreachable!("{other:?}"),
    };
    assert_eq!(fault("Zm9vY"), PayloadFault::Base64);
    assert_eq!(fault(".bm90IHpsaWI"), PayloadFault::Zlib);
    assert_eq!(fault("_w"), PayloadFault::Codec(PayloadError::NotUtf8));
    assert!(matches!(fault(""), PayloadFault::Codec(PayloadError::Syntax { .. })));
}

#[test]
fn a_payload_goes_through_dict_as_in_python() {
    let class = |json: &str| open(json).map_err(|error| error.python_class());
    assert_eq!(class(r#"[["a",1],"bc",{"d":1,"e":2}]"#).map(|map| map.len()), Ok(3));
    assert_eq!(class("null"), Ok(Map::new()));
    assert_eq!(class(r#""""#), Ok(Map::new()));
    assert_eq!(class("[1,2]"), Err("TypeError"));
    assert_eq!(class("5"), Err("TypeError"));
    assert_eq!(class(r#"["abc"]"#), Err("ValueError"));
    assert_eq!(class("[[[1],2]]"), Err("TypeError"));
    let same = Map::from_iter([(Value::Int(1), "c")]);
    assert_eq!(class(r#"[[1,"a"],[true,"b"],[1.0,"c"]]"#), Ok(same));
}

#[test]
fn broken_tags_fail_as_in_python() {
    assert_eq!(loads(r#"{" u":"zz"}"#), Err("ValueError"));
    assert_eq!(loads(r#"{" b":"eQ"}"#), Err("Error"));
    assert_eq!(loads(r#"{" t":5}"#), Err("TypeError"));
    assert_eq!(loads(r#"{" di":{}}"#), Err("StopIteration"));
    assert_eq!(loads(r#"{" d":5}"#), Err("AttributeError"));
    assert_eq!(loads(r#"{" d":"no date"}"#), Ok(Value::Null));
    // A broken tag that a later key replaces was never looked at.
    let replaced = loads(r#"{"a":{" u":"zz"},"a":1}"#);
    assert_eq!(replaced, Ok(Map::from_iter([("a", 1)]).into()));
    assert_eq!(loads(r#"{"a":{" u":"zz"},"#), Err("JSONDecodeError"));
}

#[test]
fn dates_are_read_as_leniently_as_by_email_utils() {
    let date = |text: &str| match loads(&format!(r#"{{" d":"{text}"}}"#)) {
        Ok(Value::DateTime(moment)) => {
            format!("{} {}", moment.at, moment.offset.unwrap().whole_seconds())
        }
        Ok(other) => format!("{other:?}"),
        Err(class) => class.into(),
    };
    assert_eq!(date("Fri, 02 Jan 2026 03:04:05 +0530"), "2026-01-02 3:04:05.0 19800");
    assert_eq!(date("02-Jan-26 3:4 EST"), "2026-01-02 3:04:00.0 -18000");
    assert_eq!(date("January 2 69 03.04.05"), "1969-01-02 3:04:05.0 0");
    assert_eq!(date("2 Jan 2026 24:00:00 GMT"), "Null");
    assert_eq!(date("2 Jan 2026 00:00:00 +2400"), "Null");
    assert_eq!(date("2 Jan 99999999999 00:00:00"), "OverflowError");
}

#[test]
fn inv12_bombs_and_giants_are_refused_before_they_cost() {
    let bomb = Map::from_iter([("a", "0".repeat(2 << 20))]);
    assert_eq!(cookies().dumps(&bomb, NOW), Err(PayloadError::TooLarge { limit: 1 << 20 }));
    let options = FlaskCookieOptions { max_inflated: 4 << 20, ..FlaskCookieOptions::default() };
    let cookie = FlaskCookie::new(&ring(), options).dumps(&bomb, NOW).unwrap();
    let error = cookies().loads(&cookie, None, NOW).unwrap_err();
    assert_eq!(error, BadData::BadPayload(PayloadFault::Zlib).into());
    let giant = "x".repeat(MAX_COOKIE_LEN + 1);
    let error = BadData::TooLong { len: giant.len(), limit: MAX_COOKIE_LEN };
    assert_eq!(cookies().loads(&giant, None, NOW), Err(error.into()));
    let deep = signed(&base64::encode("[".repeat(40_000).as_bytes()));
    let error = cookies().loads(&deep, None, NOW).unwrap_err();
    let fault = PayloadFault::Codec(PayloadError::TooDeep);
    assert_eq!(error, BadData::BadPayload(fault).into());
}

#[test]
fn r23_a_fallback_key_reads_and_the_newest_writes() {
    let key = |text: &str| SecretKey::allow_weak(text).unwrap();
    let session = Map::from_iter([("a", 1)]);
    let old = cookies().dumps(&session, NOW).unwrap();
    let keys = KeyRing::new(key("new")).with_fallbacks([key("older"), key("dev-secret")]);
    let rotated = FlaskCookie::new(&keys, FlaskCookieOptions::default());
    assert_eq!(rotated.loads(&old, None, NOW), Ok(session.clone()));
    let renewed = rotated.dumps(&session, NOW).unwrap();
    assert!(cookies().loads(&renewed, None, NOW).is_err());
    let after = FlaskCookie::new(&KeyRing::new(key("new")), FlaskCookieOptions::default());
    assert_eq!(after.loads(&renewed, None, NOW), Ok(session));
}

/// Markup around a list is the list's `repr`, in which backslashes double.
#[test]
fn inv12_markup_within_markup_does_not_grow_without_bound() {
    let nested = |levels: usize| {
        let (open, close) = ("{\" m\":[".repeat(levels), "]}".repeat(levels));
        format!("{{\"a\":{open}\"'\\\"\"{close}}}")
    };
    assert_eq!(nested(2), r#"{"a":{" m":[{" m":["'\""]}]}}"#);
    let two = loads(&nested(2)).unwrap();
    let wanted = Value::Markup(r#"[Markup('[\'\\\'"\']')]"#.into());
    assert_eq!(two.as_map().and_then(|map| map.get("a")), Some(&wanted));
    assert_eq!(loads(&nested(120)), Err("MemoryError"));
    // Long by itself is fine.
    let list = vec!["\"x\""; 5000].join(",");
    assert!(loads(&format!("{{\"a\":{{\" m\":[{list}]}}}}")).is_ok());
}
