//! Values to pickles of protocol 5.

use std::collections::HashMap;
use std::fmt;

use super::numbers::{self, MAX_DIGITS};
use super::write_objects::Known;
use crate::msgpack::MAX_DEPTH;
use crate::value::{Map, PythonClass, Value};

/// A value that would not be read again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum WriteError {
    /// An integer of more digits than are read back.
    LongInteger,
    /// Nested deeper than [`MAX_DEPTH`].
    TooDeep,
}

impl WriteError {
    /// The exception for code that must raise one.
    pub fn python_class(&self) -> &'static str {
        match self {
            Self::LongInteger => "ValueError",
            Self::TooDeep => "RecursionError",
        }
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LongInteger => write!(f, "an integer of more than {MAX_DIGITS} digits"),
            Self::TooDeep => write!(f, "nested deeper than {MAX_DEPTH} levels"),
        }
    }
}

crate::debug_reads_like_display!(WriteError);

impl std::error::Error for WriteError {}

/// Writes `value` as `pickle.dumps(value, protocol=5)` does in CPython 3.8 and later.
///
/// CPython writes an object it has met before as a reference; which objects are
/// the same is nothing that a value says. Here equal texts and equal bytes
/// count as the same object, which is so for literals of one Python module,
/// and no two containers do.
///
/// # Errors
/// See [`WriteError`].
///
/// ```
/// use sessile_formats::{Map, pickle};
///
/// let session = Map::from_iter([("value", 42)]).into();
/// let bytes = pickle::write(&session)?;
/// assert_eq!(bytes, b"\x80\x05\x95\x0e\0\0\0\0\0\0\0}\x94\x8c\x05value\x94K*s.");
/// assert_eq!(pickle::read(&bytes)?, session);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write(value: &Value) -> Result<Vec<u8>, WriteError> {
    let mut writer = Writer::new();
    writer.value(value, MAX_DEPTH)?;
    Ok(writer.finish())
}

/// [`write()`] of a mapping, without making a [`Value`] of it.
///
/// # Errors
/// As [`write()`].
pub fn write_map(map: &Map) -> Result<Vec<u8>, WriteError> {
    let mut writer = Writer::new();
    writer.map(map, MAX_DEPTH)?;
    Ok(writer.finish())
}

/// How many items one operation adds to a container (`_BATCHSIZE`).
const BATCH: usize = 1000;
/// From this length on a frame ends at the next value (`FRAME_SIZE_TARGET`).
const FRAME_TARGET: usize = 64 * 1024;
/// Shorter frames are not announced (`FRAME_SIZE_MIN`).
const FRAME_MIN: usize = 4;
/// The operation and its eight bytes of length.
const FRAME_HEAD: usize = 9;

pub(super) struct Writer<'v> {
    out: Vec<u8>,
    /// Where the open frame's head lies.
    frame: Option<usize>,
    framing: bool,
    /// How many values were numbered.
    numbered: u32,
    texts: HashMap<&'v [u8], u32>,
    bytes: HashMap<&'v [u8], u32>,
    pub(super) known: Known,
}

impl<'v> Writer<'v> {
    fn new() -> Self {
        let mut out = Vec::with_capacity(256);
        out.extend([0x80, 5]);
        let (texts, bytes, known) = Default::default();
        Self { out, frame: None, framing: true, numbered: 0, texts, bytes, known }
    }

    fn finish(mut self) -> Vec<u8> {
        self.put(b".");
        self.close_frame();
        self.out
    }

    pub(super) fn put(&mut self, bytes: &[u8]) {
        if self.framing && self.frame.is_none() {
            self.frame = Some(self.out.len());
            self.out.extend([0; FRAME_HEAD]);
        }
        self.out.extend_from_slice(bytes);
    }

    fn close_frame(&mut self) {
        let Some(start) = self.frame.take() else { return };
        let body = start + FRAME_HEAD;
        let len = self.out.len().saturating_sub(body);
        if len < FRAME_MIN {
            self.out.drain(start..body);
        } else if let Some(head) = self.out.get_mut(start..body) {
            let numbers = std::iter::once(0x95).chain((len as u64).to_le_bytes());
            head.iter_mut().zip(numbers).for_each(|(to, from)| *to = from);
        }
    }

