//! Django: signing, signed cookies, session data.

use serde_json::{Value as Json, json};
use sessile_core::Value;
use sessile_formats::django::{
    COOKIE_SALT, Options, SESSION_SALT, SessionCodec, SignedCookie, Signer, SigningError,
    TimestampSigner, b62_encode, salted_hmac,
};
use sessile_formats::error::PayloadError;

use super::input::{Input, missing};
use super::itsdangerous::{bad_separator, digest};
use super::{Answer, Raised};
use crate::typed;

pub(super) fn perform(op: &str, input: &Input<'_>) -> Option<Answer> {
    Some(match op {
        "b62_encode" => number(input),
        "salted_hmac" => hmac(input),
        "django_sign" => sign(input),
        "django_dumps" => dumps(input),
        "django_loads" => loads(input),
        "django_set_signed_cookie" => set_signed_cookie(input),
        "django_get_signed_cookie" => get_signed_cookie(input),
        "django_session_encode" => encode(input, SESSION_SALT),
        "django_signed_cookie_key" => encode(input, COOKIE_SALT),
        "django_session_decode" => decode(input),
        "django_signed_cookie_load" => load_cookie(input),
        _ => return None,
    })
}

/// The value inside an output of these operations.
pub(super) fn reread(op: &str, input: &Input<'_>, text: &str) -> Option<Json> {
    let (key_name, salt) = match op {
        "django_dumps" => ("key", "django.core.signing"),
        "django_session_encode" => ("secret_key", SESSION_SALT),
        "django_signed_cookie_key" => ("secret_key", COOKIE_SALT),
        _ => return None,
    };
    let options = Options::salted(input.text_or("salt", salt).ok()?.into_owned());
    let signer = TimestampSigner::new(&input.ring(key_name, "").ok()?, options).ok()?;
    let value = signer.loads(text, None, input.now().ok()?).ok()?;
    Some(typed::from_value(&value))
}

fn signing(error: &SigningError) -> Raised {
    Raised::exception(error.python_class(), error.python_message())
}

fn payload(error: &PayloadError) -> Raised {
    Raised::exception(error.python_class(), error)
}

fn number(input: &Input<'_>) -> Answer {
    match input.value("n")? {
        Value::Int(number) => Ok(json!(b62_encode(number))),
        Value::Bool(number) => Ok(json!(b62_encode(number.into()))),
        Value::BigInt(digits) => Ok(json!(b62_of_digits(digits.as_str()))),
        // Python divides it, and finds no letter at the place of a float.
        Value::Float(_) => Err(Raised::exception("TypeError", "string indices must be integers")),
        _ => Err(missing("n")),
    }
}

/// Base 62 of a number in decimal that no register holds: ours writes moments, which are smaller.
fn b62_of_digits(decimal: &str) -> String {
    let (sign, digits) = decimal.strip_prefix('-').map_or(("", decimal), |it| ("-", it));
    let mut rest: Vec<u32> = digits.chars().filter_map(|digit| digit.to_digit(10)).collect();
    let mut places = Vec::new();
    while rest.iter().any(|digit| *digit != 0) {
        let mut carry = 0;
        for digit in &mut rest {
            let part = carry * 10 + *digit;
            (*digit, carry) = (part / 62, part % 62);
        }
        places.push(b62_encode(carry.into()));
    }
    places.reverse();
    format!("{sign}{}", places.concat())
}

/// What `hashlib` has and we have not.
const PYTHONS_OTHER_DIGESTS: [&str; 10] = [
    "md5",
    "sha224",
    "sha3_224",
    "sha3_256",
    "sha3_384",
    "sha3_512",
    "shake_128",
    "shake_256",
    "blake2b",
    "blake2s",
];

fn hmac(input: &Input<'_>) -> Answer {
    let name = input.text_or("algorithm", "sha1")?;
    if PYTHONS_OTHER_DIGESTS.contains(&&*name) {
        return Err(missing("algorithm"));
    }
    let digest = digest(&name).ok_or_else(|| {
        let message = format!("'{name}' is not an algorithm accepted by the hashlib module.");
        Raised::exception("InvalidAlgorithm", message)
    })?;
    let (salt, value) = (input.bytes("salt")?, input.bytes("value")?);
    Ok(json!(typed::to_hex(&salted_hmac(&salt, &value, &input.key("key")?, digest))))
}

