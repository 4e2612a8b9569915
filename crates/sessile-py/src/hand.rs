//! A store that somebody else carries out: its methods put a question down and wait for the answer.
//!
//! One [`Flow`](crate::flow::Flow) polls one future at a time, and while it does so its [`Slot`] is
//! the thread's current one. So one store, shared by all requests, finds the slot of the request
//! that asks.

use std::cell::RefCell;
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sessile_connect::system_time;
use sessile_core::exchange::Runtime;
use sessile_core::store::key_value::{KeyPage, KeyValue, Put, Stamp};
use sessile_core::store::{BoxFuture, StoreError, StoreErrorKind};
use sessile_core::{RandomError, Timestamp};

/// What is to be done before the future can go on.
#[derive(Clone)]
pub(crate) enum Ask {
    Get(String),
    PutIf { key: String, old: Option<Bytes>, new: Bytes, until: Option<Timestamp> },
    DeleteIf { key: String, old: Bytes },
    List { after: Option<String>, limit: usize },
    Sleep(Duration),
}

/// What came of it.
pub(crate) enum Answer {
    Value(Option<Bytes>),
    Done(bool),
    Keys(KeyPage),
    Failed(HandError),
}

/// Where a question and its answer lie.
#[derive(Default)]
pub(crate) struct Slot(Mutex<Held>);

#[derive(Default)]
struct Held {
    ask: Option<Ask>,
    answer: Option<Answer>,
}

impl Slot {
    /// Nothing panics while it is held.
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn take_ask(&self) -> Option<Ask> {
        self.held().ask.take()
    }

    pub(crate) fn answer(&self, answer: Answer) {
        self.held().answer = Some(answer);
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<Slot>>> = const { RefCell::new(None) };
}

/// Makes `slot` the thread's current one while `poll` runs.
pub(crate) fn with_slot<T>(slot: &Arc<Slot>, poll: impl FnOnce() -> T) -> T {
    /// Puts back what was current, also when `poll` panics.
    struct Restore(Option<Arc<Slot>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.with(|current| *current.borrow_mut() = self.0.take());
        }
    }
    let before = CURRENT.with(|current| current.borrow_mut().replace(slot.clone()));
    let _restore = Restore(before);
    poll()
}

fn current() -> Option<Arc<Slot>> {
    CURRENT.with(|current| current.borrow().clone())
}

async fn ask(ask: Ask) -> Result<Answer, HandError> {
    let mut ask = Some(ask);
    poll_fn(move |_| {
        let Some(slot) = current() else { return Poll::Ready(Err(HandError::outside())) };
        let mut held = slot.held();
        if let Some(ask) = ask.take() {
            // What is left of a call that was given up is nobody's any more.
            *held = Held { ask: Some(ask), answer: None };
            return Poll::Pending;
        }
        match held.answer.take() {
            Some(Answer::Failed(error)) => Poll::Ready(Err(error)),
            Some(answer) => Poll::Ready(Ok(answer)),
            None => Poll::Pending,
        }
    })
    .await
}

/// The clock and the randomness of the system. To wait is asked for like everything else.
pub(crate) struct HandRuntime;

impl Runtime for HandRuntime {
    fn now(&self) -> Timestamp {
        system_time()
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        getrandom::fill(bytes).map_err(RandomError::new)
    }

    /// Also the timer beside each call to the store, which asks for nothing itself: whoever carries
    /// out the call bounds it.
    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        let until = Instant::now() + span;
        Box::pin(poll_fn(move |_| {
            let rest = until.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return Poll::Ready(());
            }
            if let Some(slot) = current() {
                slot.held().ask.get_or_insert(Ask::Sleep(rest));
            }
            Poll::Pending
        }))
    }
}

/// How a store that others carry out failed.
#[derive(Debug)]
pub(crate) struct HandError {
    kind: StoreErrorKind,
    text: String,
}

impl HandError {
    pub(crate) fn new(kind: StoreErrorKind, text: String) -> Self {
        Self { kind, text }
    }

    fn outside() -> Self {
        Self::new(StoreErrorKind::Unsupported, "asked outside of a flow".to_owned())
    }

    fn unfitting() -> Self {
        Self::new(StoreErrorKind::Corrupt, "the answer was to another question".to_owned())
    }
}

impl fmt::Display for HandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for HandError {}

/// A user's store of three methods; `LISTING` if it has the fourth, which lists its keys.
pub(crate) struct Hand<const LISTING: bool>;

/// The stamp of a value is the value, so that a store needs none of its own: two values that were
/// ever under one key differ.
impl<const LISTING: bool> KeyValue for Hand<LISTING> {
    type Error = HandError;

    const NAME: &'static str = "given";
    const LISTS: bool = LISTING;

    async fn get(&self, key: &str) -> Result<Option<(Bytes, Stamp)>, HandError> {
        match ask(Ask::Get(key.to_owned())).await? {
            Answer::Value(value) => Ok(value.map(|value| (value.clone(), Stamp::new(value)))),
            _ => Err(HandError::unfitting()),
        }
    }

    async fn put_if(
        &self,
        key: &str,
        expected: Option<&Stamp>,
        new: Put,
    ) -> Result<Option<Stamp>, HandError> {
        let Put { value, until } = new;
        let old = expected.map(|stamp| Bytes::copy_from_slice(stamp.as_bytes()));
        let put = Ask::PutIf { key: key.to_owned(), old, new: value.clone(), until };
        match ask(put).await? {
            Answer::Done(true) => Ok(Some(Stamp::new(value))),
            Answer::Done(false) => Ok(None),
            _ => Err(HandError::unfitting()),
        }
    }

    async fn delete_if(&self, key: &str, expected: &Stamp) -> Result<bool, HandError> {
        let old = Bytes::copy_from_slice(expected.as_bytes());
        match ask(Ask::DeleteIf { key: key.to_owned(), old }).await? {
            Answer::Done(done) => Ok(done),
            _ => Err(HandError::unfitting()),
        }
    }

    async fn list(&self, after: Option<&str>, limit: usize) -> Result<KeyPage, HandError> {
        match ask(Ask::List { after: after.map(str::to_owned), limit }).await? {
            Answer::Keys(page) => Ok(page),
            _ => Err(HandError::unfitting()),
        }
    }

    fn failed(error: HandError) -> StoreError {
        StoreError::new(Self::NAME, error.kind).because(error)
    }
}