    /// Called before every value: a full frame ends here.
    pub(super) fn boundary(&mut self) {
        let full = |start| self.out.len().saturating_sub(start + FRAME_HEAD) >= FRAME_TARGET;
        if self.frame.is_some_and(full) {
            self.close_frame();
        }
    }

    /// Numbers the value on top.
    pub(super) fn memoize(&mut self) -> u32 {
        self.put(&[0x94]);
        self.numbered += 1;
        self.numbered - 1
    }

    pub(super) fn recall(&mut self, number: u32) {
        match u8::try_from(number) {
            Ok(number) => self.put(&[b'h', number]),
            Err(_) => self.head(b'j', &number.to_le_bytes()),
        }
    }

    fn head(&mut self, operation: u8, rest: &[u8]) {
        let mut head = [operation; FRAME_HEAD];
        head.iter_mut().skip(1).zip(rest).for_each(|(to, from)| *to = *from);
        self.put(head.get(..=rest.len()).unwrap_or(&head));
    }

    /// Text or bytes: what is long lies outside of any frame.
    pub(super) fn content(&mut self, content: &[u8], [short, long, longest]: [u8; 3]) {
        let len = content.len();
        let alone = len >= FRAME_TARGET;
        if alone {
            self.close_frame();
            self.framing = false;
        }
        match (u8::try_from(len), u32::try_from(len)) {
            (Ok(len), _) => self.put(&[short, len]),
            (_, Ok(len)) => self.head(long, &len.to_le_bytes()),
            _ => self.head(longest, &(len as u64).to_le_bytes()),
        }
        self.put(content);
        self.framing = true;
    }

    pub(super) fn text(&mut self, text: &'v [u8]) {
        if let Some(number) = self.texts.get(text) {
            return self.recall(*number);
        }
        self.content(text, [0x8c, b'X', 0x8d]);
        let number = self.memoize();
        self.texts.insert(text, number);
    }

    fn value(&mut self, value: &'v Value, depth: usize) -> Result<(), WriteError> {
        self.boundary();
        // What a container holds is a level deeper, as the reader counts.
        let depth = below(depth)?;
        match value {
            Value::Null => self.put(b"N"),
            Value::Bool(value) => self.put(&[if *value { 0x88 } else { 0x89 }]),
            Value::Int(value) => self.int(*value),
            Value::BigInt(digits) if digits.as_str().len() > MAX_DIGITS => {
                return Err(WriteError::LongInteger);
            }
            Value::BigInt(digits) => self.long(&numbers::to_long(digits.as_str())),
            Value::Float(value) => self.head(b'G', &value.to_be_bytes()),
            Value::Str(text) => self.text(text.as_bytes()),
            Value::Wtf8(text) => self.text(text.as_bytes()),
            Value::Bytes(bytes) => match self.bytes.get(bytes.as_slice()) {
                Some(number) => self.recall(*number),
                None => {
                    self.content(bytes, [b'C', b'B', 0x8e]);
                    let number = self.memoize();
                    self.bytes.insert(bytes, number);
                }
            },
            Value::List(items) => self.list(items, depth)?,
            Value::Tuple(items) => self.tuple(items, depth)?,
            Value::Set(items) => self.set(items, depth)?,
            Value::Map(map) => self.entries(map, depth)?,
            Value::Classed(of) => self.classed(of.class, &of.value, depth)?,
            Value::Markup(text) => self.markup(text),
            Value::Decimal(text) => self.decimal(text),
            Value::Uuid(bytes) => self.uuid(bytes),
            Value::DateTime(at) => self.datetime(at),
            Value::Date(date) => self.date(*date),
            Value::Time(time, offset) => self.time(*time, *offset),
            Value::TimeDelta(micros) => self.timedelta(*micros),
        }
        Ok(())
    }

    pub(super) fn int(&mut self, value: i64) {
        if let Ok(small) = u8::try_from(value) {
            self.put(&[b'K', small]);
        } else if let Ok(small) = u16::try_from(value) {
            self.head(b'M', &small.to_le_bytes());
        } else if let Ok(small) = i32::try_from(value) {
            self.head(b'J', &small.to_le_bytes());
        } else {
            self.long(numbers::shortest(&value.to_le_bytes()));
        }
    }

