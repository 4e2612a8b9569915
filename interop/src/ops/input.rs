//! Reading the parts of a case's input, in every form that the files may write them in.
//!
//! A text may be plain, marked up, or bytes; a number plain, an integer or a float as text, or a
//! span of time; a list a tuple or a set; a mapping plain or typed. Each reader below takes all
//! forms of its kind, wherever a case has one.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::Value as Json;
use sessile_core::{KeyRing, Map, SecretKey, Timestamp, Value};

use super::Raised;
use crate::typed;

/// A case's input, or a mapping in it.
pub(super) struct Input<'a> {
    json: &'a Json,
    /// What stands before its members' names in [`Input::unread`].
    path: String,
    /// The members that somebody asked for, absent or not.
    read: Rc<RefCell<BTreeSet<String>>>,
}

impl<'a> Input<'a> {
    pub(super) fn new(json: &'a Json) -> Self {
        Self { json, path: String::new(), read: Rc::default() }
    }

    /// The mapping under `name`; an absent one has no members.
    pub(super) fn nested(&self, name: &str) -> Input<'a> {
        let json = self.get(name).unwrap_or(&Json::Null);
        Input { json, path: format!("{}{name}.", self.path), read: Rc::clone(&self.read) }
    }

    /// The member as it is written; `null` is one.
    pub(super) fn given(&self, name: &str) -> Option<&'a Json> {
        self.read.borrow_mut().insert(format!("{}{name}", self.path));
        members(self.json).into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The member, `null` counting as absent.
    pub(super) fn get(&self, name: &str) -> Option<&'a Json> {
        self.given(name).filter(|value| !value.is_null())
    }

    /// Reads a member with one of the readers below and names it if it is of another kind.
    fn read<T>(
        &self,
        name: &str,
        read: impl FnOnce(&'a Json) -> Result<T, Raised>,
    ) -> Result<Option<T>, Raised> {
        self.get(name).map(read).transpose().map_err(|raised| raised.of(name))
    }

    /// A text; bytes count as one if they are UTF-8.
    pub(super) fn text(&self, name: &str) -> Result<Cow<'a, str>, Raised> {
        self.optional_text(name)?.ok_or_else(|| missing(name))
    }

    pub(super) fn optional_text(&self, name: &str) -> Result<Option<Cow<'a, str>>, Raised> {
        self.read(name, text)
    }

    pub(super) fn text_or(&self, name: &str, default: &'a str) -> Result<Cow<'a, str>, Raised> {
        Ok(self.optional_text(name)?.unwrap_or(Cow::Borrowed(default)))
    }

    /// A text as UTF-8, or bytes.
    pub(super) fn bytes(&self, name: &str) -> Result<Cow<'a, [u8]>, Raised> {
        self.optional_bytes(name)?.ok_or_else(|| missing(name))
    }

    pub(super) fn optional_bytes(&self, name: &str) -> Result<Option<Cow<'a, [u8]>>, Raised> {
        self.read(name, bytes)
    }

    pub(super) fn texts(&self, name: &str) -> Result<Option<Vec<String>>, Raised> {
        let read = |json| items(json)?.iter().map(|it| Ok(text(it)?.into_owned())).collect();
        self.read(name, read)
    }

    /// The members of a mapping of texts, in order.
    pub(super) fn text_members(&self, name: &str) -> Result<Vec<(String, String)>, Raised> {
        let Some(json) = self.get(name) else { return Ok(Vec::new()) };
        let nested = self.nested(name);
        members(json)
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, _)| Ok((key.clone(), nested.text(&key)?.into_owned())))
            .collect()
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool, Raised> {
        self.flag_or(name, false)
    }

    pub(super) fn flag_or(&self, name: &str, default: bool) -> Result<bool, Raised> {
        Ok(self.read(name, |json| json.as_bool().ok_or_else(|| other(json)))?.unwrap_or(default))
    }

    /// Bytes that the file writes in hex, plain or typed.
    pub(super) fn hex(&self, name: &str) -> Result<Vec<u8>, Raised> {
        let read = |json: &Json| match json.as_str() {
            Some(digits) => typed::from_hex(digits).ok_or_else(|| other(json)),
            None => bytes(json).map(Cow::into_owned),
        };
        self.read(name, read)?.ok_or_else(|| missing(name))
    }

    /// Any value in typed form; `null` is one.
    pub(super) fn value(&self, name: &str) -> Result<Value, Raised> {
        let json = self.given(name).ok_or_else(|| missing(name))?;
        typed::to_value(json).map_err(Raised::Unsupported)
    }

    pub(super) fn map(&self, name: &str) -> Result<Map, Raised> {
        match self.value(name)? {
            Value::Map(map) => Ok(map),
            _ => Err(missing(name)),
        }
    }

    /// A moment: seconds since 1970 in any form, or a date and time.
    pub(super) fn now(&self) -> Result<Timestamp, Raised> {
        self.moment("now")?.ok_or_else(|| missing("now"))
    }

    pub(super) fn moment(&self, name: &str) -> Result<Option<Timestamp>, Raised> {
        self.read(name, |json| match typed::to_value(json) {
            Ok(Value::DateTime(at)) => {
                let text = at.isoformat();
                let text = if at.offset.is_some() { text } else { text + "+00:00" };
                Timestamp::from_iso8601(&text).ok_or_else(|| other(json))
            }
            Ok(Value::Int(secs)) => Ok(Timestamp::from_secs(secs)),
            _ => Ok(Timestamp::from_millis((number(json)? * 1000.0).round() as i64)),
        })
    }

    /// A number of seconds or of anything else.
    pub(super) fn number(&self, name: &str) -> Result<Option<f64>, Raised> {
        self.read(name, number)
    }

    /// A whole number; what has a fraction loses it downwards.
    pub(super) fn whole(&self, name: &str) -> Result<Option<i64>, Raised> {
        self.read(name, whole)
    }

    /// A number that counts something.
    pub(super) fn count(&self, name: &str) -> Result<Option<usize>, Raised> {
        let count = |json| usize::try_from(whole(json)?).map_err(|_| other(json));
        self.read(name, count)
    }

    /// A key.
    pub(super) fn key(&self, name: &str) -> Result<SecretKey, Raised> {
        key(&self.bytes(name)?)
    }

    /// A list of keys, or one alone; absent is empty.
    pub(super) fn keys(&self, name: &str) -> Result<Vec<SecretKey>, Raised> {
        let read = |json| match items(json) {
            Ok(keys) => keys.into_iter().map(|it| key(&bytes(it)?)).collect(),
            Err(_) => Ok(vec![key(&bytes(json)?)?]),
        };
        Ok(self.read(name, read)?.unwrap_or_default())
    }

    /// The key under `name` with those under `fallbacks`, which come in the order they are tried.
    pub(super) fn ring(&self, name: &str, fallbacks: &str) -> Result<KeyRing, Raised> {
        Ok(KeyRing::new(self.key(name)?).with_fallbacks(self.keys(fallbacks)?))
    }

    /// Refuses a case whose `name` is not the only text that is known.
    pub(super) fn only(&self, name: &str, known: &str) -> Result<(), Raised> {
        match self.optional_text(name)? {
            Some(text) if text != known => Err(missing(name)),
            _ => Ok(()),
        }
    }

    /// The members that nobody asked for, those of nested mappings included.
    pub(super) fn unread(&self) -> Vec<String> {
        let read = self.read.borrow();
        let mut unread = Vec::new();
        let mut open = vec![(String::new(), self.json)];
        while let Some((path, json)) = open.pop() {
            for (key, value) in members(json) {
                let name = format!("{path}{key}");
                let inside = format!("{name}.");
                if !read.contains(&name) {
                    unread.push(name);
                } else if read.iter().any(|it| it.starts_with(&inside)) {
                    open.push((inside, value));
                }
            }
        }
        unread.sort();
        unread
    }
}

