//! itsdangerous: base64, signers, serializers.

use serde_json::{Value as Json, json};
use sessile_core::KeyRing;
use sessile_core::Value;
use sessile_formats::base64;
use sessile_formats::error::BadData;
use sessile_formats::itsdangerous::{
    Derivation, Digest, Signer, SignerOptions, TimestampSigner, UrlSafeSerializer,
    UrlSafeTimedSerializer, bytes_to_int, int_to_bytes,
};
use sessile_formats::json::Style;

use super::input::{Input, missing};
use super::{Answer, Raised};
use crate::typed;

pub(super) fn perform(op: &str, input: &Input<'_>) -> Option<Answer> {
    Some(match op {
        "base64_encode" => input.hex("data").map(|data| json!(base64::encode(&data))),
        "base64_decode" => decode(input),
        "int_to_bytes" => to_bytes(input),
        "bytes_to_int" => to_int(input),
        "signer_sign" => sign(input),
        "signer_unsign" => unsign(input),
        "timestamp_sign" => timestamp_sign(input),
        "timestamp_unsign" => timestamp_unsign(input),
        "urlsafe_dumps" => urlsafe_dumps(input),
        "urlsafe_loads" => input.bytes("token").and_then(|token| urlsafe_loads(input, &token)),
        _ => return None,
    })
}

pub(super) fn raised(error: &BadData) -> Raised {
    Raised::exception(error.python_class(), error.python_message())
}

fn decode(input: &Input<'_>) -> Answer {
    match base64::decode_text(&input.text("text")?) {
        Ok(bytes) => Ok(typed::from_value(&Value::Bytes(bytes))),
        Err(error) => Err(Raised::exception("BadData", error)),
    }
}

fn to_bytes(input: &Input<'_>) -> Answer {
    let number = match input.value("n")? {
        Value::Int(number) => u64::try_from(number).ok(),
        Value::Bool(number) => Some(number.into()),
        Value::BigInt(digits) => digits.as_str().parse().ok(),
        _ => None,
    };
    let number = number.ok_or_else(|| Raised::exception("error", "out of range for 8 bytes"))?;
    Ok(json!(typed::to_hex(&int_to_bytes(number))))
}

fn to_int(input: &Input<'_>) -> Answer {
    let number = bytes_to_int(&input.hex("data")?);
    let number = number.ok_or_else(|| Raised::exception("error", "more than 8 bytes"))?;
    Ok(typed::from_value(&number.into()))
}

/// Salt, separator, derivation and digest, `null` meaning the default.
pub(super) fn options(input: &Input<'_>) -> Result<SignerOptions, Raised> {
    let mut options = SignerOptions::default();
    if let Some(salt) = input.optional_bytes("salt")? {
        options.salt = salt.into_owned().into();
    }
    if let Some(separator) = input.optional_bytes("sep")? {
        options.separator = separator.into_owned().into();
    }
    options.derivation = match &*input.text_or("key_derivation", "django-concat")? {
        "concat" => Derivation::Concat,
        "django-concat" => Derivation::DjangoConcat,
        "hmac" => Derivation::Hmac,
        "none" => Derivation::None,
        _ => return Err(Raised::exception("TypeError", "Unknown key derivation method")),
    };
    options.digest = digest(&input.text_or("digest", "sha1")?).ok_or_else(|| missing("digest"))?;
    Ok(options)
}

pub(super) fn digest(name: &str) -> Option<Digest> {
    Some(match name {
        "sha1" => Digest::Sha1,
        "sha256" => Digest::Sha256,
        "sha384" => Digest::Sha384,
        "sha512" => Digest::Sha512,
        _ => return None,
    })
}

/// The keys, under whichever name they are given.
pub(super) fn ring(input: &Input<'_>) -> Result<KeyRing, Raised> {
    for name in ["keys_oldest_first", "keys", "key"] {
        // As itsdangerous takes a `secret_key`: a key, or several.
        if input.get(name).is_some() {
            return KeyRing::from_oldest_first(input.keys(name)?).map_err(|_| missing(name));
        }
    }
    Err(missing("key"))
}

/// What a constructor of the library's says of a bad separator.
pub(super) fn bad_separator(error: impl ToString) -> Raised {
    Raised::exception("ValueError", error)
}

