//! Addresses that carry an id: which may, and how it is put in.

use super::read::value_of;

/// Whether an address, of a link or of a `Location`, stays on the site: a path or another relative
/// reference, or an `http` address whose host and port are `host`. With `secure` the latter must
/// be `https`.
///
/// What a browser might take for another site does not: `//evil`, `/\evil`, `/<tab>/evil`.
///
/// ```
/// use sessile_core::transport::is_within;
///
/// for here in ["/cart", "next?a=b", "?page=2", "https://shop.example/x", "HTTPS://shop.EXAMPLE"] {
///     assert!(is_within(here, "shop.example", true), "{here}");
/// }
/// for away in ["//evil", r"/\evil", "https://shop.example.evil/", "http://shop.example/", "mailto:x"] {
///     assert!(!is_within(away, "shop.example", true), "{away}");
/// }
/// ```
pub fn is_within(address: &str, host: &str, secure: bool) -> bool {
    // Browsers read `\` as `/` and drop tabs, line ends and spaces at the ends (WHATWG URL).
    let odd = |byte: u8| byte <= b' ' || byte == 0x7f || byte == b'\\';
    if address.is_empty() || address.bytes().any(odd) || address.starts_with("//") {
        return false;
    }
    let end = address.find([':', '/', '?', '#']).unwrap_or(address.len());
    let Some((scheme, rest)) = address.split_at_checked(end) else { return false };
    let Some(rest) = rest.strip_prefix(':') else { return true };
    let known =
        scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http") && !secure;
    let Some(rest) = rest.strip_prefix("//").filter(|_| known) else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    !host.is_empty() && authority.eq_ignore_ascii_case(host)
}

/// `address` with the id as its parameter `name`, in place of others of that name.
///
/// ```
/// use sessile_core::transport::with_id;
///
/// assert_eq!(with_id("/cart?page=2&sid=old#top", "sid", "new"), "/cart?page=2&sid=new#top");
/// ```
pub fn with_id(address: &str, name: &str, id: &str) -> String {
    let room = id.len().saturating_add(name.len() + 2);
    let (mut made, fragment) = stripped(address, room, |pair| value_of(pair, name).is_some());
    match made.split_once('?') {
        None => made.push('?'),
        Some((_, "")) => {}
        Some(_) => made.push('&'),
    }
    made.push_str(name);
    made.push('=');
    // Foreign ids may hold anything; ours stand for themselves.
    for byte in id.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                made.push(char::from(byte));
            }
            byte => {
                made.push('%');
                for digit in [byte >> 4, byte & 15] {
                    let digit = char::from_digit(u32::from(digit), 16).unwrap_or('0');
                    made.push(digit.to_ascii_uppercase());
                }
            }
        }
    }
    made.push_str(fragment);
    made
}

/// `address` without its parameters `name`: what a visitor whose session has ended is given.
pub fn without_id(address: &str, name: &str) -> String {
    let (mut made, fragment) = stripped(address, 0, |pair| value_of(pair, name).is_some());
    made.push_str(fragment);
    made
}

/// `address` without its parameters `name` whose value is `id`: what may go to another site.
pub fn without_this_id(address: &str, name: &str, id: &str) -> String {
    let (mut made, fragment) = stripped(address, 0, |pair| value_of(pair, name) == Some(id));
    made.push_str(fragment);
    made
}

/// The address up to its fragment, without the parameters that `drop` names; and the fragment,
/// with its `#`. An address without any of these stays as it is.
fn stripped(address: &str, room: usize, drop: impl Fn(&str) -> bool) -> (String, &str) {
    let end = address.find('#').unwrap_or(address.len());
    let (address, fragment) = address.split_at_checked(end).unwrap_or((address, ""));
    let mut made = String::with_capacity(address.len().saturating_add(fragment.len() + room));
    let named = address.split_once('?').filter(|(_, query)| query.split('&').any(&drop));
    let Some((path, query)) = named else {
        made.push_str(address);
        return (made, fragment);
    };
    made.push_str(path);
    let kept = query.split('&').filter(|pair| !drop(pair));
    for (at, pair) in kept.enumerate() {
        made.push(if at == 0 { '?' } else { '&' });
        made.push_str(pair);
    }
    (made, fragment)
}
