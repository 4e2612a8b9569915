//! Times and browsers in words.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sessile::Timestamp;

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// "2026-01-02T03:04:05Z".
pub(crate) fn exact(moment: Timestamp) -> String {
    let seconds = Timestamp::from_secs(moment.as_secs()).to_iso8601();
    seconds.strip_suffix("+00:00").map(|utc| format!("{utc}Z")).unwrap_or(seconds)
}

/// "3 hours ago", "in 5 minutes", "just now".
pub(crate) fn relative(moment: Timestamp, now: Timestamp) -> String {
    if now >= moment {
        let passed = now.saturating_since(moment);
        if passed.as_secs() < 5 { "just now".into() } else { format!("{} ago", span(passed)) }
    } else {
        format!("in {}", span(moment.saturating_since(now)))
    }
}

/// Rounded to the nearest of the largest unit that comes to one: "30 days", "1 hour".
pub(crate) fn span(span: Duration) -> String {
    const UNITS: [(u64, &str); 3] = [(86_400, "day"), (3_600, "hour"), (60, "minute")];
    let secs = span.as_secs();
    let rounded = UNITS.into_iter().map(|(size, name)| ((secs + size / 2) / size, size, name));
    // A sixtieth short of a unit counts as one: a limit of an hour is not "60 minutes".
    let (count, name) = rounded
        .filter(|(_, size, _)| secs + size / 60 >= *size)
        .map(|(count, _, name)| (count, name))
        .next()
        .unwrap_or((secs, "second"));
    format!("{count} {name}{}", if count == 1 { "" } else { "s" })
}

/// "Firefox on Linux", from a `User-Agent`; never more than its own words.
pub(crate) fn browser(user_agent: &str) -> String {
    // Order matters: nearly all of them claim to be Safari, most to be Chrome.
    const BROWSERS: [(&str, &str); 9] = [
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("SamsungBrowser", "Samsung Internet"),
        ("Firefox", "Firefox"),
        ("FxiOS", "Firefox"),
        ("CriOS", "Chrome"),
        ("Chrome", "Chrome"),
        ("Safari", "Safari"),
        ("curl", "curl"),
    ];
    const SYSTEMS: [(&str, &str); 8] = [
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("CrOS", "ChromeOS"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
        ("FreeBSD", "FreeBSD"),
    ];
    let known = |list: &[(&str, &'static str)]| {
        list.iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, name)| *name)
    };
    match (known(&BROWSERS), known(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        (None, Some(system)) => format!("A browser on {system}"),
        (None, None) => "An unknown browser".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_told_in_the_largest_unit() {
        let now = Timestamp::from_secs(1_000_000);
        let at = |secs: i64| relative(Timestamp::from_secs(1_000_000 + secs), now);
        assert_eq!(at(-4), "just now");
        assert_eq!(at(-5), "5 seconds ago");
        assert_eq!(at(-60), "1 minute ago");
        assert_eq!(at(-3 * 3600 - 100), "3 hours ago");
        assert_eq!(at(30 * 86_400), "in 30 days");
        assert_eq!(at(3599), "in 1 hour");
        assert_eq!(at(3500), "in 58 minutes");
        assert_eq!(at(59), "in 1 minute");
        assert_eq!(at(50), "in 50 seconds");
    }

    #[test]
    fn the_exact_time_is_utc_to_the_second() {
        assert_eq!(exact(Timestamp::from_millis(1_767_323_045_678)), "2026-01-02T03:04:05Z");
        assert_eq!(exact(Timestamp::from_secs(0)), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn browsers_are_known_by_their_own_mark() {
        let linux = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) ";
        assert_eq!(browser(&format!("{linux}Chrome/140.0 Safari/537.36")), "Chrome on Linux");
        assert_eq!(browser(&format!("{linux}Chrome/140.0 Safari/537.36 Edg/140")), "Edge on Linux");
        let phone =
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604";
        assert_eq!(browser(phone), "Safari on iPhone");
        assert_eq!(browser("curl/8.5.0"), "curl");
        assert_eq!(browser("<script>"), "An unknown browser");
    }
}