fn sign(input: &Input<'_>) -> Answer {
    let mut options =
        Options::salted(input.text_or("salt", "django.core.signing.Signer")?.into_owned());
    options.separator = input.text_or("sep", ":")?.into_owned().into();
    options.digest =
        digest(&input.text_or("algorithm", "sha256")?).ok_or_else(|| missing("algorithm"))?;
    let signer = Signer::new(&input.ring("key", "fallback_keys")?, options);
    Ok(json!(signer.map_err(bad_separator)?.sign(&input.text("value")?)))
}

fn object_signer(input: &Input<'_>) -> Result<TimestampSigner, Raised> {
    let options = Options::salted(input.text_or("salt", "django.core.signing")?.into_owned());
    TimestampSigner::new(&input.ring("key", "fallback_keys")?, options).map_err(bad_separator)
}

fn dumps(input: &Input<'_>) -> Answer {
    let signer = object_signer(input)?;
    let token = signer.dumps(&input.value("value")?, input.flag("compress")?, input.now()?);
    token.map(Json::from).map_err(|error| payload(&error))
}

fn loads(input: &Input<'_>) -> Answer {
    let signer = object_signer(input)?;
    let value = signer.loads(&input.text("token")?, input.number("max_age")?, input.now()?);
    value.map(|value| typed::from_value(&value)).map_err(|error| signing(&error))
}

fn signed_cookie(input: &Input<'_>) -> Result<SignedCookie, Raised> {
    let keys = input.ring("secret_key", "fallbacks")?;
    let legacy = input.flag("SIGNED_COOKIE_LEGACY_SALT_FALLBACK")?;
    SignedCookie::new(&keys, &input.text("name")?, &input.text_or("salt", "")?, legacy)
        .map_err(|weak| Raised::Unsupported(weak.to_string()))
}

fn set_signed_cookie(input: &Input<'_>) -> Answer {
    Ok(json!(signed_cookie(input)?.sign(&input.text("value")?, input.now()?)))
}

fn get_signed_cookie(input: &Input<'_>) -> Answer {
    let cookie = signed_cookie(input)?;
    let text = input.text("cookie")?;
    let value = cookie.unsign(&text, input.number("max_age")?, input.now()?);
    value.map(Json::from).map_err(|error| signing(&error))
}

fn codec(input: &Input<'_>, salt: &'static str) -> Result<SessionCodec, Raised> {
    let keys = input.ring("secret_key", "fallbacks")?;
    match &*input.text_or("salt", salt)? {
        SESSION_SALT => Ok(SessionCodec::stored(&keys)),
        COOKIE_SALT => Ok(SessionCodec::cookie(&keys)),
        other => {
            let options = Options::salted(other.to_owned());
            SessionCodec::with_options(&keys, options).map_err(bad_separator)
        }
    }
}

fn encode(input: &Input<'_>, salt: &'static str) -> Answer {
    let text = codec(input, salt)?.encode(&input.map("value")?, input.now()?);
    text.map(Json::from).map_err(|error| payload(&error))
}

fn decode(input: &Input<'_>) -> Answer {
    let codec = codec(input, SESSION_SALT)?;
    // Whatever is wrong, Django starts with an empty session.
    let value = codec.read(&input.text("data")?, None, input.now()?);
    Ok(typed::from_value(&value.unwrap_or_else(|_| sessile_core::Map::new().into())))
}

fn load_cookie(input: &Input<'_>) -> Answer {
    let codec = codec(input, COOKIE_SALT)?;
    let age = input.number("session_cookie_age")?.unwrap_or(1_209_600.0);
    let value = codec.read(&input.text("cookie")?, Some(age), input.now()?);
    Ok(typed::from_value(&value.unwrap_or_else(|_| sessile_core::Map::new().into())))
}
