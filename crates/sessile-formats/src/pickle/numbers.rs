//! Numbers and text as pickles spell them.

use super::PickleError;
use crate::value::Value;

/// Bytes of the longest integer read: about as many digits as Python prints.
const MAX_LONG: usize = 1786;
pub(super) const MAX_DIGITS: usize = 4300;

/// Decimal digits with white space around, as `int()` takes them.
pub(super) fn decimal(text: &str) -> Result<Value, PickleError> {
    let text = text.trim_ascii();
    if text.len() > MAX_DIGITS {
        return Err(PickleError::Content("an integer that is too long"));
    }
    Value::int_from_decimal(text).ok_or(PickleError::Content("could not convert string to int"))
}

/// A float as Python's `repr` prints it.
pub(super) fn float(text: &str) -> Result<f64, PickleError> {
    text.trim_ascii().parse().map_err(|_| PickleError::Content("could not convert string to float"))
}

/// A little-endian integer in two's complement. `None` if it is too long.
pub(super) fn long(bytes: &[u8]) -> Option<Value> {
    if bytes.len() > MAX_LONG {
        return None;
    }
    let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    // The magnitude, least significant byte first.
    let mut carry = negative;
    let magnitude: Vec<u8> = bytes
        .iter()
        .map(|byte| {
            if !negative {
                return *byte;
            }
            let (byte, overflow) = (!byte).overflowing_add(u8::from(carry));
            carry = overflow;
            byte
        })
        .collect();
    // Groups of nine decimal digits, least significant first.
    let mut groups: Vec<u64> = vec![0];
    for byte in magnitude.iter().rev() {
        let mut carry = u64::from(*byte);
        for group in &mut groups {
            let value = *group * 256 + carry;
            *group = value % 1_000_000_000;
            carry = value / 1_000_000_000;
        }
        if carry != 0 {
            groups.push(carry);
        }
    }
    let mut text = String::from(if negative { "-" } else { "" });
    for group in groups.iter().rev() {
        text.push_str(&format!("{group:09}"));
    }
    Value::int_from_decimal(&text)
}

/// As few little-endian bytes as hold the number in two's complement.
pub(super) fn shortest(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let [.., before, last] = rest {
        // The sign is the highest bit: what only repeats it may go.
        let repeats = matches!((last, before & 0x80), (0, 0) | (0xff, 0x80));
        if !repeats {
            break;
        }
        rest = rest.get(..rest.len() - 1).unwrap_or_default();
    }
    rest
}

/// Canonical decimal text as a little-endian integer in two's complement.
pub(super) fn to_long(text: &str) -> Vec<u8> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    // The magnitude in base 2³², least significant first.
    let mut words: Vec<u32> = Vec::with_capacity(digits.len() / 9 + 1);
    let mut digits = digits.as_bytes();
    while !digits.is_empty() {
        let (group, rest) =
            digits.split_at(if digits.len() % 9 == 0 { 9 } else { digits.len() % 9 });
        digits = rest;
        let mut carry = group.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit & 15));
        for word in &mut words {
            let product = u64::from(*word) * 1_000_000_000 + carry;
            *word = product as u32;
            carry = product >> 32;
        }
        if carry != 0 {
            words.push(carry as u32);
        }
    }
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    bytes.push(0);
    if negative {
        let mut carry = true;
        for byte in &mut bytes {
            (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
        }
    }
    let len = shortest(&bytes).len();
    bytes.truncate(len);
    bytes
}

/// The content of a Python 2 string literal.
pub(super) fn quoted(line: &str) -> Result<Vec<u8>, PickleError> {
    let line = line.trim_ascii();
    let inside = ['\'', '"']
        .iter()
        .find_map(|quote| line.strip_prefix(*quote).and_then(|rest| rest.strip_suffix(*quote)));
    let inside =
        inside.ok_or(PickleError::Malformed("the STRING opcode argument must be quoted"))?;
    let wrong = PickleError::Content("an escape in a string");
    let mut out = Vec::with_capacity(inside.len());
    let mut bytes = inside.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        out.push(match bytes.next() {
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(quote @ (b'\\' | b'\'' | b'"')) => quote,
            Some(b'x') => {
                let digits = [bytes.next(), bytes.next()];
                let digit = |at: Option<u8>| at.and_then(|byte| char::from(byte).to_digit(16));
                match digits.map(digit) {
                    [Some(high), Some(low)] => (high << 4 | low) as u8,
                    _ => return Err(wrong),
                }
            }
            _ => return Err(wrong),
        });
    }
    Ok(out)
}

/// UTF-8 in which surrogates may be encoded (`surrogatepass`).
pub(super) fn wtf8(bytes: &[u8]) -> Option<Value> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Some(Value::Str(text.into()));
    }
    let mut points = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(chunk) = rest.utf8_chunks().next() {
        points.extend(chunk.valid().chars().map(u32::from));
        rest = rest.get(chunk.valid().len()..)?;
        if rest.is_empty() {
            break;
        }
        match rest.split_first_chunk::<3>() {
            Some(([0xed, middle @ 0xa0..=0xbf, last @ 0x80..=0xbf], after)) => {
                points.push(0xd000 | u32::from(middle & 0x3f) << 6 | u32::from(last & 0x3f));
                rest = after;
            }
            _ => return None,
        }
    }
    Value::text_from_code_points(points)
}

/// Latin-1 with `\uXXXX` and `\UXXXXXXXX` (`raw-unicode-escape`).
pub(super) fn raw_unicode(line: &[u8]) -> Option<Value> {
    let mut points = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        points.push(u32::from(byte));
        if byte != b'\\' {
            continue;
        }
        let Some((&kind, after)) = rest.split_first() else { break };
        rest = after;
        let width = match kind {
            b'u' => 4,
            b'U' => 8,
            _ => {
                points.push(u32::from(kind));
                continue;
            }
        };
        let (digits, after) = rest.split_at_checked(width)?;
        rest = after;
        let mut point = 0;
        for digit in digits {
            point = point << 4 | char::from(*digit).to_digit(16)?;
        }
        points.pop();
        points.push(point);
    }
    Value::text_from_code_points(points)
}
