//! Rust types to values, through serde.

use serde::ser::{self, Serialize, SerializeMap};

use super::kept::{self, Kept};
use super::{Map, Value, ValueError};

/// Makes a [`Value`] of any serializable type.
///
/// Structs become maps in field order, enums are tagged from outside as
/// `serde_json` does, `None` and `()` become [`Value::Null`], integers beyond
/// `i64` become [`Value::BigInt`], bytes (serde's, not `Vec<u8>`) become
/// [`Value::Bytes`]. A [`Value`] inside keeps its kind.
///
/// # Errors
/// When the type's own `Serialize` fails.
///
/// ```
/// # use sessile_formats::{Value, to_value};
/// #[derive(serde::Serialize)]
/// struct Item { name: &'static str, count: u64 }
///
/// let item = to_value(&Item { name: "apple", count: u64::MAX })?;
/// let map = item.as_map().unwrap();
/// assert_eq!(map.get("name"), Some(&Value::from("apple")));
/// assert_eq!(map.get("count"), Value::int_from_decimal("18446744073709551615").as_ref());
/// # Ok::<(), sessile_formats::ValueError>(())
/// ```
pub fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<Value, ValueError> {
    value.serialize(ToValue)
}

impl ser::Error for ValueError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }
}

struct ToValue;

impl ser::Serializer for ToValue {
    type Ok = Value;
    type Error = ValueError;
    type SerializeSeq = Items;
    type SerializeTuple = Items;
    type SerializeTupleStruct = Items;
    type SerializeTupleVariant = Items;
    type SerializeMap = Entries;
    type SerializeStruct = Entries;
    type SerializeStructVariant = Entries;

    fn serialize_bool(self, value: bool) -> Result<Value, ValueError> {
        Ok(Value::Bool(value))
    }

    fn serialize_i8(self, value: i8) -> Result<Value, ValueError> {
        Ok(Value::Int(value.into()))
    }

    fn serialize_i16(self, value: i16) -> Result<Value, ValueError> {
        Ok(Value::Int(value.into()))
    }

    fn serialize_i32(self, value: i32) -> Result<Value, ValueError> {
        Ok(Value::Int(value.into()))
    }

    fn serialize_i64(self, value: i64) -> Result<Value, ValueError> {
        Ok(Value::Int(value))
    }

    fn serialize_i128(self, value: i128) -> Result<Value, ValueError> {
        Ok(value.into())
    }

    fn serialize_u8(self, value: u8) -> Result<Value, ValueError> {
        Ok(Value::Int(value.into()))
    }

    fn serialize_u16(self, value: u16) -> Result<Value, ValueError> {
        Ok(Value::Int(value.into()))
    }

    fn serialize_u32(self, value: u32) -> Result<Value, ValueError> {
        Ok(Value::Int(value.into()))
    }

    fn serialize_u64(self, value: u64) -> Result<Value, ValueError> {
        Ok(value.into())
    }

    fn serialize_u128(self, value: u128) -> Result<Value, ValueError> {
        Ok(value.into())
    }

    fn serialize_f32(self, value: f32) -> Result<Value, ValueError> {
        Ok(Value::Float(value.into()))
    }

    fn serialize_f64(self, value: f64) -> Result<Value, ValueError> {
        Ok(Value::Float(value))
    }

    fn serialize_char(self, value: char) -> Result<Value, ValueError> {
        Ok(Value::Str(value.into()))
    }

