//! What templates see of a request: `session`, `request`, `g`, `current_user`, flashed messages,
//! and tokens for forms.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use http::header;
use minijinja::value::{Enumerator, Kwargs, Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value, context};
use sessile_core::exchange::Cookies;
#[cfg(feature = "csrf")]
use sessile_core::exchange::Exchange;
use sessile_core::{FlashedMessage, Session, Value as Stored};

#[cfg(feature = "csrf")]
use super::csrf::{CsrfView, Shows};
use super::page::Asked;
use crate::g::G;
use crate::head::{Fields, fields_view};

/// One request, as its templates come to know it.
pub(super) struct Current {
    request: Arc<Asked>,
    session: OnceLock<Session>,
    asked_for_session: AtomicBool,
}

impl Current {
    pub(super) fn new(request: Arc<Asked>) -> Self {
        Self { request, session: OnceLock::new(), asked_for_session: AtomicBool::new(false) }
    }

    pub(super) fn set_session(&self, session: Session) {
        let _ = self.session.set(session);
    }

    /// Whether the template asked for a session that is not there yet.
    pub(super) fn misses_session(&self) -> bool {
        self.asked_for_session.load(Ordering::Relaxed)
            && self.session.get().is_none()
            && self.request.exchange().is_some()
    }

    #[cfg(feature = "csrf")]
    pub(super) fn exchange(&self) -> Option<&Exchange> {
        self.request.exchange()
    }

    pub(super) fn session(&self) -> Option<&Session> {
        let session = self.session.get();
        if session.is_none() {
            self.asked_for_session.store(true, Ordering::Relaxed);
        }
        session
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Current")
    }
}

/// The names every template knows.
pub(super) struct Globals<'a>(&'a Arc<Current>);

impl<'a> Globals<'a> {
    pub(super) fn new(current: &'a Arc<Current>) -> Self {
        Self(current)
    }

    pub(super) fn into_value(self) -> Value {
        let current = self.0;
        let globals = context! {
            session => Value::from_object(SessionView(current.clone())),
            request => Value::from_object(RequestView(current.clone())),
            g => Value::from_object(GView(current.clone())),
            current_user => Value::from_object(UserView(current.clone())),
            get_flashed_messages => Value::from_object(Flashes(current.clone())),
        };
        #[cfg(feature = "csrf")]
        let globals = {
            let field = csrf(current, Shows::Field);
            context! {
                csrf_token => csrf(current, Shows::Token),
                csrf_field => field.clone(),
                csrf_input => field,
                csrf_meta_tag => csrf(current, Shows::Meta),
                ..globals
            }
        };
        globals
    }
}

#[cfg(feature = "csrf")]
fn csrf(current: &Arc<Current>, shows: Shows) -> Value {
    Value::from_object(CsrfView { current: current.clone(), shows })
}

/// A stored value as templates take it: `Markup` stays what it is, all else is escaped.
fn shown(value: &Stored) -> Value {
    match value {
        Stored::Markup(html) => Value::from_safe_string(html.clone()),
        Stored::List(items) | Stored::Tuple(items) | Stored::Set(items) => {
            items.iter().map(shown).collect()
        }
        Stored::Map(map) => {
            Value::from_pairs(map.iter().map(|(key, value)| (shown(key), shown(value))))
        }
        other => Value::from(minijinja::value::Serde(other)),
    }
}

/// `session`: to be read; handlers change it.
#[derive(Debug)]
struct SessionView(Arc<Current>);

