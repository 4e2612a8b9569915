//! Values to Rust types, through serde.

use std::fmt;

use serde::Deserialize;
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, Expected, IntoDeserializer, Unexpected,
    VariantAccess, Visitor,
};

use super::kept::{self, Kept, VALUE};
use super::{Map, Value, ValueError};

/// Makes a Rust type of a [`Value`]; text and bytes are borrowed where the type allows it.
///
/// Lists, tuples and sets are sequences; maps fill structs and maps, where a
/// text key may become a number or a boolean; `Markup`, decimals, UUIDs,
/// dates, times and spans are text (as Python's `isoformat` and `str` print
/// them, spans as ISO 8601); integers fit any number type that holds them.
///
/// # Errors
/// When the value is not what the type wants. The text says what was expected
/// and what kind of value was found, never the value itself.
///
/// ```
/// # use sessile_formats::{Map, Value, from_value};
/// #[derive(serde::Deserialize)]
/// struct Item<'a> { name: &'a str, count: u8 }
///
/// let mut map = Map::new();
/// map.insert("name", "apple");
/// map.insert("count", 3);
/// let value = Value::Map(map);
/// let item: Item = from_value(&value)?;
/// assert_eq!((item.name, item.count), ("apple", 3));
/// # Ok::<(), sessile_formats::ValueError>(())
/// ```
pub fn from_value<'de, T: Deserialize<'de>>(value: &'de Value) -> Result<T, ValueError> {
    T::deserialize(FromValue(value))
}

impl de::Error for ValueError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {}, found {}", wanted(expected), kind(found)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = kind(found);
        Self::new(format!("expected {}, found {found} that is not one", wanted(expected)))
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {}, found {length}", wanted(expected)))
    }

    // The variant comes from outside and may be a secret.
    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("expected one of {}, found another variant", expected.join(", ")))
    }

    fn unknown_field(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("expected the fields {}, found another", expected.join(", ")))
    }
}

/// serde's words for what a type wants, in ours.
fn wanted(expected: &dyn Expected) -> String {
    let text = expected.to_string();
    match text.strip_prefix("a sequence") {
        Some(rest) => format!("a list{rest}"),
        None => text,
    }
}

/// The kind of value found, without the value.
fn kind(found: Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "an integer",
        Unexpected::Float(_) => "a float",
        Unexpected::Char(_) | Unexpected::Str(_) => "a string",
        Unexpected::Bytes(_) => "bytes",
        Unexpected::Unit | Unexpected::Option => "null",
        Unexpected::Seq => "a list",
        Unexpected::Map => "a map",
        Unexpected::NewtypeStruct => "a newtype struct",
        Unexpected::Enum => "an enum",
        Unexpected::UnitVariant => "a string",
        Unexpected::NewtypeVariant | Unexpected::TupleVariant | Unexpected::StructVariant => {
            "an enum variant"
        }
        Unexpected::Other(_) => "something else",
    }
}

#[derive(Clone, Copy)]
struct FromValue<'de>(&'de Value);

impl<'de> IntoDeserializer<'de, ValueError> for FromValue<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

fn visit_items<'de, V: Visitor<'de>>(
    items: &'de [Value],
    visitor: V,
) -> Result<V::Value, ValueError> {
    let mut items = SeqDeserializer::new(items.iter().map(FromValue));
    let made = visitor.visit_seq(&mut items)?;
    items.end()?;
    Ok(made)
}

fn visit_entries<'de, V: Visitor<'de>>(map: &'de Map, visitor: V) -> Result<V::Value, ValueError> {
    let entries = map.iter().map(|(key, value)| (Key(key), FromValue(value)));
    let mut entries = MapDeserializer::new(entries);
    let made = visitor.visit_map(&mut entries)?;
    entries.end()?;
    Ok(made)
}

