//! JSON to values as msgspec 0.22 reads it: strict RFC 8259, no NaN, no lone surrogates.

use crate::msgpack::{MAX_DEPTH, MAX_LEN, MAX_VALUES, ReadError};
use crate::value::{Map, Value};

/// CPython's limit for reading integers, sign included.
const MAX_DIGITS: usize = 4300;

/// Reads one document as `msgspec.json.decode` does; of equal keys the last value wins.
///
/// # Errors
/// See [`ReadError`].
pub fn read_json(input: &[u8]) -> Result<Value, ReadError> {
    if input.len() > MAX_LEN {
        return Err(ReadError::TooLarge);
    }
    let mut reader = Reader { input, at: 0, values: MAX_VALUES };
    let value = reader.value(MAX_DEPTH)?;
    reader.skip_space();
    if reader.at != input.len() {
        return Err(reader.malformed("trailing characters"));
    }
    Ok(value)
}

struct Reader<'a> {
    input: &'a [u8],
    at: usize,
    /// How many more values may come.
    values: usize,
}

impl<'a> Reader<'a> {
    fn malformed(&self, what: &'static str) -> ReadError {
        ReadError::Malformed { what, at: self.at }
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.input.get(self.at) {
            self.at += 1;
        }
    }

    fn byte(&self) -> Result<u8, ReadError> {
        self.input.get(self.at).copied().ok_or_else(|| self.malformed("input data was truncated"))
    }

    /// The next byte that is not white space, left in place.
    fn peek(&mut self) -> Result<u8, ReadError> {
        self.skip_space();
        self.byte()
    }

    fn value(&mut self, depth: usize) -> Result<Value, ReadError> {
        self.values = self.values.checked_sub(1).ok_or(ReadError::TooLarge)?;
        match self.peek()? {
            b'n' => self.word(b"null", Value::Null),
            b't' => self.word(b"true", Value::Bool(true)),
            b'f' => self.word(b"false", Value::Bool(false)),
            b'[' => self.list(depth),
            b'{' => self.map(depth),
            b'"' => self.text().map(Value::Str),
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &[u8], value: Value) -> Result<Value, ReadError> {
        if self.input.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            self.at += word.len();
            return Ok(value);
        }
        Err(self.malformed("invalid character"))
    }

    /// Steps to the next element: `true` if there is one, `false` past `close`.
    fn next(&mut self, first: bool, close: u8) -> Result<bool, ReadError> {
        let byte = self.peek()?;
        if byte == close {
            self.at += 1;
            return Ok(false);
        }
        if first {
            return Ok(true);
        }
        if byte != b',' {
            return Err(self.malformed("expected ',' or the closing bracket"));
        }
        self.at += 1;
        if self.peek()? == close {
            return Err(self.malformed("trailing comma"));
        }
        Ok(true)
    }

    fn list(&mut self, depth: usize) -> Result<Value, ReadError> {
        let depth = depth.checked_sub(1).ok_or(ReadError::TooDeep)?;
        self.at += 1;
        let mut items = Vec::new();
        while self.next(items.is_empty(), b']')? {
            items.push(self.value(depth)?);
        }
        Ok(Value::List(items))
    }

    fn map(&mut self, depth: usize) -> Result<Value, ReadError> {
        let depth = depth.checked_sub(1).ok_or(ReadError::TooDeep)?;
        self.at += 1;
        let mut map = Map::new();
        while self.next(map.is_empty(), b'}')? {
            if self.byte()? != b'"' {
                return Err(self.malformed("object keys must be strings"));
            }
            let key = self.text()?;
            if self.peek()? != b':' {
                return Err(self.malformed("expected ':'"));
            }
            self.at += 1;
            let value = self.value(depth)?;
            map.insert(key, value);
        }
        Ok(Value::Map(map))
    }

