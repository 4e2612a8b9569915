//! One type for both layouts.

use std::time::Duration;

use std::fmt;

use sessile_core::store::{
    BoxFuture, Capabilities, CreateOutcome, Cursor, Diagnose, Directory, Entry, Finding, Layout,
    Listing, Page, Record, Scan, Sweep, TouchOutcome, Version, WriteOutcome,
};
use sessile_core::{SessionStore, StoreError, StoreKey, Subject, Timestamp};

use crate::connect::connect;
use crate::flask_session::{self, FlaskSession};
use crate::native::{self, Native};
use crate::{ConnectError, Options};

/// Sessions in MongoDB. Clones share its connections.
#[derive(Clone)]
pub struct MongoStore(Documents);

#[derive(Clone)]
enum Documents {
    Native(Native),
    FlaskSession(FlaskSession),
}

/// Calls the same method on whichever layout it is.
macro_rules! each {
    ($store:expr, $layout:ident => $call:expr) => {
        match &$store.0 {
            Documents::Native($layout) => $call,
            Documents::FlaskSession($layout) => $call,
        }
    };
}

impl MongoStore {
    /// Connects to the server or servers at `url`, and makes the indexes where
    /// [`Options::create_indexes`] says so. Any number of processes may do it at once.
    ///
    /// The URL is [MongoDB's](https://www.mongodb.com/docs/manual/reference/connection-string/),
    /// `mongodb://NAME:PASSWORD@HOST:PORT,…/DATABASE?OPTIONS`. Unless it says otherwise,
    /// writes wait for a majority and its disks (`w=majority&journal=true`), and reads go to
    /// the primary (`readConcernLevel=majority`). With others, a session that was ended can
    /// be live again after a failover.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Url`], [`ConnectError::Name`] and [`ConnectError::Layout`] before
    /// anything is opened, else [`ConnectError::Store`].
    pub async fn connect(url: &str, options: Options) -> Result<Self, ConnectError> {
        let layout = options.layout;
        let calls = connect(url, options).await?;
        Ok(Self(match layout {
            Layout::FlaskSession => Documents::FlaskSession(FlaskSession(calls)),
            Layout::Native | Layout::Django => Documents::Native(Native(calls)),
        }))
    }
}

impl fmt::Debug for MongoStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MongoStore")
    }
}

impl SessionStore for MongoStore {
    async fn load(&self, key: &StoreKey) -> Result<Option<Entry>, StoreError> {
        each!(self, layout => layout.load(key).await)
    }

    async fn create(&self, key: &StoreKey, record: &Record) -> Result<CreateOutcome, StoreError> {
        each!(self, layout => layout.create(key, record).await)
    }

    async fn update(
        &self,
        key: &StoreKey,
        record: &Record,
        expected: &Version,
    ) -> Result<WriteOutcome, StoreError> {
        each!(self, layout => layout.update(key, record, expected).await)
    }

    async fn touch(
        &self,
        key: &StoreKey,
        seen: Timestamp,
        idle: Option<Duration>,
    ) -> Result<TouchOutcome, StoreError> {
        each!(self, layout => layout.touch(key, seen, idle).await)
    }

    async fn replace(
        &self,
        old_key: &StoreKey,
        expected: &Version,
        new_key: &StoreKey,
        record: &Record,
        pointer_until: Option<Timestamp>,
    ) -> Result<WriteOutcome, StoreError> {
        match &self.0 {
            Documents::Native(it) => {
                it.replace(old_key, expected, new_key, record, pointer_until).await
            }
            Documents::FlaskSession(it) => it.replace(old_key, expected, new_key, record).await,
        }
    }

    async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        each!(self, layout => layout.delete(key).await)
    }

    async fn end(&self, key: &StoreKey) -> Result<(), StoreError> {
        each!(self, layout => layout.end(key).await)
    }

    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities {
            sweep: Some(self),
            directory: match &self.0 {
                Documents::Native(native) => Some(native),
                // Their documents do not say whose session it is.
                Documents::FlaskSession(_) => None,
            },
            scan: Some(self),
            diagnose: Some(self),
            ..Capabilities::default()
        }
    }
}

impl Diagnose for MongoStore {
    fn diagnose<'a>(
        &'a self,
        clock: &'a (dyn Fn() -> Timestamp + Send + Sync),
    ) -> BoxFuture<'a, Result<Vec<Finding>, StoreError>> {
        let (calls, indexes) = match &self.0 {
            Documents::Native(native) => (&native.0, &native::INDEXES),
            Documents::FlaskSession(theirs) => (&theirs.0, &flask_session::INDEXES),
        };
        Box::pin(calls.diagnose(clock, indexes))
    }
}

impl Sweep for MongoStore {
    fn sweep(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<usize, StoreError>> {
        Box::pin(async move { each!(self, layout => layout.sweep(now, limit).await) })
    }
}

impl Scan for MongoStore {
    fn scan<'a>(
        &'a self,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(async move { each!(self, layout => layout.scan(after, limit).await) })
    }
}

impl Directory for Native {
    fn by_subject<'a>(
        &'a self,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Listing, StoreError>> {
        Box::pin(Native::by_subject(self, subject))
    }

    fn delete_by_subject<'a>(
        &'a self,
        subject: &'a Subject,
        keep: Option<&'a StoreKey>,
    ) -> BoxFuture<'a, Result<usize, StoreError>> {
        Box::pin(Native::delete_by_subject(self, subject, keep))
    }
}
