//! The addresses of stores.

use std::fmt;

use crate::settings::value::SettingValue;

// What errors about the store name.
pub(super) const TYPE: &str = "SESSION_TYPE";
pub(super) const ENGINE: &str = "SESSION_ENGINE";
pub(super) const URL: &str = "SESSION_URL";
pub(super) const CACHE_URL: &str = "SESSION_CACHE_URL";
pub(super) const FROM: &str = "SESSION_MIGRATE_FROM";

/// Longer texts are no addresses.
const MAX_BYTES: usize = 4096;

/// The address of a store, perhaps with a password, which never prints.
///
/// ```
/// use sessile_connect::{Settings, StoreChoice};
///
/// let settings = Settings::new().with("SESSION_URL", "redis://:hunter2@db.example:6379/1");
/// let (_, StoreChoice::Redis { url, .. }) = settings.into_config()? else { unreachable!() };
/// assert_eq!(url.to_string(), "redis://db.example:6379/1");
/// assert_eq!(url.expose(), "redis://:hunter2@db.example:6379/1");
/// # Ok::<(), sessile_connect::SettingsError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl(String);

impl StoreUrl {
    /// The whole address, password and all: for the store alone.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// How it begins: `redis`, `postgresql`, `sqlite`.
    pub fn scheme(&self) -> &str {
        self.0.split(':').next().unwrap_or_default()
    }

    /// What follows the first `/` behind the servers: a database's name, say.
    pub(super) fn path(&self) -> Option<&str> {
        let (_, rest) = self.0.split_once("://")?;
        let (_, path) = rest.split_once('/')?;
        path.split('?').next().filter(|path| !path.is_empty())
    }
}

/// Without user, password and parameters.
impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shown, parameters) = self.0.split_once('?').unwrap_or((&self.0, ""));
        match shown.split_once("://") {
            // What stands before the `?` may be the beginning of a password.
            Some((scheme, _)) if parameters.contains('@') => write!(f, "{scheme}://…"),
            Some((scheme, rest)) => {
                // A password may hold an `@`, a host may not.
                let rest = rest.rsplit_once('@').map_or(rest, |(_, servers)| servers);
                write!(f, "{scheme}://{rest}")
            }
            None => f.write_str(shown),
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// What kind of store an address is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Cookie,
    Memory,
    Sqlite,
    /// SQLite or a server.
    Sql,
    File,
    Redis,
    Memcached,
    MongoDb,
    /// A cache in front of another.
    Cached,
    /// Django's `cache`: Redis or Memcached.
    Cache,
}

/// Whether a store of this kind is what is wanted.
pub(super) fn fits(kind: Kind, wanted: Option<Kind>) -> bool {
    match wanted {
        None => true,
        Some(Kind::Sql) => matches!(kind, Kind::Sql | Kind::Sqlite),
        Some(Kind::Cache) => matches!(kind, Kind::Redis | Kind::Memcached),
        Some(wanted) => wanted == kind,
    }
}

/// An address, and the kind of store it is of.
pub(crate) type Found = (Kind, StoreUrl);

/// How the addresses of each kind begin.
const SCHEMES: &[(&str, Kind)] = &[
    ("sqlite", Kind::Sqlite),
    ("postgres", Kind::Sql),
    ("postgresql", Kind::Sql),
    ("mysql", Kind::Sql),
    ("mariadb", Kind::Sql),
    ("redis", Kind::Redis),
    ("rediss", Kind::Redis),
    ("valkey", Kind::Redis),
    ("valkeys", Kind::Redis),
    ("valkey+unix", Kind::Redis),
    ("unix", Kind::Redis),
    ("redis+unix", Kind::Redis),
    ("redis+sentinel", Kind::Redis),
    ("rediss+sentinel", Kind::Redis),
    ("redis+cluster", Kind::Redis),
    ("rediss+cluster", Kind::Redis),
    ("memcached", Kind::Memcached),
    ("mongodb", Kind::MongoDb),
    ("mongodb+srv", Kind::MongoDb),
    ("file", Kind::File),
];

