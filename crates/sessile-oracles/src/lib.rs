//! What must hold for any bytes from outside.
//!
//! Each target takes arbitrary bytes and panics when something is wrong. The fuzz targets in
//! `fuzz/` call them with inputs that libFuzzer makes up; `tests/corpora.rs` replays the committed
//! corpora through them with the stable compiler. An oracle says more than that nothing panics:
//! what was decoded encodes to something that decodes to the same, and nothing that was not made
//! with the key verifies.

mod cookies;
mod csrf;
mod csrf_form;
mod flask_session;
mod native;
mod native_cookies;
pub mod python_cookies;
mod signed;
mod tagged;

use std::sync::LazyLock;

use sessile_core::{KeyRing, SecretKey};

pub use cookies::cookie_header;
pub use csrf::csrf_request;
pub use csrf_form::csrf_form;
pub use flask_session::{msgpack, pickle};
pub use native::native_record;
pub use native_cookies::native_cookie;
pub use signed::signed_decode;
pub use tagged::tagged_json;

/// An oracle and the name of its fuzz target and corpus.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of the function, of the file in `fuzz/fuzz_targets`, of the folder in
    /// `fuzz/corpus`.
    pub name: &'static str,
    /// Panics when the oracle does not hold for these bytes.
    pub run: fn(&[u8]),
}

/// All oracles.
pub const TARGETS: &[Target] = &[
    Target { name: "cookie_header", run: cookie_header },
    Target { name: "csrf_form", run: csrf_form },
    Target { name: "csrf_request", run: csrf_request },
    Target { name: "msgpack", run: msgpack },
    Target { name: "native_cookie", run: native_cookie },
    Target { name: "native_record", run: native_record },
    Target { name: "pickle", run: pickle },
    Target { name: "signed_decode", run: signed_decode },
    Target { name: "tagged_json", run: tagged_json },
];

/// The key that signed the corpora; `fuzz/seed.py` has the same.
pub const KEY: &str = "a key for fuzzing, known to everybody";

/// `KEY`, and a key that signed nothing.
static RINGS: LazyLock<Option<[KeyRing; 2]>> = LazyLock::new(|| {
    let ring = |text: &str| SecretKey::new(text).ok().map(KeyRing::new);
    Some([ring(KEY)?, ring("another key, of which nobody knows anything")?])
});

fn rings() -> &'static [KeyRing; 2] {
    let Some(rings) = &*RINGS else { unreachable!("both keys are long enough") };
    rings
}
