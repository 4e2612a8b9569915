//! The middleware that has what may change something checked, and lets the rest pass.

use std::rc::Rc;
use std::sync::Arc;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Payload, Service, ServiceRequest, ServiceResponse};
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{Error, HttpMessage as _};
use sessile_connect::form;
use sessile_core::exchange::{CsrfCheck, CsrfGuard, CsrfStop, Exchange, Failure as Kind};

use crate::failure::Failure;
use crate::head::{Fields, response, view};
use crate::middleware::middleware;

/// Refuses requests that may have been sent by another site in the visitor's name. Put it within
/// the [`SessionMiddleware`](crate::SessionMiddleware): wrap it first.
#[derive(Clone, Debug)]
pub struct CsrfMiddleware {
    guard: Arc<CsrfGuard>,
}

impl CsrfMiddleware {
    /// By these rules: [`CsrfGuard::native`], [`CsrfGuard::flask_wtf`], [`CsrfGuard::django`], or
    /// as [`Settings::csrf`](crate::Settings::csrf) says.
    pub fn new(guard: impl Into<CsrfGuard>) -> Self {
        Self { guard: Arc::new(guard.into()) }
    }

    async fn around<S, B>(
        self,
        service: Rc<S>,
        mut request: ServiceRequest,
    ) -> Result<ServiceResponse<EitherBody<B>>, Error>
    where
        S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    {
        match self.check(&mut request).await {
            Ok(()) => Ok(service.call(request).await?.map_into_left_body()),
            Err(CsrfStop::Failed(failure)) => Err(Failure::from(failure).into()),
            Err(CsrfStop::Refused(refusal)) => {
                let mut refused = response(refusal.answer(&Fields(request.headers())));
                refused.extensions_mut().insert(refusal);
                Ok(request.into_response(refused.map_into_right_body()))
            }
        }
    }

    /// Checks a request, reading its form where that is needed; the handler gets the body whole.
    async fn check(&self, request: &mut ServiceRequest) -> Result<(), CsrfStop> {
        let exchange = request.extensions().get::<Exchange>().cloned();
        let route = self.guard.exempts_routes().then(|| request.match_pattern()).flatten();
        let checked = {
            let fields = Fields(request.headers());
            let mut head = view(request.request(), &fields);
            head.route = route.as_deref();
            match &exchange {
                exchange if self.guard.lets_pass(exchange.as_ref(), &head) => return Ok(()),
                Some(exchange) => exchange.check_csrf(&self.guard, &head).await?,
                None => return Err(CsrfStop::Failed(Kind::CsrfOutside)),
            }
        };
        let (CsrfCheck::Form(wanted), Some(exchange)) = (checked, exchange) else { return Ok(()) };
        let kind = request.headers().get(CONTENT_TYPE).map(|kind| kind.as_bytes().to_vec());
        let (payload, limit) = (request.take_payload(), self.guard.max_form_bytes());
        let read = form::read(kind.as_deref(), payload, &wanted, limit).await;
        request.set_payload(Payload::Stream { payload: Box::pin(read.body.into_stream()) });
        let fields = Fields(request.headers());
        exchange.check_csrf_form(&self.guard, &view(request.request(), &fields), read.form).await
    }
}

middleware!(CsrfMiddleware, CsrfService);
