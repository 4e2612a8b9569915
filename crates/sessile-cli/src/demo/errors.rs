//! Pages for what goes wrong.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use minijinja::context;
use sessile::Failure;

use super::site::Site;

/// Puts a page in place of an error's plain text, for those who can read one.
/// Status and headers stay.
pub(crate) async fn dress(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let wants_page = accepts_html(request.headers());
    let response = next.run(request).await;
    let status = response.status();
    let failed = status.is_client_error() || status.is_server_error();
    if !wants_page || !failed || is_html(&response) {
        return response;
    }
    let (title, text) = words(status, response.extensions().get::<Failure>());
    let page = context! {
        known => false,
        page => "error.html",
        notice => None::<&str>,
        code => status.as_u16(),
        title => title,
        text => text,
    };
    let (mut parts, _) = response.into_parts();
    let (page, body) = site.render("error.html", page).into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    if let Some(content_type) = page.headers.get(header::CONTENT_TYPE) {
        parts.headers.insert(header::CONTENT_TYPE, content_type.clone());
    }
    Response::from_parts(parts, body)
}

fn words(status: StatusCode, failure: Option<&Failure>) -> (&'static str, &'static str) {
    match (status, failure) {
        (StatusCode::SERVICE_UNAVAILABLE, failure) => {
            ("Sessions are unavailable", failure.map_or("Please try again.", Failure::visitor_text))
        }
        (StatusCode::CONFLICT, Some(failure)) => ("Your session was ended", failure.visitor_text()),
        (StatusCode::FORBIDDEN, _) => (
            "That form came from another site",
            "Your browser says that another site sent this form in your name. Nothing was done. \
             Please use the buttons on this site.",
        ),
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

fn accepts_html(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter();
    accepted.filter_map(|value| value.to_str().ok()).any(|value| value.contains("text/html"))
}
