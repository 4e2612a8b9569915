//! JSON text to values, with one cursor over the bytes.

use std::marker::PhantomData;

use super::{MAX_DEPTH, MAX_INT_DIGITS};
use crate::error::PayloadError;
use crate::{Map, Value};

/// What becomes of an object once its entries are read.
pub(crate) trait Dialect: Sized {
    /// An object of exactly one entry.
    fn single(key: Value, value: Value) -> Result<Value, PayloadError>;
}

/// Objects stay mappings.
pub(super) struct Plain;

impl Dialect for Plain {
    fn single(key: Value, value: Value) -> Result<Value, PayloadError> {
        let mut map = Map::with_capacity(1);
        map.insert(key, value);
        Ok(Value::Map(map))
    }
}

/// Reads one whole document.
pub(crate) fn read_dialect<D: Dialect>(text: &[u8]) -> Result<Value, PayloadError> {
    let text = std::str::from_utf8(text).map_err(|_| PayloadError::NotUtf8)?;
    let mut reader = Reader::<D> { text, bytes: text.as_bytes(), at: 0, dialect: PhantomData };
    if text.starts_with('\u{feff}') {
        return Err(reader.fail("Unexpected UTF-8 BOM (decode using utf-8-sig)", 0));
    }
    reader.skip_space();
    let value = reader.value(0)?;
    reader.skip_space();
    if reader.at < text.len() {
        return Err(reader.fail("Extra data", reader.at));
    }
    Ok(value)
}

struct Reader<'t, D> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    dialect: PhantomData<D>,
}

