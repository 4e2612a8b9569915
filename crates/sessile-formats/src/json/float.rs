//! Floats as Python's `repr` spells them.

/// The shortest text that reads back as `number`, which must be finite: with an
/// exponent below 1e-4 and from 1e16 on, always with a point or an exponent.
pub(crate) fn push_finite(out: &mut Vec<u8>, number: f64) {
    // Rust's own formatting breaks ties between two shortest texts the other way.
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(number);
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    out.extend_from_slice(sign.as_bytes());
    // Python goes over to an exponent one digit earlier, and gives it two digits.
    if let Some((first, rest)) = digits.strip_prefix("0.0000").and_then(|it| it.split_at_checked(1))
    {
        out.extend_from_slice(first.as_bytes());
        if !rest.is_empty() {
            out.push(b'.');
            out.extend_from_slice(rest.as_bytes());
        }
        out.extend_from_slice(b"e-05");
        return;
    }
    match digits.split_once("e-") {
        Some((digits, power)) if power.len() == 1 => {
            out.extend_from_slice(digits.as_bytes());
            out.extend_from_slice(b"e-0");
            out.extend_from_slice(power.as_bytes());
        }
        _ => out.extend_from_slice(digits.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn floats_are_spelled_as_python_spells_them() {
        let cases: [(f64, &str); 19] = [
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
            // Halfway between two texts of 17 digits.
            (205_054_335_224_964.63, "205054335224964.62"),
            (-0.000_012_5, "-1.25e-05"),
            (1e-7, "1e-07"),
            (9_007_199_254_740_993.0, "9007199254740992.0"),
        ];
        for (number, expected) in cases {
            let mut out = Vec::new();
            super::push_finite(&mut out, number);
            assert_eq!(out, expected.as_bytes());
        }
    }
}