/// A mapping's members, plain or typed, in order; those with other keys than texts are left out.
fn members(json: &Json) -> Vec<(String, &Json)> {
    let Some(object) = json.as_object() else { return Vec::new() };
    if object.get("$t").and_then(Json::as_str) != Some("dict") {
        return object.iter().map(|(key, value)| (key.clone(), value)).collect();
    }
    let pairs = object.get("v").and_then(Json::as_array).into_iter().flatten();
    pairs.filter_map(|pair| Some((text(pair.get(0)?).ok()?.into_owned(), pair.get(1)?))).collect()
}

/// A text: plain, marked up, or bytes that are UTF-8.
pub(super) fn text(json: &Json) -> Result<Cow<'_, str>, Raised> {
    Ok(match bytes(json)? {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).map_err(|_| other(json))?.into(),
        Cow::Owned(bytes) => String::from_utf8(bytes).map_err(|_| other(json))?.into(),
    })
}

/// A text as Python encodes it, or bytes.
pub(super) fn bytes(json: &Json) -> Result<Cow<'_, [u8]>, Raised> {
    if let Some(text) = json.as_str() {
        return Ok(Cow::Borrowed(text.as_bytes()));
    }
    match typed::to_value(json) {
        Ok(Value::Bytes(bytes)) => Ok(Cow::Owned(bytes.to_vec())),
        Ok(Value::Markup(text) | Value::Str(text)) => Ok(Cow::Owned(text.to_string().into_bytes())),
        Ok(Value::Wtf8(_)) => {
            Err(Raised::exception("UnicodeEncodeError", "surrogates not allowed"))
        }
        _ => Err(other(json)),
    }
}

