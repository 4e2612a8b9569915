//! The part that awaits: carries a session from the store and its plan back to it.
//!
//! The exchange calls [`open`], [`prepare`] and [`execute`], so that all doors merge, retry and give
//! up alike; [`commit`] joins the last two, for callers without an exchange. Pauses between tries come
//! from the [`Runtime`](crate::exchange::Runtime).

mod context;
mod ending;
mod renewals;

pub use self::context::{Context, MAX_TRIES};
use self::ending::enforce_limit;
pub(crate) use self::renewals::Renewals;
use crate::begin::{Begun, Loaded, Opened, Reading};
use crate::engine::Engine;
use crate::error::{CommitError, OpenError};
use crate::event::{Event, EventKind};
use crate::id::StoreKey;
use crate::session::{Credential, Data, Lookup, Rotation, Session, Source};
use crate::settle::{Plan, ResponsePlan, StoreOp};
use crate::store::{
    CreateOutcome, Entry, Record, SessionStore, TouchOutcome, Version, WriteOutcome,
};
use sessile_formats::Timestamp;

/// Opens the session that a cookie's value leads to: at most one load, and one more for each change of
/// id that it follows.
///
/// # Errors
///
/// The store failed, or a foreign profile's original answers 500 here too.
pub async fn open<S: SessionStore>(
    engine: &Engine,
    store: &S,
    cookie: Option<&[u8]>,
    context: &Context<'_>,
) -> Result<Session, OpenError> {
    let now = time(engine, context);
    let mut at = match engine.begin(cookie, now)? {
        Begun::Ready(opened) => return Ok(ready(opened, context)),
        Begun::Load(at) => at,
    };
    loop {
        let found = store.load(&at.key).await?;
        if let Some(Entry::Unreadable(why)) = &found {
            tracing::warn!(%why, "a stored session cannot be read; its visitor starts anew");
        }
        match engine.loaded(at, found, now) {
            Loaded::Ready(opened) => return Ok(ready(opened, context)),
            Loaded::Follow(to) => at = to,
        }
    }
}

/// A session for a visitor who sent what cannot be a credential, such as two of them.
pub fn refused(engine: &Engine, context: &Context<'_>) -> Session {
    let now = time(engine, context);
    ready(engine.refused(now), context)
}

/// As exact as the profile needs. A foreign cookie signed in this very second
/// would seem to come from the future to a clock that lags behind.
fn time(engine: &Engine, context: &Context<'_>) -> Timestamp {
    if engine.shares_seconds() { context.now() } else { context.about_now() }
}

fn ready(opened: Opened, context: &Context<'_>) -> Session {
    opened.event.into_iter().for_each(|event| context.report(&event));
    opened.session
}

/// Saves what the handler did to its session and says what goes with the
/// response. Conflicts are merged and tried again; `server_error` says that the
/// response is a 5xx.
///
/// Cancelled at an await, the write in flight happened whole or not at all.
///
/// # Errors
///
/// The response must not be the handler's: its changes are not saved.
pub async fn commit<S: SessionStore>(
    engine: &Engine,
    store: &S,
    session: &Session,
    server_error: bool,
    context: &Context<'_>,
) -> Result<ResponsePlan, CommitError> {
    match prepare(engine, session, server_error, context)? {
        Prepared::Done(committed) => Ok(committed),
        Prepared::Planned(plan) => {
            execute(engine, store, session, plan, server_error, context).await
        }
    }
}

/// What [`prepare`] comes to.
#[derive(Debug)]
pub enum Prepared {
    /// The store need not be told anything: this goes with the response.
    Done(ResponsePlan),
    /// The store must be told; [`execute`] does it.
    Planned(Box<Plan>),
}

/// The part of [`commit`] before anything is awaited. Who calls it
/// by itself spares most requests a future: reads, and cookie-held sessions.
///
/// # Errors
///
/// As for [`commit`].
pub fn prepare(
    engine: &Engine,
    session: &Session,
    server_error: bool,
    context: &Context<'_>,
) -> Result<Prepared, CommitError> {
    // What most requests come to, without the making of a plan.
    if let Some(vary) = engine.seal_unchanged(session, server_error, context.about_now()) {
        return Ok(Prepared::Done(ResponsePlan { vary, ..ResponsePlan::default() }));
    }
    let plan = settle(engine, session, server_error, context)?;
    Ok(match (&plan.store, &plan.delete) {
        (StoreOp::Nothing, None) => Prepared::Done(conclude(plan, context)),
        _ => Prepared::Planned(Box::new(plan)),
    })
}

