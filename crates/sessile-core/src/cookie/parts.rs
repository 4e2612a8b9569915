//! How much of a session goes into each cookie where it takes several.

/// Name and value of each part. Some browsers count the attributes towards their 4096, too.
pub(crate) const PART: usize = 3800;
/// `~3~` before the first part's value.
pub(crate) const HEAD: usize = 3;
/// `.1` after the other parts' names.
pub(crate) const TAIL: usize = 2;

/// How long the token of a session in so many cookies may be.
pub(crate) fn capacity(name: &str, chunks: u8) -> usize {
    if chunks < 2 {
        return crate::native::MAX_TOKEN_CHARS;
    }
    let first = PART.saturating_sub(name.len() + HEAD);
    let other = PART.saturating_sub(name.len() + TAIL);
    first + other * (usize::from(chunks) - 1)
}
