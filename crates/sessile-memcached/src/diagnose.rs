//! What an operator should know: which servers answer, what they have forgotten
//! and will forget, and whether they agree.

use std::time::Duration;

use sessile_core::store::{Finding, Level};
use sessile_core::{StoreError, Timestamp};

use crate::connection::Stats;
use crate::fault::Fault;
use crate::store::Servers;

/// The server's clock ticks once a second and says whole seconds.
const TICK: Duration = Duration::from_secs(2);

/// The least that servers should take in one item; it is the default, too.
const ITEM: u64 = 1 << 20;

/// What one server said.
struct Told {
    name: String,
    stats: Stats,
    settings: Stats,
    /// The caller's clock before and after.
    asked: (Timestamp, Timestamp),
}

pub(crate) async fn findings(
    servers: &Servers,
    clock: &(dyn Fn() -> Timestamp + Send + Sync),
) -> Vec<Finding> {
    let (mut told, mut silent) = (Vec::new(), Vec::new());
    for server in servers.all() {
        let name = server.name();
        let before = clock();
        let stats = server.stats("").await;
        let asked = (before, clock());
        match (stats, server.stats("settings").await) {
            (Ok(stats), Ok(settings)) => told.push(Told { name, stats, settings, asked }),
            (Err(fault), _) | (_, Err(fault)) => silent.push((name, fault)),
        }
    }
    judged(&told, silent)
}

fn judged(told: &[Told], silent: Vec<(String, Fault)>) -> Vec<Finding> {
    let of = told.len() + silent.len();
    let mut findings = vec![reached(told.len(), of, silent)];
    if told.is_empty() {
        return findings;
    }
    findings.push(versions(told));
    findings.extend(clocks(told));
    findings.extend(conditional(told));
    findings.push(item_sizes(told));
    findings.push(memory(told));
    findings.push(evictions(told));
    findings.push(housekeeping(told));
    findings.push(connections(told));
    findings.extend(emptied(told));
    findings.push(keeps(told, of));
    findings
}

fn reached(answered: usize, of: usize, silent: Vec<(String, Fault)>) -> Finding {
    const CHECK: &str = "servers";
    if silent.is_empty() {
        return Finding::good(CHECK, if of == 1 { "it answers" } else { "all answer" });
    }
    let why = |(name, fault): (String, Fault)| StoreError::from(fault).to_string() + " " + &name;
    let why: Vec<_> = silent.into_iter().map(why).collect();
    Finding::bad(CHECK, format!("{answered} of {of} answer; {}", why.join("; "))).advise(
        "start it again under the same name: requests whose session is there get 503, and taking \
         it out of the list sends most keys to other servers, which do not have them",
    )
}

/// One text where all say the same, else each with its server's name.
fn each(told: &[Told], text: impl Fn(&Told) -> String) -> String {
    let texts: Vec<_> = told.iter().map(|it| (&it.name, text(it))).collect();
    match texts.as_slice() {
        [(_, only)] => only.clone(),
        [(_, first), others @ ..] if others.iter().all(|(_, it)| it == first) => {
            format!("{first} on all {}", texts.len())
        }
        _ => {
            let named = texts.iter().map(|(name, text)| format!("{name} {text}"));
            named.collect::<Vec<_>>().join(", ")
        }
    }
}

/// Whether the servers differ in a setting.
fn differ<T: PartialEq>(told: &[Told], value: impl Fn(&Told) -> T) -> bool {
    told.windows(2).any(|pair| matches!(pair, [one, other] if value(one) != value(other)))
}

fn versions(told: &[Told]) -> Finding {
    let version = |it: &Told| it.stats.text("version").unwrap_or("unknown").to_owned();
    let text = each(told, version);
    if differ(told, version) {
        return Finding::warning("version", text)
            .advise("run the same release everywhere, or sessions behave differently by server");
    }
    Finding::good("version", text)
}

/// The worst of the clocks, with its server's name.
fn clocks(told: &[Told]) -> Option<Finding> {
    let each = told.iter().filter_map(|it| {
        let said = Timestamp::from_secs(i64::try_from(it.stats.number("time")?).ok()?);
        let (before, after) = it.asked;
        // What it says may be as much too early as it ticks.
        let theirs = if said < before { before.min(said + TICK) } else { said };
        let mut finding = Finding::clock(before, theirs, after);
        if finding.level >= Level::Warning {
            finding.found = format!("{} is {}", it.name, finding.found);
            finding = finding.advise(
                "let both machines follow the same time server (NTP), then restart the server, \
                 which takes the time when it starts: sessions of over 30 days end by its clock",
            );
        }
        Some(finding)
    });
    each.max_by_key(|finding| finding.level)
}