/// The part of [`commit`] that awaits: carries `plan` out, and when it loses
/// against somebody else makes another.
///
/// # Errors
///
/// As for [`commit`].
pub async fn execute<S: SessionStore>(
    engine: &Engine,
    store: &S,
    session: &Session,
    mut plan: Box<Plan>,
    server_error: bool,
    context: &Context<'_>,
) -> Result<ResponsePlan, CommitError> {
    for tries in 1..=MAX_TRIES {
        match write(store, &plan, context).await? {
            Outcome::Done => return finish(engine, store, session, plan, context).await,
            Outcome::NotRenewed => {
                (plan.response.cookie, plan.response.update) = (None, None);
                return finish(engine, store, session, plan, context).await;
            }
            Outcome::Taken => {}
            Outcome::Lost => {
                context.pause(tries).await;
                // Boxed, as all that is rare: it would make every future larger.
                Box::pin(rebase(engine, store, session, context)).await?;
            }
        }
        *plan = settle(engine, session, server_error, context)?;
    }
    Err(CommitError::Contended)
}

fn settle(
    engine: &Engine,
    session: &Session,
    server_error: bool,
    context: &Context<'_>,
) -> Result<Plan, CommitError> {
    let now = time(engine, context);
    let settle = || engine.settle(session, server_error, now, &mut |bytes| context.random(bytes));
    match settle() {
        // It expired while the handler ran; who logs in does not need it.
        Err(CommitError::Ended) if session.is_logging_in() => {
            session.restart();
            settle()
        }
        settled => settled,
    }
}

enum Outcome {
    Done,
    /// A request that only read has not renewed its session, and no cookie says that it has: the
    /// session was ended meanwhile, or another request renews it, or the store failed.
    NotRenewed,
    /// The new id is in use; another will not be.
    Taken,
    /// The session changed or went since it was loaded.
    Lost,
}

async fn write<S: SessionStore>(
    store: &S,
    plan: &Plan,
    context: &Context<'_>,
) -> Result<Outcome, CommitError> {
    let written = match &plan.store {
        StoreOp::Nothing => return Ok(Outcome::Done),
        StoreOp::Touch { key, seen, idle, every } => {
            if !context.begins_renewal(key, *seen, *every) {
                return Ok(Outcome::NotRenewed);
            }
            return Ok(match store.touch(key, *seen, *idle).await {
                Ok(TouchOutcome::Touched) => {
                    context.renewed(key, *seen, *every);
                    Outcome::Done
                }
                Ok(TouchOutcome::Gone) => Outcome::NotRenewed,
                // What the visitor came to read is there. A later request renews.
                Err(error) => {
                    tracing::error!(%error, "a session that was read could not be renewed");
                    let (kind, session) = (EventKind::StoreFailed, Some(key.handle()));
                    context.report(&Event { kind, session, subject: None });
                    Outcome::NotRenewed
                }
            });
        }
        StoreOp::Create { key, record } => {
            return Ok(match store.create(key, record).await? {
                CreateOutcome::Created(_) => Outcome::Done,
                CreateOutcome::Exists => Outcome::Taken,
            });
        }
        StoreOp::Update { key, record, expected } => store.update(key, record, expected).await?,
        StoreOp::Replace { old_key, expected, new_key, record, pointer_until } => {
            match store.replace(old_key, expected, new_key, record, *pointer_until).await {
                Err(error) if error.kind().is_in_doubt() => {
                    match moved_all_the_same(store, old_key, new_key).await {
                        Some(version) => WriteOutcome::Written(version),
                        None => return Err(error.into()),
                    }
                }
                answer => answer?,
            }
        }
    };
    Ok(match written {
        WriteOutcome::Written(_) => Outcome::Done,
        WriteOutcome::Conflict | WriteOutcome::Gone => Outcome::Lost,
    })
}

