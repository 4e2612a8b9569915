//! The store: one type for every layout and topology.

use std::time::Duration;

use std::fmt;
use std::sync::Arc;

use sessile_core::store::rotation::HOPS_TO_END;
use sessile_core::store::{
    BoxFuture, Capabilities, CreateOutcome, Cursor, Diagnose, Directory, Entry, Finding, Layout,
    Listing, Page, Record, Scan, TouchOutcome, Version, WriteOutcome,
};
use sessile_core::{SessionStore, StoreError, StoreErrorKind, StoreKey, Subject, Timestamp};

use crate::diagnose::Diagnosis;
use crate::fault::failed;
use crate::foreign::Foreign;
use crate::keys::Names;
use crate::native::Native;
use crate::near::Changing;
use crate::rights::Rights;
use crate::server::Server;
use crate::spread::Spread;
use crate::{ConnectError, NearCacheUse, Options};

/// Sessions in Redis. Clones share its connections.
#[derive(Clone)]
pub struct RedisStore(Arc<Inner>);

struct Inner {
    server: Arc<Server>,
    layout: Layout,
    /// Whether reading takes away what has ended.
    tidies: bool,
    names: Arc<Names>,
    /// For how many replicas writes wait.
    durable: Option<u32>,
}

/// Where the sessions are, by layout and topology.
enum Kind<'a> {
    Native(Native<'a>),
    Spread(Spread),
    Foreign(Foreign<'a>),
}

/// Calls the same method on whichever kind it is.
macro_rules! each {
    ($store:expr, $kind:ident => $call:expr) => {
        match $store.kind() {
            Kind::Native($kind) => $call,
            Kind::Spread($kind) => $call,
            Kind::Foreign($kind) => $call,
        }
    };
}

impl RedisStore {
    /// Connects to the servers that `url` names, and makes sure that they answer.
    ///
    /// - `redis://[user:password@]host[:port][/database]`, `rediss://…` with TLS
    ///   (feature `tls`), `unix:///path?db=…&user=…&pass=…`
    /// - `redis+sentinel://[user:password@]host[:port],…/master[/database]`, the
    ///   Sentinels' own password as `?sentinel_user=…&sentinel_password=…`
    /// - `redis+cluster://[user:password@]host[:port],…`
    /// - the latter two with TLS: `rediss+sentinel://`, `rediss+cluster://`
    /// - with the parameters of redis-py's addresses: `?db=3`, `?socket_timeout=0.5`,
    ///   `?ssl_ca_certs=FILE` and so on; what cannot be taken is refused by its name
    ///
    /// # Errors
    ///
    /// [`ConnectError::Url`] before anything is sent, else [`ConnectError::Store`].
    pub async fn connect(url: &str, options: Options) -> Result<Self, ConnectError> {
        let store = Self::at(url, options)?;
        store.0.server.greet().await.map(|()| store).map_err(ConnectError::Store)
    }

    /// The store at these servers, which are reached when they are first needed.
    /// For a cache, whose failure must not stop a start.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Url`].
    pub fn at(url: &str, options: Options) -> Result<Self, ConnectError> {
        let mut options = options;
        let url = &*crate::parameters::taken(url, &mut options)?;
        let options = options.bounded();
        let names = Arc::new(Names::new(options.prefix()));
        let server = Server::new(url, &options, &names)?;
        let (server, layout) = (Arc::new(server), options.layout);
        let tidies = !options.read_only;
        let durable = Diagnosis::durable(&options);
        Ok(Self(Arc::new(Inner { server, layout, tidies, names, durable })))
    }

    /// What the near cache does; `None` without one.
    pub fn near_cache(&self) -> Option<NearCacheUse> {
        self.0.server.near().map(|near| near.used())
    }

    /// Held while keys are written.
    fn changing<'a>(&'a self, keys: [Option<&'a StoreKey>; 2]) -> Option<Changing<'a>> {
        self.0.server.near().map(|near| Changing { near, keys, user: None })
    }

    async fn load_there(&self, key: &StoreKey) -> Result<(Option<Entry>, u64), StoreError> {
        each!(self, kind => kind.load(key).await)
    }

    /// Whether a session can have this key.
    fn takes(&self, key: &StoreKey) -> bool {
        self.0.layout.is_foreign() || Names::takes(key)
    }

    fn checked(&self, key: &StoreKey) -> Result<(), StoreError> {
        let why = "a foreign key of over 512 bytes in our own layout";
        self.takes(key).then_some(()).ok_or_else(|| failed(StoreErrorKind::Unrepresentable, why))
    }

    fn kind(&self) -> Kind<'_> {
        let Inner { server, layout, names, .. } = &*self.0;
        let tidies = self.0.tidies;
        match layout {
            Layout::Native if server.is_cluster() => Kind::Spread(Spread {
                server: Arc::clone(server),
                names: Arc::clone(names),
                tidies,
            }),
            Layout::Native => Kind::Native(Native { server, names, tidies }),
            Layout::FlaskSession | Layout::Django => Kind::Foreign(Foreign { server }),
        }
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("layout", &self.0.layout).finish_non_exhaustive()
    }
}

impl SessionStore for RedisStore {
    async fn load(&self, key: &StoreKey) -> Result<Option<Entry>, StoreError> {
        if !self.takes(key) {
            return Ok(None);
        }
        let Some(near) = self.0.server.near() else { return Ok(self.load_there(key).await?.0) };
        if let Some(kept) = near.get(key) {
            return Ok(Some(kept));
        }
        let fill = near.fill(key);
        let (found, from) = self.load_there(key).await?;
        if let Some(entry) = &found {
            fill.keep(entry, from);
        }
        Ok(found)
    }

    async fn create(&self, key: &StoreKey, record: &Record) -> Result<CreateOutcome, StoreError> {
        self.checked(key)?;
        let _changing = self.changing([Some(key), None]);
        each!(self, kind => kind.create(key, record).await)
    }

    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        expected: &Version,
    ) -> Result<WriteOutcome, StoreError> {
        if !self.takes(key) {
            return Ok(WriteOutcome::Gone);
        }
        let _changing = self.changing([Some(key), None]);
        each!(self, kind => kind.update(key, record, expected).await)
    }

    async fn touch(
        &self,
        key: &StoreKey,
        seen: Timestamp,
        idle: Option<Duration>,
    ) -> Result<TouchOutcome, StoreError> {
        if !self.takes(key) {
            return Ok(TouchOutcome::Gone);
        }
        let _changing = self.changing([Some(key), None]);
        match self.kind() {
            Kind::Native(native) => native.touch(key, seen).await,
            Kind::Spread(spread) => spread.touch(key, seen).await,
            Kind::Foreign(foreign) => foreign.touch(key, seen, idle).await,
        }
    }

    async fn replace(
        &self,
        old_key: &StoreKey,
        expected: &Version,
        new_key: &StoreKey,
        record: &Record,
        pointer_until: Option<Timestamp>,
    ) -> Result<WriteOutcome, StoreError> {
        if !self.takes(old_key) {
            return Ok(WriteOutcome::Gone);
        }
        self.checked(new_key)?;
        let _changing = self.changing([Some(old_key), Some(new_key)]);
        match self.kind() {
            Kind::Native(native) => {
                native.replace(old_key, expected, new_key, record, pointer_until).await
            }
            Kind::Spread(spread) => {
                spread.replace(old_key, expected, new_key, record, pointer_until).await
            }
            Kind::Foreign(foreign) => foreign.replace(old_key, expected, new_key, record).await,
        }
    }

    async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        if !self.takes(key) {
            return Ok(());
        }
        let _changing = self.changing([Some(key), None]);
        each!(self, kind => kind.delete(key).await)
    }

    async fn end(&self, key: &StoreKey) -> Result<(), StoreError> {
        let mut at = key.clone();
        for _ in 0..HOPS_TO_END {
            if !self.takes(&at) {
                return Ok(());
            }
            let changing = self.changing([Some(&at), None]);
            let moved = each!(self, kind => kind.end(&at).await)?;
            drop(changing);
            match moved {
                Some(to) => at = to,
                None => return Ok(()),
            }
        }
        Err(crate::fault::Fault::Strange.into())
    }

    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities {
            directory: (!self.0.layout.is_foreign()).then_some(self),
            scan: Some(self),
            diagnose: Some(self),
            ..Capabilities::default()
        }
    }
}

