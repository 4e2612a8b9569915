//! Pages that know the session: what they show, what they cost, what they never let through.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use axum::Router;
use axum::response::{Redirect, Response};
use axum::routing::{get, post};
use http::{HeaderValue, StatusCode, header};
use sessile::templates::{Page, Templates, context, minijinja};
use sessile::{AnyStore, Config, G, MemoryStore, Session};
use sessile_conformance::http::app::InMemory;
use sessile_conformance::http::{Browser, Call, Clock, Stage};

const EVIL: &str = "\"><script>alert(1)</script>";
const INERT: &str = "&quot;&gt;&lt;script&gt;alert(1)&lt;&#x2f;script&gt;";

struct Site {
    stage: Stage,
    router: Router,
}

impl Site {
    fn new(templates: Templates, router: Router) -> Self {
        let stage =
            Stage::over(AnyStore::new(MemoryStore::new()), Config::native(), Clock::default());
        let stage = stage.unwrap();
        let templates = templates.layer();
        let router = router
            .layer(templates.clone())
            .layer(stage.layer())
            .layer(templates.error_pages("error.html"));
        Self { stage, router }
    }

    fn browser(&self) -> Browser {
        let html = HeaderValue::from_static("text/html");
        let site = InMemory::site(self.router.clone());
        Browser::new(site).with_field(header::ACCEPT, html)
    }
}

fn templates<const N: usize>(sources: [(&str, &str); N]) -> Templates {
    Templates::from_sources(sources).unwrap()
}

async fn set(session: Session) {
    session.insert("name", EVIL);
    session.insert("list", vec![1, 2]);
    session.insert("map", std::collections::BTreeMap::from([("<k>", "<v>")]));
    session.flash_as("info\"", EVIL);
    session.log_in("alice");
}

/// A page from a template of this name.
fn page(name: &'static str) -> axum::routing::MethodRouter {
    get(move |page: Page| async move { page.render(name, context! {}).await })
}

#[tokio::test]
async fn r51_every_template_name_escapes() {
    let names = ["x.html", "x.txt", "x", "x.HTML", "x.svg", "x.xhtml", "x.html.tpl", "x.md", "a/b"];
    let source = "<p title=\"{{ v }}\">{{ v }}</p>";
    let templates = Templates::from_sources(names.map(|name| (name, source))).unwrap();
    // Whoever changes the environment does not switch it off by the way.
    let templates = templates.configure(|environment| {
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    });
    let render = |page: Page, uri: http::Uri| async move {
        page.render(&uri.path()[1..], context! { v => EVIL }).await
    };
    let site = Site::new(templates, Router::new().fallback(render));
    for name in names {
        let reply = site.browser().get(&format!("/{name}")).await.unwrap().expect(200).unwrap();
        assert_eq!(reply.body, format!("<p title=\"{INERT}\">{INERT}</p>"), "{name}");
        assert_eq!(reply.field("content-type"), "text/html; charset=utf-8");
    }
}

#[tokio::test]
async fn r52_what_lies_in_a_session_is_inert_in_every_helper() {
    let source = "{{ session.name }}|{{ session['name'] }}|{{ session.get('name') }}|\
        {% for c, m in get_flashed_messages(with_categories=true) %}<p class=\"{{ c }}\">{{ m }}</p>\
        {% endfor %}|{{ request.args.q }}|{{ request.path }}|{{ request.cookies.c }}|\
        {{ g.evil }}|{{ session.list[1] }}|{{ current_user.id }}\
        {% for k, v in session.map|items %}{{ k }}{{ v }}{% endfor %}";
    let handler = async |page: Page, g: G| -> Response {
        g.set("evil", EVIL);
        page.render("x", context! {}).await
    };
    let router = Router::new().route("/set", post(set)).route("/show", get(handler));
    let site = Site::new(templates([("x", source)]).for_development(), router);
    let mut browser = site.browser().with_cookie("c", "<c>");
    browser.post("/set").await.unwrap().expect(200).unwrap();
    let reply = browser.get("/show?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E").await.unwrap();
    let wanted = format!(
        "{INERT}|{INERT}|{INERT}|<p class=\"info&quot;\">{INERT}</p>|{INERT}|&#x2f;show|&lt;c&gt;|\
         {INERT}|2|alice&lt;k&gt;&lt;v&gt;"
    );
    let reply = reply.expect_body(&wanted).unwrap();
    assert_eq!(reply.field("vary"), "Cookie");
    // The messages were taken out, and that was saved.
    let reply = browser.get("/show?q=1").await.unwrap().expect(200).unwrap();
    assert!(!reply.body.contains("info"), "{}", reply.body);
}