/// The version of a session whose change of id was carried out, though its answer was lost: told
/// that it failed, nobody would find it again. It must be gone from its old id, too: some stores
/// write the new entry first, and may have got no further.
async fn moved_all_the_same<S: SessionStore>(
    store: &S,
    old: &StoreKey,
    new: &StoreKey,
) -> Option<Version> {
    match store.load(old).await {
        Ok(None | Some(Entry::Moved { .. })) => {}
        _ => return None,
    }
    match store.load(new).await {
        Ok(Some(Entry::Live(_, version))) => Some(version),
        _ => None,
    }
}

async fn finish<S: SessionStore>(
    engine: &Engine,
    store: &S,
    session: &Session,
    plan: Box<Plan>,
    context: &Context<'_>,
) -> Result<ResponsePlan, CommitError> {
    if let Some(key) = &plan.delete {
        store.end(key).await?;
    }
    if let (Some(limit), true) = (engine.sessions_per_subject(), session.is_logging_in())
        && let Some((key, record)) = plan.stored()
    {
        // The new id must reach the browser, or the login would cost the visitor
        // their session; the next login ends what is too many now.
        if let Err(error) = Box::pin(enforce_limit(store, limit, key, record, context)).await {
            tracing::error!(%error, "a user may have more sessions than allowed");
            context.report(&Event { kind: EventKind::StoreFailed, session: None, subject: None });
        }
    }
    Ok(conclude(*plan, context))
}

fn conclude(plan: Plan, context: &Context<'_>) -> ResponsePlan {
    plan.events.into_iter().for_each(|event| context.report(&event));
    plan.response
}

/// Loads what is there now and puts the changes on top of it.
async fn rebase<S: SessionStore>(
    engine: &Engine,
    store: &S,
    session: &Session,
    context: &Context<'_>,
) -> Result<(), CommitError> {
    let Some(mut at) = session.lookup() else { return Ok(()) };
    let report = |kind, at: &Lookup| {
        context.report(&Event { kind, session: Some(at.key.handle()), subject: None });
    };
    loop {
        let entry = store.load(&at.key).await?;
        match engine.reading(at.clone(), entry, context.now()) {
            Reading::Follow(to) => {
                // Somebody else changed the id; theirs is the one that lives.
                session.forget_rotation();
                at = to;
            }
            Reading::Live { origin, data } => {
                let base = session.base(engine);
                session.rebase(base.as_ref(), origin, data);
                report(EventKind::Conflicted, &at);
                return Ok(());
            }
            Reading::Nothing(_) if session.is_logging_in() => {
                // Who logs in is somebody new, whatever became of the session before.
                session.restart();
                return Ok(());
            }
            Reading::Nothing(_) => {
                report(EventKind::Late, &at);
                return Err(CommitError::Ended);
            }
        }
    }
}

impl Plan {
    /// The record of a session that is new under its key: the one that may be too many.
    fn stored(&self) -> Option<(&StoreKey, &Record)> {
        match &self.store {
            StoreOp::Create { key, record } => Some((key, record)),
            StoreOp::Replace { new_key, record, .. } => Some((new_key, record)),
            _ => None,
        }
    }
}

/// What only the loop above asks of a session; none of it counts as an access.
impl Session {
    fn lookup(&self) -> Option<Lookup> {
        match &self.lock().origin {
            Source::Stored { at, .. } => Some(at.clone()),
            _ => None,
        }
    }

    /// What this request loaded, where an edit inside a value must be found.
    fn base(&self, engine: &Engine) -> Option<crate::Map> {
        let state = self.lock();
        let record = state.changes.marked.then(|| state.origin.record()).flatten()?;
        engine.decode(&record.payload)
    }

    fn forget_rotation(&self) {
        let mut state = self.lock();
        if state.changes.rotation == Some(Rotation::Routine) {
            state.changes.rotation = None;
        }
    }

    fn is_logging_in(&self) -> bool {
        self.lock().changes.rotation == Some(Rotation::LogIn)
    }

    /// Turns a session that is gone into a new one holding this request's changes only.
    fn restart(&self) {
        self.rebase(None, Source::Fresh { credential: Credential::Dead }, Data::default());
    }
}
