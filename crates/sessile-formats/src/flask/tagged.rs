//! `flask.json.tag.TaggedJSONSerializer`: JSON that keeps tuples, bytes,
//! markup, UUIDs and datetimes.
//!
//! Tags are written and read in the same pass as the JSON around them.

use crate::error::PayloadError;
use crate::itsdangerous::Codec;
use crate::json::{self, ReadDialect, Style, WriteDialect, Writer};
use crate::{Map, Value};
use crate::{base64, date};

use super::untag;

/// The tags of Flask's default serializer.
const TAGS: [&str; 6] = [" di", " t", " b", " m", " u", " d"];

/// Flask's session serializer.
///
/// ```
/// use sessile_formats::flask::TaggedJson;
/// use sessile_formats::itsdangerous::Codec;
/// use sessile_formats::{Map, Value};
///
/// let pair = Value::Tuple(vec![1.into(), 2.into()]);
/// let text = TaggedJson::IN_APP.dumps(&Map::from_iter([("t", pair.clone())]).into())?;
/// assert_eq!(text, br#"{"t":{" t":[1,2]}}"#);
/// assert_eq!(TaggedJson::IN_APP.loads(&text)?.as_map().and_then(|map| map.get("t")), Some(&pair));
/// # Ok::<(), sessile_formats::error::PayloadError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaggedJson {
    /// Keys in Python's order, at every level.
    pub sort_keys: bool,
}

impl TaggedJson {
    /// As it works inside an application context, which a session always has,
    /// with Flask's default provider: keys sorted.
    pub const IN_APP: Self = Self { sort_keys: true };

    /// As it works outside of one, or where `app.json.sort_keys` is false.
    pub const UNSORTED: Self = Self { sort_keys: false };

    /// The text of a mapping.
    ///
    /// # Errors
    /// Python's `TypeError` for types and keys without a form or an order, and
    /// the other errors of [`Style::write`].
    pub fn dumps_map(self, map: &Map) -> Result<Vec<u8>, PayloadError> {
        let mut writer = self.writer();
        Tagged::map(&mut writer, map, 0)?;
        Ok(writer.out)
    }

    fn writer(self) -> Writer<Tagged> {
        Writer::new(Style { sort_keys: self.sort_keys, ..Style::COMPACT })
    }
}

impl Codec for TaggedJson {
    fn dumps(&self, value: &Value) -> Result<Vec<u8>, PayloadError> {
        let mut writer = self.writer();
        writer.value(value, 0)?;
        Ok(writer.out)
    }

    fn loads(&self, bytes: &[u8]) -> Result<Value, PayloadError> {
        // Flask reads all of the JSON before it looks at tags. The difference
        // shows only where something is wrong: then it is done Flask's way.
        json::read_dialect::<Tagged>(bytes)
            .or_else(|_| json::read(bytes).and_then(untag::untag_deep))
    }
}

/// JSON with Flask's tags.
struct Tagged;

impl WriteDialect for Tagged {
    fn tuple(writer: &mut Writer<Self>, items: &[Value], depth: usize) -> Result<(), PayloadError> {
        writer.out.extend_from_slice(b"{\" t\":");
        writer.list(items, depth + 1)?;
        writer.out.push(b'}');
        Ok(())
    }

    fn map(writer: &mut Writer<Self>, map: &Map, depth: usize) -> Result<(), PayloadError> {
        let Some((Value::Str(key) | Value::Markup(key), value)) = map.single() else {
            return writer.object(map, depth);
        };
        let Some(tag) = TAGS.iter().find(|tag| **tag == key) else {
            return writer.object(map, depth);
        };
        writer.out.extend_from_slice(b"{\" di\":{\"");
        writer.out.extend_from_slice(tag.as_bytes());
        writer.out.extend_from_slice(b"__\":");
        if depth + 2 > json::MAX_DEPTH {
            return Err(PayloadError::TooDeep);
        }
        writer.value(value, depth + 2)?;
        writer.out.extend_from_slice(b"}}");
        Ok(())
    }

    fn markup(writer: &mut Writer<Self>, text: &str) -> Result<(), PayloadError> {
        writer.out.extend_from_slice(b"{\" m\":");
        writer.text(text);
        writer.out.push(b'}');
        Ok(())
    }

    fn other(writer: &mut Writer<Self>, value: &Value) -> Result<(), PayloadError> {
        let out = &mut writer.out;
        match value {
            Value::Bytes(bytes) => {
                out.extend_from_slice(b"{\" b\":\"");
                base64::encode_standard_into(bytes, out);
            }
            Value::Uuid(bytes) => {
                out.extend_from_slice(b"{\" u\":\"");
                bytes.iter().for_each(|byte| json::push_hex(out, *byte));
            }
            Value::DateTime(moment) => {
                let utc = date::to_utc(moment).ok_or(PayloadError::DateOutOfRange)?;
                out.extend_from_slice(b"{\" d\":\"");
                out.extend_from_slice(&date::http_date(utc));
            }
            other => return writer.provider_default(other),
        }
        out.extend_from_slice(b"\"}");
        Ok(())
    }
}

impl ReadDialect for Tagged {
    fn single(key: Value, value: Value) -> Result<Value, PayloadError> {
        untag::untag(key, value)
    }
}
