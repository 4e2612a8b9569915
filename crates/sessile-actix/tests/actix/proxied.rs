//! The guide's lines for nginx and Caddy, in the real ones, in front of actix-web.

use actix_web::{App, HttpServer, web};
use sessile_actix::{Config, Csrf, CsrfGuard, CsrfMiddleware, MemoryStore, Session};
use sessile_actix::{SessionMiddleware, native};
use sessile_conformance::Failure;
use sessile_core::exchange;
use sessile_testbed::proxies::Outside;

use crate::support::Started;
use crate::walk::{Front, walk};

fn site(outside: Outside) -> Result<Started, Failure> {
    let config = match outside {
        Outside::Http => Config::native().for_development(),
        Outside::Https => Config::native(),
    };
    let sessions = SessionMiddleware::new(config, MemoryStore::new()).unwrap();
    let sessions = sessions.configure(exchange::App::trust_forwarded_proto);
    let forms = CsrfMiddleware::new(CsrfGuard::native(native::Rules::default()));
    Started::new(move |listener| {
        let app = move || {
            App::new()
                .route(
                    "/form",
                    web::get().to(async |it: Csrf| format!("{}={}", it.field_name(), it.token())),
                )
                .route(
                    "/log-in",
                    web::post().to(async |session: Session| {
                        session.insert("user", "ada");
                        ""
                    }),
                )
                .route(
                    "/me",
                    web::get().to(async |session: Session| {
                        session.get::<String>("user").unwrap_or_default()
                    }),
                )
                .wrap(forms.clone())
                .wrap(sessions.clone())
        };
        Ok(HttpServer::new(app).workers(1).disable_signals().listen(listener)?.run())
    })
}

#[test]
fn d14_forms_work_through_nginx_and_caddy_by_the_guides_lines() {
    for front in [Front::Nginx, Front::Caddy] {
        if let Some(program) = front.missing() {
            sessile_conformance::not_run!("there is no {program}: cargo xtask tools");
            continue;
        }
        for outside in [Outside::Http, Outside::Https] {
            let started = site(outside).unwrap();
            walk(front, started.port(), outside, true);
        }
    }
}
