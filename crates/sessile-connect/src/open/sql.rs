//! SQL databases.

use sessile_core::{AnyStore, Config};

use crate::{ConnectError, StoreChoice, StoreUrl};

#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
pub(super) async fn open(choice: StoreChoice, config: &Config) -> Result<AnyStore, ConnectError> {
    use sessile_core::store::Layout;
    use sessile_sql::{Options, SqlStore};

    let StoreChoice::Sql { url, table, schema, create, connections, authorities } = choice else {
        return Err(ConnectError::NoDriver { scheme: "sql".to_owned() });
    };
    in_this_build(&url)?;
    let options = Options {
        table,
        schema,
        create,
        connections,
        root_certificates: authorities,
        ..Options::of(Layout::of(config.profile))
    };
    match SqlStore::connect(url.expose(), options).await {
        Ok(store) => Ok(AnyStore::new(store)),
        Err(error) => Err(ConnectError::Store(Box::new(error))),
    }
}

#[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
pub(super) async fn open(choice: StoreChoice, _: &Config) -> Result<AnyStore, ConnectError> {
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
