//! Pages for what goes wrong.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse as _, Response};
use minijinja::context;
use sessile::csrf::{Refusal, native};
use sessile::templates::Page;
use sessile::{Failure, accepts_html};

use super::site::Site;

/// Puts a page in place of an error's plain text, for those who can read one.
/// Status and headers stay.
pub(crate) async fn dress(
    State(site): State<Arc<Site>>,
    page: Page,
    request: Request,
    next: Next,
) -> Response {
    let wants_page = accepts_html(request.headers());
    let response = next.run(request).await;
    let status = response.status();
    let failed = status.is_client_error() || status.is_server_error();
    if !wants_page || !failed || is_html(&response) {
        return response;
    }
    let extensions = response.extensions();
    let (title, text) = match extensions.get::<Refusal>() {
        Some(refusal) => refused(refusal),
        None => words(status, extensions.get::<Failure>()),
    };
    let values = context! {
        known => false,
        page => "error.html",
        code => status.as_u16(),
        title => title,
        text => text,
        ..site.facts()
    };
    let Ok(html) = page.try_render("error.html", values).await else { return response };
    let (mut parts, _) = response.into_parts();
    let (page, body) = Html(html).into_response().into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    if let Some(content_type) = page.headers.get(header::CONTENT_TYPE) {
        parts.headers.insert(header::CONTENT_TYPE, content_type.clone());
    }
    Response::from_parts(parts, body)
}

fn refused(refusal: &Refusal) -> (&'static str, &'static str) {
    use native::Refusal::{FetchSite, NoOrigin, Origin, Referer};
    match refusal {
        Refusal::Native(FetchSite | Origin | Referer | NoOrigin) => (
            "That form came from another site",
            "Your browser says that another site sent this form in your name. Nothing was done. \
             Please use the buttons on this site.",
        ),
        refusal => ("That form is not from your session", refusal.visitor_text()),
    }
}

fn words(status: StatusCode, failure: Option<&Failure>) -> (&'static str, &'static str) {
    match (status, failure) {
        (StatusCode::SERVICE_UNAVAILABLE, failure) => {
            ("Sessions are unavailable", failure.map_or("Please try again.", Failure::visitor_text))
        }
        (StatusCode::CONFLICT, Some(failure)) => ("Your session was ended", failure.visitor_text()),
        (StatusCode::NOT_FOUND, _) => {
            ("Nothing is attached here", "There is no page at this address.")
        }
        (StatusCode::METHOD_NOT_ALLOWED, _) => {
            ("Not in this way", "This address does something only when a form is sent to it.")
        }
        (status, _) if status.is_client_error() => {
            ("That could not be understood", "What was sent is not what this form sends.")
        }
        _ => ("Something went wrong", "The fault is on our side. Nothing was changed."),
    }
}

fn is_html(response: &Response) -> bool {
    let content_type = response.headers().get(header::CONTENT_TYPE);
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"text/html"))
}
