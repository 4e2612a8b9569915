//! actix-session's cookie store: the whole session in a signed cookie. Served over a socket.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use actix_session::config::{CookieContentSecurity, PersistentSession};
use actix_session::storage::CookieSessionStore;
use actix_session::{Session, SessionMiddleware};
use actix_web::cookie::Key;
use actix_web::dev::ServerHandle;
use actix_web::web::{Data, Query, get, post};
use actix_web::{App as Routes, HttpResponse, HttpServer, cookie};
use sessile::store::BoxFuture;
use sessile_conformance::Failure;
use sessile_conformance::http::defects::{Implementation, SessionApp};
use sessile_conformance::http::{Gates, Site, Socket};

use crate::Params;

pub(crate) struct Actix;

struct App {
    socket: Socket,
    gates: Gates,
    server: ServerHandle,
}

impl Implementation for Actix {
    fn name(&self) -> &str {
        "actix-session 0.11, signed cookie"
    }

    fn app(
        &self,
        lifetime: Option<Duration>,
    ) -> BoxFuture<'_, Result<Box<dyn SessionApp>, Failure>> {
        let gates = Gates::default();
        let (started, running) = mpsc::channel();
        let shared = gates.clone();
        // Its runtime lives on a thread of its own, until the application is dropped.
        std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let server = HttpServer::new(move || routes(shared.clone(), lifetime))
                    .workers(1)
                    .disable_signals()
                    .bind(("127.0.0.1", 0))
                    .unwrap();
                let address = server.addrs()[0];
                let server = server.run();
                started.send((address, server.handle())).unwrap();
                server.await.unwrap();
            });
        });
        let (address, server) = running.recv().unwrap();
        let socket = Socket(address);
        Box::pin(async move { Ok(Box::new(App { socket, gates, server }) as Box<dyn SessionApp>) })
    }
}

impl Drop for App {
    fn drop(&mut self) {
        // Sent when it is made; nobody need wait for the answer.
        drop(self.server.stop(false));
    }
}

impl SessionApp for App {
    fn site(&self) -> Arc<dyn Site> {
        Arc::new(self.socket)
    }

    fn gates(&self) -> &Gates {
        &self.gates
    }

    fn planted(&self) -> Option<(String, String)> {
        None
    }

    fn pass(&self, time: Duration) -> BoxFuture<'_, ()> {
        // It takes no clock.
        Box::pin(tokio::time::sleep(time))
    }
}

fn routes(
    gates: Gates,
    lifetime: Option<Duration>,
) -> Routes<
    impl actix_web::dev::ServiceFactory<
        actix_web::dev::ServiceRequest,
        Config = (),
        Response = actix_web::dev::ServiceResponse<impl actix_web::body::MessageBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    let key = Key::from(&[7_u8; 64]);
    let mut sessions = SessionMiddleware::builder(CookieSessionStore::default(), key)
        .cookie_content_security(CookieContentSecurity::Signed);
    if let Some(lifetime) = lifetime {
        let lifetime = cookie::time::Duration::try_from(lifetime).unwrap();
        sessions = sessions.session_lifecycle(PersistentSession::default().session_ttl(lifetime));
    }
    Routes::new()
        .app_data(Data::new(gates))
        .wrap(sessions.build())
        .route("/get", get().to(read))
        .route("/set", post().to(set))
        .route("/login", post().to(log_in))
        .route("/logout", post().to(log_out))
        .route("/rotate-then-500", post().to(rotate_then_fail))
}

async fn read(gates: Data<Gates>, params: Query<Params>, session: Session) -> String {
    let value = session.get::<String>(&params.k).unwrap();
    params.wait(&gates).await;
    value.unwrap_or_else(|| "-".into())
}

async fn set(gates: Data<Gates>, params: Query<Params>, session: Session) -> HttpResponse {
    session.get::<String>(&params.k).unwrap();
    params.wait(&gates).await;
    session.insert(&params.k, &params.v).unwrap();
    HttpResponse::Ok().finish()
}

async fn log_in(params: Query<Params>, session: Session) -> HttpResponse {
    session.renew();
    session.insert("user", &params.user).unwrap();
    HttpResponse::Ok().finish()
}

async fn log_out(session: Session) -> HttpResponse {
    session.purge();
    HttpResponse::Ok().finish()
}

async fn rotate_then_fail(session: Session) -> HttpResponse {
    session.renew();
    HttpResponse::InternalServerError().finish()
}
