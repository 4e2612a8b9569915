//! Our own session cookies, signed and sealed.

use std::sync::LazyLock;

use bytes::Bytes;
use sessile_core::KeyRing;
use sessile_core::native::{NONCE_BYTES, SealedCookie, SignedCookie, TokenError};
use sessile_core::store::Record;

use crate::rings;

const NAME: &str = "__Host-id";
const AUDIENCE: &str = "shop";

struct Cookies {
    signed: SignedCookie,
    sealed: SealedCookie,
}

impl Cookies {
    fn new(ring: &KeyRing, name: &str, audience: &str) -> Self {
        Self {
            signed: SignedCookie::new(ring, name, audience),
            sealed: SealedCookie::new(ring, name, audience),
        }
    }
}

static RIGHT: LazyLock<Cookies> = LazyLock::new(|| Cookies::new(&rings()[0], NAME, AUDIENCE));
/// Another key, another cookie, another application.
static WRONG: LazyLock<[Cookies; 3]> = LazyLock::new(|| {
    let [key, other_key] = rings();
    [
        Cookies::new(other_key, NAME, AUDIENCE),
        Cookies::new(key, "__Host-other", AUDIENCE),
        Cookies::new(key, NAME, "bank"),
    ]
});

/// A cookie opens with its key, for its name and application, in its mode and in its one spelling;
/// nothing else opens.
pub fn native_cookie(input: &[u8]) {
    if let Ok(record) = RIGHT.signed.decode(input) {
        assert_eq!(RIGHT.signed.encode(&record).as_deref().map(str::as_bytes), Ok(input));
    }
    only_we_open(input);

    let permanent = input.len().is_multiple_of(2);
    let record = Record { permanent, ..Record::new(Bytes::copy_from_slice(input)) };
    if let Ok(value) = RIGHT.signed.encode(&record) {
        assert!(RIGHT.signed.decode(value.as_bytes()).as_ref() == Ok(&record));
        only_we_open(value.as_bytes());
        damaged(value.as_bytes(), input, |value| RIGHT.signed.decode(value));
    }
    let mut nonce = [7; NONCE_BYTES];
    nonce.iter_mut().zip(input).for_each(|(to, from)| *to = *from);
    if let Ok(value) = RIGHT.sealed.encode(&record, &nonce) {
        assert!(RIGHT.sealed.decode(value.as_bytes()).as_ref() == Ok(&record));
        only_we_open(value.as_bytes());
        damaged(value.as_bytes(), input, |value| RIGHT.sealed.decode(value));
    }
}

fn only_we_open(value: &[u8]) {
    let modes = [RIGHT.signed.decode(value), RIGHT.sealed.decode(value)];
    assert!(modes.iter().any(|it| *it == Err(TokenError::Rejected)), "opened in both modes");
    for wrong in &*WRONG {
        let opened = [wrong.signed.decode(value), wrong.sealed.decode(value)];
        let rejected = opened.iter().all(|it| *it == Err(TokenError::Rejected));
        assert!(rejected, "opened with a wrong key, for another cookie or application");
    }
}

/// One character changed, where `choice` says, then the last one missing, then one too many.
fn damaged(value: &[u8], choice: &[u8], open: impl Fn(&[u8]) -> Result<Record, TokenError>) {
    let spot = choice.iter().fold(0_usize, |sum, byte| sum.wrapping_mul(31) + usize::from(*byte));
    let mut changed = value.to_vec();
    let at = spot % changed.len();
    changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
    let longer = [value, b"A"].concat();
    for forged in [&changed[..], &value[..value.len() - 1], &longer] {
        assert!(open(forged) == Err(TokenError::Rejected), "opened though damaged");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_signed_elsewhere_by_the_description_of_the_format_opens() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/native_cookie");
        let value = std::fs::read(format!("{folder}/seed-signed")).unwrap();
        let record = RIGHT.signed.decode(&value).unwrap();
        assert_eq!(record.subject.unwrap().as_str(), "ada");
    }
}