impl<'t, D: Dialect> Reader<'t, D> {
    #[cold]
    fn fail(&self, what: &'static str, at: usize) -> PayloadError {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = 1 + before.bytes().filter(|byte| *byte == b'\n').count();
        let column = 1 + before.get(line_start..).unwrap_or_default().chars().count();
        PayloadError::Syntax { what, line, column, at: before.chars().count() }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn rest(&self) -> &'t [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, PayloadError> {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word(b"true", Value::Bool(true)),
            Some(b'f') => self.word(b"false", Value::Bool(false)),
            Some(b'n') => self.word(b"null", Value::Null),
            Some(b'N') => self.word(b"NaN", Value::Float(f64::NAN)),
            Some(b'I') => self.word(b"Infinity", Value::Float(f64::INFINITY)),
            _ => Err(self.fail("Expecting value", self.at)),
        }
    }

    fn word(&mut self, word: &[u8], value: Value) -> Result<Value, PayloadError> {
        if self.rest().starts_with(word) {
            self.at += word.len();
            return Ok(value);
        }
        Err(self.fail("Expecting value", self.at))
    }

    fn object(&mut self, depth: usize) -> Result<Value, PayloadError> {
        let depth = deeper(depth)?;
        self.at += 1;
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Map(Map::new()));
        }
        let (key, value) = self.entry(depth)?;
        if self.ends(b'}')? {
            return D::single(key, value);
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
                return D::single(key, value);
            }
        }
        Ok(Value::Map(map))
    }

    fn entry(&mut self, depth: usize) -> Result<(Value, Value), PayloadError> {
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
    fn ends(&mut self, end: u8) -> Result<bool, PayloadError> {
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

    fn array(&mut self, depth: usize) -> Result<Value, PayloadError> {
        let depth = deeper(depth)?;
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

    fn number(&mut self) -> Result<Value, PayloadError> {
        let start = self.at;
        let negative = self.peek() == Some(b'-');
        if negative {
            self.at += 1;
            if self.rest().starts_with(b"Infinity") {
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
            return Ok(Value::Float(text.parse().unwrap_or(f64::NAN)));
        }
        if digits <= 18 {
            let magnitude = text.bytes().filter(u8::is_ascii_digit);
            let number =
                magnitude.fold(0, |number: i64, digit| number * 10 + i64::from(digit - b'0'));
            return Ok(Value::Int(if negative { -number } else { number }));
        }
        if digits > MAX_INT_DIGITS {
            return Err(PayloadError::LongInteger { digits });
        }
        Value::int_from_decimal(text).ok_or(PayloadError::LongInteger { digits })
    }

    /// Passes decimal digits and counts them.
    fn digits(&mut self) -> usize {
        let count = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        count
    }

    fn string(&mut self) -> Result<Value, PayloadError> {
        let quote = self.at;
        self.at += 1;
        let start = self.at;
        self.at += plain_run(self.rest());
        match self.peek() {
            Some(b'"') => {
                let text = self.text.get(start..self.at).unwrap_or_default();
                self.at += 1;
                Ok(Value::Str(text.into()))
            }
            Some(b'\\') => self.escaped_string(quote, start),
            Some(_) => Err(self.fail("Invalid control character at", self.at)),
            None => Err(self.fail("Unterminated string starting at", quote)),
        }
    }

    /// The rest of a string, from its first backslash on.
    #[inline(never)]
    fn escaped_string(&mut self, quote: usize, start: usize) -> Result<Value, PayloadError> {
        let mut text = String::from(self.text.get(start..self.at).unwrap_or_default());
        loop {
            let run = self.at;
            self.at += plain_run(self.rest());
            text.push_str(self.text.get(run..self.at).unwrap_or_default());
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Value::Str(text));
                }
                Some(b'\\') => {
                    let before = self.at;
                    match char::from_u32(self.escape(quote)?) {
                        Some(plain) => text.push(plain),
                        None => {
                            self.at = before;
                            return self.surrogates(quote, text);
                        }
                    }
                }
                Some(_) => return Err(self.fail("Invalid control character at", self.at)),
                None => return Err(self.fail("Unterminated string starting at", quote)),
            }
        }
    }

    /// The rest of a string in which a surrogate stands alone.
    #[cold]
    fn surrogates(&mut self, quote: usize, before: String) -> Result<Value, PayloadError> {
        let mut points: Vec<u32> = before.chars().map(u32::from).collect();
        loop {
            match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
                Some('"') => {
                    self.at += 1;
                    let text = Value::text_from_code_points(points);
                    return text.ok_or(PayloadError::NotUtf8);
                }
                Some('\\') => points.push(self.escape(quote)?),
                Some('\0'..='\u{1f}') => {
                    return Err(self.fail("Invalid control character at", self.at));
                }
                Some(plain) => {
                    self.at += plain.len_utf8();
                    points.push(u32::from(plain));
                }
                None => return Err(self.fail("Unterminated string starting at", quote)),
            }
        }
    }

    /// The code point a backslash stands for. Two escaped surrogates that belong
    /// together count as one.
    fn escape(&mut self, quote: usize) -> Result<u32, PayloadError> {
        let backslash = self.at;
        self.at += 1;
        let Some(kind) = self.peek() else {
            return Err(self.fail("Unterminated string starting at", quote));
        };
        self.at += 1;
        Ok(u32::from(match kind {
            b'"' | b'\\' | b'/' => kind,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let unit = self.unit()?;
                if !(0xd800..0xdc00).contains(&unit) || !self.rest().starts_with(b"\\u") {
                    return Ok(unit);
                }
                let after_high = self.at;
                self.at += 2;
                let low = self.unit()?;
                if (0xdc00..0xe000).contains(&low) {
                    return Ok(0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
                }
                self.at = after_high;
                return Ok(unit);
            }
            _ => return Err(self.fail("Invalid \\escape", backslash)),
        }))
    }

    /// Four hex digits.
    fn unit(&mut self) -> Result<u32, PayloadError> {
        let digits = self.rest().get(..4).unwrap_or_default();
        let unit = digits.iter().try_fold(0_u32, |unit, digit| {
            char::from(*digit).to_digit(16).map(|digit| unit << 4 | digit)
        });
        match unit {
            // CPython wants a character after the digits, too.
            Some(unit) if self.rest().len() > 4 => {
                self.at += 4;
                Ok(unit)
            }
            _ => Err(self.fail("Invalid \\uXXXX escape", self.at.saturating_sub(1))),
        }
    }
}

/// How many bytes come before the next quote, backslash or control character.
fn plain_run(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = ONES << 7;
    // Marks the bytes that are zero; marks above the lowest one may be false.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    let (words, tail) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
        let found = control | zeros(word ^ (ONES * 0x22)) | zeros(word ^ (ONES * 0x5c));
        if found != 0 {
            return at * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let special = |byte: &u8| matches!(byte, 0..=0x1f | b'"' | b'\\');
    words.len() * 8 + tail.iter().position(special).unwrap_or(tail.len())
}

fn deeper(depth: usize) -> Result<usize, PayloadError> {
    if depth < MAX_DEPTH { Ok(depth + 1) } else { Err(PayloadError::TooDeep) }
}
