//! Host names in other scripts as Werkzeug writes them: Python's `idna` codec, which is
//! IDNA 2003 (RFC 3490, nameprep RFC 3491, Punycode RFC 3492).
//!
//! Nameprep's check of mixed writing directions is left out: the result is ASCII either way.

use unicode_normalization::UnicodeNormalization as _;

/// The most octets of a label of a host name (RFC 1035 section 2.3.4).
const MAX_LABEL: usize = 63;

/// `host.encode("idna")`: the host name in ASCII, such as `xn--mnchen-3ya.de`.
/// `None` where Python raises `UnicodeError`. The cost grows with the square of
/// the longest label's length: bound the input first.
///
/// ```
/// use sessile_formats::idna::to_ascii;
///
/// assert_eq!(to_ascii("München.de").as_deref(), Some("xn--mnchen-3ya.de"));
/// assert_eq!(to_ascii("a..b"), None);
/// ```
pub fn to_ascii(host: &str) -> Option<String> {
    if host.is_ascii() {
        let (labels, last) = host.rsplit_once('.').map_or((None, host), |(a, b)| (Some(a), b));
        let whole = labels.is_none_or(|labels| {
            labels.split('.').all(|label| (1..=MAX_LABEL).contains(&label.len()))
        });
        return (whole && last.len() <= MAX_LABEL).then(|| host.to_owned());
    }
    let is_dot = |c| matches!(c, '.' | '\u{3002}' | '\u{ff0e}' | '\u{ff61}');
    let (host, end) = match host.strip_suffix(is_dot) {
        Some(host) => (host, "."),
        None => (host, ""),
    };
    let labels: Option<Vec<String>> = host.split(is_dot).map(label_to_ascii).collect();
    Some(labels?.join(".") + end)
}

fn label_to_ascii(label: &str) -> Option<String> {
    let ascii = if label.is_ascii() {
        label.to_owned()
    } else {
        let prepared = nameprep(label)?;
        if prepared.is_ascii() {
            prepared
        } else if prepared.starts_with("xn--") {
            return None;
        } else {
            format!("xn--{}", punycode(&prepared)?)
        }
    };
    (1..=MAX_LABEL).contains(&ascii.len()).then_some(ascii)
}

/// RFC 3491: map, normalise, refuse.
fn nameprep(label: &str) -> Option<String> {
    let mapped: String = label.chars().filter(|c| !vanishes(*c)).flat_map(fold).collect();
    let label: String = mapped.nfkc().collect();
    (!label.chars().any(prohibited)).then_some(label)
}

/// RFC 3454 table B.1.
fn vanishes(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{1806}' | '\u{180b}'..='\u{180d}' | '\u{200b}'..='\u{200d}'
            | '\u{2060}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
    )
}

/// RFC 3454 table B.2, worked out as Python does: fold, normalise, fold again.
fn fold(c: char) -> impl Iterator<Item = char> {
    let folded: String = fold_case(c).collect();
    let normal: String = folded.nfkc().collect();
    let again: String = normal.chars().flat_map(fold_case).nfkc().collect();
    if again == normal { folded } else { again }.chars().collect::<Vec<_>>().into_iter()
}

/// Full case folding: upper, then lower; the dotless i alone has no such pair.
fn fold_case(c: char) -> impl Iterator<Item = char> {
    let upper = (c != 'ı').then(|| c.to_uppercase());
    let kept = (c == 'ı').then_some(c);
    upper.into_iter().flatten().flat_map(char::to_lowercase).chain(kept)
}

/// RFC 3454 tables C.1.2 to C.9.
fn prohibited(c: char) -> bool {
    let low = u32::from(c) & 0xffff;
    (c.is_whitespace() && !c.is_ascii())
        || (c.is_control() && !c.is_ascii())
        || low >= 0xfffe
        || matches!(
            c,
            '\u{6dd}' | '\u{70f}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{2063}' | '\u{206a}'..='\u{206f}' | '\u{feff}'
                | '\u{fff9}'..='\u{fffd}' | '\u{1d173}'..='\u{1d17a}' | '\u{e000}'..='\u{f8ff}'
                | '\u{f0000}'..='\u{10ffff}' | '\u{fdd0}'..='\u{fdef}' | '\u{2ff0}'..='\u{2ffb}'
                | '\u{340}' | '\u{341}' | '\u{e0001}' | '\u{e0020}'..='\u{e007f}'
        )
}

/// RFC 3492 section 6.3; `None` if a number would not fit.
fn punycode(label: &str) -> Option<String> {
    let mut out: String = label.chars().filter(char::is_ascii).collect();
    let basic = u32::try_from(out.len()).ok()?;
    let mut handled = basic;
    if basic > 0 {
        out.push('-');
    }
    let (mut n, mut delta, mut bias) = (128u32, 0u32, 72u32);
    while let Some(next) = label.chars().map(u32::from).filter(|c| *c >= n).min() {
        delta = delta.checked_add((next - n).checked_mul(handled.checked_add(1)?)?)?;
        n = next;
        for c in label.chars().map(u32::from) {
            if c < n {
                delta = delta.checked_add(1)?;
            }
            if c == n {
                push_number(&mut out, delta, bias);
                bias = adapt(delta, handled.checked_add(1)?, handled == basic);
                delta = 0;
                handled = handled.checked_add(1)?;
            }
        }
        delta = delta.checked_add(1)?;
        n = n.checked_add(1)?;
        // A label this long is refused anyway; going on would cost time in the square of it.
        if out.len() > MAX_LABEL {
            return None;
        }
    }
    Some(out)
}

fn push_number(out: &mut String, mut q: u32, bias: u32) {
    let digit = |d: u32| char::from_digit(d, 36).filter(char::is_ascii_digit);
    let push = |out: &mut String, d: u32| {
        // 0..=25 are a..z, 26..=35 are 0..9.
        let c = if d < 26 { char::from_digit(d + 10, 36) } else { digit(d - 26) };
        out.extend(c);
    };
    let mut k = 36u32;
    loop {
        let t = k.saturating_sub(bias).clamp(1, 26);
        if q < t {
            break;
        }
        push(out, t + (q - t) % (36 - t));
        q = (q - t) / (36 - t);
        k = k.saturating_add(36);
    }
    push(out, q);
}

fn adapt(delta: u32, handled: u32, first: bool) -> u32 {
    let mut delta = if first { delta / 700 } else { delta / 2 };
    delta += delta / handled.max(1);
    let mut k = 0;
    while delta > 455 {
        delta /= 35;
        k += 36;
    }
    k + 36 * delta / (delta + 38)
}
