//! itsdangerous: base64, signers, serializers.

use serde_json::{Value as Json, json};
use sessile_core::Value;
use sessile_core::{KeyRing, Timestamp};
use sessile_formats::base64;
use sessile_formats::error::BadData;
use sessile_formats::itsdangerous::{
    Derivation, Digest, Signer, SignerOptions, TimestampSigner, UrlSafeSerializer,
    UrlSafeTimedSerializer, bytes_to_int, int_to_bytes,
};
use sessile_formats::json::Style;

use super::input::{Input, key, missing};
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
        "urlsafe_loads" => urlsafe_loads(input, input.text("token")),
        _ => return None,
    })
}

pub(super) fn raised(error: &BadData) -> Raised {
    Raised::exception(error.python_class(), error.python_message())
}

fn decode(input: &Input<'_>) -> Answer {
    match base64::decode_text(input.text("text")?) {
        Ok(bytes) => Ok(typed::from_value(&Value::Bytes(bytes))),
        Err(error) => Err(Raised::exception("BadData", error)),
    }
}

fn to_bytes(input: &Input<'_>) -> Answer {
    let number = match input.value("n")? {
        Value::Int(number) => u64::try_from(number).ok(),
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
    if input.get("salt").is_some() {
        options.salt = input.text("salt")?.as_bytes().to_vec().into();
    }
    if input.get("sep").is_some() {
        options.separator = input.text("sep")?.as_bytes().to_vec().into();
    }
    options.derivation = match input.text_or("key_derivation", "django-concat") {
        "concat" => Derivation::Concat,
        "django-concat" => Derivation::DjangoConcat,
        "hmac" => Derivation::Hmac,
        "none" => Derivation::None,
        _ => return Err(Raised::exception("TypeError", "Unknown key derivation method")),
    };
    let name = input.text_or("digest", "sha1");
    options.digest = digest(name).ok_or_else(|| missing("digest"))?;
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
    if input.get("keys_oldest_first").is_some() {
        let keys = input.keys("keys_oldest_first")?;
        return KeyRing::from_oldest_first(keys).map_err(|_| missing("keys_oldest_first"));
    }
    Ok(KeyRing::new(key(input.text("key")?)?))
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
    Ok(text(&signer(input)?.sign(input.text("value")?.as_bytes())))
}

fn unsign(input: &Input<'_>) -> Answer {
    let signer = signer(input)?;
    signer.unsign(input.text("signed")?.as_bytes()).map(text).map_err(|error| raised(&error))
}

fn timestamp_sign(input: &Input<'_>) -> Answer {
    Ok(text(&timestamp_signer(input)?.sign(input.text("value")?.as_bytes(), input.now()?)))
}

fn timestamp_unsign(input: &Input<'_>) -> Answer {
    let signer = timestamp_signer(input)?;
    let signed = input.text("signed")?.as_bytes();
    let now: Timestamp = input.now()?;
    let max_age = input.get("max_age").and_then(Json::as_i64);
    let stamped = signer.unsign(signed, max_age, now).map_err(|error| raised(&error))?;
    Ok(text(stamped.value))
}

fn urlsafe_dumps(input: &Input<'_>) -> Answer {
    let (keys, options, value) = (ring(input)?, options(input)?, input.value("value")?);
    let dumped = if input.flag("timed") {
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

fn urlsafe_loads(input: &Input<'_>, token: Result<&str, Raised>) -> Answer {
    let (keys, options, token) = (ring(input)?, options(input)?, token?);
    let loaded = if input.flag("timed") {
        let max_age = input.get("max_age").and_then(Json::as_i64);
        UrlSafeTimedSerializer::url_safe(&keys, options, Style::COMPACT_UTF8)
            .map_err(bad_separator)?
            .loads(token, max_age, input.now()?)
            .map(|(value, _)| value)
    } else {
        UrlSafeSerializer::url_safe(&keys, options, Style::COMPACT_UTF8)
            .map_err(bad_separator)?
            .loads(token)
    };
    loaded.map(|value| typed::from_value(&value)).map_err(|error| raised(&error))
}

/// The value inside an output of these operations.
pub(super) fn reread(op: &str, input: &Input<'_>, token: &str) -> Option<Json> {
    (op == "urlsafe_dumps").then(|| urlsafe_loads(input, Ok(token)).ok()).flatten()
}
