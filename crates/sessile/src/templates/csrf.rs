//! `csrf_token`, `csrf_field` and `csrf_meta_tag` in templates.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr};
use minijinja::{Error, ErrorKind, Output, State, Value};
use sessile_core::exchange::{Csrf, Exchange};

use super::views::Current;

/// `csrf_token()`, `csrf_field()` or `csrf_meta_tag()`, which may also be printed without the
/// parentheses, as Django's `csrf_token` and `csrf_input` are.
///
/// Naming it costs nothing, and it is true only where tokens are to be had:
/// within a [`CsrfLayer`](crate::CsrfLayer). Each call makes another token.
#[derive(Debug)]
pub(super) struct CsrfView {
    pub(super) current: Arc<Current>,
    pub(super) shows: Shows,
}

/// What is made of the token.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shows {
    /// The text, for an attribute or a header.
    Token,
    /// The hidden field.
    Field,
    /// The element for scripts.
    Meta,
}

impl CsrfView {
    fn make(&self) -> Result<Value, Error> {
        const NO_LAYER: &str = "there is no CsrfLayer between this page and its session layer; \
                                what is added last stands outside, so .layer(CsrfLayer::native()) \
                                comes before the session's .layer(…) (a page that is also shown \
                                without one can ask {% if csrf_token %})";
        let exchange = self.current.exchange().filter(|exchange| exchange.is_protected());
        let exchange = exchange.ok_or_else(|| Error::new(ErrorKind::InvalidOperation, NO_LAYER))?;
        // Without the session this is the first try at a page: it is loaded, and all is done again.
        if self.current.session().is_none() {
            return Ok(Value::from(""));
        }
        let Some(csrf) = Csrf::opened(exchange) else { return Ok(Value::from("")) };
        Ok(match self.shows {
            Shows::Token => csrf.token().into(),
            Shows::Field => Value::from_safe_string(csrf.field()),
            Shows::Meta => Value::from_safe_string(csrf.meta()),
        })
    }

    fn has_layer(&self) -> bool {
        self.current.exchange().is_some_and(Exchange::is_protected)
    }
}

impl Object for CsrfView {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.has_layer()
    }

    fn call(
        self: &Arc<Self>,
        _state: &mut State<'_, '_>,
        arguments: &[Value],
    ) -> Result<Value, Error> {
        let () = minijinja::value::from_args(arguments)?;
        self.make()
    }

    /// Where it is joined to other text or passed to a filter. Nothing where
    /// there is no token: a page about an error shows its values so, too.
    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.make().map_or(Ok(()), |made| fmt::Display::fmt(&made, f))
    }
}

/// Prints what a template prints, tokens without parentheses among it.
pub(super) fn formatter(
    out: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), Error> {
    match value.downcast_object_ref::<CsrfView>() {
        Some(view) => minijinja::escape_formatter(out, state, &view.make()?),
        None => minijinja::escape_formatter(out, state, value),
    }
}