impl Object for SessionView {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let session = self.0.session()?;
        session.get_value(key.as_str()?).as_ref().map(shown)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let Some(session) = self.0.session() else { return Enumerator::Empty };
        Enumerator::Values(session.to_map().iter().map(|(key, _)| shown(key)).collect())
    }

    fn call_method(
        self: &Arc<Self>,
        _state: &mut State<'_, '_>,
        method: &str,
        arguments: &[Value],
    ) -> Result<Value, Error> {
        match (method, arguments) {
            ("get", [key]) => Ok(self.get_value(key).unwrap_or(Value::from(()))),
            ("get", [key, otherwise]) => Ok(self.get_value(key).unwrap_or(otherwise.clone())),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

/// `current_user`: `is_authenticated`, `is_anonymous` and `id`, as Flask-Login's.
#[derive(Debug)]
struct UserView(Arc<Current>);

impl Object for UserView {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let subject = self.0.session().and_then(Session::subject);
        Some(match key.as_str()? {
            "is_authenticated" => subject.is_some().into(),
            "is_anonymous" => subject.is_none().into(),
            "id" => subject.map_or(Value::from(()), |subject| subject.as_str().into()),
            _ => return None,
        })
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.0.session().and_then(Session::subject).is_some()
    }
}

/// `g`.
#[derive(Debug)]
struct GView(Arc<Current>);

impl GView {
    fn g(&self) -> Option<G> {
        G::of(&self.0.request.extensions).ok()
    }
}

impl Object for GView {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match self.g()?.value(key.as_str()?) {
            Ok(value) => value.as_ref().map(shown),
            Err(error) => {
                tracing::warn!(target: "sessile", %error, "a value of g cannot be shown");
                None
            }
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let names = self.g().map(|g| g.names()).unwrap_or_default();
        Enumerator::Values(names.into_iter().map(Value::from).collect())
    }
}

/// `request`: what the visitor asked for. Nothing in it is to be believed.
#[derive(Debug)]
struct RequestView(Arc<Current>);

impl Object for RequestView {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let request = &self.0.request;
        Some(match key.as_str()? {
            "method" => request.method.as_str().into(),
            "path" => request.uri.path().into(),
            "full_path" => request.uri.path_and_query().map_or("/", |it| it.as_str()).into(),
            "query_string" => request.uri.query().unwrap_or_default().into(),
            "host" => field(request, header::HOST).into(),
            "user_agent" => field(request, header::USER_AGENT).into(),
            "args" => {
                let query = request.uri.query().unwrap_or_default();
                let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
                // Of several with one name the first, as in Flask.
                Value::from_pairs(pairs.iter().rev().map(|(name, value)| (&**name, &**value)))
            }
            "cookies" => Value::from_object(CookiesView(self.0.clone())),
            _ => return None,
        })
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(&[
            "method",
            "path",
            "full_path",
            "query_string",
            "host",
            "user_agent",
            "args",
            "cookies",
        ])
    }
}

fn field(request: &Asked, name: header::HeaderName) -> String {
    let value = request.headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}

/// `request.cookies`, one by one: the response then depends on them.
#[derive(Debug)]
struct CookiesView(Arc<Current>);

impl Object for CookiesView {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let request = &self.0.request;
        let name = key.as_str()?;
        let fields = Fields(&request.headers);
        let view = fields_view(&fields, &request.extensions);
        Cookies::named(request.exchange(), &view, name).map(Value::from)
    }
}

/// `get_flashed_messages(with_categories=false, category_filter=[])`.
#[derive(Debug)]
struct Flashes(Arc<Current>);

impl Object for Flashes {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(
        self: &Arc<Self>,
        _state: &mut State<'_, '_>,
        arguments: &[Value],
    ) -> Result<Value, Error> {
        type Given = (Option<bool>, Option<Vec<String>>, Kwargs);
        let (first, second, named): Given = minijinja::value::from_args(arguments)?;
        let with_categories: Option<bool> = match first {
            Some(given) => Some(given),
            None => named.get("with_categories")?,
        };
        let filter: Option<Vec<String>> = match second {
            Some(given) => Some(given),
            None => named.get("category_filter")?,
        };
        named.assert_all_used()?;
        let mut messages = self.0.session().map(Session::get_flashed_messages).unwrap_or_default();
        if let Some(filter) = filter.filter(|filter| !filter.is_empty()) {
            messages.retain(|message| filter.contains(&message.category));
        }
        let with_categories = with_categories.unwrap_or(false);
        Ok(messages.into_iter().map(|message| flashed(message, with_categories)).collect())
    }
}

fn flashed(message: FlashedMessage, with_category: bool) -> Value {
    let FlashedMessage { category, message, is_safe } = message;
    let message = if is_safe { Value::from_safe_string(message) } else { message.into() };
    if with_category { Value::from(vec![Value::from(category), message]) } else { message }
}
