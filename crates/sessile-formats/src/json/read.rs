//! JSON text to values, with one cursor over the bytes.

use std::marker::PhantomData;

use super::{MAX_DEPTH, MAX_INT_DIGITS};
use crate::error::PayloadError;
use crate::{Map, Value};

/// What is read, and what becomes of it.
pub(crate) trait Dialect: Sized {
    /// RFC 8259 to the letter: no NaN and no infinities, no lone surrogates, no
    /// number beyond a float's range.
    const STRICT: bool = false;
    /// How deep containers may nest.
    const DEPTH: usize = MAX_DEPTH;
    /// How many values there may be.
    const VALUES: usize = usize::MAX;

    /// An object of exactly one entry.
    fn single(key: Value, value: Value) -> Result<Value, PayloadError> {
        let mut map = Map::with_capacity(1);
        map.insert(key, value);
        Ok(Value::Map(map))
    }
}

/// What `json.loads` reads.
pub(super) struct Plain;

impl Dialect for Plain {}

/// Why a document was not read.
pub(crate) enum Fault {
    /// It is no JSON at this byte.
    Syntax {
        what: &'static str,
        at: usize,
    },
    /// The text that begins at this byte is not UTF-8.
    NotUtf8 {
        at: usize,
    },
    /// A bound of the dialect's.
    TooDeep,
    TooManyValues,
    LongInteger {
        digits: usize,
        at: usize,
    },
    /// The dialect refuses an object of one entry.
    Object(PayloadError),
}

impl Fault {
    /// As Python's `JSONDecodeError` says it.
    #[cold]
    fn in_python(self, text: &str) -> PayloadError {
        match self {
            Self::Syntax { what, at } => {
                let before = text.get(..at).unwrap_or(text);
                let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
                let line = 1 + before.bytes().filter(|byte| *byte == b'\n').count();
                let column = 1 + before.get(line_start..).unwrap_or_default().chars().count();
                PayloadError::Syntax { what, line, column, at: before.chars().count() }
            }
            Self::NotUtf8 { .. } => PayloadError::NotUtf8,
            // Only dialects with a bound on values of their own meet it.
            Self::TooDeep | Self::TooManyValues => PayloadError::TooDeep,
            Self::LongInteger { digits, .. } => PayloadError::LongInteger { digits },
            Self::Object(error) => error,
        }
    }
}

/// Reads one whole document as Python's `json.loads` does.
pub(crate) fn read_dialect<D: Dialect>(text: &[u8]) -> Result<Value, PayloadError> {
    let text = std::str::from_utf8(text).map_err(|_| PayloadError::NotUtf8)?;
    if text.starts_with('\u{feff}') {
        let what = "Unexpected UTF-8 BOM (decode using utf-8-sig)";
        return Err(Fault::Syntax { what, at: 0 }.in_python(text));
    }
    Reader::<D>::new(text, usize::MAX).document().map_err(|fault| fault.in_python(text))
}

/// Reads one whole document and says at which byte it is wrong. Bytes that are
/// not UTF-8 are a [`Fault::NotUtf8`] within a string and a fault of syntax elsewhere.
pub(crate) fn read_bytes<D: Dialect>(bytes: &[u8]) -> Result<Value, Fault> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Reader::<D>::new(text, usize::MAX).document(),
        Err(error) => {
            let text = String::from_utf8_lossy(bytes);
            Reader::<D>::new(&text, error.valid_up_to()).document()
        }
    }
}

pub(super) struct Reader<'t, D> {
    pub(super) text: &'t str,
    bytes: &'t [u8],
    pub(super) at: usize,
    /// The first byte that stands for what was not UTF-8.
    pub(super) replaced: usize,
    /// How many more values may come.
    values: usize,
    dialect: PhantomData<D>,
}

impl<'t, D: Dialect> Reader<'t, D> {
    fn new(text: &'t str, replaced: usize) -> Self {
        let bytes = text.as_bytes();
        Self { text, bytes, at: 0, replaced, values: D::VALUES, dialect: PhantomData }
    }

    fn document(mut self) -> Result<Value, Fault> {
        self.skip_space();
        let value = self.value(0)?;
        self.skip_space();
        if self.at < self.text.len() {
            return Err(self.fail("Extra data", self.at));
        }
        Ok(value)
    }

