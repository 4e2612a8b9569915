//! The strings of a JSON text.

use super::read::{Dialect, Fault, Reader};
use crate::Value;

impl<D: Dialect> Reader<'_, D> {
    /// The string whose opening quote is the next byte.
    pub(super) fn string(&mut self) -> Result<Value, Fault> {
        let quote = self.at;
        self.at += 1;
        let start = self.at;
        self.at += plain_run(self.rest());
        match self.peek() {
            Some(b'"') => {
                let text = self.text.get(start..self.at).unwrap_or_default();
                self.close_string(quote)?;
                Ok(Value::Str(text.into()))
            }
            Some(b'\\') => self.escaped_string(quote, start),
            Some(_) => Err(self.fail("Invalid control character at", self.at)),
            None => Err(self.fail("Unterminated string starting at", quote)),
        }
    }

    /// Passes the closing quote.
    fn close_string(&mut self, quote: usize) -> Result<(), Fault> {
        if self.at > self.replaced {
            return Err(Fault::NotUtf8 { at: quote + 1 });
        }
        self.at += 1;
        Ok(())
    }

    /// The rest of a string, from its first backslash on.
    #[inline(never)]
    fn escaped_string(&mut self, quote: usize, start: usize) -> Result<Value, Fault> {
        let mut text = String::from(self.text.get(start..self.at).unwrap_or_default());
        loop {
            let run = self.at;
            self.at += plain_run(self.rest());
            text.push_str(self.text.get(run..self.at).unwrap_or_default());
            match self.peek() {
                Some(b'"') => {
                    self.close_string(quote)?;
                    return Ok(Value::Str(text));
                }
                Some(b'\\') => {
                    let before = self.at;
                    match char::from_u32(self.escape(quote)?) {
                        Some(plain) => text.push(plain),
                        None if D::STRICT => {
                            return Err(self.fail("Lone surrogate", before));
                        }
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
    fn surrogates(&mut self, quote: usize, before: String) -> Result<Value, Fault> {
        let mut points: Vec<u32> = before.chars().map(u32::from).collect();
        loop {
            match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
                Some('"') => {
                    self.at += 1;
                    let text = Value::text_from_code_points(points);
                    return text.ok_or(Fault::NotUtf8 { at: quote });
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
    fn escape(&mut self, quote: usize) -> Result<u32, Fault> {
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
    fn unit(&mut self) -> Result<u32, Fault> {
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
