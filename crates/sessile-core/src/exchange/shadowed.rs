//! Several cookies of the session's name: an old one, set with another domain or path, that a
//! browser sends beside the new one and that hides it.
//!
//! Where the settings tell which attributes the old one has, the one that leads to a session
//! counts; the response removes the old one, and sets the good one again, in case that is the old
//! one. Elsewhere the operator is told, once.

use super::app::App;
use super::head::{ResponseHeaders, no_store};
use crate::cookie::{self, Pick};
use crate::engine::Engine;
use crate::error::OpenError;
use crate::session::Session;
use crate::transaction::{self, Context};

/// So many different values are tried; more were planted.
const TRIED: usize = 4;

/// The different values of the session's cookies, in the order to try them; empty if there are not
/// several cookies, or the cookie was not moved: then one counts, and a bad one does not fall back (R33).
pub(super) fn values<'h>(
    engine: &Engine,
    headers: impl IntoIterator<Item = &'h [u8]>,
) -> Vec<Vec<u8>> {
    let (mut values, mut cookies): (Vec<Vec<u8>>, _) = (Vec::new(), 0);
    for (name, value) in cookie::pairs(headers) {
        if name == engine.cookie_name().as_bytes() {
            // Two that were signed alike in one second are two: the old one has to go.
            cookies += 1;
            if !values.iter().any(|it| it == value) {
                values.push(value.to_vec());
            }
        }
    }
    let Some(place) = engine.place_of_cookie().filter(|_| cookies > 1) else {
        return Vec::new();
    };
    if place == Pick::Last {
        values.reverse();
    }
    values.truncate(TRIED);
    values
}

/// The session that the first of these leads to, and which it was; `None` where none does.
pub(super) async fn first_found(
    app: &App,
    values: Vec<Vec<u8>>,
    context: &Context<'_>,
) -> Result<Option<(Session, Vec<u8>)>, OpenError> {
    for value in values {
        let session = transaction::open(app.engine(), app.bounded(), Some(&value), context).await?;
        if session.was_found() {
            return Ok(Some((session, value)));
        }
    }
    Ok(None)
}

/// Has the browser keep the good cookie alone.
pub(super) fn mend(
    app: &App,
    response: &mut impl ResponseHeaders,
    session: &Session,
    value: &[u8],
) {
    let engine = app.engine();
    app.warnings().shadowed(engine.cookie_name(), true);
    let name = engine.cookie_name().as_bytes();
    let is_ours = |it: &[u8]| it.strip_prefix(name).is_some_and(|rest| rest.starts_with(b"="));
    if !response.values("set-cookie").any(is_ours) {
        let Some(good) = engine.cookie_again(session, value, app.now()) else { return };
        response.append("set-cookie", good.as_bytes());
    }
    for old in engine.stale_cookies() {
        response.append("set-cookie", old.as_bytes());
    }
    if engine.no_store() {
        no_store(response);
    }
}
