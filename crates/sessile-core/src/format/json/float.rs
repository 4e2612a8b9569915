//! Floats as Python's `repr` spells them.

/// The shortest text that reads back as `number`, which must be finite: with an
/// exponent below 1e-4 and from 1e16 on, always with a point or an exponent.
pub(crate) fn push_finite(out: &mut Vec<u8>, number: f64) {
    // Rust finds the same shortest digits; only their layout differs.
    let text = format!("{number:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => (&b"-"[..], rest),
        None => (&b""[..], mantissa),
    };
    out.extend_from_slice(sign);
    let digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    if !(-4..16).contains(&exponent) {
        out.extend(digits.first());
        if digits.len() > 1 {
            out.push(b'.');
            out.extend(digits.iter().skip(1));
        }
        let sign = if exponent < 0 { '-' } else { '+' };
        out.extend_from_slice(format!("e{sign}{:02}", exponent.unsigned_abs()).as_bytes());
        return;
    }
    match usize::try_from(exponent) {
        Ok(whole) => {
            let point = whole + 1;
            out.extend(digits.iter().copied().chain(std::iter::repeat(b'0')).take(point));
            out.push(b'.');
            out.extend(digits.iter().skip(point));
            if digits.len() <= point {
                out.push(b'0');
            }
        }
        Err(_) => {
            out.extend_from_slice(b"0.");
            out.extend((1..exponent.unsigned_abs()).map(|_| b'0'));
            out.extend(digits);
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn floats_are_spelled_as_python_spells_them() {
        let cases: [(f64, &str); 16] = [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (10.0, "10.0"),
            (1.5, "1.5"),
            (0.1, "0.1"),
            (0.001_25, "0.00125"),
            (0.0001, "0.0001"),
            (0.000_01, "1e-05"),
            (1e16, "1e+16"),
            (1e15, "1000000000000000.0"),
            (123_456.75, "123456.75"),
            (1.234_567_890_123_456_8e17, "1.2345678901234568e+17"),
            (5e-324, "5e-324"),
            (1e100, "1e+100"),
            (-1e22, "-1e+22"),
            (9_007_199_254_740_993.0, "9007199254740992.0"),
        ];
        for (number, expected) in cases {
            let mut out = Vec::new();
            super::push_finite(&mut out, number);
            assert_eq!(out, expected.as_bytes());
        }
    }
}
