//! The middleware: begins an exchange for each request, finishes it before the response leaves.

use std::rc::Rc;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use actix_web::{Error, HttpMessage as _};
use sessile_connect::{ConnectError, Settings, TokioRuntime};
use sessile_core::exchange::App;
use sessile_core::{Config, ConfigError, Engine, SessionStore};

use crate::failure::Failure;
use crate::head::{Fields, response, view};

/// Makes a type a middleware by its async method `around(self, service, request)`.
macro_rules! middleware {
    ($name:ident, $service:ident) => {
        impl<S, B> actix_web::dev::Transform<S, ServiceRequest> for $name
        where
            S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
            B: MessageBody + 'static,
        {
            type Response = ServiceResponse<EitherBody<B>>;
            type Error = Error;
            type Transform = $service<S>;
            type InitError = ();
            type Future = std::future::Ready<Result<Self::Transform, ()>>;

            fn new_transform(&self, service: S) -> Self::Future {
                let (service, middleware) = (Rc::new(service), self.clone());
                std::future::ready(Ok($service { service, middleware }))
            }
        }

        /// A service behind the middleware.
        #[derive(Debug)]
        pub struct $service<S> {
            service: Rc<S>,
            middleware: $name,
        }

        impl<S, B> Service<ServiceRequest> for $service<S>
        where
            S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
            B: MessageBody + 'static,
        {
            type Response = ServiceResponse<EitherBody<B>>;
            type Error = Error;
            type Future =
                std::pin::Pin<Box<dyn std::future::Future<Output = Result<Self::Response, Error>>>>;

            actix_web::dev::forward_ready!(service);

            fn call(&self, request: ServiceRequest) -> Self::Future {
                Box::pin(self.middleware.clone().around(self.service.clone(), request))
            }
        }
    };
}
pub(crate) use middleware;

/// Gives every request behind it a session. Cheap to clone; clones share everything, so make one
/// outside of `HttpServer::new` and clone it for each worker.
///
/// The session is loaded when it is first asked for, and saved before the response's headers leave.
/// If that fails the response is replaced: a success whose changes were lost is never sent.
///
/// What else all requests share: `sessions.configure(|app| app.trust_forwarded_proto())`.
#[derive(Clone, Debug)]
pub struct SessionMiddleware {
    app: App,
}

impl SessionMiddleware {
    /// Sessions kept in `store`, swept as the configuration says.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the settings do not go together.
    pub fn new(config: Config, store: impl SessionStore) -> Result<Self, ConfigError> {
        Ok(sessile_connect::app(config, store)?.into())
    }

    /// Sessions carried whole by their cookie, signed or encrypted.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the settings do not go together, or when they ask for a store.
    pub fn in_cookies(config: Config) -> Result<Self, ConfigError> {
        Ok(App::in_cookies(Engine::new(config)?, TokioRuntime)?.into())
    }

    /// Sessions as the settings say, in the store that they name.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] says which setting or store is at fault.
    pub async fn connect(settings: Settings) -> Result<Self, ConnectError> {
        let (engine, store) = sessile_connect::connect(settings).await?;
        Ok(App::new(engine, store, TokioRuntime)?.into())
    }

    /// The same with another clock, a listener, or a proxy that is trusted.
    #[must_use]
    pub fn configure(self, change: impl FnOnce(App) -> App) -> Self {
        change(self.app).into()
    }

    /// What all requests share, to list and end sessions from outside of them.
    pub fn app(&self) -> &App {
        &self.app
    }

    async fn around<S, B>(
        self,
        service: Rc<S>,
        request: ServiceRequest,
    ) -> Result<ServiceResponse<EitherBody<B>>, Error>
    where
        S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    {
        let head = Fields(request.headers());
        let exchange = self.app.begin(&view(request.request(), &head), None);
        request.extensions_mut().insert(exchange.clone());
        let mut handlers = service.call(request).await?;
        let status = handlers.status().as_u16();
        let finished = exchange.finish(status, &mut Fields(handlers.headers_mut())).await;
        let Err(failure) = finished else { return Ok(handlers.map_into_left_body()) };
        let mut refused = response(exchange.refusal(&failure));
        refused.extensions_mut().insert(Failure::from(failure));
        Ok(handlers.into_response(refused.map_into_right_body()))
    }
}

/// For an application that other frameworks serve, too.
impl From<App> for SessionMiddleware {
    fn from(app: App) -> Self {
        Self { app }
    }
}

middleware!(SessionMiddleware, SessionService);