/// The kind of store an address is of, and the address in the spelling the stores take.
pub(crate) fn parse(value: &SettingValue, wanted: Option<Kind>) -> Option<Found> {
    let url = value.text()?.trim();
    if url.is_empty() || url.len() > MAX_BYTES || url.chars().any(char::is_control) {
        return None;
    }
    let known = url.split_once(':').and_then(|(scheme, rest)| {
        let scheme = scheme.to_ascii_lowercase();
        let find = |name: &str| SCHEMES.iter().find(|(known, _)| *known == name);
        // SQLAlchemy names the driver too: `postgresql+psycopg2`.
        let (bare, driver) = scheme.split_once('+').unwrap_or((&scheme, ""));
        let sql = |(_, kind): &&(&str, Kind)| matches!(kind, Kind::Sql | Kind::Sqlite);
        let driven = || find(bare).filter(sql).filter(|_| !driver.is_empty());
        find(&scheme).or_else(driven).map(|(scheme, kind)| (*scheme, *kind, rest))
    });
    let (kind, address) = match known {
        Some((_, Kind::Sqlite | Kind::File, "")) => return None,
        Some((_, Kind::Sqlite, rest)) => (Kind::Sqlite, format!("sqlite:{rest}")),
        Some((_, Kind::File, rest)) => {
            (Kind::File, format!("file:{}", rest.strip_prefix("//").unwrap_or(rest)))
        }
        Some((scheme, kind, rest)) => {
            let servers = rest.strip_prefix("//").filter(|servers| !servers.is_empty())?;
            let scheme = if scheme == "unix" { "redis+unix" } else { scheme };
            (kind, format!("{scheme}://{servers}"))
        }
        // Just a file's path.
        None if wanted == Some(Kind::Sqlite) && !url.contains("://") => {
            (Kind::Sqlite, format!("sqlite:{url}"))
        }
        None => return None,
    };
    Some((kind, StoreUrl(address)))
}

/// The address of such a store.
pub(crate) fn of(value: &SettingValue, wanted: Kind) -> Option<Found> {
    parse(value, None).filter(|(kind, _)| fits(*kind, Some(wanted)))
}

/// The directory that an address names.
pub(crate) fn directory(url: &StoreUrl) -> Option<String> {
    let path = url.expose().strip_prefix("file:")?;
    (!path.is_empty() && !path.contains('\0')).then(|| path.to_owned())
}

/// Memcached's servers: a list of `host:port`, as the Python clients take it, or an address.
pub(crate) fn memcached(value: &SettingValue) -> Option<Found> {
    let servers = match value {
        SettingValue::Text(text) if text.contains("://") => {
            return parse(value, None).filter(|(kind, _)| *kind == Kind::Memcached);
        }
        SettingValue::Text(text) => text.split(',').map(server).collect::<Option<Vec<_>>>()?,
        SettingValue::List(list) => {
            list.iter().map(|one| server(one.text()?)).collect::<Option<Vec<_>>>()?
        }
        _ => return None,
    };
    let address = format!("memcached://{}", servers.join(","));
    let fits = !servers.is_empty() && address.len() <= MAX_BYTES;
    fits.then_some((Kind::Memcached, StoreUrl(address)))
}

fn server(text: &str) -> Option<&str> {
    let server = text.trim();
    let odd = |character: char| character.is_control() || matches!(character, '@' | '?' | ' ');
    (!server.is_empty() && !server.contains(odd)).then_some(server)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inv11_an_address_prints_without_what_may_be_secret() {
        for (url, shown) in [
            ("redis://:hunter2@host:6379/1", "redis://host:6379/1"),
            ("mongodb://u:hun@ter2@a,b:1/db?password=hunter2", "mongodb://a,b:1/db"),
            ("redis+sentinel://:hunter2@a:1,b:2/mymaster", "redis+sentinel://a:1,b:2/mymaster"),
            ("sqlite:/var/a.db?mode=ro", "sqlite:/var/a.db"),
            ("unix:///run/redis.sock?password=hunter2", "redis+unix:///run/redis.sock"),
            ("file:///var/sessions", "file:/var/sessions"),
        ] {
            let (_, parsed) = parse(&url.into(), None).unwrap();
            assert_eq!(parsed.to_string(), shown);
            assert_eq!(format!("{parsed:?}"), format!("\"{shown}\""));
        }
    }

    #[test]
    fn memcached_servers_are_read_in_every_spelling() {
        let expected = "memcached://a:11211,b:11212";
        for value in [
            SettingValue::from("a:11211, b:11212"),
            "memcached://a:11211,b:11212".into(),
            vec!["a:11211", "b:11212"].into(),
        ] {
            assert_eq!(memcached(&value).unwrap().1.expose(), expected);
        }
        for wrong in ["", "a:1,,b:2", "redis://a", "u:p@a:1", "a b"] {
            assert!(memcached(&wrong.into()).is_none(), "{wrong}");
        }
        assert!(memcached(&SettingValue::List(Vec::new())).is_none());
        assert!(memcached(&1i64.into()).is_none());
    }
}
