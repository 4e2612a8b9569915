//! Python's JSON, Flask's tags in it, and the cookie around them.

use std::sync::LazyLock;

use sessile_core::{Timestamp, Value};
use sessile_formats::base64;
use sessile_formats::flask::{FlaskCookie, FlaskCookieOptions, TaggedJson};
use sessile_formats::itsdangerous::{Codec as _, Derivation, SignerOptions, TimestampSigner};
use sessile_formats::json::{self, Style};

use crate::rings;

const NOW: Timestamp = Timestamp::from_secs(1_767_323_045);

/// What was read is written to something that reads the same, with tags and without, however it
/// is spelt; a signed cookie may hold any bytes at all.
pub fn tagged_json(input: &[u8]) {
    if let Ok(value) = json::read(input) {
        for style in [Style::DEFAULT, Style::COMPACT, Style::COMPACT_UTF8, Style::COMPACT.sorted()]
        {
            // Fails for what UTF-8 has no form for, or keys have no order for.
            if let Ok(text) = style.write(&value) {
                assert!(text.is_ascii() || !style.ensure_ascii, "{style:?}");
                assert_eq!(json::read(&text).as_ref(), Ok(&value), "{style:?}");
            }
        }
    }
    for tagged in [TaggedJson::IN_APP, TaggedJson::UNSORTED] {
        if let Ok(value) = tagged.loads(input)
            && let Ok(text) = tagged.dumps(&value)
        {
            let back = tagged.loads(&text);
            if !holds_local_time(&value) {
                assert_eq!(back.as_ref(), Ok(&value));
            }
            assert_eq!(back.and_then(|it| tagged.dumps(&it)), Ok(text));
        }
    }
    cookie(input);
}

/// Flask reads a date with its offset from UTC and writes it in UTC: the same moment, spelt anew.
fn holds_local_time(value: &Value) -> bool {
    match value {
        Value::DateTime(moment) => moment.offset.is_some_and(|it| !it.is_utc()),
        Value::List(items) | Value::Tuple(items) => items.iter().any(holds_local_time),
        Value::Map(map) => map.iter().any(|(_, it)| holds_local_time(it)),
        _ => false,
    }
}

struct Cookies {
    right: FlaskCookie,
    wrong: FlaskCookie,
    signer: TimestampSigner,
}

static COOKIES: LazyLock<Option<Cookies>> = LazyLock::new(|| {
    let [key, other_key] = rings();
    let options = SignerOptions {
        derivation: Derivation::Hmac,
        ..SignerOptions::salted(&b"cookie-session"[..])
    };
    Some(Cookies {
        right: FlaskCookie::new(key, FlaskCookieOptions::default()),
        wrong: FlaskCookie::new(other_key, FlaskCookieOptions::default()),
        signer: TimestampSigner::new(key, options).ok()?,
    })
});

/// The input as a payload: as it is, as base64 of JSON, and as base64 of deflated bytes.
fn cookie(input: &[u8]) {
    let Some(cookies) = &*COOKIES else { unreachable!("the separator is a dot") };
    let coded = base64::encode(input);
    let deflated = format!(".{coded}");
    for payload in [input, coded.as_bytes(), deflated.as_bytes()] {
        let signed = cookies.signer.sign(payload, NOW);
        let Ok(signed) = std::str::from_utf8(&signed) else { continue };
        assert!(cookies.wrong.loads(signed, None, NOW).is_err(), "opened with a wrong key");
        if let Ok(session) = cookies.right.loads(signed, Some(0), NOW)
            && let Ok(again) = cookies.right.dumps(&session, NOW)
        {
            // What grew too long to be read again need not be.
            if let Ok(back) = cookies.right.loads(&again, Some(0), NOW) {
                assert_eq!(Value::Map(back), Value::Map(session));
            } else {
                assert!(again.len() > sessile_formats::flask::MAX_COOKIE_LEN);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_reaches_behind_the_reader() {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/tagged_json");
        for name in ["nested", "text", "tuple", "bytes", "datetime", "uuid", "like-a-tag"] {
            let text = std::fs::read(format!("{corpus}/seed-{name}")).unwrap();
            let value = TaggedJson::UNSORTED.loads(&text).unwrap();
            // The originals' own text, byte for byte.
            assert_eq!(TaggedJson::UNSORTED.dumps(&value).unwrap(), text, "{name}");
        }
    }
}
