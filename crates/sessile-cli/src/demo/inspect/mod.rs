//! The inspector: what requests carried, and what the session layer did with them.
//! Names, sizes and attributes, never a value that opens anything.

mod counted;
mod seen;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use minijinja::context;

pub(crate) use self::counted::Counted;
use self::seen::{Asked, Seen};
use super::site::Site;
use super::view::View;

/// So many requests are remembered, the latest.
const KEPT: usize = 20;

/// The latest requests, newest first.
#[derive(Default)]
pub(crate) struct Log(Mutex<VecDeque<Seen>>);

/// What is noted while a request runs.
#[derive(Clone, Default)]
struct Notes {
    /// Calls to the store, and what came of them.
    trips: Vec<(&'static str, &'static str)>,
    /// What the session layer reported.
    events: Vec<&'static str>,
    /// Why the CSRF layer refused it.
    refused: Option<String>,
    /// It went past the CSRF layer.
    let_in: bool,
}

tokio::task_local! {
    static NOTES: Arc<Mutex<Notes>>;
}

/// Notes something of the request that is running; nothing where none is watched.
fn note(change: impl FnOnce(&mut Notes)) {
    let _ = NOTES.try_with(|notes| {
        change(&mut notes.lock().unwrap_or_else(PoisonError::into_inner));
    });
}

/// What the session layer reports.
pub(crate) fn note_event(event: &sessile::Event) {
    note(|notes| notes.events.push(event.kind.as_str()));
}

/// What the CSRF layer refuses.
pub(crate) fn note_refusal(why: impl ToString) {
    note(|notes| notes.refused = Some(why.to_string()));
}

/// Within the CSRF layer: what comes here was let in.
pub(crate) async fn note_let_in(request: Request, next: Next) -> Response {
    note(|notes| notes.let_in = true);
    next.run(request).await
}

/// Around everything: remembers the request. Only on this machine, where all
/// visitors are the one who started the demo.
pub(crate) async fn watch(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    // What no visitor asked for, and this page itself.
    let frame = matches!(path, "/comments/frame" | "/unprotected/comments");
    let aside = matches!(path, "/style.css" | "/inspector" | "/favicon.ico");
    if site.playground.is_none() || frame || aside {
        return next.run(request).await;
    }
    let asked = Asked::of(&request);
    let notes = Arc::new(Mutex::new(Notes::default()));
    let response = NOTES.scope(notes.clone(), next.run(request)).await;
    let notes = notes.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let seen = Seen::new(asked, notes, &response, site.proof);
    let mut log = site.log.0.lock().unwrap_or_else(PoisonError::into_inner);
    log.push_front(seen);
    log.truncate(KEPT);
    response
}

pub(crate) async fn page(view: View) -> Response {
    let requests: Vec<_> = {
        let log = view.site.log.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.iter().map(Seen::shown).collect()
    };
    let watched = view.site.playground.is_some();
    view.page("inspector.html", context! { requests, watched, kept => KEPT }).await
}
