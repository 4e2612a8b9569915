//! How far a command is, on a terminal; nothing where nobody watches.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// A line on stderr that is written over, at most ten times a second.
pub(crate) struct Progress {
    shown: bool,
    begun: Instant,
    last: Option<Instant>,
}

const PAUSE: Duration = Duration::from_millis(100);
const WIDTH: usize = 30;

impl Progress {
    /// Silent when `quiet`, or when stderr is no terminal.
    pub(crate) fn new(quiet: bool) -> Self {
        let shown = !quiet && io::stderr().is_terminal();
        Self { shown, begun: Instant::now(), last: None }
    }

    /// How long it has been going on.
    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// So many done, of so many if that is known.
    pub(crate) fn show(&mut self, what: &str, done: u64, of: Option<u64>) {
        if !self.shown || self.last.is_some_and(|last| last.elapsed() < PAUSE) {
            return;
        }
        self.last = Some(Instant::now());
        self.write(&line(what, done, of, self.begun.elapsed()));
    }

    /// Wipes the line.
    pub(crate) fn end(&mut self) {
        if self.shown && self.last.take().is_some() {
            self.write("");
        }
    }

    /// Wipes whatever line is there, if somebody watches.
    pub(crate) fn wipe() {
        if io::stderr().is_terminal() {
            Self::draw("");
        }
    }

    fn write(&self, line: &str) {
        Self::draw(line);
    }

    fn draw(line: &str) {
        let mut err = io::stderr().lock();
        let _ = write!(err, "\r\x1b[2K{line}");
        let _ = err.flush();
    }
}

fn line(what: &str, done: u64, of: Option<u64>, elapsed: Duration) -> String {
    let rate = done as f64 / elapsed.as_secs_f64().max(0.001);
    let Some(of) = of.filter(|of| *of > 0) else {
        return format!("{what} {} · {}/s", number(done), number(rate as u64));
    };
    let part = (done as f64 / of as f64).min(1.0);
    let full = (part * WIDTH as f64) as usize;
    let bar: String = (0..WIDTH).map(|at| if at < full { '█' } else { '░' }).collect();
    let left = match done {
        0 => String::new(),
        _ => {
            let secs = (of.saturating_sub(done)) as f64 / rate;
            format!(" · {} left", crate::human::span(Duration::from_secs_f64(secs.min(1e9))))
        }
    };
    format!(
        "{what} {bar} {:3.0} % · {} of {} · {}/s{left}",
        part * 100.0,
        number(done),
        number(of),
        number(rate as u64)
    )
}

/// "1,234,567".
pub(crate) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// "1 session", "1,234 sessions".
pub(crate) fn counted(count: u64, what: &str) -> String {
    format!("{} {what}{}", number(count), if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_fits_a_line_and_says_how_long_it_takes() {
        let text = line("moving", 250, Some(1000), Duration::from_secs(10));
        let bar = format!("{}{}", "█".repeat(7), "░".repeat(23));
        assert_eq!(text, format!("moving {bar}  25 % · 250 of 1,000 · 25/s · 30 seconds left"));
        assert!(line("moving", 5, Some(3), Duration::ZERO).contains("100 %"));
        assert!(line("moving", 0, Some(3), Duration::ZERO).ends_with("0/s"));
        let open = line("counting", 12_345, None, Duration::from_secs(1));
        assert_eq!(open, "counting 12,345 · 12,345/s");
    }

    #[test]
    fn numbers_are_grouped() {
        let of = [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")];
        for (value, text) in of {
            assert_eq!(number(value), text);
        }
        assert_eq!(counted(1, "session"), "1 session");
        assert_eq!(counted(0, "session"), "0 sessions");
    }
}
