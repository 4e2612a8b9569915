//! What the application on the new store must be told, so that nobody is logged out by the move.

use std::time::Duration;

use serde_json::{Value, json};
use sessile::{Config, Profile};

use crate::human::span;

/// The settings that the new side lacks, and what changes in how long sessions live.
pub(super) struct After {
    settings: Vec<(&'static str, String)>,
    lifetimes: Option<Lifetimes>,
}

struct Lifetimes {
    /// How long the old side's last after a write.
    before: Duration,
    /// Whether they are permanent ones, which have limits of their own.
    permanent: bool,
    idle: Option<Duration>,
    absolute: Option<Duration>,
}

impl After {
    /// Between two of one layout the application's settings stay what they were.
    pub(super) fn of(from: &Config, to: &Config) -> Self {
        let foreign = from.profile != Profile::Native && to.profile == Profile::Native;
        if !foreign {
            return Self { settings: Vec::new(), lifetimes: None };
        }
        let mut settings = Vec::new();
        let mut need = |name, wanted: String, has: bool| {
            if !has {
                settings.push((name, wanted));
            }
        };
        let (old, new) = (&from.cookie, &to.cookie);
        let profile = if from.profile == Profile::Django { "django" } else { "flask_session" };
        need("SESSION_FORMER_IDS", profile.to_owned(), to.former_ids == Some(from.profile));
        need("SESSION_COOKIE_NAME", old.name.clone(), old.name == new.name);
        // Another cookie of the same name is set beside the old one otherwise.
        let domain = old.domain.clone().unwrap_or_default();
        need("SESSION_COOKIE_DOMAIN", domain, old.domain == new.domain);
        need("SESSION_COOKIE_PATH", old.path.clone(), old.path == new.path);
        let before = from.permanent_lifetime.absolute;
        let permanent = from.profile == Profile::FlaskSession && from.session_permanent;
        let now = if permanent { to.permanent_lifetime } else { to.lifetime };
        let (idle, absolute) = (now.idle, now.absolute);
        let lifetimes = before.map(|before| Lifetimes { before, permanent, idle, absolute });
        let as_before = |it: &Lifetimes| match it.permanent {
            true => it.absolute == Some(it.before) && it.idle.is_none(),
            false => it.idle == Some(it.before) && it.absolute.is_none(),
        };
        Self { settings, lifetimes: lifetimes.filter(|it| !as_before(it)) }
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        if !self.settings.is_empty() {
            text.push_str(
                "\nSo that visitors stay logged in, the application on the new store needs\n",
            );
            for (name, value) in &self.settings {
                text.push_str(&format!("  {name}={value}\n"));
            }
        }
        if let Some(lifetimes) = &self.lifetimes {
            text.push_str(&format!("\nHow long sessions live changes\n{}", lifetimes.text()));
        }
        text
    }

    pub(super) fn json(&self) -> Value {
        let settings = self.settings.iter().map(|(name, value)| ((*name).to_owned(), json!(value)));
        let seconds = |span: Option<Duration>| span.map(|span| span.as_secs());
        json!({
            "settings": settings.collect::<serde_json::Map<_, _>>(),
            "lifetimes": self.lifetimes.as_ref().map(|it| json!({
                "seconds_before": it.before.as_secs(),
                "seconds_idle": seconds(it.idle),
                "seconds_absolute": seconds(it.absolute),
            })),
        })
    }
}

impl Lifetimes {
    fn text(&self) -> String {
        let limits = match (self.idle, self.absolute) {
            (None, None) => "for ever".to_owned(),
            (Some(idle), None) => format!("{} after the last request", span(idle)),
            (None, Some(absolute)) => format!("{} in all", span(absolute)),
            (Some(idle), Some(absolute)) => {
                format!("{} after the last request, and {} in all", span(idle), span(absolute))
            }
        };
        let before = exact(self.before);
        let keep = match self.permanent {
            true => format!("PERMANENT_SESSION_LIFETIME=\"{before}\""),
            false => {
                format!("SESSION_IDLE_TIMEOUT=\"{before}\" and SESSION_ABSOLUTE_TIMEOUT=none")
            }
        };
        format!(
            "  before: {} after the last change\n  now:    {limits}\n  to keep it nearly as it \
             was: {keep}\n",
            span(self.before)
        )
    }
}

/// As a setting takes it.
fn exact(span: Duration) -> String {
    match span.as_secs() {
        secs if secs.is_multiple_of(86_400) => format!("{} days", secs / 86_400),
        secs => format!("{secs} seconds"),
    }
}
