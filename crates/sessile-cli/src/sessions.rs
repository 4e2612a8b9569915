//! `sessile list` and `sessile end`: an operator's look at who is logged in.

use serde_json::json;
use sessile::store::{Cursor, Record};
use sessile::{Engine, Handle, SessionStore as _, StoreError, StoreKey, Subject};

use crate::args::{End, List};
use crate::human;
use crate::open_store::{Directions, OpenStore, no_list, wait_for};
use crate::outcome::{Failure, print, remark};
use crate::progress::{Progress, counted};

/// Entries asked for at a time.
const PAGE: usize = 500;

const UNREADABLE: &str =
    "cannot be read: damaged, of another program, or of a newer release of sessile";

pub(crate) fn list(options: &List) -> Result<(), Failure> {
    wait_for(async {
        let place = Directions::from(&options.place).open().await?;
        let subject = options.user.as_deref().map(subject).transpose()?;
        let (mut found, unreadable) = find(&place, subject.as_ref(), options.limit).await?;
        let more = found.len() > options.limit;
        found.truncate(options.limit);
        let mut text = String::new();
        for session in &found {
            text.push_str(&if options.json { session.json() } else { session.row() });
            text.push('\n');
        }
        if !options.json {
            let head = match found.is_empty() {
                true => "no live sessions\n".to_owned(),
                false => row("SESSION", "USER", "BEGAN", "LAST SEEN", "ENDS") + "\n",
            };
            text.insert_str(0, &head);
            if more {
                text.push_str(&format!(
                    "… and more; see them with --limit above {}\n",
                    options.limit
                ));
            }
        }
        print(&text)?;
        if unreadable > 0 {
            remark(format!("{} {UNREADABLE}", counted(unreadable, "stored session")));
        }
        Ok(())
    })
}

pub(crate) fn end(options: &End) -> Result<(), Failure> {
    wait_for(async {
        let place = Directions::from(&options.place).open().await?;
        let failed = |error: StoreError| Failure::usage(format!("{}: {error}", place.name));
        let (mut ended, mut unreadable) = (0, 0);
        if let Some(user) = &options.user {
            let subject = subject(user)?;
            let handle = match &options.session {
                Some(text) => Some(text.parse::<Handle>().map_err(Failure::usage)?),
                None => None,
            };
            if let (Some(directory), None) = (place.store.capabilities().directory, handle) {
                ended = directory.delete_by_subject(&subject, None).await.map_err(failed)?;
            } else {
                for session in find(&place, Some(&subject), usize::MAX).await?.0 {
                    if handle.is_none_or(|handle| session.key.handle() == handle) {
                        place.store.end(&session.key).await.map_err(failed)?;
                        ended += 1;
                    }
                }
            }
        } else {
            let mut progress = Progress::new(false);
            let mut after = None;
            loop {
                let page = page(&place, after.as_ref()).await?;
                unreadable += page.unreadable as u64;
                for (key, _) in &page.entries {
                    place.store.end(key).await.map_err(failed)?;
                    ended += 1;
                    progress.show("ended", ended as u64, None);
                }
                match page.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
            progress.end();
        }
        print(&format!("{} ended\n", counted(ended as u64, "session")))?;
        match unreadable {
            0 => Ok(()),
            some => Err(Failure::refused(format!(
                "{} {UNREADABLE}; this did not end them",
                counted(some, "stored session")
            ))),
        }
    })
}

struct Found {
    key: StoreKey,
    record: Record,
    subject: Option<Subject>,
}

/// Live sessions, one more than `limit` if there are; of one user where one is named. And how
/// many entries cannot be read, of those looked at.
async fn find(
    place: &OpenStore,
    subject: Option<&Subject>,
    limit: usize,
) -> Result<(Vec<Found>, u64), Failure> {
    let now = human::now();
    let live = |(_, record): &(StoreKey, Record)| !record.has_ended(now);
    if let (Some(subject), Some(directory)) = (subject, place.store.capabilities().directory) {
        let listed = directory.by_subject(subject).await.map_err(|error| store(place, error))?;
        let found = listed.sessions.into_iter().filter(live).map(|(key, record)| {
            let subject = record.subject.clone();
            Found { key, record, subject }
        });
        return Ok((found.collect(), listed.unreadable as u64));
    }
    // Whose a session is stands in its data, where the layout is another's.
    let engine = engine(place)?;
    let (mut found, mut unreadable) = (Vec::new(), 0);
    let mut after = None;
    loop {
        let page = page(place, after.as_ref()).await?;
        unreadable += page.unreadable as u64;
        for (key, record) in page.entries.into_iter().filter(live) {
            let theirs = record.subject.clone();
            let theirs = theirs.or_else(|| engine.subject_in(&engine.decode(&record.payload)?));
            if subject.is_none_or(|subject| theirs.as_ref() == Some(subject)) {
                found.push(Found { key, record, subject: theirs });
            }
        }
        match page.next {
            Some(next) if found.len() <= limit => after = Some(next),
            _ => return Ok((found, unreadable)),
        }
    }
}

fn engine(place: &OpenStore) -> Result<Engine, Failure> {
    Engine::new(place.config.clone()).map_err(Failure::usage)
}

async fn page(place: &OpenStore, after: Option<&Cursor>) -> Result<sessile::store::Page, Failure> {
    let scan = place
        .store
        .capabilities()
        .scan
        .ok_or_else(|| Failure::usage(format!("{}: {}", place.name, no_list(&place.name))))?;
    scan.scan(after, PAGE).await.map_err(|error| store(place, error))
}

fn store(place: &OpenStore, error: StoreError) -> Failure {
    Failure::usage(format!("{}: {error}", place.name))
}

fn subject(text: &str) -> Result<Subject, Failure> {
    Subject::new(text).ok_or_else(|| {
        Failure::usage("--user takes 1 to 200 bytes without control characters, as given to log_in")
    })
}

fn row(handle: &str, user: &str, began: &str, seen: &str, ends: &str) -> String {
    format!("{handle:<24}  {user:<20}  {began:<14}  {seen:<14}  {ends}")
}

impl Found {
    fn row(&self) -> String {
        let now = human::now();
        let at = |moment: Option<_>| moment.map_or("-".to_owned(), |at| human::relative(at, now));
        let user = self.subject.as_ref().map_or("-", |subject| subject.as_str());
        let Record { created, seen, .. } = &self.record;
        let handle = self.key.handle().to_string();
        row(&handle, user, &at(*created), &at(*seen), &at(self.record.ends()))
    }

    fn json(&self) -> String {
        let at = |moment: Option<_>| moment.map(human::exact);
        let Record { created, seen, authenticated, permanent, payload, .. } = &self.record;
        json!({
            "session": self.key.handle().to_string(),
            "user": self.subject.as_ref().map(|subject| subject.as_str()),
            "began": at(*created),
            "seen": at(*seen),
            "logged_in": at(*authenticated),
            "ends": at(self.record.ends()),
            "permanent": permanent,
            "bytes": payload.len(),
        })
        .to_string()
    }
}
