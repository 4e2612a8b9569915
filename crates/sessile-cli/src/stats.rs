//! `sessile stats`: what a store holds, in a page of numbers.

use std::time::Duration;

use serde_json::{Value, json};

use crate::args::Stats;
use crate::human;
use crate::open_store::{Directions, layout, wait_for};
use crate::outcome::{Failure, print, remark};
use crate::progress::{Progress, counted, number};
use crate::walk::{Found, Walk};

/// Ages are counted up to these.
const AGES: [(&str, &str, u64); 5] = [
    ("hour", "up to an hour", 3600),
    ("day", "up to a day", 86_400),
    ("week", "up to a week", 7 * 86_400),
    ("month", "up to 30 days", 30 * 86_400),
    ("more", "longer", u64::MAX),
];

/// And sizes.
const SIZES: [(&str, &str, usize); 4] = [
    ("1kb", "up to 1 kB", 1_000),
    ("10kb", "up to 10 kB", 10_000),
    ("100kb", "up to 100 kB", 100_000),
    ("more", "more", usize::MAX),
];

pub(crate) fn run(options: &Stats) -> Result<(), Failure> {
    wait_for(stats(options))
}

#[derive(Default)]
struct Counts {
    with_user: u64,
    bytes: u64,
    largest: usize,
    ages: [u64; AGES.len()],
    /// Where the layout does not say when they began.
    ageless: u64,
    sizes: [u64; SIZES.len()],
}

impl Counts {
    fn add(&mut self, session: &Found) {
        self.with_user += u64::from(session.subject.is_some());
        let bytes = session.record.payload.len();
        self.bytes += bytes as u64;
        self.largest = self.largest.max(bytes);
        match session.record.created {
            Some(began) => {
                let age = human::now().saturating_since(began);
                let fits = |(.., most): &(&str, &str, u64)| age <= Duration::from_secs(*most);
                count(&mut self.ages, AGES.iter().position(fits));
            }
            None => self.ageless += 1,
        }
        count(&mut self.sizes, SIZES.iter().position(|(.., most)| bytes <= *most));
    }
}

fn count(counts: &mut [u64], place: Option<usize>) {
    if let Some(count) = place.and_then(|place| counts.get_mut(place)) {
        *count += 1;
    }
}

async fn stats(options: &Stats) -> Result<(), Failure> {
    let directions = Directions::from(&options.place);
    let place = directions.look().await?;
    let mut walk = Walk::new(&place)?;
    let mut counts = Counts::default();
    let mut progress = Progress::new(options.json);
    let mut all = false;
    while walk.seen < options.most && !all {
        match walk.next().await? {
            Some(page) => page.iter().for_each(|session| counts.add(session)),
            None => all = true,
        }
        progress.show("looked at", walk.seen, None);
    }
    // What was looked at last may have been the last there is.
    let all = all || walk.is_done();
    progress.end();
    print(&match options.json {
        true => format!("{}\n", counts.json(&place.name, &walk, all)),
        false => {
            format!("{} · {}\n\n{}", place.name, layout(&place.config), counts.text(&walk, all))
        }
    })?;
    walk.remark();
    if walk.seen == 0
        && let Some(other) = directions.other_layout().await
    {
        remark(other.hint(directions.option));
    }
    Ok(())
}

impl Counts {
    fn text(&self, walk: &Walk<'_>, all: bool) -> String {
        let mut text = String::new();
        let mut line = |count: u64, words: &str| {
            text.push_str(&format!("{:>13}  {words}\n", number(count)));
        };
        line(walk.live, "live sessions");
        line(self.with_user, "of a user");
        line(walk.live - self.with_user - walk.closed, "without a user");
        if walk.closed > 0 {
            line(walk.closed, "whose data do not open");
        }
        line(walk.seen - walk.live - walk.unreadable, "have ended; a sweep would free them");
        line(self.bytes, "bytes of data");
        if let Some(mean) = self.bytes.checked_div(walk.live) {
            line(mean, "bytes on average");
            line(self.largest as u64, "bytes the largest");
        }
        text.push_str("\nbegan\n");
        for ((_, words, _), count) in AGES.iter().zip(self.ages) {
            text.push_str(&bar(words, count, walk.live));
        }
        if self.ageless > 0 {
            text.push_str(&bar("unknown", self.ageless, walk.live));
        }
        text.push_str("\nsize\n");
        for ((_, words, _), count) in SIZES.iter().zip(self.sizes) {
            text.push_str(&bar(words, count, walk.live));
        }
        if !all {
            let looked = counted(walk.seen, "stored session");
            text.push_str(&format!(
                "\nOnly {looked} looked at; there are more. See more with --most.\n"
            ));
        }
        text
    }

    fn json(&self, store: &str, walk: &Walk<'_>, all: bool) -> Value {
        let named = |names: Vec<&str>, counts: &[u64]| -> Value {
            let pairs = names.into_iter().zip(counts);
            pairs.map(|(name, count)| (name.to_owned(), json!(count))).collect()
        };
        json!({
            "store": store,
            "live": walk.live,
            "with_user": self.with_user,
            "without_user": walk.live - self.with_user - walk.closed,
            "unknown_user": walk.closed,
            "ended": walk.seen - walk.live - walk.unreadable,
            "unreadable": walk.unreadable,
            "bytes": self.bytes,
            "largest": self.largest,
            "began_within": named(AGES.iter().map(|age| age.0).collect(), &self.ages),
            "began_unknown": self.ageless,
            "bytes_up_to": named(SIZES.iter().map(|size| size.0).collect(), &self.sizes),
            "all": all,
        })
    }
}

/// A line of a histogram.
fn bar(words: &str, count: u64, of: u64) -> String {
    const WIDTH: u64 = 40;
    let long = count.saturating_mul(WIDTH).checked_div(of).unwrap_or(0);
    let long = if count > 0 { long.max(1) } else { 0 };
    let bar: String = (0..long).map(|_| '█').collect();
    let line = format!("{:>13}  {words:<14} {bar}", number(count));
    format!("{}\n", line.trim_end())
}