impl Diagnose for RedisStore {
    fn diagnose<'a>(
        &'a self,
        clock: &'a (dyn Fn() -> Timestamp + Send + Sync),
    ) -> BoxFuture<'a, Result<Vec<Finding>, StoreError>> {
        let Inner { server, layout, names, durable, .. } = &*self.0;
        let rights = Rights {
            layout: *layout,
            prefix: names.prefix(),
            user: server.user(),
            cluster: server.is_cluster(),
            near: server.near().is_some(),
            durable: durable.is_some(),
        };
        Box::pin(
            async move { Diagnosis { server, durable: *durable, rights }.findings(clock).await },
        )
    }
}

impl Directory for RedisStore {
    fn by_subject<'a>(
        &'a self,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Listing, StoreError>> {
        Box::pin(async move {
            match self.kind() {
                Kind::Native(native) => native.by_subject(subject).await,
                Kind::Spread(spread) => spread.by_subject(subject).await,
                Kind::Foreign(_) => Ok(Listing::default()),
            }
        })
    }

    fn delete_by_subject<'a>(
        &'a self,
        subject: &'a Subject,
        keep: Option<&'a StoreKey>,
    ) -> BoxFuture<'a, Result<usize, StoreError>> {
        Box::pin(async move {
            let changing = |near| Changing { near, keys: [None, None], user: Some(subject) };
            let _changing = self.0.server.near().map(changing);
            match self.kind() {
                Kind::Native(native) => native.delete_by_subject(subject, keep).await,
                Kind::Spread(spread) => spread.delete_by_subject(subject, keep).await,
                Kind::Foreign(_) => Ok(0),
            }
        })
    }
}

impl Scan for RedisStore {
    fn scan<'a>(
        &'a self,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        let Inner { server, layout, names, .. } = &*self.0;
        Box::pin(crate::scan::scan(server, names, *layout, after, limit))
    }
}
