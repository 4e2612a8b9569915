//! CSRF protection and the extractors through actix-web.

use std::sync::Arc;

use actix_web::web::{self, Bytes};
use actix_web::{App, HttpServer};
use http::{Method, Request};
use sessile_actix::flask_wtf;
use sessile_actix::{
    Config, Csrf, CsrfGuard, CsrfMiddleware, G, LoggedIn, MemoryStore, NextPage, SecretKey,
    Session, SessionLinks, SessionMiddleware, Settings, native,
};
use sessile_conformance::block_on;
use sessile_conformance::http::{Browser, Reply, Site};
use sessile_core::Transport;

use crate::support::Started;

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const UPLOAD: (&str, &str) = ("content-type", "multipart/form-data; boundary=XX");
const OURS: (&str, &str) = ("sec-fetch-site", "same-origin");

fn site(sessions: SessionMiddleware, guard: CsrfGuard) -> Arc<dyn Site> {
    let forms = CsrfMiddleware::new(guard);
    let started = Started::new(move |listener| {
        let app = move || {
            App::new()
                .route("/form", web::get().to(async |csrf: Csrf| csrf.token()))
                .route("/echo", web::post().to(async |body: Bytes| body))
                .route("/hooks/{id}", web::post().to(async || "hooked"))
                .route(
                    "/log-in",
                    web::post().to(async |session: Session| {
                        session.log_in("ada");
                        "welcome"
                    }),
                )
                .route("/me", web::get().to(async |user: LoggedIn| user.to_string()))
                .route(
                    "/link",
                    web::get().to(async |session: Session, links: SessionLinks| {
                        session.insert("seen", true);
                        links.url("/link")
                    }),
                )
                .route(
                    "/next",
                    web::get().to(async |g: G, next: NextPage| {
                        g.set("next", next.or("/").to_owned());
                        g.get::<String>("next").unwrap_or_default()
                    }),
                )
                .route("/socket", web::route().to(async || "open"))
                .wrap(forms.clone())
                .wrap(sessions.clone())
        };
        Ok(HttpServer::new(app).workers(1).disable_signals().listen(listener)?.run())
    });
    Arc::new(started.unwrap())
}

fn memory(config: Config) -> SessionMiddleware {
    SessionMiddleware::new(config, MemoryStore::new()).unwrap()
}

async fn send(
    site: &Arc<dyn Site>,
    browser: &Browser,
    method: Method,
    path: &str,
    fields: &[(&str, &str)],
    body: &str,
) -> Reply {
    let mut request = Request::builder().method(method).uri(path);
    let cookies: Vec<_> =
        browser.jar().iter().map(|(name, value)| format!("{name}={value}")).collect();
    if !cookies.is_empty() {
        request = request.header("cookie", cookies.join("; "));
    }
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    site.answer(request.body(body.to_owned()).unwrap()).await.unwrap()
}

/// A visitor with a token for their forms.
async fn visitor(site: &Arc<dyn Site>) -> (Browser, String) {
    let mut browser = Browser::new(site.clone());
    let token = browser.get("/form").await.unwrap().expect(200).unwrap().body;
    assert!(!token.is_empty());
    (browser, token)
}

#[test]
fn r44_a_form_needs_its_token_and_reaches_the_handler_whole_on_actix() {
    block_on(async {
        let site = site(memory(Config::native()), CsrfGuard::native(native::Rules::default()));
        let (ada, token) = visitor(&site).await;
        let post = async |fields: &[(&str, &str)], body: &str| {
            send(&site, &ada, Method::POST, "/echo", fields, body).await
        };
        let form = format!("a=1&csrf_token={token}&b=%FF");
        let reply = post(&[OURS, FORM], &form).await;
        assert_eq!((reply.status, reply.body), (200, form.clone()));
        let part = format!(
            "--XX\r\nContent-Disposition: form-data; name=\"csrf_token\"\r\n\r\n{token}\r\n--XX--\r\n"
        );
        let reply = post(&[OURS, UPLOAD], &part).await;
        assert_eq!((reply.status, reply.body), (200, part));
        for (fields, body, status) in [
            (&[OURS, FORM][..], "a=1", 403),
            (&[FORM], &*form, 403),
            (&[("sec-fetch-site", "cross-site"), FORM], &form, 403),
            (&[OURS, ("x-csrftoken", &token)], "any", 200),
            (&[OURS, ("x-csrftoken", "wrong")], "any", 403),
        ] {
            assert_eq!(post(fields, body).await.status, status, "{fields:?} {body}");
        }
    })
    .unwrap();
}

