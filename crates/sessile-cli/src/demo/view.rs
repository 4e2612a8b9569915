//! What a handler needs for its page: the visitor, the templates, messages.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use minijinja::{Value, context};
use sessile::Session;
use sessile::templates::Page;

use super::goods;
use super::site::Site;

/// One request's way to a page of the site.
pub(crate) struct View {
    pub(crate) site: Arc<Site>,
    pub(crate) session: Session,
    page: Page,
}

impl FromRequestParts<Arc<Site>> for View {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Response> {
        let session = Session::from_request_parts(parts, site).await;
        let session = session.map_err(|failure| failure.into_response())?;
        let page = Page::from_request_parts(parts, site).await?;
        Ok(Self { site: site.clone(), session, page })
    }
}

impl View {
    /// Who is logged in, here or in an application that shares the session.
    pub(crate) fn user(&self) -> Option<String> {
        self.session.get("username")
    }

    /// Tells the visitor something on the next page they see.
    pub(crate) fn say(&self, category: &str, text: impl Into<String>) {
        self.session.flash_as(category, text);
    }

    /// A page of the site.
    pub(crate) async fn page(&self, template: &str, more: Value) -> Response {
        let user = self.user();
        let private = user.is_some();
        let values = context! {
            known => true,
            page => template,
            user => user,
            cart_count => goods::count(&goods::cart(&self.session)),
            ..more
        };
        let values = context! { ..values, ..self.site.facts() };
        let mut response = self.page.render(template, values).await;
        if private {
            // After logging out, the Back button must not bring the page back.
            let headers = response.headers_mut();
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        response
    }
}
