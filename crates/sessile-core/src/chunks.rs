//! A session that one cookie cannot hold, spread over several.
//!
//! Native profile only, and only where [`Config::cookie_chunks`](crate::Config::cookie_chunks)
//! asks for it. The first cookie has the session's name, its value begins with
//! how many there are (`~3~`); the others are called `name.1`, `name.2` and so
//! on. What they hold together is one token, signed or sealed as a whole:
//! parts of two generations, which a browser may send after a response was
//! lost, never verify. A part that is left over is not read, and removed with
//! the next cookie that is sent.

use crate::config::MAX_CHUNKS;
use crate::cookie::parts::{HEAD, PART, TAIL};
use crate::cookie::{self, Found, Keep, MAX_NAME_AND_VALUE};
use crate::engine::Engine;
use crate::error::CommitError;
use crate::session::Session;
use crate::settle::Plan;
use sessile_formats::Timestamp;

/// The parts of a session among a request's cookies.
#[derive(Default)]
pub struct Chunks {
    /// What they hold together.
    value: Option<Vec<u8>>,
    /// Which of them came: bit 1 is `name.1`.
    sent: u16,
}

impl Chunks {
    /// The cookie's value: the parts' together, or what was found where there are none.
    pub fn value<'a>(&'a self, found: &Found<'a>) -> Option<&'a [u8]> {
        self.value.as_deref().or(found.value)
    }

    /// Has the session remember which parts came, so that what is left over is removed.
    pub fn mark(&self, session: &Session) {
        if self.sent != 0 {
            session.lock().chunks = self.sent;
        }
    }
}

/// The values are secrets.
impl std::fmt::Debug for Chunks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chunks").field("sent", &self.sent.count_ones()).finish()
    }
}

impl Engine {
    /// Step one, continued: the other cookies of a session that is spread over
    /// several. Looks at nothing unless the configuration allows such sessions.
    pub fn gather<'h, I>(&self, found: &Found<'h>, headers: impl FnOnce() -> I) -> Chunks
    where
        I: IntoIterator<Item = &'h [u8]>,
    {
        let mut chunks = Chunks::default();
        if self.config.cookie_chunks < 2 {
            return chunks;
        }
        let mut parts: [Option<&[u8]>; MAX_CHUNKS as usize] = [None; MAX_CHUNKS as usize];
        for (name, value) in cookie::pairs(headers()) {
            let Some(number) = number_of(name, self.cookie_name()) else { continue };
            if let Some(part) = parts.get_mut(number) {
                // As for the cookie itself: the first of a name counts.
                part.get_or_insert(value);
                chunks.sent |= 1 << number;
            }
        }
        let Some([b'~', count, b'~', first @ ..]) = found.value else { return chunks };
        let count = usize::from(count.wrapping_sub(b'0'));
        if !(2..=usize::from(MAX_CHUNKS)).contains(&count) {
            return chunks;
        }
        let mut whole = first.to_vec();
        for part in parts.iter().take(count).skip(1) {
            // One is missing: what is there verifies as nothing.
            let Some(part) = part else { return chunks };
            whole.extend_from_slice(part);
        }
        chunks.value = Some(whole);
        chunks
    }

    /// Puts a cookie-held session into the plan, in one cookie or several.
    pub(crate) fn send(
        &self,
        plan: &mut Plan,
        value: &str,
        sent: u16,
        keep: Keep,
        now: Timestamp,
    ) -> Result<(), CommitError> {
        let name = self.cookie_name();
        if self.config.cookie_chunks < 2 || name.len() + value.len() <= MAX_NAME_AND_VALUE {
            plan.response.cookie = Some(self.cookie.set(value, keep, now)?);
            self.expire_parts(plan, sent, 1);
            return Ok(());
        }
        let first = PART.saturating_sub(name.len() + HEAD);
        let other = PART.saturating_sub(name.len() + TAIL).max(1);
        let (head, rest) = value.split_at_checked(first).unwrap_or((value, ""));
        let count = 1 + rest.len().div_ceil(other);
        plan.response.cookie = Some(self.cookie.set(&format!("~{count}~{head}"), keep, now)?);
        let mut rest = rest;
        for number in 1..count {
            let part;
            (part, rest) = rest.split_at_checked(other).unwrap_or((rest, ""));
            let name = format!("{name}.{number}");
            plan.response.parts.push(self.cookie.set_named(&name, part, keep, now)?);
        }
        if value.len() > cookie::LARGE_COOKIE_HEADER {
            tracing::warn!(
                octets = value.len(),
                "a session's cookies take more than 8 KiB: servers and proxies may refuse them"
            );
        }
        self.expire_parts(plan, sent, count);
        Ok(())
    }

    /// Removes the parts that came, from number `from` on.
    pub(crate) fn expire_parts(&self, plan: &mut Plan, sent: u16, from: usize) {
        for number in (from..usize::from(MAX_CHUNKS)).filter(|number| sent & (1 << number) != 0) {
            let name = format!("{}.{number}", self.cookie_name());
            plan.response.parts.push(self.cookie.remove_named(&name));
        }
    }
}

/// The number of a part's cookie.
fn number_of(name: &[u8], of: &str) -> Option<usize> {
    match name.strip_prefix(of.as_bytes())? {
        [b'.', digit @ b'1'..=b'7'] => Some(usize::from(digit - b'0')),
        _ => None,
    }
}