#[test]
fn s10_an_upload_with_its_token_in_the_header_needs_no_search_on_actix() {
    block_on(async {
        let key = SecretKey::new("3f1c0b6f9a3d47c28c5e6a1d0b7f2e94").unwrap();
        let rules = flask_wtf::Rules { ssl_strict: false, ..flask_wtf::Rules::default() };
        let site =
            site(memory(Config::flask_session(None)), CsrfGuard::flask_wtf(&key, rules).form_limit(1000));
        let (ada, token) = visitor(&site).await;
        let body = format!("--XX\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\"\r\n\r\n{}\r\n--XX--\r\n", "a".repeat(100_000));
        let headed = [UPLOAD, ("x-csrftoken", &*token)];
        let reply = send(&site, &ada, Method::POST, "/echo", &headed, &body).await;
        assert_eq!((reply.status, reply.body.len()), (200, body.len()));
        let reply = send(&site, &ada, Method::POST, "/echo", &[UPLOAD], &body).await;
        assert_eq!(reply.status, 413);
    })
    .unwrap();
}

#[test]
fn r46_sockets_and_exempt_routes_on_actix() {
    block_on(async {
        let guard = CsrfGuard::native(native::Rules::default()).exempt_route("/hooks/{id}");
        let site = site(memory(Config::native()), guard);
        let nobody = Browser::new(site.clone());
        for (path, status) in [("/hooks/7", 200), ("/echo", 403), ("/hooks/../echo", 403)] {
            let reply = send(&site, &nobody, Method::POST, path, &[], "").await;
            assert!(reply.status == status || reply.status == 404, "{path} {}", reply.status);
            assert_eq!(reply.status == 200, status == 200, "{path}");
        }
        for (origin, status) in [("http://evil.example", 403), ("null", 403)] {
            let fields = [("upgrade", "websocket"), ("origin", origin)];
            let reply = send(&site, &nobody, Method::GET, "/socket", &fields, "").await;
            assert_eq!(reply.status, status, "{origin}");
        }
        let reply =
            send(&site, &nobody, Method::GET, "/socket", &[("upgrade", "websocket")], "").await;
        assert_eq!(reply.status, 200);
    })
    .unwrap();
}

#[test]
fn pages_for_members_links_and_values_of_a_request_on_actix() {
    block_on(async {
        let settings = Settings::new().with("SESSION_TYPE", "memory");
        let sessions = SessionMiddleware::connect(settings).await.unwrap();
        let free = || CsrfGuard::native(native::Rules::default()).exempt_route("/log-in");
        let members = site(sessions, free());
        let mut ada = Browser::new(members.clone());
        let refused = ada.get("/me").await.unwrap().expect(401).unwrap();
        assert_eq!(refused.field("www-authenticate"), "Cookie");
        ada.post("/log-in").await.unwrap().expect(200).unwrap();
        ada.get("/me").await.unwrap().expect_body("ada").unwrap();
        for (path, page) in [("/next?next=%2Fcart", "/cart"), ("/next?next=%2F%2Fevil", "/")] {
            ada.get(path).await.unwrap().expect_body(page).unwrap();
        }
        let mut config = Config::native();
        config.transport = Transport::url_parameter_readable_in_logs("sid");
        let linked = site(memory(config), free());
        let link = Browser::new(linked.clone()).get("/link").await.unwrap().expect(200).unwrap();
        assert!(link.body.starts_with("/link?sid="), "{}", link.body);
        assert_eq!(link.field("cache-control"), "no-store");
        let again = Browser::new(linked).get(&link.body).await.unwrap().expect(200).unwrap();
        assert_eq!(again.body, link.body);
    })
    .unwrap();
}
