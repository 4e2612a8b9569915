//! Runs clients in every order of their steps, and checks the store after each.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use sessile_core::store::key_value::KeyValueStore;
use sessile_core::store::rotation::{self, Whose};
use sessile_core::store::{
    CreateOutcome, Directory as _, Record, SessionStore as _, Sweep as _, TouchOutcome, Version,
    WriteOutcome,
};
use sessile_core::{StoreKey, Subject, Timestamp};

use crate::checks::{Seen, check_end, check_step, check_sweeps, shape};
use crate::values::{Contents, Values};

/// How one call of a client fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The client is dropped instead of making the call.
    Cancelled,
    /// Nothing happens, and an error comes back.
    Before,
    /// It happens, and an error comes back.
    After,
    /// An error comes back, and it happens when all clients have ended.
    Late,
    /// There is no room: writes fail, deletions fail too.
    Full,
}

impl Fault {
    pub(crate) const ALL: [Self; 5] =
        [Self::Cancelled, Self::Before, Self::After, Self::Late, Self::Full];
}

/// What a client does with the session it has loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Do {
    Replace {
        to: u8,
        grace: bool,
    },
    Update,
    Touch,
    End,
    Delete,
    /// Loads what client 1's replace makes.
    LoadNew,
    Sweep,
    List,
    EndSubject {
        keep: bool,
    },
}

impl Do {
    pub(crate) fn is_long(self) -> bool {
        matches!(self, Self::Sweep | Self::List | Self::EndSubject { .. })
    }

    /// Whether the session may be over after this.
    pub(crate) fn ends(self) -> bool {
        matches!(self, Self::End | Self::Delete | Self::EndSubject { keep: false })
    }
}

/// How the session has come to where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    Live,
    /// By a move whose last step failed.
    Unpromoted,
    UnpromotedWithGrace,
}

#[derive(Debug)]
pub(crate) enum Answer {
    Write(WriteOutcome),
    Touch(TouchOutcome),
    Done,
    Listed(usize),
    Failed,
}

pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_000_000);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// Keys in an order in which a page of the list may miss a move: new ones come first.
pub(crate) fn key(number: u8) -> StoreKey {
    StoreKey::from_hash(
        [match number {
            0 => 5,
            1 => 3,
            2 => 7,
            _ => 9,
        }; 32],
    )
}

pub(crate) const BEFORE: u8 = 9;

fn subject() -> Subject {
    Subject::new("ada").unwrap()
}

pub(crate) fn record(payload: impl Into<String>) -> Record {
    Record {
        created: Some(Timestamp::from_secs(999_000)),
        seen: Some(Timestamp::from_secs(999_900)),
        idle: Some(HOUR),
        absolute: Some(NOW + HOUR * 24),
        subject: Some(subject()),
        ..Record::new(payload.into())
    }
}

/// Polls a future that waits for nobody else.
pub(crate) fn now_or_never<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..100_000 {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
    panic!("it never ends");
}

/// The session under key 0, and its version.
fn begin(start: Start) -> (Contents, Version) {
    let values = Values::default();
    let store = KeyValueStore::new(values.clone());
    let at = if start == Start::Live { key(0) } else { key(BEFORE) };
    let CreateOutcome::Created(version) =
        now_or_never(store.create(&at, &record("start"))).unwrap()
    else {
        panic!("the key is taken")
    };
    if start == Start::Live {
        return (values.contents.lock().unwrap().clone(), version);
    }
    // The third call is the promotion.
    let failing = KeyValueStore::new(values.client(Some((Fault::Before, 2))));
    let grace = (start == Start::UnpromotedWithGrace).then_some(NOW + HOUR / 60);
    let (to, record) = (key(0), record("start"));
    let moved = failing.replace(&at, &version, &to, &record, grace);
    let WriteOutcome::Written(version) = now_or_never(moved).unwrap() else {
        panic!("the move failed")
    };
    (values.contents.lock().unwrap().clone(), version)
}

pub(crate) fn payload(client: usize) -> String {
    format!("client {client}")
}

pub(crate) fn touched(client: usize) -> Timestamp {
    NOW + Duration::from_secs(client as u64 + 1)
}