    #[cold]
    pub(super) fn fail(&self, what: &'static str, at: usize) -> Fault {
        Fault::Syntax { what, at }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(super) fn rest(&self) -> &'t [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, Fault> {
        self.values = self.values.checked_sub(1).ok_or(Fault::TooManyValues)?;
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word(b"true", Value::Bool(true)),
            Some(b'f') => self.word(b"false", Value::Bool(false)),
            Some(b'n') => self.word(b"null", Value::Null),
            Some(b'N') if !D::STRICT => self.word(b"NaN", Value::Float(f64::NAN)),
            Some(b'I') if !D::STRICT => self.word(b"Infinity", Value::Float(f64::INFINITY)),
            _ => Err(self.fail("Expecting value", self.at)),
        }
    }

    fn word(&mut self, word: &[u8], value: Value) -> Result<Value, Fault> {
        if self.rest().starts_with(word) {
            self.at += word.len();
            return Ok(value);
        }
        Err(self.fail("Expecting value", self.at))
    }

    fn object(&mut self, depth: usize) -> Result<Value, Fault> {
        let depth = deeper::<D>(depth)?;
        self.at += 1;
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Map(Map::new()));
        }
        let (key, value) = self.entry(depth)?;
        if self.ends(b'}')? {
            return D::single(key, value).map_err(Fault::Object);
        }
        let mut map = Map::with_capacity(8);
        map.insert(key, value);
        loop {
            let (key, value) = self.entry(depth)?;
            map.insert(key, value);
            if self.ends(b'}')? {
                break;
            }
        }
        if map.len() == 1 {
            // The same key over and over.
            if let Some((key, value)) = map.pop_last() {
                return D::single(key, value).map_err(Fault::Object);
            }
        }
        Ok(Value::Map(map))
    }

    fn entry(&mut self, depth: usize) -> Result<(Value, Value), Fault> {
        if self.peek() != Some(b'"') {
            let what = "Expecting property name enclosed in double quotes";
            return Err(self.fail(what, self.at));
        }
        let key = self.string()?;
        self.skip_space();
        if self.peek() != Some(b':') {
            return Err(self.fail("Expecting ':' delimiter", self.at));
        }
        self.at += 1;
        self.skip_space();
        Ok((key, self.value(depth)?))
    }

    /// Whether `end` follows (and is passed), rather than a comma (passed, too).
    fn ends(&mut self, end: u8) -> Result<bool, Fault> {
        self.skip_space();
        match self.peek() {
            Some(byte) if byte == end => {
                self.at += 1;
                Ok(true)
            }
            Some(b',') => {
                self.at += 1;
                self.skip_space();
                Ok(false)
            }
            _ => Err(self.fail("Expecting ',' delimiter", self.at)),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, Fault> {
        let depth = deeper::<D>(depth)?;
        self.at += 1;
        self.skip_space();
        let mut items = Vec::new();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value(depth)?);
            if self.ends(b']')? {
                return Ok(Value::List(items));
            }
        }
    }

    fn number(&mut self) -> Result<Value, Fault> {
        let start = self.at;
        let negative = self.peek() == Some(b'-');
        if negative {
            self.at += 1;
            if !D::STRICT && self.rest().starts_with(b"Infinity") {
                self.at += 8;
                return Ok(Value::Float(f64::NEG_INFINITY));
            }
        }
        let first = self.at;
        let digits = self.digits();
        let whole_end = self.at;
        if digits == 0 {
            return Err(self.fail("Expecting value", start));
        }
        if digits > 1 && self.bytes.get(first) == Some(&b'0') {
            // Python reads the zero and then finds something after it.
            self.at = first + 1;
            return Ok(Value::Int(0));
        }
        let mut float = false;
        if self.peek() == Some(b'.') {
            self.at += 1;
            float = self.digits() > 0;
            if !float {
                self.at = whole_end;
            }
        }
        let before_exponent = self.at;
        if (float || self.at == whole_end) && matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() > 0 {
                float = true;
            } else {
                self.at = before_exponent;
            }
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        if float {
            // Overflow is infinity to both languages.
            let number: f64 = text.parse().unwrap_or(f64::NAN);
            if D::STRICT && !number.is_finite() {
                return Err(self.fail("Number out of range", start));
            }
            return Ok(Value::Float(number));
        }
        if digits <= 18 {
            let magnitude = text.bytes().filter(u8::is_ascii_digit);
            let number =
                magnitude.fold(0, |number: i64, digit| number * 10 + i64::from(digit - b'0'));
            return Ok(Value::Int(if negative { -number } else { number }));
        }
        // The strict dialect counts the sign.
        if digits > MAX_INT_DIGITS || D::STRICT && text.len() > MAX_INT_DIGITS {
            return Err(Fault::LongInteger { digits, at: start });
        }
        Value::int_from_decimal(text).ok_or(Fault::LongInteger { digits, at: start })
    }

    /// Passes decimal digits and counts them.
    fn digits(&mut self) -> usize {
        let count = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        count
    }
}

fn deeper<D: Dialect>(depth: usize) -> Result<usize, Fault> {
    if depth < D::DEPTH { Ok(depth + 1) } else { Err(Fault::TooDeep) }
}
