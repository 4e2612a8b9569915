//! What must hold after every step, and when all clients have ended.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use sessile_core::Timestamp;
use sessile_core::store::key_value::{KeyValueStore, STAMP_BYTES};
use sessile_core::store::{Entry, SessionStore as _, Sweep as _, TouchOutcome, WriteOutcome};

use crate::explore::{Answer, BEFORE, Do, HOUR, NOW, key, now_or_never, payload, touched};
use crate::values::{Contents, Values};

/// What readers find under the keys, without disturbing anything.
fn view(contents: &Contents) -> Vec<(u8, Entry)> {
    let store = KeyValueStore::new(Values::over(contents.clone()));
    let keys = [0, 1, 2, BEFORE].into_iter();
    keys.filter_map(|it| Some((it, now_or_never(store.load(&key(it))).unwrap()?))).collect()
}

/// What was found in contents that differ in the numbers of their writes only.
#[derive(Default)]
pub(crate) struct Seen {
    found: HashMap<Vec<u8>, Rc<Vec<(u8, Entry)>>>,
    pub(crate) swept: HashSet<Vec<u8>>,
}

pub(crate) fn shape(contents: &Contents) -> Vec<u8> {
    let mut shape = Vec::new();
    for (key, value) in &contents.values {
        shape.extend_from_slice(&key.as_bytes()[..2]);
        shape.push(value[2]);
        shape.extend_from_slice(&value.len().to_be_bytes());
        shape.extend_from_slice(&value[STAMP_BYTES..]);
    }
    shape
}

impl Seen {
    pub(crate) fn view(&mut self, contents: &Contents) -> Rc<Vec<(u8, Entry)>> {
        let found = self.found.entry(shape(contents));
        found.or_insert_with(|| Rc::new(view(contents))).clone()
    }
}

/// At every moment one key has the session, or none if somebody ends it.
pub(crate) fn check_step(found: &[(u8, Entry)], what: &[Do], ended: bool) {
    let live = found.iter().filter(|(_, entry)| matches!(entry, Entry::Live(..))).count();
    let least = usize::from(!what.iter().any(|what| what.ends()));
    let most = usize::from(!ended);
    assert!((least..=most).contains(&live), "{live} live after {what:?}: {found:?}");
}

pub(crate) fn check_end(found: &[(u8, Entry)], what: &[Do], answers: &[Option<&Answer>]) {
    let told = || format!("{what:?} answered {answers:?} and left {found:?}");
    let ends = what.iter().any(|what| what.ends());
    let all_answered = answers.iter().all(|it| !matches!(it, None | Some(Answer::Failed)));
    let live = found.iter().find_map(|(at, entry)| match entry {
        Entry::Live(record, _) => Some((*at, record)),
        Entry::Moved { .. } | Entry::Unreadable(_) => None,
    });
    let pointers_go = what.iter().any(|what| matches!(what, Do::Delete | Do::Sweep));
    let mut written = 0;
    for (client, (what, answer)) in what.iter().zip(answers).enumerate() {
        let to = match what {
            Do::Replace { to, .. } => *to,
            _ => 0,
        };
        match answer {
            Some(Answer::Write(WriteOutcome::Written(_))) => {
                written += 1;
                if !ends {
                    let (at, record) = live.unwrap();
                    assert!(at == to && record.payload == payload(client), "{}", told());
                }
            }
            Some(Answer::Write(_)) => {
                let theirs = live.is_some_and(|(_, record)| record.payload == payload(client));
                assert!(!theirs, "a write that lost is there: {}", told());
            }
            Some(Answer::Touch(TouchOutcome::Touched)) => {
                let seen = live.map(|(_, record)| record.seen.max(Some(NOW)));
                let kept = seen.is_none_or(|seen| seen >= Some(touched(client)));
                assert!(kept, "`seen` went back: {}", told());
            }
            Some(Answer::Listed(sessions)) if !ends => {
                assert_eq!(*sessions, 1, "sessions listed: {}", told());
            }
            _ => {}
        }
        if let (Do::Replace { to, grace }, Some(Answer::Write(WriteOutcome::Written(_)))) =
            (what, answer)
        {
            let old = found.iter().find(|(at, _)| *at == 0).map(|(_, entry)| entry);
            match old {
                Some(Entry::Moved { to: found, .. }) => {
                    assert!(*grace && *found == key(*to), "{}", told());
                }
                Some(Entry::Live(..)) => panic!("the old key is live: {}", told()),
                Some(Entry::Unreadable(why)) => panic!("{why}: {}", told()),
                None => assert!(!grace || pointers_go, "no pointer: {}", told()),
            }
        }
    }
    assert!(written <= 1, "two writers from one version won: {}", told());
    if let Some((_, record)) = live {
        assert!(record.seen >= Some(Timestamp::from_secs(999_900)), "`seen` went back: {}", told());
        let start = record.payload == "start";
        assert!(!start || written == 0, "a write is lost: {}", told());
        assert!(start || written == 1 || !all_answered, "nobody's write is there: {}", told());
    }
}

/// A sweep takes what nobody needs, and no session that goes on.
pub(crate) fn check_sweeps(contents: Contents, before: &[(u8, Entry)]) {
    let live = |found: &[(u8, Entry)]| -> Vec<_> {
        let live = found.iter().filter(|(_, entry)| matches!(entry, Entry::Live(..)));
        live.map(|(at, _)| *at).collect()
    };
    let values = Values::over(contents);
    let store = KeyValueStore::new(values.clone());
    now_or_never(store.sweep(NOW + HOUR / 2, 100)).unwrap();
    let after = view(&values.contents.lock().unwrap());
    assert_eq!(live(before), live(&after), "live before and after a sweep");
    while now_or_never(store.sweep(NOW + HOUR * 100, 100)).unwrap() > 0 {}
    assert_eq!(values.contents.lock().unwrap().values.len(), 0, "left after all has ended");
}
