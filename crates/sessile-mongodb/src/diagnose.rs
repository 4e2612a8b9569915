//! What an operator should know: the server, how it keeps what it acknowledges,
//! whether it forgets what has expired, the indexes.

use std::time::Duration;

use mongodb::IndexModel;
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::Error;
use mongodb::options::{Acknowledgment, ReadPreference, SelectionCriteria};
use sessile_core::store::Finding;
use sessile_core::{StoreError, Timestamp};

use crate::calls::Calls;
use crate::fault;

/// What a layout's documents need.
pub(crate) struct Indexes {
    /// The server forgets by these, so long after the moment in them.
    pub(crate) forget: &'static [(&'static str, Duration)],
    /// Documents are looked up by this, for that purpose.
    pub(crate) find: (&'static str, &'static str),
}

impl Calls {
    pub(crate) async fn diagnose(
        &self,
        clock: &(dyn Fn() -> Timestamp + Send + Sync),
        indexes: &Indexes,
    ) -> Result<Vec<Finding>, StoreError> {
        let before = clock();
        let hello = self.ask(doc! { "hello": 1 }).await?.map_err(|error| fault::from(&error))?;
        let after = clock();
        let version = self.ask(doc! { "buildInfo": 1 }).await?;
        let mut findings = vec![server(&hello, version.as_ref())];
        findings.extend(arbiters(&hello));
        if let Ok(theirs) = hello.get_datetime("localTime") {
            let theirs = Timestamp::from_millis(theirs.timestamp_millis());
            findings.push(Finding::clock(before, theirs, after));
        }
        findings.push(self.writes());
        findings.push(self.reads());
        let monitor = self.ask(doc! { "getParameter": 1, "ttlMonitorEnabled": 1 }).await?;
        findings.push(monitor_of(&monitor));
        findings.extend(self.indexes(indexes).await?);
        Ok(findings)
    }

    async fn ask(&self, question: Document) -> Result<Result<Document, Error>, StoreError> {
        let admin = self.collection.client().database("admin");
        self.run(async move { admin.run_command(question).await }).await
    }

    fn writes(&self) -> Finding {
        let concern = self.collection.write_concern();
        match concern.and_then(|concern| concern.w.as_ref()) {
            Some(Acknowledgment::Majority) => {
                Finding::good("write concern", "a majority has what is acknowledged")
            }
            _ => Finding::bad("write concern", "less than a majority").advise(
                "leave w out of the URL: after a failover a session that was ended can be live \
                 again, and a new one lost",
            ),
        }
    }

    fn reads(&self) -> Finding {
        match self.collection.selection_criteria() {
            None | Some(SelectionCriteria::ReadPreference(ReadPreference::Primary)) => {
                Finding::good("reads", "from the primary")
            }
            Some(_) => Finding::bad("reads", "not always from the primary").advise(
                "leave readPreference out of the URL: a secondary shows a session for some time \
                 after it was ended",
            ),
        }
    }

    async fn indexes(&self, wanted: &Indexes) -> Result<Vec<Finding>, StoreError> {
        let collection = self.collection.clone();
        let listed = self.run(async move {
            let mut cursor = collection.list_indexes().await?;
            let mut found = Vec::new();
            while cursor.advance().await? {
                found.push(cursor.deserialize_current()?);
            }
            Ok(found)
        });
        let there = match listed.await? {
            Ok(there) => there,
            // NamespaceNotFound: nothing was ever written.
            Err(error) if fault::code(&error) == Some(26) => {
                return Ok(vec![Finding::note("indexes", "there is no collection yet")]);
            }
            Err(_) => return Ok(vec![Finding::note("indexes", "they may not be listed")]),
        };
        let mut findings: Vec<_> =
            wanted.forget.iter().map(|wanted| forgetting(*wanted, by(&there, wanted.0))).collect();
        let (field, purpose) = wanted.find;
        findings.push(if by(&there, field).is_some() {
            Finding::good("index", format!("on `{field}`"))
        } else {
            Finding::warning("index", format!("none on `{field}`: {purpose} reads everything"))
                .advise("start sessile once with a user who may create indexes")
        });
        Ok(findings)
    }
}

/// The index that begins with this field.
fn by<'a>(there: &'a [IndexModel], field: &str) -> Option<&'a IndexModel> {
    there.iter().find(|index| index.keys.keys().next().is_some_and(|first| first == field))
}

fn server(hello: &Document, version: Result<&Document, &Error>) -> Finding {
    let version = version.ok().and_then(|it| it.get_str("version").ok()).unwrap_or("?");
    let members = hello.get_array("hosts").map_or(0, Vec::len);
    if hello.get_str("msg").is_ok_and(|it| it == "isdbgrid") {
        Finding::good("server", format!("version {version}, a sharded cluster"))
    } else if members > 0 {
        Finding::good("server", format!("version {version}, a replica set of {members}"))
    } else {
        Finding::note("server", format!("version {version}, one alone")).advise(
            "sessions are lost with its disk, and nobody is served while it is down: a replica \
             set of three helps against both",
        )
    }
}

/// With one of two data-bearing members down an arbiter elects, but acknowledges nothing.
fn arbiters(hello: &Document) -> Option<Finding> {
    let number = hello.get_array("arbiters").map_or(0, Vec::len);
    (number > 0).then(|| {
        Finding::warning("members", format!("{number} of them are arbiters")).advise(
            "give the arbiter data: while another member is down no majority can acknowledge a \
             write, and every login and logout times out",
        )
    })
}

fn monitor_of(said: &Result<Document, Error>) -> Finding {
    const CHECK: &str = "TTL monitor";
    match said.as_ref().ok().and_then(|said| said.get("ttlMonitorEnabled")) {
        Some(Bson::Boolean(true)) => Finding::good(CHECK, "on: it forgets within a minute or so"),
        Some(Bson::Boolean(false)) => Finding::warning(CHECK, "off: expired sessions pile up")
            .advise("switch it on (ttlMonitorEnabled), or run `sessile sweep` every hour"),
        _ => Finding::note(CHECK, "the server does not say, or has none")
            .advise("if expired sessions pile up, run `sessile sweep` every hour"),
    }
}

fn forgetting((field, slack): (&str, Duration), index: Option<&IndexModel>) -> Finding {
    const CHECK: &str = "TTL index";
    let after = index.and_then(|index| index.options.as_ref()).and_then(|it| it.expire_after);
    match after {
        Some(after) if after == slack => Finding::good(CHECK, format!("on `{field}`")),
        Some(after) => Finding::note(CHECK, format!("on `{field}`, {} s late", after.as_secs())),
        None => Finding::warning(CHECK, format!("none on `{field}`: expired sessions pile up"))
            .advise("start sessile with a user who may create indexes, or run `sessile sweep`"),
    }
}
