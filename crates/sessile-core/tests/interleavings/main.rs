//! Invariants 3 to 7 over thousands of random schedules: a few requests of one
//! or two visitors, interleaved at every await, cancelled, with a store that
//! fails, while time passes. What each write must leave behind is worked out
//! anew by [`ledger`], which knows nothing of versions, conflicts or merging.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod ledger;
mod store;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{self, Poll, Waker};
use std::time::Duration;

use sessile_core::exchange::Runtime;
use sessile_core::store::BoxFuture;
use sessile_core::transaction::{self, Context};
use sessile_core::{Config, Engine, Expiry, Lifetime, RandomError, Session, SessionId, Timestamp};

use ledger::{Effect, Ledger};
use store::{Faults, Watched};

/// Numbers that look random and are the same in every run (splitmix64).
#[derive(Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}

/// What all requests of one schedule share.
pub(crate) struct Scene {
    pub(crate) now: Timestamp,
    pub(crate) ledger: Ledger,
    pub(crate) dice: Dice,
    /// Every credential a browser ever got.
    cookies: Vec<Vec<u8>>,
}

pub(crate) type Shared = Arc<Mutex<Scene>>;

/// Waits once, so that somebody else may run.
pub(crate) async fn step() {
    let mut waited = false;
    std::future::poll_fn(|_| match std::mem::replace(&mut waited, true) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
}

struct Here(Shared, usize);

impl Runtime for Here {
    fn now(&self) -> Timestamp {
        let scene = &mut *self.0.lock().unwrap();
        scene.ledger.decides(self.1, scene.now);
        scene.now
    }
    fn random(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        let mut scene = self.0.lock().unwrap();
        bytes.iter_mut().for_each(|byte| *byte = scene.dice.roll(256) as u8);
        Ok(())
    }
    fn sleep(&self, _span: Duration) -> BoxFuture<'static, ()> {
        Box::pin(step())
    }
}

/// What the handler does, one step at a time.
async fn handle(session: &Session, request: usize, scene: &Shared) {
    let steps = scene.lock().unwrap().dice.roll(4);
    for number in 0..steps {
        step().await;
        let (choice, other) = {
            let mut scene = scene.lock().unwrap();
            (scene.dice.roll(16), scene.dice.roll(4))
        };
        let effect = match choice {
            0..=3 => {
                // A key of its own, or one that others write, too.
                let key = if other < 3 { format!("r{request}") } else { "shared".to_owned() };
                let value = (request * 10) as i64 + number as i64;
                session.insert(key.as_str(), value);
                Some(Effect::Set(key, value))
            }
            4 => session.remove("shared").then(|| Effect::Unset("shared".to_owned())),
            5 => {
                session.clear();
                Some(Effect::Clear)
            }
            6 => {
                session.flush();
                Some(Effect::Flush)
            }
            7 | 8 => {
                let user = ["alice", "bob"][other as usize % 2];
                let before = session.subject();
                session.log_in(user);
                let clears = before.is_some_and(|before| before.as_str() != user);
                Some(Effect::LogIn { user: user.to_owned(), clears })
            }
            9 | 10 => {
                session.cycle_id();
                Some(Effect::Rotate)
            }
            11 => {
                match other {
                    0 => session.set_permanent(true),
                    1 => session.set_permanent(false),
                    2 => session.set_expiry(Expiry::After(Duration::from_secs(120))),
                    _ => session.set_expiry(Expiry::At(Timestamp::from_secs(2000))),
                }
                Some(Effect::Lifetime)
            }
            _ => {
                let _: Option<i64> = session.get("shared");
                None
            }
        };
        if let Some(effect) = effect {
            scene.lock().unwrap().ledger.note(request, effect);
        }
    }
}