#[tokio::test]
async fn inv01_a_template_that_asks_for_no_session_costs_none() {
    let sources = [
        ("plain", "{{ request.method }}{{ url_for('set') }}{% if g.x %}{% endif %}"),
        ("asks", "a{{ session.list }}"),
    ];
    let handler = async |session: Session, page: Page| -> Response {
        session.get::<u8>("x");
        page.render("asks", context! {}).await
    };
    let router = Router::new()
        .route("/set", post(set))
        .route("/plain", page("plain"))
        .route("/asks", page("asks"))
        .route("/both", get(handler));
    let site = Site::new(templates(sources).route("set", "/set"), router);
    let mut browser = site.browser();
    browser.post("/set").await.unwrap().expect(200).unwrap();
    let loads = || {
        let calls = site.stage.store.calls();
        calls.into_iter().filter(|(call, _)| *call == Call::Load).map(|(_, n)| n).sum::<usize>()
    };
    loads();
    let reply = browser.get("/plain").await.unwrap().expect_body("GET&#x2f;set").unwrap();
    assert_eq!((loads(), reply.field("vary").as_str()), (0, ""));
    // The first time it is found out while rendering, then it is known; one load each time.
    for path in ["/asks", "/asks", "/both"] {
        let reply = browser.get(path).await.unwrap().expect_body("a[1, 2]").unwrap();
        assert_eq!((loads(), reply.field("vary").as_str()), (1, "Cookie"), "{path}");
    }
}

#[tokio::test]
async fn imported_macros_and_included_templates_know_the_request() {
    let sources = [
        ("macros", "{% macro user() %}{{ current_user.id }}{% endmacro %}"),
        ("base", "{% block body %}{% endblock %}{% include 'foot' %}"),
        ("foot", "<{{ session.list[0] }}>"),
        (
            "page",
            "{% extends 'base' %}{% from 'macros' import user %}\
            {% block body %}{% if current_user.is_authenticated %}in{% endif %}{{ user() }}{% endblock %}",
        ),
    ];
    let router = Router::new().route("/set", post(set)).route("/page", page("page"));
    let site = Site::new(templates(sources), router);
    let mut browser = site.browser();
    browser.post("/set").await.unwrap().expect(200).unwrap();
    browser.get("/page").await.unwrap().expect_body("inalice<1>").unwrap();
}

#[tokio::test]
async fn flashed_messages_by_category() {
    let source = "{% for m in get_flashed_messages(category_filter=['error']) %}{{ m }};{% endfor %}\
        {% for c, m in get_flashed_messages(true, ['error']) %}{{ c }}={{ m }};{% endfor %}\
        {% for c, m in get_flashed_messages(true, category_filter=['x']) %}{{ c }};{% endfor %}\
        {% for c, m in get_flashed_messages(with_categories=true) %}{{ c }}={{ m }};{% endfor %}";
    let flash = async |session: Session| {
        session.flash("m");
        session.flash_as("error", "e");
        Redirect::to("/show")
    };
    let router = Router::new().route("/flash", post(flash)).route("/show", page("x"));
    let site = Site::new(templates([("x", source)]), router);
    let mut browser = site.browser();
    browser.post("/flash").await.unwrap().expect(303).unwrap();
    browser.get("/show").await.unwrap().expect_body("e;error=e;message=m;error=e;").unwrap();
    browser.get("/show").await.unwrap().expect_body("").unwrap();
}

#[tokio::test]
async fn addresses_by_name() {
    let source = "{{ url_for('user', id='a/b c?', tab=['x', 'y&z'], _anchor='é') }} \
        {{ url_for('static', filename='css/ä.css', v=2) }} {{ url_for('user', id=7, nothing=None) }}";
    let named =
        |templates: Templates| templates.route("user", "/users/{id}").static_files("/static/");
    let router = Router::new()
        .route("/", page("x"))
        .route("/unknown", page("unknown"))
        .route("/missing", page("missing"));
    let sources = [
        ("x", source),
        ("unknown", "{{ url_for('nobody') }}"),
        ("missing", "{{ url_for('user') }}"),
        ("error.html", "{{ status }} {{ reason }}: {{ message }}"),
    ];
    let site = Site::new(named(templates(sources)), router);
    let wanted =
        "/users/a%2Fb%20c%3F?tab=x&amp;tab=y%26z#%C3%A9 /static/css/%C3%A4.css?v=2 /users/7";
    let reply = site.browser().get("/").await.unwrap();
    assert_eq!(reply.body.replace("&#x2f;", "/"), wanted);
    for path in ["/unknown", "/missing"] {
        let reply = site.browser().get(path).await.unwrap().expect(500).unwrap();
        assert_eq!(reply.body, "500 Internal Server Error: ", "nothing of the inside: {path}");
    }
}

