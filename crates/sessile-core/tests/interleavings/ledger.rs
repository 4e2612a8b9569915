//! What every write must leave behind, kept by the simplest means.

use std::collections::{BTreeMap, HashMap, HashSet};

use sessile_core::native::decode_map;
use sessile_core::store::Record;
use sessile_core::{Deadlines, Map, Session, StoreKey, Timestamp, Value};

/// What a handler did, as far as the session says that it took effect.
#[derive(Clone, Debug)]
pub(crate) enum Effect {
    Set(String, i64),
    Unset(String),
    Clear,
    Flush,
    /// `clears`: the request saw the session of another user.
    LogIn {
        user: String,
        clears: bool,
    },
    Rotate,
    Lifetime,
}

type Data = BTreeMap<String, i64>;

/// One session through all its ids.
struct Line {
    current: StoreKey,
    data: Data,
    subject: Option<String>,
    deadlines: Deadlines,
    ended: bool,
}

#[derive(Default)]
struct Request {
    effects: Vec<Effect>,
    /// The session it found, and under which id.
    found: Option<(usize, StoreKey)>,
    wrote: bool,
    /// When it last looked at the clock: what it decides holds for then.
    decided: Option<Timestamp>,
}

pub(crate) struct Ledger {
    seed: u64,
    lines: Vec<Line>,
    by_key: HashMap<Vec<u8>, usize>,
    /// Ids that lead nowhere any more.
    dead: HashSet<Vec<u8>>,
    requests: HashMap<usize, Request>,
}

fn data_of(map: &Map) -> Data {
    let pairs = map.iter().map(|(key, value)| match value {
        Value::Int(number) => (key.as_str().unwrap().to_owned(), *number),
        other => panic!("{other:?}"),
    });
    pairs.collect()
}

impl Ledger {
    pub(crate) fn new(seed: u64) -> Self {
        let (lines, by_key, dead, requests) = Default::default();
        Self { seed, lines, by_key, dead, requests }
    }

    fn request(&mut self, request: usize) -> &mut Request {
        self.requests.entry(request).or_default()
    }

    fn at(&self, request: usize) -> String {
        let effects = self.requests.get(&request).map(|request| &request.effects);
        format!("seed {}, request {request} with {effects:?}", self.seed)
    }

    pub(crate) fn decides(&mut self, request: usize, now: Timestamp) {
        self.request(request).decided = Some(now);
    }

    fn decided(&self, request: usize) -> Timestamp {
        self.requests[&request].decided.unwrap()
    }

    pub(crate) fn note(&mut self, request: usize, effect: Effect) {
        self.request(request).effects.push(effect);
    }

    /// The effects of a request on what is stored by then.
    fn replay(
        &mut self,
        request: usize,
        mut data: Data,
        mut subject: Option<String>,
    ) -> (Data, Option<String>) {
        for effect in self.request(request).effects.clone() {
            match effect {
                Effect::Set(key, value) => {
                    data.insert(key, value);
                }
                Effect::Unset(key) => {
                    data.remove(&key);
                }
                Effect::Clear => data.clear(),
                Effect::Flush => {
                    data.clear();
                    subject = None;
                }
                Effect::LogIn { user, clears } => {
                    if clears || subject.as_ref().is_some_and(|before| *before != user) {
                        data.clear();
                    }
                    subject = Some(user);
                }
                Effect::Rotate | Effect::Lifetime => {}
            }
        }
        (data, subject)
    }

    /// Invariants 4, 6 and 7: a session is found alive, by an id that leads to it, as it was left.
    pub(crate) fn opened(
        &mut self,
        request: usize,
        presented: Option<&StoreKey>,
        session: &Session,
    ) {
        let Some(key) = session.store_key() else { return };
        let at = self.at(request);
        let presented = presented.unwrap();
        let line = self.by_key[key.as_bytes()];
        assert_eq!(self.by_key.get(presented.as_bytes()), Some(&line), "{at}: another's session");
        assert!(!self.dead.contains(presented.as_bytes()), "{at}: a dead id was honoured");
        let found = &self.lines[line];
        assert!(!found.ended, "{at}: an ended session was found");
        assert!(
            !found.deadlines.passed(self.decided(request)),
            "{at}: an expired session was found"
        );
        assert!(found.current == key, "{at}: found under a former id");
        assert_eq!(data_of(&session.peek()), found.data, "{at}");
        self.request(request).found = Some((line, key));
    }

    fn check(&mut self, request: usize, record: &Record, data: Data, subject: Option<String>) {
        let at = self.at(request);
        let stored = data_of(&decode_map(&record.payload).unwrap());
        let whose = record.subject.as_ref().map(|subject| subject.as_str().to_owned());
        // Invariant 3, and that nobody's session becomes another's.
        assert_eq!((stored, whose), (data, subject), "{at}: what a write left");
        self.request(request).wrote = true;
    }

