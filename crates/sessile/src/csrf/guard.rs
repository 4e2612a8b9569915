//! What a CSRF layer is told.

use std::fmt;
use std::sync::Arc;

use axum_core::response::Response;
use http::request::Parts;
use sessile_core::csrf::django::DjangoCookie;
use sessile_core::csrf::native::BadOrigin;
use sessile_core::csrf::{django, flask_wtf, native};
use sessile_core::{CSRF_FORM_LIMIT, CsrfRules, SecretKey, Settings, SettingsError, Value};

use super::refusal::Refusal;

type Answer = dyn Fn(&Refusal, &Parts) -> Response + Send + Sync;

/// Refuses requests that may have been sent by another site in the visitor's
/// name. Put it within the [`SessionLayer`](crate::SessionLayer), so that it is
/// added first. Cheap to clone.
///
/// Requests that only look (GET, HEAD, OPTIONS, TRACE) pass freely, so nothing
/// may change because of them. In our own rules a WebSocket is no such request:
/// only this site's pages and trusted ones may open it.
#[derive(Clone)]
pub struct CsrfLayer {
    pub(super) guard: Arc<Guard>,
}

/// The settings behind a [`CsrfLayer`].
#[derive(Clone)]
pub(crate) struct Guard {
    pub(super) mode: Mode,
    pub(super) form_limit: usize,
    /// Routes as they were written, such as `/hooks/{id}`.
    pub(super) exempt: Vec<String>,
    pub(super) answer: Option<Arc<Answer>>,
    /// What scripts find the token under in a page.
    pub(super) meta_name: String,
}

/// Whose rules hold.
#[derive(Clone)]
pub(super) enum Mode {
    Native(native::Rules),
    FlaskWtf(flask_wtf::Rules, Box<flask_wtf::Tokens>),
    Django(django::Rules, DjangoCookie),
}

impl CsrfLayer {
    /// Our own rules, strict: a request must come from this site, and show a
    /// token made for its session.
    pub fn native() -> Self {
        Self::with_rules(native::Rules::default())
    }

    /// Our own rules, changed.
    pub fn with_rules(rules: native::Rules) -> Self {
        Self::of(Mode::Native(rules))
    }

    /// Flask-WTF's rules and tokens, for sessions shared with a Flask
    /// application. `key` is its `WTF_CSRF_SECRET_KEY` or `SECRET_KEY`.
    pub fn flask_wtf(key: &SecretKey, rules: flask_wtf::Rules) -> Self {
        Self::of(Mode::FlaskWtf(rules, Box::new(flask_wtf::Tokens::new(key))))
    }

    /// Django's rules and tokens, for sites shared with a Django application.
    pub fn django(rules: django::Rules, cookie: DjangoCookie) -> Self {
        Self::of(Mode::Django(rules, cookie))
    }

