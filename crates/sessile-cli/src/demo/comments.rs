//! Comments of visitors, and what becomes of markup in them.
//!
//! They are shown in two frames, side by side. Both are made of the same
//! template and both allow scripts, so no policy of the browser's tells them
//! apart: one escapes, the other does not.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Form;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use minijinja::{AutoEscape, Environment, Value, context};
use serde::Deserialize;
use sessile::templates::Page;

use super::site::Site;
use super::templates::COMMENTS;
use super::view::View;

/// So many are kept, the latest.
const KEPT: usize = 6;

/// Characters of a comment, and of a link.
const TEXT_MAX: usize = 300;

/// The page's own policy, and that it may hold our frames.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; frame-src 'self'; \
                           form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Of both frames: scripts may run, but in an origin of their own, where they
/// reach no cookie, no other page and no network.
const FRAME_POLICY: &str = "sandbox allow-scripts; default-src 'none'; \
                            script-src 'unsafe-inline'; style-src 'self'; form-action 'none'; \
                            base-uri 'none'; frame-ancestors 'self'";

/// What somebody wrote.
struct Comment {
    author: String,
    text: String,
    link: String,
}

/// The latest comments, newest first, for as long as the process runs.
#[derive(Default)]
pub(crate) struct Board(Mutex<VecDeque<Comment>>);

impl Board {
    fn comments(&self) -> MutexGuard<'_, VecDeque<Comment>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For the template.
    fn shown(&self) -> Value {
        let comments = self.comments();
        let shown = comments
            .iter()
            .map(|it| context! { author => &*it.author, text => &*it.text, link => &*it.link });
        context! { comments => shown.collect::<Vec<_>>() }
    }

    fn add(&self, comment: Comment) {
        let mut comments = self.comments();
        comments.push_front(comment);
        comments.truncate(KEPT);
    }
}

/// A comment that attacks its readers.
struct Payload {
    name: &'static str,
    label: &'static str,
    author: &'static str,
    text: &'static str,
    link: &'static str,
}

const PAYLOADS: [Payload; 3] = [
    Payload {
        name: "script",
        label: "A <script>",
        author: "Mallory",
        text: "<script>document.getElementById('ran').append('A script element ran. ')</script>",
        link: "",
    },
    Payload {
        name: "attribute",
        label: "Out of an attribute",
        author: "\"><img src=\"data:,\" onerror=\"document.getElementById('ran')\
                 .append('An attribute ran. ')\">",
        text: "My name ends the attribute that it stands in.",
        link: "",
    },
    Payload {
        name: "url",
        label: "A javascript: link",
        author: "Mallory",
        text: "Do have a look at my page.",
        link: "javascript:void document.getElementById('ran').append('A link ran. ')",
    },
];

pub(crate) async fn page(view: View) -> Response {
    let payloads = PAYLOADS.iter().map(|it| context! { name => it.name, label => it.label });
    let more = context! {
        payloads => payloads.collect::<Vec<_>>(),
        count => view.site.board.comments().len(),
        text_max => TEXT_MAX,
        unprotected => view.site.playground.is_some(),
    };
    let page = view.page("comments.html", more).await;
    ([(header::CONTENT_SECURITY_POLICY, PAGE_POLICY)], page).into_response()
}

#[derive(Deserialize)]
pub(crate) struct Written {
    text: String,
    link: String,
}

pub(crate) async fn add(view: View, Form(form): Form<Written>) -> Response {
    let (text, link) = (form.text.trim(), form.link.trim());
    if text.is_empty() || [text, link].iter().any(|it| it.chars().count() > TEXT_MAX) {
        view.say("error", "A comment has one to three hundred characters. Nothing was kept.");
        return Redirect::to("/comments").into_response();
    }
    let author = view.user().unwrap_or_else(|| "A visitor".to_owned());
    view.site.board.add(Comment { author, text: text.to_owned(), link: link.to_owned() });
    view.say("success", "Your comment is there.");
    Redirect::to("/comments").into_response()
}

#[derive(Deserialize)]
pub(crate) struct Attempt {
    payload: String,
}

pub(crate) async fn attempt(view: View, Form(form): Form<Attempt>) -> Response {
    let Some(payload) = PAYLOADS.iter().find(|payload| payload.name == form.payload) else {
        return (StatusCode::NOT_FOUND, "There is no such attack.\n").into_response();
    };
    let [author, text, link] = [payload.author, payload.text, payload.link].map(str::to_owned);
    view.site.board.add(Comment { author, text, link });
    view.say("warning", "A comment with an attack in it is there: compare the two frames.");
    Redirect::to("/comments").into_response()
}

pub(crate) async fn clear(view: View) -> Redirect {
    view.site.board.comments().clear();
    view.say("info", "All comments are gone.");
    Redirect::to("/comments")
}

/// The comments, escaped.
pub(crate) async fn frame(State(site): State<Arc<Site>>, page: Page) -> Response {
    (frame_headers(), page.render(COMMENTS.0, site.board.shown()).await).into_response()
}

/// The same template without what makes it safe.
pub(crate) async fn frame_unprotected(State(site): State<Arc<Site>>) -> Response {
    let mut careless = Environment::new();
    careless.set_auto_escape_callback(|_| AutoEscape::None);
    careless.add_filter("safe_url", |url: String| url);
    match careless.render_named_str(COMMENTS.0, COMMENTS.1, site.board.shown()) {
        Ok(html) => (frame_headers(), Html(html)).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn frame_headers() -> [(HeaderName, &'static str); 2] {
    [(header::CONTENT_SECURITY_POLICY, FRAME_POLICY), (header::CACHE_CONTROL, "no-store")]
}