fn conditional(told: &[Told]) -> Option<Finding> {
    let without = told.iter().find(|it| it.settings.text("cas_enabled") == Some("no"))?;
    let text = format!("{} runs without (-C)", without.name);
    Some(Finding::bad("compare and set", text).advise(
        "start it without -C: nothing can be written safely, and every write fails or is lost",
    ))
}

fn item_sizes(told: &[Told]) -> Finding {
    const CHECK: &str = "item size";
    let largest = |it: &Told| it.settings.number("item_size_max").unwrap_or_default();
    let text = each(told, |it| format!("up to {}", size(largest(it))));
    if differ(told, largest) {
        return Finding::warning(CHECK, text).advise(
            "start all with the same -I: whether a large session can be saved depends on its id",
        );
    }
    if told.iter().any(|it| largest(it) < ITEM) {
        return Finding::warning(CHECK, text)
            .advise("start it with -I 1m or more: a session above that cannot be saved (500)");
    }
    Finding::good(CHECK, text)
}

/// "512 KiB".
fn size(bytes: u64) -> String {
    match bytes {
        ..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => format!("{} KiB", bytes / 1024),
        _ => format!("{} MiB", bytes / (1 << 20)),
    }
}

/// Bytes in items, and how many there may be.
fn used(it: &Told) -> Option<(u64, u64)> {
    Some((it.stats.number("bytes")?, it.stats.number("limit_maxbytes")?))
}

fn is_full(it: &Told) -> bool {
    used(it).is_some_and(|(used, most)| used > most / 10 * 9)
}

fn memory(told: &[Told]) -> Finding {
    const CHECK: &str = "memory";
    let text = each(told, |it| match used(it) {
        Some((used, most)) => format!("{} of {} used", size(used), size(most)),
        None => "not told".to_owned(),
    });
    match told.iter().any(is_full) {
        true => Finding::warning(CHECK, text)
            .advise("give it more memory (-m): when it is full it drops live sessions"),
        false => Finding::good(CHECK, text),
    }
}

fn evictions(told: &[Told]) -> Finding {
    const CHECK: &str = "evictions";
    let count = |name: &str| told.iter().filter_map(|it| it.stats.number(name)).sum::<u64>();
    let (dropped, refused) = (count("evictions"), count("store_no_memory"));
    if dropped > 0 {
        let text = format!("{dropped} items that had not ended were dropped since the start");
        // It may have been long ago, unless memory is full now.
        let level = if told.iter().any(is_full) { Level::Bad } else { Level::Warning };
        return Finding::new(level, CHECK, text).advise(
            "give the servers more memory (-m), and other caches servers of their own: whose \
             session is dropped is logged out without a trace",
        );
    }
    if refused > 0 {
        let text = format!("{refused} writes found no memory since the start");
        return Finding::bad(CHECK, text)
            .advise("give the servers more memory (-m): without it logins fail (503)");
    }
    let off = |it: &Told| it.settings.text("evictions") == Some("off");
    Finding::good(
        CHECK,
        match (told.iter().all(off), differ(told, off)) {
            (true, _) => "off (-M): when memory is full, writes fail instead",
            (false, true) => "none yet; some servers are set to refuse writes instead (-M)",
            (false, false) => "none yet",
        },
    )
}

/// What removes the expired and keeps the used.
fn housekeeping(told: &[Told]) -> Finding {
    const CHECK: &str = "LRU";
    const WANTED: [&str; 3] = ["lru_maintainer_thread", "lru_segmented", "lru_crawler"];
    let off = |it: &Told| {
        let missing = WANTED.iter().filter(|name| it.settings.text(name) == Some("no"));
        missing.copied().collect::<Vec<_>>().join(", ")
    };
    if told.iter().all(|it| off(it).is_empty()) {
        return Finding::good(CHECK, "segmented, and what has ended is removed as it runs");
    }
    let text = each(told, |it| match off(it) {
        missing if missing.is_empty() => "as it should be".to_owned(),
        missing => format!("without {missing}"),
    });
    Finding::warning(CHECK, text).advise(
        "start it with -o modern: what has ended stays in memory until room is needed, and live \
         sessions are dropped for it; without lru_crawler `sessile list`, `end` and `migrate` \
         cannot read it",
    )
}

fn connections(told: &[Told]) -> Finding {
    const CHECK: &str = "connections";
    let now = |it: &Told| it.stats.number("curr_connections").unwrap_or_default();
    let most = |it: &Told| {
        it.stats.number("max_connections").or(it.settings.number("maxconns")).unwrap_or_default()
    };
    let turned_away = |it: &Told| {
        let number = |name| it.stats.number(name).unwrap_or_default();
        number("rejected_connections") + number("listen_disabled_num")
    };
    let text = each(told, |it| format!("{} of {}", now(it), most(it)));
    let refused: u64 = told.iter().map(turned_away).sum();
    if refused > 0 {
        return Finding::warning(CHECK, format!("{text}; {refused} were turned away"))
            .advise("raise -c on the server, or give each process fewer connections");
    }
    if told.iter().any(|it| most(it) > 0 && now(it) > most(it) / 10 * 9) {
        return Finding::warning(CHECK, text)
            .advise("raise -c on the server: who is turned away gets 503");
    }
    Finding::good(CHECK, text)
}