    /// The string whose opening quote is the next byte.
    fn text(&mut self) -> Result<String, ReadError> {
        self.at += 1;
        let start = self.at;
        let mut unescaped: Vec<u8> = Vec::new();
        let mut copied = start;
        loop {
            match self.byte()? {
                b'"' => break,
                b'\\' => {
                    unescaped
                        .extend_from_slice(self.input.get(copied..self.at).unwrap_or_default());
                    self.at += 1;
                    self.escape(&mut unescaped)?;
                    copied = self.at;
                }
                0..=0x1f => return Err(self.malformed("invalid character")),
                _ => self.at += 1,
            }
        }
        let tail = self.input.get(copied..self.at).unwrap_or_default();
        self.at += 1;
        let utf8 = ReadError::Utf8 { at: start };
        if copied == start {
            return std::str::from_utf8(tail).map(Into::into).map_err(|_| utf8);
        }
        unescaped.extend_from_slice(tail);
        String::from_utf8(unescaped).map_err(|_| utf8)
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Result<(), ReadError> {
        let byte = self.byte()?;
        self.at += 1;
        out.push(match byte {
            b'"' | b'\\' | b'/' => byte,
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'b' => 8,
            b'f' => 12,
            b'u' => {
                let letter = self.unicode_escape()?;
                out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return Err(self.malformed("invalid escape character in string")),
        });
        Ok(())
    }

    fn unicode_escape(&mut self) -> Result<char, ReadError> {
        let first = self.hex4()?;
        let point = match first {
            0xd800..=0xdbff => {
                if !self.input.get(self.at..).is_some_and(|rest| rest.starts_with(b"\\u")) {
                    let what = "unexpected end of escaped utf-16 surrogate pair";
                    return Err(self.malformed(what));
                }
                self.at += 2;
                let second = self.hex4()?;
                if !(0xdc00..=0xdfff).contains(&second) {
                    return Err(self.malformed("invalid utf-16 surrogate pair"));
                }
                0x1_0000 + ((first - 0xd800) << 10 | (second - 0xdc00))
            }
            other => other,
        };
        char::from_u32(point).ok_or_else(|| self.malformed("invalid utf-16 surrogate pair"))
    }

    fn hex4(&mut self) -> Result<u32, ReadError> {
        let digits = self.input.get(self.at..).and_then(|rest| rest.first_chunk::<4>());
        let digits = digits.ok_or_else(|| self.malformed("input data was truncated"))?;
        let mut point = 0;
        for digit in digits {
            let value = char::from(*digit).to_digit(16);
            let what = "invalid character in unicode escape";
            point = point << 4 | value.ok_or_else(|| self.malformed(what))?;
        }
        self.at += 4;
        Ok(point)
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.input.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Result<Value, ReadError> {
        let start = self.at;
        if self.byte()? == b'-' {
            self.at += 1;
        }
        let zero = self.input.get(self.at) == Some(&b'0');
        let whole = self.digits();
        if whole == 0 {
            return Err(self.malformed("invalid character"));
        }
        if zero && whole > 1 {
            return Err(self.malformed("invalid number"));
        }
        let mut float = false;
        if self.input.get(self.at) == Some(&b'.') {
            float = true;
            self.at += 1;
            if self.digits() == 0 {
                return Err(self.malformed("invalid number"));
            }
        }
        if let Some(b'e' | b'E') = self.input.get(self.at) {
            float = true;
            self.at += 1;
            if let Some(b'+' | b'-') = self.input.get(self.at) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return Err(self.malformed("invalid number"));
            }
        }
        let text = self.input.get(start..self.at).unwrap_or_default();
        let text = std::str::from_utf8(text).map_err(|_| self.malformed("invalid number"))?;
        if float {
            return match text.parse::<f64>() {
                Ok(value) if value.is_finite() => Ok(Value::Float(value)),
                _ => Err(self.malformed("Number out of range")),
            };
        }
        if text.len() > MAX_DIGITS {
            return Err(self.malformed("Integer value out of range"));
        }
        Value::int_from_decimal(text).ok_or_else(|| self.malformed("invalid number"))
    }
}