#[tokio::test]
async fn r52_an_address_by_name_leads_nowhere_but_to_its_route() {
    let hostile = ["/evil.example/x", "//evil.example", "..", "../../admin", "a/./b"];
    let routes = |templates: Templates| {
        let templates = templates.route("all", "/{*path}").route("user", "/users/{id}/edit");
        templates.static_files("/static")
    };
    let expected = [
        ("all", "path", ["/%2Fevil.example/x", "/%2F/evil.example", "", "", ""]),
        (
            "static",
            "filename",
            ["/static/%2Fevil.example/x", "/static/%2F/evil.example", "", "", ""],
        ),
        (
            "user",
            "id",
            [
                "/users/%2Fevil.example%2Fx/edit",
                "/users/%2F%2Fevil.example/edit",
                "",
                "/users/..%2F..%2Fadmin/edit",
                "/users/a%2F.%2Fb/edit",
            ],
        ),
    ];
    for (route, name, addresses) in expected {
        for (value, address) in hostile.into_iter().zip(addresses) {
            let source = format!("{{{{ url_for('{route}', {name}='{value}') }}}}");
            let templates = Templates::from_sources([("x", source)]).unwrap();
            let router = Router::new().route("/", page("x"));
            let site = Site::new(routes(templates), router);
            let reply = site.browser().get("/").await.unwrap();
            let shown =
                if reply.status == 200 { reply.body.replace("&#x2f;", "/") } else { String::new() };
            assert_eq!(shown, address, "{route} {value}");
        }
    }
}

#[tokio::test]
async fn errors_have_pages_for_those_who_read_them() {
    let router = Router::new()
        .route("/session", get(async |_: Session| "x"))
        .route("/json", get(async || (StatusCode::BAD_REQUEST, axum::Json(1))))
        .route(
            "/packed",
            get(async || {
                (StatusCode::GONE, [("content-encoding", "gzip"), ("etag", "\"x\"")], "\x1f")
            }),
        )
        .fallback(async || (StatusCode::NOT_FOUND, "There is nothing here.\n"));
    let sources = [("error.html", "<h1>{{ status }} {{ reason }}</h1>{{ message }}")];
    let site = Site::new(templates(sources), router);
    let reply = site.browser().get("/nothing").await.unwrap();
    let reply = reply.expect(404).unwrap();
    assert_eq!(reply.body, "<h1>404 Not Found</h1>");
    assert_eq!(reply.field("content-type"), "text/html; charset=utf-8");
    let mut known = site.browser().with_cookie("__Host-id", "A".repeat(32));
    site.stage.store.set_down(Call::Load, true);
    let reply = known.get("/session").await.unwrap().expect(503).unwrap();
    assert!(reply.body.starts_with("<h1>503 Service Unavailable</h1>Sessions are unavailable"));
    // Headers that spoke of the body which the page replaces go with it.
    let reply = site.browser().get("/packed").await.unwrap().expect(410).unwrap();
    assert_eq!(
        (reply.field("content-encoding"), reply.field("etag")),
        (String::new(), String::new())
    );
    // For programs what they had before.
    let reply = site.browser().get("/json").await.unwrap().expect(400).unwrap();
    assert_eq!(reply.body, "1");
    let mut program = Browser::new(InMemory::site(site.router.clone()));
    let reply = program.get("/nothing").await.unwrap().expect(404).unwrap();
    assert_eq!(reply.body, "There is nothing here.\n");
}

#[tokio::test]
async fn context_processors_give_every_page_what_the_handler_does_not() {
    let source = "{{ site }} {{ title }} {{ path }}";
    let templates = templates([("x", source)])
        .context(|page| context! { site => "shop", path => page.uri().path() })
        .context(|_| context! { title => "none" });
    let handler = async |page: Page| page.render("x", context! { title => "mine" }).await;
    let site = Site::new(templates, Router::new().route("/p", get(handler)));
    site.browser().get("/p").await.unwrap().expect_body("shop mine &#x2f;p").unwrap();
}

#[tokio::test]
async fn files_are_read_again_in_development_only() {
    for development in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("sub/page.txt");
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        std::fs::write(&file, "one {{ 1 + 1 }}").unwrap();
        let mut templates = Templates::from_dir(dir.path()).unwrap();
        if development {
            templates = templates.for_development();
        }
        let site = Site::new(templates, Router::new().route("/", page("sub/page.txt")));
        site.browser().get("/").await.unwrap().expect_body("one 2").unwrap();
        // Of another length: the time alone may be the same.
        std::fs::write(&file, "another {{ '<' }}").unwrap();
        let wanted = if development { "another &lt;" } else { "one 2" };
        site.browser().get("/").await.unwrap().expect_body(wanted).unwrap();
    }
}

#[test]
fn a_broken_template_is_found_at_the_start() {
    let error = Templates::from_sources([("x", "{% if %}")]).unwrap_err();
    assert!(error.to_string().starts_with("template \"x\" makes no page: "), "{error}");
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("broken.html"), "{{ a b }}").unwrap();
    let error = Templates::from_dir(dir.path()).unwrap_err();
    assert!(error.to_string().contains("broken.html"), "{error}");
    let error = Templates::from_dir(dir.path().join("none")).unwrap_err();
    assert!(error.to_string().starts_with("the templates cannot be read"), "{error}");
}

#[tokio::test]
async fn a_page_without_templates_around_it_says_so() {
    let app = Router::new().route("/", page("x"));
    Browser::new(InMemory::site(app)).get("/").await.unwrap().expect(500).unwrap();
}
