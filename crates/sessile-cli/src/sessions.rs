//! `sessile list` and `sessile end`: an operator's look at who is logged in.

use serde_json::json;
use sessile::store::Record;
use sessile::{Handle, SessionStore as _, StoreError, Subject};

use crate::args::{End, List};
use crate::ask::{can_be_asked, confirmed};
use crate::human;
use crate::open_store::{Directions, OpenStore, wait_for};
use crate::outcome::{Failure, print, remark};
use crate::progress::{Progress, counted};
use crate::walk::{Found, UNREADABLE, Walk, failed};

/// Sessions that are looked at for a name much like one that nobody has.
const NEAR: u64 = 10_000;

pub(crate) fn list(options: &List) -> Result<(), Failure> {
    wait_for(async {
        let directions = Directions::from(&options.place);
        let place = directions.look().await?;
        let subject = options.user.as_deref().map(subject).transpose()?;
        let limit = usize::try_from(options.limit).unwrap_or(usize::MAX);
        let (mut found, walk) = find(&place, subject.as_ref(), None, limit).await?;
        let more = found.len() > limit;
        found.truncate(limit);
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
                text.push_str(&format!("… and more; see them with --limit above {limit}\n"));
            }
        }
        print(&text)?;
        walk.remark();
        if found.is_empty()
            && walk.seen == 0
            && let Some(other) = directions.other_layout().await
        {
            remark(other.hint(directions.option));
        }
        if let (Some(user), true) = (&subject, found.is_empty()) {
            remark(nobody(&place, user).await?.0);
        }
        // Who asks whose sessions these are was not told.
        match walk.closed > 0 && (walk.closed == walk.live || subject.is_some()) {
            true => Err(Failure::found()),
            false => Ok(()),
        }
    })
}

pub(crate) fn end(options: &End) -> Result<(), Failure> {
    if !options.dry_run {
        can_be_asked(options.yes, "ending sessions")?;
    }
    wait_for(async {
        let directions = Directions::from(&options.place);
        let place = match options.dry_run {
            true => directions.look().await?,
            false => directions.open().await?,
        };
        match options.everyone {
            true => everyone(options, &directions, &place).await,
            false => chosen(options, &place).await,
        }
    })
}

/// Ends one session, or a user's.
async fn chosen(options: &End, place: &OpenStore) -> Result<(), Failure> {
    let subject = options.user.as_deref().map(subject).transpose()?;
    let handle = match &options.session {
        Some(text) => Some(text.parse::<Handle>().map_err(Failure::usage)?),
        None => None,
    };
    let (found, walk) = find(place, subject.as_ref(), handle, usize::MAX).await?;
    walk.remark();
    let count = found.len() as u64;
    let whose = match &subject {
        Some(subject) => format!("{} of {}", counted(count, "session"), subject.as_str()),
        None => counted(count, "session"),
    };
    if found.is_empty() {
        told(options, place, 0)?;
        let Some(subject) = subject.filter(|_| handle.is_none()) else {
            let what = options.session.as_deref().unwrap_or_default();
            return Err(Failure::refused(format!(
                "{}: no live session {what}; `sessile list` shows the handles",
                place.name
            )));
        };
        if walk.closed > 0 {
            return Err(Failure::found());
        }
        let (line, likely) = nobody(place, &subject).await?;
        return match likely {
            true => Err(Failure::refused(line)),
            false => {
                remark(line);
                Ok(())
            }
        };
    }
    if options.dry_run {
        return told(options, place, count);
    }
    let question = format!("{whose} in {} will end. End them?", place.name);
    if !options.yes && !confirmed(question).await? {
        return Err(Failure::refused("nothing was ended"));
    }
    let store = |error: StoreError| failed(place, &error);
    let mut ended = count;
    if let (Some(directory), Some(subject), None) =
        (place.store.capabilities().directory, &subject, handle)
    {
        // Those that began meanwhile, too.
        ended = directory.delete_by_subject(subject, None).await.map_err(store)? as u64;
    } else {
        for session in &found {
            place.store.end(&session.key).await.map_err(store)?;
        }
    }
    told(options, place, ended)?;
    // Some of theirs may be among those that do not open.
    match subject.is_some() && walk.closed > 0 {
        true => Err(Failure::found()),
        false => Ok(()),
    }
}