    pub(super) fn long(&mut self, bytes: &[u8]) {
        match u8::try_from(bytes.len()) {
            Ok(len) => self.put(&[0x8a, len]),
            Err(_) => {
                // At most MAX_DIGITS digits.
                let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                self.head(0x8b, &len.to_le_bytes());
            }
        }
        self.put(bytes);
    }

    fn list(&mut self, items: &'v [Value], depth: usize) -> Result<(), WriteError> {
        self.put(b"]");
        self.memoize();
        if let [only] = items {
            self.value(only, depth)?;
            self.put(b"a");
            return Ok(());
        }
        for batch in items.chunks(BATCH) {
            self.put(b"(");
            batch.iter().try_for_each(|item| self.value(item, depth))?;
            self.put(b"e");
        }
        Ok(())
    }

    fn tuple(&mut self, items: &'v [Value], depth: usize) -> Result<(), WriteError> {
        let end = match items.len() {
            0 => {
                // The empty tuple has no number: there is only one.
                self.put(b")");
                return Ok(());
            }
            1 => 0x85,
            2 => 0x86,
            3 => 0x87,
            _ => {
                self.put(b"(");
                b't'
            }
        };
        items.iter().try_for_each(|item| self.value(item, depth))?;
        self.put(&[end]);
        self.memoize();
        Ok(())
    }

    fn set(&mut self, items: &'v [Value], depth: usize) -> Result<(), WriteError> {
        self.put(&[0x8f]);
        self.memoize();
        if items.is_empty() {
            return Ok(());
        }
        for batch in full_and_rest(items.len()) {
            self.put(b"(");
            for item in items.get(batch).unwrap_or_default() {
                self.value(item, depth)?;
            }
            self.put(&[0x90]);
        }
        Ok(())
    }

    fn classed(
        &mut self,
        class: PythonClass,
        value: &'v Value,
        depth: usize,
    ) -> Result<(), WriteError> {
        match (class, value) {
            (PythonClass::FrozenSet, Value::Set(items)) => {
                self.put(b"(");
                items.iter().try_for_each(|item| self.value(item, depth))?;
                self.put(&[0x91]);
                self.memoize();
            }
            (PythonClass::ByteArray, Value::Bytes(bytes)) => {
                self.head(0x96, &(bytes.len() as u64).to_le_bytes());
                self.put(bytes);
                self.memoize();
            }
            (PythonClass::OrderedDict, Value::Map(map)) => {
                self.ordered_dict();
                self.items(map, depth)?;
            }
            (PythonClass::SafeString, Value::Str(text)) => self.safe_string(text),
            // Made by hand of what the class does not hold: the plain value is all there is.
            _ => self.value(value, depth)?,
        }
        Ok(())
    }

    fn map(&mut self, map: &'v Map, depth: usize) -> Result<(), WriteError> {
        self.boundary();
        self.entries(map, below(depth)?)
    }

    fn entries(&mut self, map: &'v Map, depth: usize) -> Result<(), WriteError> {
        self.put(b"}");
        self.memoize();
        self.items(map, depth)
    }

    /// The entries of the mapping on top.
    fn items(&mut self, map: &'v Map, depth: usize) -> Result<(), WriteError> {
        let entry = |writer: &mut Self, (key, value): (&'v Value, &'v Value)| {
            writer.value(key, depth)?;
            writer.value(value, depth)
        };
        if let Some(only) = map.single() {
            entry(self, only)?;
            self.put(b"s");
        } else if !map.is_empty() {
            let mut entries = map.iter();
            for batch in full_and_rest(map.len()) {
                self.put(b"(");
                for pair in entries.by_ref().take(batch.len()) {
                    entry(self, pair)?;
                }
                self.put(b"u");
            }
        }
        Ok(())
    }
}

fn below(depth: usize) -> Result<usize, WriteError> {
    depth.checked_sub(1).ok_or(WriteError::TooDeep)
}

/// CPython's batches of sets and mappings: after a full one there is always
/// another, even if nothing is left for it.
fn full_and_rest(len: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..=len / BATCH).map(move |batch| batch * BATCH..len.min((batch + 1) * BATCH))
}
