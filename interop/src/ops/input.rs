//! Reading the parts of a case's input.

use serde_json::Value as Json;
use sessile_core::{KeyRing, Map, SecretKey, Timestamp, Value};

use super::Raised;
use crate::typed;

/// A case's input.
pub(super) struct Input<'a>(&'a Json);

impl<'a> Input<'a> {
    pub(super) fn new(json: &'a Json) -> Self {
        Self(json)
    }

    /// The member, `null` counting as absent.
    pub(super) fn get(&self, name: &str) -> Option<&'a Json> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn need(&self, name: &str) -> Result<&'a Json, Raised> {
        self.get(name).ok_or_else(|| missing(name))
    }

    pub(super) fn text(&self, name: &str) -> Result<&'a str, Raised> {
        self.need(name)?.as_str().ok_or_else(|| missing(name))
    }

    pub(super) fn text_or(&self, name: &str, default: &'a str) -> &'a str {
        self.get(name).and_then(Json::as_str).unwrap_or(default)
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.get(name).and_then(Json::as_bool).unwrap_or(false)
    }

    pub(super) fn hex(&self, name: &str) -> Result<Vec<u8>, Raised> {
        typed::from_hex(self.text(name)?).ok_or_else(|| missing(name))
    }

    /// Any value in typed form; absent and `null` are both `None`.
    pub(super) fn value(&self, name: &str) -> Result<Value, Raised> {
        let json = self.0.get(name).ok_or_else(|| missing(name))?;
        typed::to_value(json).map_err(Raised::Unsupported)
    }

    pub(super) fn map(&self, name: &str) -> Result<Map, Raised> {
        match self.value(name)? {
            Value::Map(map) => Ok(map),
            _ => Err(missing(name)),
        }
    }

    pub(super) fn now(&self) -> Result<Timestamp, Raised> {
        let value = self.need("now")?;
        if let Some(secs) = value.as_i64() {
            return Ok(Timestamp::from_secs(secs));
        }
        let secs = self.seconds("now")?.ok_or_else(|| missing("now"))?;
        Ok(Timestamp::from_millis((secs * 1000.0).round() as i64))
    }

    /// A number of seconds, plain or typed (an int, a float or a timedelta).
    pub(super) fn seconds(&self, name: &str) -> Result<Option<f64>, Raised> {
        let Some(json) = self.get(name) else { return Ok(None) };
        if let Some(number) = json.as_f64() {
            return Ok(Some(number));
        }
        match self.value(name)? {
            Value::Int(value) => Ok(Some(value as f64)),
            Value::Float(value) => Ok(Some(value)),
            Value::TimeDelta(micros) => Ok(Some(micros as f64 / 1e6)),
            _ => Err(missing(name)),
        }
    }

    /// A list of keys; absent is empty.
    pub(super) fn keys(&self, name: &str) -> Result<Vec<SecretKey>, Raised> {
        let Some(list) = self.get(name) else { return Ok(Vec::new()) };
        let list = list.as_array().ok_or_else(|| missing(name))?;
        list.iter().map(|item| item.as_str().ok_or_else(|| missing(name)).and_then(key)).collect()
    }

    /// The key under `name` with those under `fallbacks`, which come in the order they are tried.
    pub(super) fn ring(&self, name: &str, fallbacks: &str) -> Result<KeyRing, Raised> {
        Ok(KeyRing::new(key(self.text(name)?)?).with_fallbacks(self.keys(fallbacks)?))
    }
}

/// The originals take any key, so the cases use short ones.
pub(super) fn key(text: &str) -> Result<SecretKey, Raised> {
    SecretKey::allow_weak(text).map_err(|weak| Raised::Unsupported(weak.to_string()))
}

pub(super) fn missing(name: &str) -> Raised {
    Raised::Unsupported(format!("an input whose `{name}` is missing or of another kind"))
}