async fn everyone(
    options: &End,
    directions: &Directions<'_>,
    place: &OpenStore,
) -> Result<(), Failure> {
    let mut progress = Progress::new(options.json);
    let mut walk = Walk::new(place)?;
    if options.dry_run || !options.yes {
        while walk.next().await?.is_some() {
            progress.show("counting", walk.live, None);
        }
        progress.end();
        if options.dry_run {
            told(options, place, walk.live)?;
            hint_if_empty(&walk, directions).await;
            return Ok(());
        }
        let live = counted(walk.live, "session");
        let question = format!("All {live} in {} will end. End them?", place.name);
        if !confirmed(question).await? {
            return Err(Failure::refused("nothing was ended"));
        }
        walk = Walk::new(place)?;
    }
    let mut ended = 0;
    while let Some(found) = walk.next().await? {
        for session in found {
            let done = place.store.end(&session.key).await;
            done.map_err(|error| {
                progress.end();
                failed(place, &error).and(&format!("; {} had ended", counted(ended, "session")))
            })?;
            ended += 1;
            progress.show("ended", ended, None);
        }
    }
    progress.end();
    told(options, place, ended)?;
    hint_if_empty(&walk, directions).await;
    match walk.unreadable {
        0 => Ok(()),
        some => Err(Failure::refused(format!(
            "{} {UNREADABLE}; this did not end them",
            counted(some, "stored session")
        ))),
    }
}

async fn hint_if_empty(walk: &Walk<'_>, directions: &Directions<'_>) {
    if walk.seen == 0
        && let Some(other) = directions.other_layout().await
    {
        remark(other.hint(directions.option));
    }
}

/// How many ended, or would.
fn told(options: &End, place: &OpenStore, count: u64) -> Result<(), Failure> {
    print(&match (options.json, options.dry_run) {
        (true, dry_run) => {
            let said = json!({ "store": place.name, "ended": count, "dry_run": dry_run });
            format!("{said}\n")
        }
        (false, true) => format!("{} would end\n", counted(count, "session")),
        (false, false) => format!("{} ended\n", counted(count, "session")),
    })
}

/// What to say of a user without sessions; and whether somebody else was likely meant.
async fn nobody(place: &OpenStore, user: &Subject) -> Result<(String, bool), Failure> {
    let plain = |text: &str| text.trim().to_lowercase();
    let wanted = plain(user.as_str());
    let mut like: Vec<String> = Vec::new();
    if place.store.capabilities().scan.is_some() {
        let mut walk = Walk::new(place)?;
        while walk.seen < NEAR
            && let Some(page) = walk.next().await?
        {
            let near = page.into_iter().filter_map(|session| session.subject);
            let near = near.map(|subject| subject.as_str().to_owned());
            like.extend(near.filter(|other| plain(other) == wanted));
        }
    }
    let user = user.as_str();
    like.sort_unstable();
    like.dedup();
    Ok(match like.first() {
        Some(_) => (
            format!(
                "{user} has no session here, but {} has: users are compared letter by letter",
                like.join(", ")
            ),
            true,
        ),
        None => {
            let line = format!("{user} has no session here; `sessile list` shows who has");
            (line, false)
        }
    })
}

/// Live sessions, one more than `limit` if there are; of one user and of one handle where these
/// are named. And what was walked through for it.
async fn find<'a>(
    place: &'a OpenStore,
    subject: Option<&Subject>,
    handle: Option<Handle>,
    limit: usize,
) -> Result<(Vec<Found>, Walk<'a>), Failure> {
    let now = human::now();
    let mut walk = Walk::new(place)?;
    let wanted = |session: &Found| handle.is_none_or(|handle| session.key.handle() == handle);
    if let (Some(subject), Some(directory)) = (subject, place.store.capabilities().directory) {
        let listed = directory.by_subject(subject).await.map_err(|error| failed(place, &error))?;
        walk.unreadable = listed.unreadable as u64;
        walk.seen = (listed.sessions.len() + listed.unreadable) as u64;
        let live = listed.sessions.into_iter().filter(|(_, record)| !record.has_ended(now));
        let found = live.map(|(key, record)| {
            let subject = record.subject.clone();
            Found { key, record, subject }
        });
        return Ok((found.filter(wanted).collect(), walk));
    }
    let mut found = Vec::new();
    while found.len() <= limit
        && let Some(page) = walk.next().await?
    {
        let theirs =
            |session: &Found| subject.is_none_or(|it| session.subject.as_ref() == Some(it));
        found.extend(page.into_iter().filter(|session| theirs(session) && wanted(session)));
    }
    Ok((found, walk))
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
