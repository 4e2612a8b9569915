//! Finding a cookie in the `Cookie` headers of a request.
//!
//! The headers are split at `;`, then at the first `=`; spaces and tabs around both halves go,
//! nothing else is touched: no percent decoding, no unquoting, no other white space. Names are
//! compared byte for byte, and a cookie without a name is no cookie. So `__%48ost-id=x`,
//! `=__Host-id=x`, `..Host-id=x` and `\u{a0}__Host-id=x` are never read as `__Host-id`, whatever
//! a sibling host planted.

use std::fmt;

use memchr::{memchr, memrchr};

/// The most octets of all `Cookie` headers together that are looked at.
pub const MAX_COOKIE_HEADER: usize = 64 * 1024;
/// More octets than this in all `Cookie` headers together deserve a warning: many servers and
/// proxies refuse the request.
pub const LARGE_COOKIE_HEADER: usize = 8 * 1024;

/// Which of several cookies of one name counts.
///
/// Browsers send the cookie with the longest path first, older before newer
/// (rfc6265bis section 5.8.3). Werkzeug reads the first; Django and Starlette read the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// The first, as Werkzeug does.
    First,
    /// The last, as Django and Starlette do.
    Last,
}

/// What [`find`] saw.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Found<'h> {
    /// The value, as sent: not unquoted, not necessarily UTF-8.
    pub value: Option<&'h [u8]>,
    /// How many cookies had the name. More than one: two paths or domains set it, or another
    /// host planted it.
    pub count: usize,
    /// The headers hold more than [`LARGE_COOKIE_HEADER`] octets.
    pub oversized: bool,
    /// The headers hold more than [`MAX_COOKIE_HEADER`] octets: what lies beyond was ignored,
    /// the cookie cut by the limit too.
    pub truncated: bool,
}

impl<'h> Found<'h> {
    /// Whether several cookies had the name.
    pub fn has_duplicates(&self) -> bool {
        self.count > 1
    }

    /// The value as text; `None` if there is none or it is not UTF-8.
    pub fn text(&self) -> Option<&'h str> {
        std::str::from_utf8(self.value?).ok()
    }
}

impl fmt::Debug for Found<'_> {
    /// Leaves the value out: it is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Found")
            .field("octets", &self.value.map(<[u8]>::len))
            .field("count", &self.count)
            .field("oversized", &self.oversized)
            .field("truncated", &self.truncated)
            .finish()
    }
}

/// Looks for the cookie `name` in the `Cookie` headers of one request, in one pass and without
/// allocation.
///
/// Several headers (HTTP/2 may split them, RFC 9113 section 8.2.3) give the same answer as the
/// one they would make joined with `"; "`.
///
/// ```
/// use sessile_core::cookie::{Pick, find};
///
/// let headers = [&b"id=a; theme=dark"[..], b"id=b"];
/// let first = find(headers, "id", Pick::First);
/// assert_eq!((first.text(), first.count), (Some("a"), 2));
/// assert_eq!(find(headers, "id", Pick::Last).text(), Some("b"));
/// ```
pub fn find<'h>(headers: impl IntoIterator<Item = &'h [u8]>, name: &str, pick: Pick) -> Found<'h> {
    let mut pairs = pairs(headers);
    let mut value = None;
    let mut count = 0usize;
    for (found, its_value) in &mut pairs {
        if found == name.as_bytes() {
            count = count.saturating_add(1);
            if value.is_none() || pick == Pick::Last {
                value = Some(its_value);
            }
        }
    }
    Found { value, count, oversized: pairs.oversized(), truncated: pairs.truncated() }
}

/// All cookies of a request as raw (name, value), in the order sent; duplicates included,
/// nameless ones left out. Bounded and split as described at [`find`].
pub fn pairs<'h, I: IntoIterator<Item = &'h [u8]>>(headers: I) -> Pairs<'h, I::IntoIter> {
    Pairs {
        headers: headers.into_iter(),
        rest: &[],
        left: MAX_COOKIE_HEADER,
        octets: 0,
        truncated: false,
    }
}

/// Iterator over the cookies of a request, made by [`pairs`].
#[derive(Clone)]
pub struct Pairs<'h, I> {
    headers: I,
    /// What is left of the current header.
    rest: &'h [u8],
    /// What is left of the limit after the current header.
    left: usize,
    octets: usize,
    truncated: bool,
}

impl<I> Pairs<'_, I> {
    /// Octets met so far, separators between headers counted as if joined with `"; "`.
    pub fn octets(&self) -> usize {
        self.octets
    }

    /// Whether more than [`LARGE_COOKIE_HEADER`] octets were met so far.
    pub fn oversized(&self) -> bool {
        self.octets > LARGE_COOKIE_HEADER
    }

    /// Whether the limit of [`MAX_COOKIE_HEADER`] octets was passed so far.
    pub fn truncated(&self) -> bool {
        self.truncated
    }
}

impl<'h, I: Iterator<Item = &'h [u8]>> Pairs<'h, I> {
    /// Takes the next header up; false when there is none or the limit is reached.
    fn advance(&mut self) -> bool {
        if self.truncated {
            return false;
        }
        let Some(header) = self.headers.next() else { return false };
        if self.octets > 0 {
            self.octets = self.octets.saturating_add(2);
            self.left = self.left.saturating_sub(2);
        }
        self.octets = self.octets.saturating_add(header.len());
        if header.len() <= self.left {
            self.left -= header.len();
            self.rest = header;
        } else {
            // Only whole cookies: up to the last `;` at or before the limit.
            let within = header.get(..=self.left).unwrap_or(header);
            let end = memrchr(b';', within).unwrap_or(0);
            self.rest = within.get(..end).unwrap_or(&[]);
            self.left = 0;
            self.truncated = true;
        }
        true
    }
}

impl<'h, I: Iterator<Item = &'h [u8]>> Iterator for Pairs<'h, I> {
    type Item = (&'h [u8], &'h [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.rest.is_empty() {
                if !self.advance() {
                    return None;
                }
                continue;
            }
            let (chunk, rest) = split(self.rest, b';').unwrap_or((self.rest, &[]));
            self.rest = rest;
            if let Some((name, value)) = split(chunk, b'=') {
                let name = trim(name);
                if !name.is_empty() {
                    return Some((name, trim(value)));
                }
            }
        }
    }
}

/// Both sides of the first `separator`.
fn split(bytes: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr(separator, bytes)?;
    Some((bytes.get(..at)?, bytes.get(at.checked_add(1)?..)?))
}

/// Without spaces and tabs at either end: what browsers strip when they store a cookie, no more.
fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}