fn signer(input: &Input<'_>) -> Result<Signer, Raised> {
    Signer::new(&ring(input)?, options(input)?).map_err(bad_separator)
}

fn timestamp_signer(input: &Input<'_>) -> Result<TimestampSigner, Raised> {
    TimestampSigner::new(&ring(input)?, options(input)?).map_err(bad_separator)
}

pub(super) fn text(bytes: &[u8]) -> Json {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => typed::from_value(&Value::Bytes(bytes.into())),
    }
}

fn sign(input: &Input<'_>) -> Answer {
    Ok(text(&signer(input)?.sign(&input.bytes("value")?)))
}

fn unsign(input: &Input<'_>) -> Answer {
    let signer = signer(input)?;
    signer.unsign(&input.bytes("signed")?).map(text).map_err(|error| raised(&error))
}

fn timestamp_sign(input: &Input<'_>) -> Answer {
    Ok(text(&timestamp_signer(input)?.sign(&input.bytes("value")?, input.now()?)))
}

fn timestamp_unsign(input: &Input<'_>) -> Answer {
    let signer = timestamp_signer(input)?;
    let signed = input.bytes("signed")?;
    let (max_age, now) = (max_age(input)?, input.now()?);
    let stamped = signer.unsign(&signed, max_age, now);
    stamped.map(|it| text(it.value)).map_err(|error| in_its_words(input, raised(&error)))
}

/// Seconds. Ages are whole, so a limit's fraction changes nothing but the text of the error.
fn max_age(input: &Input<'_>) -> Result<Option<i64>, Raised> {
    if matches!(input.get("max_age").map(typed::to_value), Some(Ok(Value::TimeDelta(_)))) {
        let text = "'>' not supported between instances of 'int' and 'datetime.timedelta'";
        return Err(Raised::exception("TypeError", text));
    }
    input.whole("max_age")
}

/// The exception with the limit as Python prints it: a float has a point.
fn in_its_words(input: &Input<'_>, raised: Raised) -> Raised {
    let limit = input.get("max_age").map(typed::to_value);
    match (raised, limit) {
        (Raised::Exception { class, message }, Some(Ok(Value::Float(limit)))) => {
            let ours = format!(" > {} seconds", limit.floor() as i64);
            let theirs = format!(" > {} seconds", typed::float_repr(limit));
            Raised::Exception { class, message: message.replace(&ours, &theirs) }
        }
        (raised, _) => raised,
    }
}

fn urlsafe_dumps(input: &Input<'_>) -> Answer {
    let (keys, options, value) = (ring(input)?, options(input)?, input.value("value")?);
    let dumped = if input.flag("timed")? {
        UrlSafeTimedSerializer::url_safe(&keys, options, Style::COMPACT_UTF8)
            .map_err(bad_separator)?
            .dumps(&value, input.now()?)
    } else {
        UrlSafeSerializer::url_safe(&keys, options, Style::COMPACT_UTF8)
            .map_err(bad_separator)?
            .dumps(&value)
    };
    let token = dumped.map_err(|error| Raised::exception(error.python_class(), error))?;
    Ok(text(&token))
}

fn urlsafe_loads(input: &Input<'_>, token: &[u8]) -> Answer {
    let (keys, options) = (ring(input)?, options(input)?);
    let loaded = if input.flag("timed")? {
        let max_age = max_age(input)?;
        UrlSafeTimedSerializer::url_safe(&keys, options, Style::COMPACT_UTF8)
            .map_err(bad_separator)?
            .loads(token, max_age, input.now()?)
            .map(|(value, _)| value)
    } else {
        UrlSafeSerializer::url_safe(&keys, options, Style::COMPACT_UTF8)
            .map_err(bad_separator)?
            .loads(token)
    };
    loaded
        .map(|value| typed::from_value(&value))
        .map_err(|error| in_its_words(input, raised(&error)))
}

/// The value inside an output of these operations.
pub(super) fn reread(op: &str, input: &Input<'_>, token: &str) -> Option<Json> {
    (op == "urlsafe_dumps").then(|| urlsafe_loads(input, token.as_bytes()).ok()).flatten()
}