async fn serve(engine: Arc<Engine>, store: Watched, request: usize, scene: Shared) {
    let here = Here(scene.clone(), request);
    let context = Context::new(&here);
    let cookie = {
        let mut scene = scene.lock().unwrap();
        let count = scene.cookies.len() as u64;
        let pick = scene.dice.roll(count.max(1) + 1);
        // The latest one is the likeliest, or most requests would be strangers.
        let pick = if scene.dice.roll(2) == 0 { count.saturating_sub(1) } else { pick };
        scene.cookies.get(pick as usize).cloned()
    };
    step().await;
    let Ok(session) = transaction::open(&engine, &store, cookie.as_deref(), &context).await else {
        return;
    };
    let presented = cookie.and_then(|value| SessionId::parse(&value)).map(|id| id.store_key());
    {
        let scene = &mut *scene.lock().unwrap();
        scene.ledger.opened(request, presented.as_ref(), &session);
    }
    handle(&session, request, &scene).await;
    let server_error = scene.lock().unwrap().dice.roll(12) == 0;
    step().await;
    let Ok(committed) =
        transaction::commit(&engine, &store, &session, server_error, &context).await
    else {
        return;
    };
    let scene = &mut *scene.lock().unwrap();
    scene.ledger.committed(request, server_error);
    if let Some(cookie) = &committed.cookie {
        let text = String::from_utf8(cookie.as_bytes().to_vec()).unwrap();
        let value = text.split(['=', ';']).nth(1).unwrap().as_bytes().to_vec();
        if let Some(id) = SessionId::parse(&value) {
            let limited = engine.sessions_per_subject().is_some();
            scene.ledger.sent(request, &id.store_key(), limited);
            scene.cookies.push(value);
        }
    }
}

/// One schedule. Panics with its seed in the message of the check that fails.
fn play(seed: u64) {
    let mut dice = Dice(seed);
    let mut config = Config::native();
    let secs = Duration::from_secs;
    config.lifetime = Lifetime { idle: Some(secs(600)), absolute: Some(secs(3000)) };
    config.permanent_lifetime = Lifetime { idle: Some(secs(900)), absolute: Some(secs(4000)) };
    config.grace = secs([0, 10, 10, 10][dice.roll(4) as usize]);
    config.rotate_after = (dice.roll(3) == 0).then(|| secs(200));
    config.sessions_per_subject = (dice.roll(4) == 0).then_some(2);
    let engine = Arc::new(Engine::new(config).unwrap());
    let faults = Faults {
        fail: dice.roll(3) == 0,
        cancel: dice.roll(3) == 0,
        ends_at_once: dice.roll(2) == 0,
    };
    let scene = Arc::new(Mutex::new(Scene {
        now: Timestamp::from_secs(1000),
        ledger: Ledger::new(seed),
        dice: dice.clone(),
        cookies: Vec::new(),
    }));
    let store = Watched::new(scene.clone(), faults);
    let mut running: Vec<Pin<Box<dyn Future<Output = ()>>>> = Vec::new();
    let mut requests = 0;
    let wanted = 4 + dice.roll(6) as usize;
    let at_once = 2 + dice.roll(3) as usize;
    let mut context = task::Context::from_waker(Waker::noop());
    loop {
        while running.len() < at_once && requests < wanted {
            let (engine, scene) = (engine.clone(), scene.clone());
            running.push(Box::pin(serve(engine, store.for_request(requests), requests, scene)));
            requests += 1;
            if requests == 1 {
                break; // The first visitor alone, so that the others find something.
            }
        }
        if running.is_empty() {
            break;
        }
        let at = dice.roll(running.len() as u64) as usize;
        let cancelled = faults.cancel && dice.roll(40) == 0;
        if cancelled || running[at].as_mut().poll(&mut context).is_ready() {
            drop(running.swap_remove(at));
        }
        let pass = match dice.roll(60) {
            0 => secs(11),
            1 => secs(70),
            2 => secs(599),
            3 => secs(1),
            _ => secs(0),
        };
        let mut scene = scene.lock().unwrap();
        scene.now = scene.now + pass;
    }
}

#[test]
fn inv03_to_inv07_hold_in_every_order_of_concurrent_requests() {
    let schedules = std::env::var("SESSILE_SCHEDULES").ok().and_then(|text| text.parse().ok());
    for seed in 0..schedules.unwrap_or(20_000) {
        play(seed);
    }
}