/// The items of a list, a tuple or a set.
pub(super) fn items(json: &Json) -> Result<Vec<&Json>, Raised> {
    let inner = match json.get("$t").and_then(Json::as_str) {
        Some("tuple" | "set") => json.get("v"),
        Some(_) => None,
        None => Some(json),
    };
    let items = inner.and_then(Json::as_array).ok_or_else(|| other(json))?;
    Ok(items.iter().collect())
}

/// A number: plain, an integer or a float as text, a decimal, or a span of time in seconds.
pub(super) fn number(json: &Json) -> Result<f64, Raised> {
    if let Some(number) = json.as_f64() {
        return Ok(number);
    }
    match typed::to_value(json) {
        Ok(Value::Int(value)) => Ok(value as f64),
        Ok(Value::Bool(value)) => Ok(f64::from(u8::from(value))),
        Ok(Value::Float(value)) => Ok(value),
        Ok(Value::BigInt(digits)) => digits.as_str().parse().map_err(|_| other(json)),
        Ok(Value::Decimal(text)) => text.parse().map_err(|_| other(json)),
        Ok(Value::TimeDelta(micros)) => Ok(micros as f64 / 1e6),
        _ => Err(other(json)),
    }
}

/// A number without its fraction.
pub(super) fn whole(json: &Json) -> Result<i64, Raised> {
    match typed::to_value(json) {
        Ok(Value::Int(value)) => Ok(value),
        // Where a float has no fraction to lose it is whole, however large: `as` saturates.
        _ => Ok(number(json)?.floor() as i64),
    }
}

/// The originals take any key, so the cases use short ones.
pub(super) fn key(bytes: &[u8]) -> Result<SecretKey, Raised> {
    SecretKey::allow_weak(bytes).map_err(|weak| Raised::Unsupported(weak.to_string()))
}

pub(super) fn missing(name: &str) -> Raised {
    Raised::Unsupported(format!("an input whose `{name}` is missing or of another kind"))
}

/// A value in a form that its place does not have.
fn other(json: &Json) -> Raised {
    Raised::Unsupported(format!("the form {json}"))
}