    pub(crate) fn created(&mut self, request: usize, key: &StoreKey, record: &Record) {
        let (data, subject) = self.replay(request, Data::new(), None);
        self.check(request, record, data.clone(), subject.clone());
        let line = self.lines.len();
        let deadlines = record.deadlines();
        self.lines.push(Line { current: key.clone(), data, subject, deadlines, ended: false });
        assert!(self.by_key.insert(key.as_bytes().to_vec(), line).is_none(), "an id twice");
    }

    /// The session that a successful write to `key` changed, which must be alive.
    fn alive(&self, request: usize, key: &StoreKey) -> usize {
        let (line, at) = (self.by_key[key.as_bytes()], self.at(request));
        let found = &self.lines[line];
        assert!(!found.ended, "{at}: a write to an ended session");
        assert!(found.current == *key, "{at}: a write under a former id");
        assert!(
            !found.deadlines.passed(self.decided(request)),
            "{at}: a write that revived an expired session"
        );
        line
    }

    pub(crate) fn updated(&mut self, request: usize, key: &StoreKey, record: &Record) {
        if record.payload.is_empty() {
            // The mark that ends a session; no session of ours is encoded in no bytes.
            assert!(record.has_ended(self.decided(request)), "{}: not ended", self.at(request));
            let line = self.by_key[key.as_bytes()];
            self.lines[line].ended = true;
            return;
        }
        let line = self.alive(request, key);
        self.written(request, line, record);
    }

    fn written(&mut self, request: usize, line: usize, record: &Record) {
        let (data, subject) = (self.lines[line].data.clone(), self.lines[line].subject.clone());
        let (data, subject) = self.replay(request, data, subject);
        self.check(request, record, data.clone(), subject.clone());
        let effects = &self.requests[&request].effects;
        let chosen = |effect: &Effect| matches!(effect, Effect::Lifetime | Effect::LogIn { .. });
        let (before, after) = (self.lines[line].deadlines, record.deadlines());
        if !effects.iter().any(chosen) {
            assert_eq!(before.absolute, after.absolute, "{}: absolute deadline", self.at(request));
        }
        let line = &mut self.lines[line];
        (line.data, line.subject, line.deadlines) = (data, subject, after);
    }

    pub(crate) fn touched(&mut self, request: usize, key: &StoreKey, until: Option<Timestamp>) {
        if self.lines[self.by_key[key.as_bytes()]].ended {
            // Decided on before the end: no harm, since the record's deadline has passed.
            return;
        }
        let line = self.alive(request, key);
        let deadlines = &mut self.lines[line].deadlines;
        deadlines.idle = deadlines.idle.map(|before| before.max(until.unwrap_or(before)));
    }

    /// Invariant 5: the one successor; and after a login the ids before it are dead.
    pub(crate) fn replaced(
        &mut self,
        request: usize,
        (old, new): (&StoreKey, &StoreKey),
        record: &Record,
        pointer: bool,
    ) {
        let line = self.alive(request, old);
        self.written(request, line, record);
        let effects = &self.requests[&request].effects;
        let login = effects.iter().any(|effect| matches!(effect, Effect::LogIn { .. }));
        assert!(!(login && pointer), "{}: a login left a pointer", self.at(request));
        if !pointer {
            let former = self.by_key.iter().filter(|(_, of)| **of == line);
            self.dead.extend(former.map(|(key, _)| key.clone()));
        }
        self.lines[line].current = new.clone();
        assert!(self.by_key.insert(new.as_bytes().to_vec(), line).is_none(), "an id twice");
    }

    pub(crate) fn deleted(&mut self, key: &StoreKey) {
        let line = self.by_key[key.as_bytes()];
        if self.lines[line].current == *key {
            self.lines[line].ended = true;
            self.dead.insert(key.as_bytes().to_vec());
        }
    }

    /// The handler's response goes out: its changes are saved, its end is carried out.
    pub(crate) fn committed(&mut self, request: usize, server_error: bool) {
        let at = self.at(request);
        let Some(done) = self.requests.get(&request) else { return };
        if done.effects.iter().any(|effect| matches!(effect, Effect::Flush))
            && let Some((line, key)) = &done.found
        {
            // A login meanwhile began another session, which this one's end leaves alone.
            let over = self.lines[*line].ended || self.dead.contains(key.as_bytes());
            assert!(over, "{at}: the session it ended lives");
        }
        let kept = done.effects.iter().rev().take_while(|effect| {
            !matches!(effect, Effect::Clear | Effect::Flush | Effect::Unset(_))
        });
        let set = kept.filter(|effect| matches!(effect, Effect::Set(..) | Effect::LogIn { .. }));
        assert!(set.count() == 0 || done.wrote || server_error, "{at}: changes were lost");
    }

    /// A cookie that a browser gets leads to a live session.
    pub(crate) fn sent(&mut self, request: usize, key: &StoreKey, limited: bool) {
        let at = self.at(request);
        let line = &self.lines[self.by_key[key.as_bytes()]];
        assert!(line.current == *key, "{at}: a cookie with a former id");
        // A renewal decided on before the end, carried out after: the cookie opens nothing.
        let renewal = self.requests[&request].effects.is_empty();
        assert!(limited || renewal || !line.ended, "{at}: a cookie of an ended session");
    }
}
