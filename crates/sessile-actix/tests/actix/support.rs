//! The scripts' application on actix-web, and the door to it: a real server, asked over sockets.

use std::collections::HashMap;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc;

use actix_web::dev::{Server, ServerHandle};
use actix_web::http::StatusCode;
use actix_web::web::{self, Data, Query};
use actix_web::{App, HttpResponse, HttpServer};
use http::Request;
use sessile_actix::{Cookie, Cookies, Session, SessionMiddleware, Sessions, StoreError, Subject};
use sessile_conformance::Failure;
use sessile_conformance::http::{Door, Gates, Reply, Site, Socket};
use sessile_core::exchange;
use sessile_core::store::BoxFuture;

/// actix-web, with the middleware.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Actix;

impl Door for Actix {
    fn site(&self, app: &exchange::App, gates: &Gates) -> Result<Arc<dyn Site>, Failure> {
        let (sessions, gates) = (SessionMiddleware::from(app.clone()), Data::new(gates.clone()));
        let started = Started::new(move |listener| {
            let app =
                move || App::new().app_data(gates.clone()).configure(routes).wrap(sessions.clone());
            Ok(HttpServer::new(app).workers(1).disable_signals().listen(listener)?.run())
        });
        Ok(Arc::new(started?))
    }

    fn serve<'d>(
        &'d self,
        app: &'d exchange::App,
        gates: &'d Gates,
    ) -> BoxFuture<'d, Result<Arc<dyn Site>, Failure>> {
        Box::pin(std::future::ready(self.site(app, gates)))
    }
}

/// A server on a thread of its own, which ends with this.
pub(crate) struct Started {
    socket: Socket,
    handle: ServerHandle,
}

impl Started {
    /// Serves on a free port of this machine.
    pub(crate) fn new(
        run: impl FnOnce(TcpListener) -> io::Result<Server> + Send + 'static,
    ) -> Result<Self, Failure> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let socket = Socket(listener.local_addr()?);
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                match run(listener) {
                    Ok(server) => {
                        let _ = tell.send(Ok(server.handle()));
                        let _ = server.await;
                    }
                    Err(error) => drop(tell.send(Err(error))),
                }
            });
        });
        let handle = told.recv().map_err(|_| io::Error::other("the server did not start"))??;
        Ok(Self { socket, handle })
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.socket.0.port()
    }
}

impl Site for Started {
    fn answer(&self, request: Request<String>) -> BoxFuture<'_, Result<Reply, Failure>> {
        self.socket.answer(request)
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // Sends the order; the server's own thread carries it out.
        drop(self.handle.stop(false));
    }
}

type Params = Query<HashMap<String, String>>;

/// The routes of `sessile_conformance::http::app`.
pub(crate) fn routes(app: &mut web::ServiceConfig) {
    app.route("/untouched", web::get().to(async || "untouched"))
        .service(web::resource("/get").get(read).post(read))
        .route("/set", web::post().to(set))
        .route("/set-then-500", web::post().to(set_then_fail))
        .route("/remove", web::post().to(remove))
        .route("/clear", web::post().to(clear))
        .route("/login", web::post().to(log_in))
        .route("/login-then-500", web::post().to(log_in_then_fail))
        .route("/logout", web::post().to(log_out))
        .route("/rotate", web::post().to(rotate))
        .route("/rotate-then-500", web::post().to(rotate_then_fail))
        .route("/remember", web::post().to(remember))
        .route("/who", web::get().to(who))
        .route("/authenticated", web::get().to(authenticated))
        .route("/devices", web::get().to(devices))
        .route("/devices/end", web::post().to(end_one))
        .route("/devices/end-others", web::post().to(end_others))
        .route("/devices/end-all", web::post().to(end_all))
        .route("/cookie", web::post().to(own_cookie));
}

fn param<'p>(params: &'p Params, name: &str) -> &'p str {
    params.get(name).map_or("", String::as_str)
}

/// Reads, so that the session is in use, and waits at the gate if one is named.
async fn wait(gates: &Gates, params: &Params, session: &Session) {
    if let Some(gate) = params.get("gate") {
        session.len();
        gates.pass(Some(gate)).await;
    }
}

async fn read(gates: Data<Gates>, params: Params, session: Session) -> String {
    let value = session.get::<String>(param(&params, "k"));
    wait(&gates, &params, &session).await;
    value.unwrap_or_else(|| "-".into())
}