async fn act(
    store: &KeyValueStore<Values>,
    client: usize,
    what: Do,
    version: &Version,
) -> Result<Answer, sessile_core::StoreError> {
    let mut record = record(payload(client));
    Ok(match what {
        Do::Replace { to, grace } => {
            record.rotated = Some(NOW);
            let grace = grace.then_some(NOW + HOUR / 60);
            Answer::Write(store.replace(&key(0), version, &key(to), &record, grace).await?)
        }
        Do::Update => {
            // By a server whose clock is behind.
            record.seen = Some(Timestamp::from_secs(999_000));
            Answer::Write(store.update(&key(0), &record, version).await?)
        }
        Do::Touch => {
            let seen = touched(client);
            Answer::Touch(store.touch(&key(0), seen, Some(HOUR)).await?)
        }
        Do::End => {
            rotation::end(store, &key(0), Whose::default()).await?;
            Answer::Done
        }
        Do::Delete => {
            store.delete(&key(0)).await?;
            Answer::Done
        }
        Do::LoadNew => {
            store.load(&key(1)).await?;
            Answer::Done
        }
        // When grace periods and pointers have ended, and the session has not.
        Do::Sweep => {
            store.sweep(NOW + HOUR / 2, 100).await?;
            Answer::Done
        }
        Do::List => Answer::Listed(store.by_subject(&subject()).await?.sessions.len()),
        Do::EndSubject { keep } => {
            let at = key(0);
            store.delete_by_subject(&subject(), keep.then_some(&at)).await?;
            Answer::Done
        }
    })
}

struct Client<'a> {
    running: Option<Pin<Box<dyn Future<Output = Answer> + 'a>>>,
    answer: Option<Answer>,
    polls: usize,
}

/// How many orders there are in which the fault happens, all of them checked. A client that could
/// go on is interrupted `interruptions` times at most; who has many steps needs a bound.
pub(crate) fn explore(
    start: Start,
    what: &[Do],
    fault: Option<(Fault, usize)>,
    interruptions: usize,
) -> usize {
    let mut orders = 0;
    let mut choices: Vec<(usize, usize)> = Vec::new();
    let begun = begin(start);
    let mut seen = Seen::default();
    loop {
        let happened = run(&begun, what, fault, interruptions, &mut choices, &mut seen);
        orders += usize::from(happened);
        // The next order: the last choice that has an alternative left.
        loop {
            match choices.pop() {
                None => return orders,
                Some((taken, of)) if taken + 1 < of => {
                    choices.push((taken + 1, of));
                    break;
                }
                Some(_) => {}
            }
        }
    }
}

fn run(
    (contents, version): &(Contents, Version),
    what: &[Do],
    fault: Option<(Fault, usize)>,
    mut interruptions: usize,
    choices: &mut Vec<(usize, usize)>,
    seen: &mut Seen,
) -> bool {
    let values = Values::over(contents.clone());
    let stores: Vec<_> = (0..what.len())
        .map(|client| KeyValueStore::new(values.client(fault.filter(|_| client == 0))))
        .collect();
    let mut clients: Vec<_> = stores
        .iter()
        .zip(what)
        .enumerate()
        .map(|(client, (store, what))| {
            let work =
                async move { act(store, client, *what, version).await.unwrap_or(Answer::Failed) };
            Client { running: Some(Box::pin(work) as _), answer: None, polls: 0 }
        })
        .collect();
    let mut context = Context::from_waker(Waker::noop());
    let mut cancelled = false;
    let mut at = 0;
    let mut last = usize::MAX;
    let mut changes = 0;
    let mut ended = false;
    loop {
        let mut ready: Vec<usize> =
            (0..clients.len()).filter(|client| clients[*client].running.is_some()).collect();
        if ready.is_empty() {
            break;
        }
        let goes_on = ready.contains(&last);
        if goes_on && interruptions == 0 {
            ready = vec![last];
        }
        if at == choices.len() {
            choices.push((0, ready.len()));
        }
        let number = ready[choices[at].0];
        at += 1;
        interruptions -= usize::from(goes_on && number != last);
        last = number;
        let client = &mut clients[number];
        let is_cut_off = number == 0
            && fault.is_some_and(|(fault, at)| fault == Fault::Cancelled && client.polls == at + 1);
        // The first poll leads to the first call, the one after makes it.
        client.polls += 1;
        let Some(running) = &mut client.running else { continue };
        if is_cut_off {
            (client.running, cancelled) = (None, true);
        } else if let Poll::Ready(answer) = running.as_mut().poll(&mut context) {
            client.running = None;
            ended |= what[number].ends()
                && what[number] != Do::Delete
                && !matches!(answer, Answer::Failed);
            client.answer = Some(answer);
        }
        let contents = values.contents.lock().unwrap();
        if contents.changes != changes || ended {
            changes = contents.changes;
            check_step(&seen.view(&contents), what, ended);
        }
    }
    values.contents.lock().unwrap().arrive();
    let contents = values.contents.lock().unwrap().clone();
    let answers: Vec<_> = clients.iter().map(|client| client.answer.as_ref()).collect();
    let found = seen.view(&contents);
    check_step(&found, what, ended);
    check_end(&found, what, &answers);
    if seen.swept.insert(shape(&contents)) {
        check_sweeps(contents, &found);
    }
    fault.is_none() || cancelled || stores[0].values().has_failed.load(Ordering::Relaxed)
}
