//! Extractors. Each derefs to what the core has for all frameworks.

use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use sessile_core::Subject;
use sessile_core::exchange::{self as core, Exchange, Scope, TypedSession};

use crate::failure::Failure;
use crate::head::{Fields, exchange, view};

/// Makes an extractor: the exchange and the request's head come in, what it holds comes out.
macro_rules! extractor {
    ($(#[$doc:meta])* $name:ident $(<$shape:ident = $default:ty>)? ($core:ty) -> $target:ty,
     |$exchange:ident, $view:ident| $made:expr, |$it:ident| $deref:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name $(<$shape = $default>)? ($core);

        impl $(<$shape>)? Deref for $name $(<$shape>)? {
            type Target = $target;

            fn deref(&self) -> &$target {
                let $it = &self.0;
                $deref
            }
        }

        impl $(<$shape: 'static>)? FromRequest for $name $(<$shape>)? {
            type Error = Failure;
            type Future = Pin<Box<dyn Future<Output = Result<Self, Failure>>>>;

            fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                let request = request.clone();
                Box::pin(async move {
                    let ($exchange, fields) = (exchange(&request)?, Fields(request.headers()));
                    let $view = &view(&request, &fields);
                    Ok(Self($made))
                })
            }
        }
    };
}

/// The session as a dict: what `Session` is when no type is named.
#[derive(Clone, Debug)]
pub enum Dict {}

extractor! {
    /// The visitor's session. `Session` is a dict: see [its methods](sessile_core::Session).
    /// [`Session<T>`](TypedSession) is the same session seen as a struct whose fields are the keys.
    Session<T = Dict>(TypedSession<T>) -> TypedSession<T>,
    |exchange, view| exchange.session(view).await?.into(), |it| it
}

extractor! {
    /// The cookies of a request, and those to be set on its response.
    Cookies(core::Cookies) -> core::Cookies,
    |exchange, view| core::Cookies::new(exchange, view), |it| it
}

extractor! {
    /// What a page needs to send forms back: its token.
    Csrf(core::Csrf) -> core::Csrf,
    |exchange, view| core::Csrf::of(exchange, view).await?, |it| it
}

extractor! {
    /// Links and forms that carry the session's id, for visitors without cookies.
    SessionLinks(core::SessionLinks) -> core::SessionLinks,
    |exchange, view| core::SessionLinks::of(exchange, view).await?, |it| it
}

extractor! {
    /// Lists and ends the sessions of a user. Shows handles, never ids.
    Sessions(core::Sessions) -> core::Sessions,
    |exchange, _view| exchange.app().sessions(), |it| it
}

extractor! {
    /// What middleware and handlers of one request share, by name: Flask's `g`.
    G(Exchange) -> Scope,
    |exchange, _view| exchange, |it| it.scope()
}

extractor! {
    /// The page to go back to after logging in, from `?next=` of the address; one that would lead
    /// to another site counts as missing.
    NextPage(core::NextPage) -> core::NextPage,
    |_exchange, view| view.query.map(core::NextPage::in_query).unwrap_or_default(), |it| it
}

extractor! {
    /// The logged-in visitor; nobody else reaches the handler. Others are answered 401.
    LoggedIn(Subject) -> Subject,
    |exchange, view| exchange.logged_in(view).await?, |it| it
}