fn emptied(told: &[Told]) -> Option<Finding> {
    let times: u64 = told.iter().filter_map(|it| it.stats.number("cmd_flush")).sum();
    if times == 0 {
        return None;
    }
    let text = format!("flush_all was sent {times} times since the start");
    Some(Finding::warning("emptied", text).advise(
        "find who does it (Django's cache.clear() does), and start the servers with -F, which \
         forbids it: it ends every session",
    ))
}

/// It is what Memcached is, so it is no warning.
fn keeps(told: &[Told], of: usize) -> Finding {
    let up = told.iter().filter_map(|it| it.stats.number("uptime")).min().unwrap_or_default();
    let up = match up {
        ..7200 => format!("{} minutes", up / 60),
        7200..172_800 => format!("{} hours", up / 3600),
        _ => format!("{} days", up / 86_400),
    };
    let text = match of {
        1 => format!("in memory only, for {up} now: a restart ends every session"),
        of => format!(
            "in memory only, for {up} now: a server that is lost or restarted ends 1 session in \
             {of}, and while it is away their visitors get 503"
        ),
    };
    Finding::note("keeps", text).advise(
        "where a logout of everybody matters, keep sessions in a database, with Memcached in \
         front of it at most (SESSION_TYPE=cached)",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats(text: &str) -> Stats {
        let pairs = text.split_whitespace().filter_map(|pair| pair.split_once('='));
        Stats(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    fn told(name: &str, more: &str, settings: &str) -> Told {
        let usual = "version=1.6.18 time=1000 bytes=10 limit_maxbytes=67108864 uptime=90000 \
                     curr_connections=1 max_connections=1024";
        let set = "item_size_max=1048576 evictions=on cas_enabled=yes lru_crawler=yes";
        let at = Timestamp::from_millis(1_001_400);
        Told {
            name: name.to_owned(),
            // The first of a name counts.
            stats: stats(&format!("{more} {usual}")),
            settings: stats(&format!("{settings} {set}")),
            asked: (at, at),
        }
    }

    fn level(told: &[Told], check: &str) -> Option<Level> {
        let findings = judged(told, Vec::new());
        for finding in &findings {
            assert!(finding.level < Level::Warning || finding.advice.is_some(), "{finding:?}");
        }
        findings.iter().find(|finding| finding.check == check).map(|finding| finding.level)
    }

    #[test]
    fn each_thing_that_is_wrong_has_its_finding() {
        let fine = || told("a:1", "", "");
        let worst = judged(&[fine(), fine()], Vec::new()).iter().map(|it| it.level).max();
        assert_eq!(worst, Some(Level::Note));
        for (more, settings, check, wanted) in [
            ("version=1.5.0", "", "version", Level::Warning),
            ("time=900", "", "clock", Level::Bad),
            ("time=1010", "", "clock", Level::Warning),
            ("bytes=66000000", "", "memory", Level::Warning),
            ("evictions=3", "", "evictions", Level::Warning),
            ("evictions=3 bytes=66000000", "", "evictions", Level::Bad),
            ("store_no_memory=3", "evictions=off", "evictions", Level::Bad),
            ("", "cas_enabled=no", "compare and set", Level::Bad),
            ("", "item_size_max=2048", "item size", Level::Warning),
            ("", "lru_crawler=no", "LRU", Level::Warning),
            ("curr_connections=1000", "", "connections", Level::Warning),
            ("rejected_connections=1", "", "connections", Level::Warning),
            ("cmd_flush=1", "", "emptied", Level::Warning),
        ] {
            let pair = [fine(), told("b:1", more, settings)];
            assert_eq!(level(&pair, check), Some(wanted), "{more} {settings}");
        }
        // Whole seconds of a clock that ticks once a second are no difference.
        assert_eq!(level(&[fine()], "clock"), Some(Level::Good));
        assert_eq!(level(&[told("a:1", "time=999", "")], "clock"), Some(Level::Good));
    }

    #[test]
    fn a_silent_server_is_named_and_the_others_are_looked_at() {
        let findings = judged(&[told("a:1", "", "")], vec![("b:2".to_owned(), Fault::Late)]);
        assert_eq!((findings[0].check, findings[0].level), ("servers", Level::Bad));
        assert!(findings[0].found.contains("1 of 2") && findings[0].found.contains("b:2"));
        assert!(findings.iter().any(|it| it.found.contains("1 session in 2")));
        assert_eq!(judged(&[], vec![("b:2".to_owned(), Fault::Resting)]).len(), 1);
    }
}