impl<'de> Deserializer<'de> for FromValue<'de> {
    type Error = ValueError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self.0.plain() {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Int(value) => visitor.visit_i64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Str(text) | Value::Markup(text) | Value::Decimal(text) => {
                visitor.visit_borrowed_str(text)
            }
            Value::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
            Value::List(items) | Value::Tuple(items) | Value::Set(items) => {
                visit_items(items, visitor)
            }
            Value::Map(map) => visit_entries(map, visitor),
            Value::BigInt(digits) => {
                let digits = digits.as_str();
                if let Ok(value) = digits.parse() {
                    visitor.visit_u64(value)
                } else if let Ok(value) = digits.parse() {
                    visitor.visit_i128(value)
                } else if let Ok(value) = digits.parse() {
                    visitor.visit_u128(value)
                } else {
                    let found = "an integer beyond 128 bits";
                    Err(ValueError::new(format!("expected {}, found {found}", Wanted(&visitor))))
                }
            }
            Value::Wtf8(_) => {
                let found = "a string holding lone surrogates";
                Err(ValueError::new(format!("expected {}, found {found}", Wanted(&visitor))))
            }
            other => visitor.visit_string(kept::plain_text(other).unwrap_or_default()),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        if let Value::BigInt(digits) = self.0
            && let Ok(value) = digits.as_str().parse()
        {
            return visitor.visit_f64(value);
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self.0.plain() {
            // `Vec<u8>` asks for a sequence.
            Value::Bytes(bytes) => {
                let mut items = SeqDeserializer::new(bytes.iter().copied());
                let made = visitor.visit_seq(&mut items)?;
                items.end()?;
                Ok(made)
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        match Kept::of(self.0.plain()) {
            Some(kind) if name == VALUE => visitor.visit_enum(KeptAccess(kind, self.0.plain())),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        match self.0.plain() {
            Value::Map(map) => match map.single() {
                Some((variant, content)) => {
                    visitor.visit_enum(Variant { variant, content: Some(content) })
                }
                None => Err(ValueError::new(format!(
                    "expected {}, found a map with {} entries where an enum has one",
                    Wanted(&visitor),
                    map.len()
                ))),
            },
            variant => visitor.visit_enum(Variant { variant, content: None }),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 char str string bytes byte_buf
        unit unit_struct tuple_struct map struct identifier
    }
}

/// Prints what a visitor expects, in our words.
struct Wanted<'a, V>(&'a V);

impl<'de, V: Visitor<'de>> fmt::Display for Wanted<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&wanted(self.0))
    }
}

struct Variant<'de> {
    variant: &'de Value,
    content: Option<&'de Value>,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = ValueError;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self), ValueError> {
        Ok((seed.deserialize(FromValue(self.variant))?, self))
    }
}

impl<'de> Variant<'de> {
    fn content(&self) -> Result<FromValue<'de>, ValueError> {
        self.content
            .map(FromValue)
            .ok_or_else(|| ValueError::new("expected an enum variant with content, found its name"))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = ValueError;

    fn unit_variant(self) -> Result<(), ValueError> {
        match self.content {
            None | Some(Value::Null) => Ok(()),
            Some(_) => Err(ValueError::new("expected a bare enum variant, found one with content")),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<S::Value, ValueError> {
        seed.deserialize(self.content()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, ValueError> {
        self.content()?.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        self.content()?.deserialize_any(visitor)
    }
}

/// A map key: text may stand for a number or a boolean, since JSON has text keys only.
struct Key<'de>(&'de Value);

impl<'de> IntoDeserializer<'de, ValueError> for Key<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! parsed_keys {
    ($($method:ident $visit:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
            if let Value::Str(text) = self.0
                && let Ok(parsed) = text.parse()
            {
                return visitor.$visit(parsed);
            }
            FromValue(self.0).$method(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for Key<'de> {
    type Error = ValueError;

    parsed_keys! {
        deserialize_bool visit_bool
        deserialize_i8 visit_i64
        deserialize_i16 visit_i64
        deserialize_i32 visit_i64
        deserialize_i64 visit_i64
        deserialize_i128 visit_i128
        deserialize_u8 visit_u64
        deserialize_u16 visit_u64
        deserialize_u32 visit_u64
        deserialize_u64 visit_u64
        deserialize_u128 visit_u128
        deserialize_f32 visit_f64
        deserialize_f64 visit_f64
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        FromValue(self.0).deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        if name == VALUE {
            return FromValue(self.0).deserialize_newtype_struct(name, visitor);
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        FromValue(self.0).deserialize_enum(name, variants, visitor)
    }

    serde::forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct
        identifier ignored_any
    }
}

/// Hands a value over with its kind (see [`kept`]).
struct KeptAccess<'de>(Kept, &'de Value);

impl<'de> EnumAccess<'de> for KeptAccess<'de> {
    type Error = ValueError;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self), ValueError> {
        Ok((seed.deserialize((self.0 as u8).into_deserializer())?, self))
    }
}

impl<'de> VariantAccess<'de> for KeptAccess<'de> {
    type Error = ValueError;

    fn unit_variant(self) -> Result<(), ValueError> {
        Err(ValueError::new("expected a bare enum variant, found a value"))
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<S::Value, ValueError> {
        match kept::plain_text(self.1) {
            Some(text) => seed.deserialize(text.into_deserializer()),
            None => seed.deserialize(FromValue(self.1).plain_items()),
        }
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, ValueError> {
        self.unit_variant().and(Err(ValueError::new("expected a tuple variant, found a value")))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, ValueError> {
        Err(ValueError::new("expected a struct variant, found a value"))
    }
}

impl<'de> FromValue<'de> {
    /// The elements, whatever kind of sequence this is.
    fn plain_items(self) -> SeqDeserializer<impl Iterator<Item = Self>, ValueError> {
        let items: &[Value] = match self.0 {
            Value::List(items) | Value::Tuple(items) | Value::Set(items) => items,
            _ => &[],
        };
        SeqDeserializer::new(items.iter().map(FromValue))
    }
}