    /// As the settings say: `CSRF_PROFILE` and what it knows, Flask-WTF's and
    /// Django's names among them. They may be the session layer's settings too:
    /// rules that go with its profile are the default.
    ///
    /// ```
    /// use sessile::{CsrfLayer, SessionLayer, Settings};
    ///
    /// # async fn example() -> Result<(), sessile::ConnectError> {
    /// let settings = Settings::new()
    ///     .with("SESSION_TYPE", "memory")
    ///     .with("CSRF_TRUSTED_ORIGINS", vec!["https://pay.example"]);
    /// let csrf = CsrfLayer::from_settings(&settings)?;
    /// let sessions = SessionLayer::connect(settings).await?;
    /// let app: axum::Router = axum::Router::new().layer(csrf).layer(sessions);
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(example())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SettingsError`] names the setting, what it was given, and what it takes.
    pub fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let config = settings.csrf()?;
        let layer = match config.rules {
            CsrfRules::Native(rules) => Self::with_rules(rules),
            CsrfRules::FlaskWtf(rules, key) => Self::flask_wtf(&key, rules),
            CsrfRules::Django(rules, cookie) => Self::django(rules, cookie),
        };
        Ok(layer.change(|guard| {
            guard.form_limit = config.form_limit;
            guard.exempt = config.exempt_routes;
            guard.meta_name = config.meta_name;
        }))
    }

    /// As the environment says: [`from_settings`](Self::from_settings) of
    /// [`from_env`](crate::from_env).
    ///
    /// # Errors
    ///
    /// [`ConnectError::Settings`](crate::ConnectError) and
    /// [`ConnectError::NotUnicode`](crate::ConnectError).
    pub fn from_env() -> Result<Self, crate::ConnectError> {
        Ok(Self::from_settings(&crate::from_env()?)?)
    }

    fn of(mode: Mode) -> Self {
        let guard = Guard {
            mode,
            form_limit: CSRF_FORM_LIMIT,
            exempt: Vec::new(),
            answer: None,
            meta_name: "csrf-token".to_owned(),
        };
        Self { guard: Arc::new(guard) }
    }

    /// Trusts the forms and scripts of another origin, in our own rules:
    /// `https://pay.example`. Scheme, host and port must agree.
    ///
    /// # Errors
    ///
    /// [`BadOrigin`], also in the other profiles, whose rules have trusted
    /// origins of their own.
    pub fn trust(self, origin: &str) -> Result<Self, BadOrigin> {
        match &self.guard.mode {
            Mode::Native(rules) => {
                let rules = rules.clone().trust(origin)?;
                Ok(self.change(|guard| guard.mode = Mode::Native(rules)))
            }
            _ => Err(BadOrigin(origin.to_owned())),
        }
    }

    /// Leaves a route unchecked: one that is called by programs, which prove
    /// themselves by a signature or token of their own. `route` is written as
    /// in `Router::route`, with what it is nested under: `/hooks/{id}`. What
    /// counts is the route that axum chose, not the address that was sent, so
    /// `//`, `%2f` or `..` in an address widen nothing.
    pub fn exempt_route(self, route: impl Into<String>) -> Self {
        let route = route.into();
        self.change(|guard| guard.exempt.push(route))
    }

    /// How many bytes of a form are read in search of its token. Default: 1 MiB.
    /// A form whose token comes later is answered 413.
    pub fn form_limit(self, bytes: usize) -> Self {
        self.change(|guard| guard.form_limit = bytes)
    }

    /// The name of the element for scripts ([`Csrf::meta`](crate::Csrf::meta));
    /// `csrf-token` unless set.
    pub fn meta_name(self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.change(|guard| guard.meta_name = name)
    }

    /// Answers refused requests in place of the short page, JSON or text. The
    /// reason is traced in any case. Do not show it: it is for the operator.
    pub fn on_refusal(
        self,
        answer: impl Fn(&Refusal, &Parts) -> Response + Send + Sync + 'static,
    ) -> Self {
        self.change(|guard| guard.answer = Some(Arc::new(answer)))
    }

    fn change(self, change: impl FnOnce(&mut Guard)) -> Self {
        let mut guard = Arc::unwrap_or_clone(self.guard);
        change(&mut guard);
        Self { guard: Arc::new(guard) }
    }
}

impl fmt::Debug for CsrfLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rules = match self.guard.mode {
            Mode::Native(_) => "native",
            Mode::FlaskWtf(..) => "flask_wtf",
            Mode::Django(..) => "django",
        };
        f.debug_struct("CsrfLayer")
            .field("rules", &rules)
            .field("form_limit", &self.guard.form_limit)
            .field("exempt", &self.guard.exempt)
            .finish_non_exhaustive()
    }
}

impl Guard {
    /// The form field that carries the token.
    pub(super) fn field(&self) -> &str {
        match &self.mode {
            Mode::Native(_) => native::FIELD,
            Mode::FlaskWtf(rules, _) => &rules.field_name,
            Mode::Django(..) => "csrfmiddlewaretoken",
        }
    }
}

/// A text in a session.
pub(super) fn as_text(value: Option<&Value>) -> Option<&str> {
    match value {
        Some(Value::Str(text)) => Some(text.as_str()),
        _ => None,
    }
}
