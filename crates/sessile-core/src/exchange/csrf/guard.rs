//! What CSRF protection is told: whose rules hold, and what they leave alone.

use std::fmt;

use crate::SecretKey;
use crate::Value;
use crate::csrf::django::DjangoCookie;
use crate::csrf::native::BadOrigin;
use crate::csrf::{FORM_LIMIT, django, flask_wtf, native};

/// The rules by which requests are refused that another site may have sent in the visitor's name.
#[derive(Clone)]
pub struct CsrfGuard {
    pub(super) rules: Rules,
    pub(super) form_limit: usize,
    /// Routes as they were written, such as `/hooks/{id}`.
    exempt: Vec<String>,
    /// What scripts find the token under in a page.
    pub(super) meta_name: String,
}

/// Whose rules hold.
#[derive(Clone)]
pub(super) enum Rules {
    Native(native::Rules),
    FlaskWtf(flask_wtf::Rules, Box<flask_wtf::Tokens>),
    Django(django::Rules, DjangoCookie),
}

impl CsrfGuard {
    /// Our own rules. `Rules::default()` are the strict ones: a request must come from this site,
    /// and show a token made for its session.
    pub fn native(rules: native::Rules) -> Self {
        Self::of(Rules::Native(rules))
    }

    /// Flask-WTF's rules and tokens, for sessions shared with a Flask application. `key` is its
    /// `WTF_CSRF_SECRET_KEY` or `SECRET_KEY`.
    pub fn flask_wtf(key: &SecretKey, rules: flask_wtf::Rules) -> Self {
        Self::of(Rules::FlaskWtf(rules, Box::new(flask_wtf::Tokens::new(key))))
    }

    /// Django's rules and tokens, for sites shared with a Django application.
    pub fn django(rules: django::Rules, cookie: DjangoCookie) -> Self {
        Self::of(Rules::Django(rules, cookie))
    }

    fn of(rules: Rules) -> Self {
        let meta_name = "csrf-token".to_owned();
        Self { rules, form_limit: FORM_LIMIT, exempt: Vec::new(), meta_name }
    }

    /// Trusts the forms and scripts of another origin, in our own rules: `https://pay.example`.
    /// Scheme, host and port must agree.
    ///
    /// # Errors
    ///
    /// [`BadOrigin`], also in the other profiles, whose rules have trusted origins of their own.
    pub fn trust(mut self, origin: &str) -> Result<Self, BadOrigin> {
        match self.rules {
            Rules::Native(rules) => {
                self.rules = Rules::Native(rules.trust(origin)?);
                Ok(self)
            }
            _ => Err(BadOrigin(origin.to_owned())),
        }
    }

    /// Leaves a route unchecked: one that is called by programs, which prove themselves by a
    /// signature or token of their own. What counts is the route that the framework chose, as it
    /// was written (`/hooks/{id}`), not the address that was sent, so `//`, `%2f` or `..` in an
    /// address widen nothing.
    #[must_use]
    pub fn exempt_route(mut self, route: impl Into<String>) -> Self {
        self.exempt.push(route.into());
        self
    }

    /// How many bytes of a form are read in search of its token. Default: 1 MiB.
    #[must_use]
    pub fn form_limit(mut self, bytes: usize) -> Self {
        self.form_limit = bytes;
        self
    }

    /// The name of the element for scripts; `csrf-token` unless set.
    #[must_use]
    pub fn meta_name(mut self, name: impl Into<String>) -> Self {
        self.meta_name = name.into();
        self
    }

    /// Whether a route is exempt, so that the framework must say which one it chose.
    pub fn exempts_routes(&self) -> bool {
        !self.exempt.is_empty()
    }

    /// How many bytes of a form a reader may keep in search of the token.
    pub fn max_form_bytes(&self) -> usize {
        self.form_limit
    }

    pub(super) fn is_exempt(&self, route: Option<&str>) -> bool {
        route.is_some_and(|route| self.exempt.iter().any(|exempt| exempt == route))
    }

    /// The form field that carries the token.
    pub fn field_name(&self) -> &str {
        match &self.rules {
            Rules::Native(_) => native::FIELD,
            Rules::FlaskWtf(rules, _) => &rules.field_name,
            Rules::Django(..) => "csrfmiddlewaretoken",
        }
    }
}

impl fmt::Debug for CsrfGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rules = match self.rules {
            Rules::Native(_) => "native",
            Rules::FlaskWtf(..) => "flask_wtf",
            Rules::Django(..) => "django",
        };
        f.debug_struct("CsrfGuard")
            .field("rules", &rules)
            .field("form_limit", &self.form_limit)
            .field("exempt", &self.exempt)
            .finish_non_exhaustive()
    }
}

/// A text in a session.
pub(super) fn as_text(value: Option<&Value>) -> Option<&str> {
    match value {
        Some(Value::Str(text)) => Some(text.as_str()),
        _ => None,
    }
}
