//! What a store says it cannot do.

use std::time::Duration;

/// What a store can do. Every `false` is a deviation from the contract, to be
/// explained where it is written.
#[derive(Clone, Debug)]
pub struct Capabilities {
    /// It can [`sweep`](sessile_core::store::Capabilities::sweep).
    pub sweep: bool,
    /// It has a [`directory`](sessile_core::store::Capabilities::directory) and keeps subjects.
    pub directory: bool,
    /// It can [`scan`](sessile_core::store::Capabilities::scan).
    pub scan: bool,
    /// A moved session's old key follows. Otherwise it is deleted at once.
    pub grace: bool,
    /// It keeps `created`, `seen`, `rotated`, `authenticated` and `permanent`.
    pub metadata: bool,
    /// It keeps the idle and the absolute deadline apart. Otherwise only the earlier one.
    pub two_deadlines: bool,
    /// Payloads may be any bytes. Otherwise they are printable ASCII.
    pub binary_payloads: bool,
    /// An entry created where another was deleted is no longer the version
    /// loaded before. Versions that are the stored bytes cannot tell.
    pub fresh_versions: bool,
    /// Opening it again gives another handle on the same entries.
    pub second_handle: bool,
    /// What one handle has written, another reads at once. Otherwise it does so
    /// before long; what it writes meets it at once all the same.
    pub immediate: bool,
    /// The largest payload it must take, in bytes.
    pub max_payload: usize,
    /// How exactly it keeps moments in time.
    pub precision: Duration,
    /// The keys it is asked for.
    pub keys: Keys,
}

/// The kind of keys a layout has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// Hashes, as in our own layout.
    Hashed,
    /// Text with a prefix, as in foreign layouts: `session:…`.
    Text(&'static str),
}

impl Capabilities {
    /// The whole contract, with payloads of 1 MiB.
    pub fn all() -> Self {
        Self {
            sweep: true,
            directory: true,
            scan: true,
            grace: true,
            metadata: true,
            two_deadlines: true,
            binary_payloads: true,
            fresh_versions: true,
            second_handle: true,
            immediate: true,
            max_payload: 1 << 20,
            precision: Duration::from_millis(1),
            keys: Keys::Hashed,
        }
    }
}