async fn set(gates: Data<Gates>, params: Params, session: Session) -> &'static str {
    wait(&gates, &params, &session).await;
    session.insert(param(&params, "k"), param(&params, "v"));
    "set"
}

async fn set_then_fail(params: Params, session: Session) -> HttpResponse {
    session.insert(param(&params, "k"), param(&params, "v"));
    HttpResponse::InternalServerError().finish()
}

async fn remove(params: Params, session: Session) -> &'static str {
    session.remove(param(&params, "k"));
    "removed"
}

async fn clear(session: Session) -> &'static str {
    session.clear();
    "cleared"
}

async fn log_in(gates: Data<Gates>, params: Params, session: Session) -> &'static str {
    wait(&gates, &params, &session).await;
    session.log_in(param(&params, "user"));
    session.insert("user", param(&params, "user"));
    "logged in"
}

async fn log_in_then_fail(params: Params, session: Session) -> HttpResponse {
    session.log_in(param(&params, "user"));
    HttpResponse::InternalServerError().finish()
}

async fn log_out(gates: Data<Gates>, params: Params, session: Session) -> &'static str {
    wait(&gates, &params, &session).await;
    session.flush();
    "logged out"
}

async fn rotate(gates: Data<Gates>, params: Params, session: Session) -> &'static str {
    wait(&gates, &params, &session).await;
    session.cycle_id();
    "rotated"
}

async fn rotate_then_fail(session: Session) -> HttpResponse {
    session.cycle_id();
    HttpResponse::InternalServerError().finish()
}

async fn remember(session: Session) -> &'static str {
    session.set_permanent(true);
    "remembered"
}

async fn who(session: Session) -> String {
    session.subject().map_or_else(|| "-".into(), |subject| subject.to_string())
}

async fn authenticated(session: Session) -> String {
    session.authenticated_at().map_or_else(|| "-".into(), |at| at.as_millis().to_string())
}

/// One handle a line, the visitor's own marked.
async fn devices(session: Session, sessions: Sessions) -> HttpResponse {
    let Some(subject) = session.subject() else { return HttpResponse::Ok().finish() };
    match sessions.of(&subject).await {
        Ok(list) => {
            let own = session.handle();
            let mark = |handle| if Some(handle) == own { "*" } else { "" };
            let lines = list.iter().map(|info| format!("{}{}\n", mark(info.handle), info.handle));
            HttpResponse::Ok().body(lines.collect::<String>())
        }
        Err(error) => unavailable(error),
    }
}

async fn end_one(params: Params, session: Session, sessions: Sessions) -> HttpResponse {
    let Some(subject) = session.subject() else { return HttpResponse::Ok().body("0") };
    let list = match sessions.of(&subject).await {
        Ok(list) => list,
        Err(error) => return unavailable(error),
    };
    let wanted = |handle: &str| handle == param(&params, "handle");
    let Some(info) = list.iter().find(|info| wanted(&info.handle.to_string())) else {
        return HttpResponse::Ok().body("0");
    };
    answer(sessions.end(&subject, info.handle).await.map(usize::from))
}

async fn end_others(session: Session, sessions: Sessions) -> HttpResponse {
    answer(sessions.end_others(&session).await)
}

/// As an administrator does it, for any user.
async fn end_all(params: Params, sessions: Sessions) -> HttpResponse {
    match Subject::new(param(&params, "user")) {
        Some(subject) => answer(sessions.end_all(&subject).await),
        None => HttpResponse::BadRequest().finish(),
    }
}

fn answer(ended: Result<usize, StoreError>) -> HttpResponse {
    ended.map_or_else(unavailable, |count| HttpResponse::Ok().body(count.to_string()))
}

fn unavailable(error: StoreError) -> HttpResponse {
    HttpResponse::build(StatusCode::SERVICE_UNAVAILABLE).body(error.to_string())
}

async fn own_cookie(params: Params, cookies: Cookies) -> HttpResponse {
    let name = params.get("name").map_or("theme", String::as_str);
    let mut cookie = Cookie::new(name, param(&params, "value"));
    if let Some(path) = params.get("path") {
        cookie = cookie.path(path);
    }
    if let Some(domain) = params.get("domain") {
        cookie = cookie.domain(domain);
    }
    let done = match params.contains_key("remove") {
        true => cookies.remove(cookie),
        false => cookies.set(cookie),
    };
    match done {
        Ok(()) => HttpResponse::Ok().body("done"),
        Err(error) => HttpResponse::BadRequest().body(error.to_string()),
    }
}
