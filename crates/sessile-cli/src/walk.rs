//! Going through what a store holds, and knowing whose each session is.

use sessile::store::{Cursor, Page, Record};
use sessile::{Engine, SessionStore as _, StoreError, StoreKey, Subject};

use crate::human;
use crate::open_store::{OpenStore, no_list};
use crate::outcome::{Failure, remark};
use crate::progress::counted;

/// Entries asked for at a time.
const PAGE: usize = 500;

/// What becomes of a session that cannot be read.
pub(crate) const UNREADABLE: &str =
    "cannot be read: damaged, of another program, or of a newer release of sessile";

/// A live session.
pub(crate) struct Found {
    pub(crate) key: StoreKey,
    pub(crate) record: Record,
    pub(crate) subject: Option<Subject>,
}

/// A walk through a store, page by page. Live sessions only.
pub(crate) struct Walk<'a> {
    place: &'a OpenStore,
    engine: Engine,
    after: Option<Cursor>,
    done: bool,
    /// Entries that the layout did not write.
    pub(crate) unreadable: u64,
    /// Live sessions whose data the settings do not open, so that nobody knows whose they are.
    pub(crate) closed: u64,
    /// Live sessions that were looked at.
    pub(crate) live: u64,
    /// Entries of any kind that were looked at.
    pub(crate) seen: u64,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(place: &'a OpenStore) -> Result<Self, Failure> {
        let engine = Engine::new(place.config.clone()).map_err(Failure::usage)?;
        let (after, done) = (None, false);
        Ok(Self { place, engine, after, done, unreadable: 0, closed: 0, live: 0, seen: 0 })
    }

    /// The next page's; `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Found>>, Failure> {
        if self.done {
            return Ok(None);
        }
        let page = self.page().await?;
        self.done = page.next.is_none();
        self.after = page.next;
        self.unreadable += page.unreadable as u64;
        self.seen += (page.entries.len() + page.unreadable) as u64;
        let now = human::now();
        let live = page.entries.into_iter().filter(|(_, record)| !record.has_ended(now));
        Ok(Some(live.map(|(key, record)| self.found(key, record)).collect()))
    }

    /// Whether nothing follows.
    pub(crate) fn is_done(&self) -> bool {
        self.done
    }

    async fn page(&self) -> Result<Page, Failure> {
        let Self { place, after, .. } = self;
        let scan = place.store.capabilities().scan.ok_or_else(|| cannot_list(place))?;
        scan.scan(after.as_ref(), PAGE).await.map_err(|error| failed(place, &error))
    }

    /// Whose a session is stands in its data, where the layout is another's.
    fn found(&mut self, key: StoreKey, record: Record) -> Found {
        self.live += 1;
        let mut subject = record.subject.clone();
        if subject.is_none() {
            match self.engine.decode_strictly(&record.payload) {
                Some(data) => subject = self.engine.subject_in(&data),
                None => self.closed += 1,
            }
        }
        Found { key, record, subject }
    }

    /// Tells of what could not be read.
    pub(crate) fn remark(&self) {
        if self.unreadable > 0 {
            remark(format!("{} {UNREADABLE}", counted(self.unreadable, "stored session")));
        }
        if let Some(line) = self.closed() {
            remark(line);
        }
    }

    /// What to say where sessions' data do not open.
    pub(crate) fn closed(&self) -> Option<String> {
        let (closed, live) = (self.closed, self.live);
        (closed > 0).then(|| {
            format!(
                "SECRET_KEY does not fit {closed} of {}: their data do not open with it, so nobody \
                 knows whose they are. Give the application's own SECRET_KEY (and \
                 SECRET_KEY_FALLBACKS), and its salt and serializer if it sets them",
                counted(live, "session")
            )
        })
    }
}

pub(crate) fn cannot_list(place: &OpenStore) -> Failure {
    Failure::usage(format!("{}: {}", place.name, no_list(&place.name)))
}

pub(crate) fn failed(place: &OpenStore, error: &StoreError) -> Failure {
    Failure::usage(format!("{}: {error}", place.name))
}
