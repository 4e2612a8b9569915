//! SQL databases.

use sessile_core::{AnyStore, Config};

use super::Purpose;
use crate::{ConnectError, StoreChoice, StoreUrl};

#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
pub(super) async fn open(
    choice: StoreChoice,
    config: &Config,
    purpose: Purpose,
) -> Result<AnyStore, ConnectError> {
    use sessile_core::store::Layout;
    use sessile_sql::{Options, SqlStore};

    let StoreChoice::Sql { url, table, schema, create, connections, authorities } = choice else {
        return Err(ConnectError::NoDriver { scheme: "sql".to_owned() });
    };
    in_this_build(&url)?;
    let options = Options {
        table,
        schema,
        create: create && purpose == Purpose::Serve,
        read_only: purpose == Purpose::Look,
        connections,
        root_certificates: authorities,
        ..Options::of(Layout::of(config.profile))
    };
    match SqlStore::connect(url.expose(), options).await {
        Ok(store) => Ok(AnyStore::new(store)),
        // The application itself says what it is not to do.
        Err(sessile_sql::ConnectError::NoTable { .. }) if purpose != Purpose::Serve => {
            Err(ConnectError::NoTable { at: String::new() })
        }
        Err(error) => Err(ConnectError::store(error)),
    }
}

#[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
pub(super) async fn open(
    choice: StoreChoice,
    _: &Config,
    _: Purpose,
) -> Result<AnyStore, ConnectError> {
    let StoreChoice::Sql { url, .. } = choice else {
        return Err(ConnectError::NoDriver { scheme: "sql".to_owned() });
    };
    in_this_build(&url)?;
    Err(ConnectError::NoDriver { scheme: url.scheme().to_owned() })
}

/// Names the feature that would bring the driver.
fn in_this_build(url: &StoreUrl) -> Result<(), ConnectError> {
    let (there, feature) = match url.scheme() {
        "sqlite" => (cfg!(feature = "sqlite"), "sqlite"),
        "mysql" | "mariadb" => (cfg!(feature = "mysql"), "mysql"),
        _ => (cfg!(feature = "postgres"), "postgres"),
    };
    if there { Ok(()) } else { Err(ConnectError::NoFeature { store: feature, feature }) }
}
