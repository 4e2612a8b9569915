//! Numbers in base 62, as `django.core.signing` writes timestamps.

use super::SigningError;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// `b62_encode`: `1_767_323_045` is `1vbVSP`.
pub fn b62_encode(number: i64) -> String {
    let mut digits = [0_u8; 11];
    let mut start = digits.len();
    let mut rest = number.unsigned_abs();
    loop {
        start -= 1;
        // 11 digits hold 2⁶⁴, so both lookups succeed.
        if let (Some(place), Some(digit)) =
            (digits.get_mut(start), ALPHABET.get((rest % 62) as usize))
        {
            *place = *digit;
        }
        rest /= 62;
        if rest == 0 {
            break;
        }
    }
    let mut out = String::with_capacity(12);
    if number < 0 {
        out.push('-');
    }
    out.extend(digits.get(start..).unwrap_or_default().iter().copied().map(char::from));
    out
}

/// `b62_decode`; what does not fit saturates, which changes no comparison of dates.
///
/// # Errors
/// [`SigningError::EmptyTimestamp`] (Python: `IndexError`) and
/// [`SigningError::BadTimestamp`] (`ValueError`).
pub fn b62_decode(text: &str) -> Result<i128, SigningError> {
    if text.is_empty() {
        return Err(SigningError::EmptyTimestamp);
    }
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let mut number: i128 = 0;
    for byte in digits.bytes() {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'A'..=b'Z' => byte - b'A' + 10,
            b'a'..=b'z' => byte - b'a' + 36,
            _ => return Err(SigningError::BadTimestamp),
        };
        number = number.saturating_mul(62).saturating_add(digit.into());
    }
    Ok(sign * number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        for (number, text) in [
            (0, "0"),
            (61, "z"),
            (62, "10"),
            (-62, "-10"),
            (1_767_323_045, "1vbVSP"),
            (i64::MAX, "AzL8n0Y58m7"),
            (i64::MIN, "-AzL8n0Y58m8"),
        ] {
            assert_eq!(b62_encode(number), text);
            assert_eq!(b62_decode(text), Ok(number.into()));
        }
    }

    #[test]
    fn what_is_no_number_is_an_error() {
        assert_eq!(b62_decode(""), Err(SigningError::EmptyTimestamp));
        assert_eq!(b62_decode("1_0"), Err(SigningError::BadTimestamp));
        assert_eq!(b62_decode("é"), Err(SigningError::BadTimestamp));
        assert_eq!(b62_decode("-"), Ok(0));
        assert_eq!(b62_decode(&"z".repeat(1000)), Ok(i128::MAX));
    }
}
