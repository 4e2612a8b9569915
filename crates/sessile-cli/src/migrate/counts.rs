//! What became of the sessions.

use serde_json::{Map, Value, json};

use crate::progress::number;

/// What became of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Moved,
    Updated,
    Kept,
    Expired,
    EndedHere,
    EndedThere,
    EndedSince,
    Unreadable,
    Unwritable,
    Refused,
    OtherKey,
}

/// In the order they are shown: the JSON name, the words, and whether it is a loss.
const SHOWN: [(Outcome, &str, &str, bool); 11] = [
    (Outcome::Moved, "moved", "moved", false),
    (Outcome::Updated, "updated", "moved again, because they changed since", false),
    (Outcome::Kept, "kept", "left alone: the new store has them, as new or newer", false),
    (Outcome::Expired, "expired", "left behind: expired", false),
    (Outcome::EndedHere, "ended", "left behind: ended while they were moved", false),
    (Outcome::EndedThere, "ended_in_new", "left behind: ended in the new store since", false),
    (
        Outcome::EndedSince,
        "ended_in_old",
        "ended in the new store too: the old one has them no more",
        false,
    ),
    (Outcome::OtherKey, "other_key", "passed over: their keys are not of the old side", false),
    (Outcome::Unreadable, "unreadable", "not moved: unreadable by the old side’s settings", true),
    (Outcome::Unwritable, "unwritable", "not moved: the new format has no form for them", true),
    (Outcome::Refused, "refused", "not moved: the new store does not take them", true),
];

/// How many of each.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    each: [u64; SHOWN.len()],
    /// Read back from the new store and the same.
    pub(super) verified: u64,
}

impl Counts {
    pub(super) fn add(&mut self, outcome: Outcome) {
        let at = SHOWN.iter().position(|(shown, ..)| *shown == outcome);
        if let Some(count) = at.and_then(|at| self.each.get_mut(at)) {
            *count += 1;
        }
    }

    /// All that were looked at.
    pub(super) fn total(&self) -> u64 {
        self.each.iter().sum()
    }

    /// Those that should have been moved and were not.
    pub(super) fn lost(&self) -> u64 {
        self.shown().filter(|(_, _, lost, _)| *lost).map(|(.., count)| count).sum()
    }

    fn shown(&self) -> impl Iterator<Item = (&'static str, &'static str, bool, u64)> {
        SHOWN
            .iter()
            .zip(self.each)
            .map(|((_, name, words, lost), count)| (*name, *words, *lost, count))
    }

    pub(super) fn written(&self) -> u64 {
        let written = |name| name == "moved" || name == "updated";
        self.shown().filter(|(name, ..)| written(*name)).map(|(.., count)| count).sum()
    }

    /// A line for each that there is.
    pub(super) fn text(&self, dry_run: bool) -> String {
        let mut text = String::new();
        for (name, words, _, count) in self.shown() {
            if count > 0 || name == "moved" {
                let words = if dry_run && name == "moved" { "would be moved" } else { words };
                text.push_str(&format!("{:>13}  {words}\n", number(count)));
            }
        }
        if !dry_run && self.written() > 0 {
            let (same, changed) = (self.verified, self.written() - self.verified);
            let mut line = format!("{:>13}  read back and the same", number(same));
            if changed > 0 {
                line.push_str(&format!("; {} changed there meanwhile", number(changed)));
            }
            text.push_str(&line);
            text.push('\n');
        }
        text
    }

    pub(super) fn json(&self) -> Map<String, Value> {
        let mut all: Map<String, Value> =
            self.shown().map(|(name, .., count)| (name.to_owned(), json!(count))).collect();
        all.insert("total".to_owned(), json!(self.total()));
        all.insert("verified".to_owned(), json!(self.verified));
        all
    }
}
