//! A store beside the one it takes over from.

use sessile_core::store::Layout;

use crate::migrating::{MigratingOptions, MigratingStore};
use sessile_core::{AnyStore, Config, Engine, Map, Timestamp};

use crate::ConnectError;
use crate::runtime::system_time;

pub(super) fn open(
    new: AnyStore,
    old: AnyStore,
    config: &Config,
) -> Result<AnyStore, ConnectError> {
    let mut options = MigratingOptions::new(system_time);
    if Layout::of(config.profile).is_foreign() {
        // An empty session to the original, and the same bytes in every process.
        let mark = Engine::new(config.clone())?.encode(&Map::new(), Timestamp::from_secs(0));
        options.mark = mark.map_err(ConnectError::store)?.into();
    }
    Ok(AnyStore::new(MigratingStore::new(new, old, options)))
}