    fn serialize_str(self, value: &str) -> Result<Value, ValueError> {
        Ok(Value::Str(value.into()))
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<Value, ValueError> {
        Ok(Value::Bytes(value.into()))
    }

    fn serialize_none(self) -> Result<Value, ValueError> {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, ValueError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Value, ValueError> {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Value, ValueError> {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Value, ValueError> {
        Ok(Value::Str(variant.into()))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<Value, ValueError> {
        let plain = value.serialize(self)?;
        match Kept::from_name(name) {
            None => Ok(plain),
            Some(kind) => kind
                .restore(plain)
                .ok_or_else(|| ValueError::new(format!("not the plain form of {name}"))),
        }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value, ValueError> {
        Ok(tagged(variant, value.serialize(self)?))
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Items, ValueError> {
        Ok(Items::new(None, len.unwrap_or(0)))
    }

    fn serialize_tuple(self, len: usize) -> Result<Items, ValueError> {
        Ok(Items::new(None, len))
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Items, ValueError> {
        Ok(Items::new(None, len))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Items, ValueError> {
        Ok(Items::new(Some(variant), len))
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Entries, ValueError> {
        Ok(Entries::new(None, len.unwrap_or(0)))
    }

    fn serialize_struct(self, _: &'static str, len: usize) -> Result<Entries, ValueError> {
        Ok(Entries::new(None, len))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Entries, ValueError> {
        Ok(Entries::new(Some(variant), len))
    }
}

fn tagged(variant: &'static str, value: Value) -> Value {
    Value::Map(Map::from_iter([(variant, value)]))
}

/// A `Serialize` may claim any length; this much room is made before seeing elements.
const TRUSTED_LEN: usize = 1024;

struct Items {
    variant: Option<&'static str>,
    items: Vec<Value>,
}

impl Items {
    fn new(variant: Option<&'static str>, len: usize) -> Self {
        Self { variant, items: Vec::with_capacity(len.min(TRUSTED_LEN)) }
    }

    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ValueError> {
        self.items.push(value.serialize(ToValue)?);
        Ok(())
    }

    fn finish(self) -> Value {
        let list = Value::List(self.items);
        match self.variant {
            Some(variant) => tagged(variant, list),
            None => list,
        }
    }
}

struct Entries {
    variant: Option<&'static str>,
    map: Map,
    key: Option<Value>,
}

impl Entries {
    fn new(variant: Option<&'static str>, len: usize) -> Self {
        Self { variant, map: Map::with_capacity(len.min(TRUSTED_LEN)), key: None }
    }

    fn field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), ValueError> {
        self.map.insert(key, value.serialize(ToValue)?);
        Ok(())
    }

    fn finish(self) -> Value {
        let map = Value::Map(self.map);
        match self.variant {
            Some(variant) => tagged(variant, map),
            None => map,
        }
    }
}

/// The `Serialize*` traits differ in name only.
macro_rules! compound {
    ($($trait:ident for $type:ident { $method:ident($($key:ident: $key_type:ty)?) $push:ident })*) => {$(
        impl ser::$trait for $type {
            type Ok = Value;
            type Error = ValueError;

            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $($key: $key_type,)?
                value: &T,
            ) -> Result<(), ValueError> {
                self.$push($($key,)? value)
            }

            fn end(self) -> Result<Value, ValueError> {
                Ok(self.finish())
            }
        }
    )*};
}

compound! {
    SerializeSeq for Items { serialize_element() push }
    SerializeTuple for Items { serialize_element() push }
    SerializeTupleStruct for Items { serialize_field() push }
    SerializeTupleVariant for Items { serialize_field() push }
    SerializeStruct for Entries { serialize_field(key: &'static str) field }
    SerializeStructVariant for Entries { serialize_field(key: &'static str) field }
}

impl SerializeMap for Entries {
    type Ok = Value;
    type Error = ValueError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), ValueError> {
        self.key = Some(key.serialize(ToValue)?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ValueError> {
        let key = self.key.take().ok_or_else(|| ValueError::new("a map value without a key"))?;
        self.map.insert(key, value.serialize(ToValue)?);
        Ok(())
    }

    fn end(self) -> Result<Value, ValueError> {
        Ok(self.finish())
    }
}

/// What Python alone knows goes out as text or a list; integers beyond 128 bits and lone
/// surrogates (as `\udXXX`, backslashes doubled) as text.
impl Serialize for Value {
    fn serialize<S: ser::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(value) => serializer.serialize_i64(*value),
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::Str(text) => serializer.serialize_str(text),
            Self::Bytes(bytes) => serializer.serialize_bytes(bytes),
            Self::List(items) => serializer.collect_seq(items),
            Self::Map(map) => map.serialize(serializer),
            Self::Tuple(items) => serializer.serialize_newtype_struct(Kept::Tuple.name(), items),
            Self::Set(items) => serializer.serialize_newtype_struct(Kept::Set.name(), items),
            Self::Classed(of) => of.value.serialize(serializer),
            Self::BigInt(digits) => {
                let digits = digits.as_str();
                if let Ok(value) = digits.parse() {
                    serializer.serialize_u64(value)
                } else if let Ok(value) = digits.parse() {
                    serializer.serialize_i128(value)
                } else if let Ok(value) = digits.parse() {
                    serializer.serialize_u128(value)
                } else {
                    serializer.serialize_newtype_struct(Kept::BigInt.name(), digits)
                }
            }
            other => {
                let name = Kept::of(other).map_or("", Kept::name);
                let text = kept::plain_text(other).unwrap_or_default();
                serializer.serialize_newtype_struct(name, &text)
            }
        }
    }
}

impl Serialize for Map {
    fn serialize<S: ser::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}
