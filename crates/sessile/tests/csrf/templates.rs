//! Tokens in templates: `csrf_token()`, `csrf_field()` and Django's spelling of them.

use axum::Router;
use axum::routing::{get, post};
use sessile::csrf::{DjangoCookie, django, flask_wtf};
use sessile::templates::{Page, Templates, context};
use sessile::{AnyStore, Config, CsrfLayer, KeyRing, MemoryStore, SecretKey, Session};
use sessile_conformance::http::app::InMemory;
use sessile_conformance::http::{Browser as Visitor, Call, Clock, Stage};

use crate::support::{Browser, FORM, OURS};

const SOURCES: [(&str, &str); 8] = [
    ("tokens", "{{ csrf_token() }} {{ csrf_token() }}"),
    ("field", "{{ csrf_field() }}"),
    ("input", "{{ csrf_input }}"),
    ("meta", "{{ csrf_meta_tag() }}"),
    ("bare", "{{ csrf_token }}"),
    ("nested", "{% macro form() %}<form>{{ csrf_field() }}</form>{% endmacro %}{{ form() }}"),
    ("unused", "{% macro form() %}{{ csrf_input }}{{ csrf_token() }}{% endmacro %}plain"),
    ("asks", "{% if csrf_token %}{{ csrf_field() }}{% else %}no form{% endif %}"),
];

fn key() -> SecretKey {
    SecretKey::new("3f1c0b6f9a3d47c28c5e6a1d0b7f2e94").unwrap()
}

fn router() -> Router {
    let mut router = Router::new()
        .route("/visit", get(async |session: Session| session.insert("visit", 1)))
        .route("/pay", post(async || "paid"));
    for (name, _) in SOURCES {
        let page = get(move |page: Page| async move { page.render(name, context! {}).await });
        router = router.route(&format!("/{name}"), page);
    }
    router
}

fn templates() -> sessile::templates::TemplatesLayer {
    Templates::from_sources(SOURCES).unwrap().layer()
}

fn site(csrf: CsrfLayer, config: Config) -> Router {
    let sessions = sessile::SessionLayer::new(config, MemoryStore::default()).unwrap();
    router().layer(templates()).layer(csrf).layer(sessions)
}

/// The three rules, with their field's name and whether each token is another.
fn sites() -> [(Router, &'static str, bool); 3] {
    let lax = flask_wtf::Rules { ssl_strict: false, ..flask_wtf::Rules::default() };
    [
        (site(CsrfLayer::native(), Config::native()), "csrf_token", true),
        (site(CsrfLayer::flask_wtf(&key(), lax), Config::flask_session(None)), "csrf_token", false),
        (
            site(
                CsrfLayer::django(django::Rules::default(), DjangoCookie::default()),
                Config::django(KeyRing::new(key())),
            ),
            "csrfmiddlewaretoken",
            true,
        ),
    ]
}

/// The value within the hidden field, which must be all of the page.
fn value<'a>(html: &'a str, name: &str) -> &'a str {
    let start = format!("<input type=\"hidden\" name=\"{name}\" value=\"");
    html.strip_prefix(&start).and_then(|rest| rest.strip_suffix("\">")).unwrap_or_else(|| {
        unreachable!("{html:?} is no hidden field {name:?}");
    })
}

#[tokio::test]
async fn r48_templates_mask_each_token_afresh_and_all_are_good() {
    for (site, name, masks) in sites() {
        let mut ada = Browser::default();
        let page = ada.get(&site, "/tokens").await.text();
        let (one, two) = page.split_once(' ').unwrap();
        // Flask-WTF keeps one token for a request.
        assert_eq!(one != two, masks, "{name}: {page}");
        let again = ada.get(&site, "/bare").await.text();
        let field = ada.get(&site, "/field").await.text();
        let input = ada.get(&site, "/input").await.text();
        let nested = ada.get(&site, "/nested").await.text();
        let nested = nested.strip_prefix("<form>").and_then(|it| it.strip_suffix("</form>"));
        let meta = ada.get(&site, "/meta").await.text();
        let meta = meta.strip_prefix("<meta name=\"csrf-token\" content=\"").unwrap();
        let meta = meta.strip_suffix("\">").unwrap();
        let fields = [&*field, &*input, nested.unwrap()].map(|html| value(html, name));
        for token in [one, two, &*again, meta].into_iter().chain(fields) {
            let answer = pay(&mut ada, &site, &format!("{name}={token}")).await;
            assert_eq!(answer.text(), "paid", "{name}: {token}");
        }
    }
}

async fn pay(browser: &mut Browser, site: &Router, form: &str) -> crate::support::Answer {
    let origin = if form.starts_with("csrfm") { ("x-none", "") } else { OURS };
    browser.send(site, "POST", "/pay", &[origin, FORM], form.to_owned()).await
}

#[tokio::test]
async fn template_helpers_add_no_store_trip() {
    let clock = Clock::default();
    let stage = Stage::over(AnyStore::new(MemoryStore::new()), Config::native(), clock).unwrap();
    let site = router().layer(templates()).layer(CsrfLayer::native()).layer(stage.layer());
    let mut browser = Visitor::new(InMemory::site(site));
    let calls = || stage.store.calls().into_iter().collect::<Vec<_>>();
    calls();
    // A visitor without a session gets a form and no record.
    browser.get("/field").await.unwrap().expect(200).unwrap();
    assert_eq!(calls(), []);
    browser.get("/visit").await.unwrap().expect(200).unwrap();
    calls();
    // Named and not called: nothing is asked, nothing depends on the cookie.
    let reply = browser.get("/unused").await.unwrap().expect_body("plain").unwrap();
    assert_eq!((calls(), reply.field("vary").as_str()), (vec![], ""));
    // One load for all of a page, also where it is found out while rendering.
    for path in ["/tokens", "/tokens", "/field", "/asks"] {
        let reply = browser.get(path).await.unwrap().expect(200).unwrap();
        assert_eq!(reply.field("vary"), "Cookie", "{path}");
        assert_eq!(calls(), [(Call::Load, 1)], "{path}");
    }
}

#[tokio::test]
async fn without_a_csrf_layer_the_template_says_what_to_do() {
    let development = Templates::from_sources(SOURCES).unwrap().for_development().layer();
    let sessions = sessile::SessionLayer::new(Config::native(), MemoryStore::default()).unwrap();
    for site in [router().layer(development.clone()).layer(sessions), router().layer(development)] {
        for path in ["/tokens", "/field", "/input", "/bare", "/meta"] {
            let answer = Browser::default().get(&site, path).await;
            assert_eq!(answer.status, 500, "{path}");
            let text = answer.text();
            assert!(text.contains(".layer(CsrfLayer::native())"), "{path}: {text}");
        }
        let answer = Browser::default().get(&site, "/asks").await;
        assert_eq!(answer.text(), "no form");
    }
}

#[tokio::test]
async fn r52_a_field_name_with_markup_is_inert() {
    let evil = "\"><script>alert(1)</script>";
    let rules = flask_wtf::Rules { field_name: evil.to_owned(), ..flask_wtf::Rules::default() };
    let site = site(CsrfLayer::flask_wtf(&key(), rules), Config::flask_session(None));
    for path in ["/field", "/input"] {
        let html = Browser::default().get(&site, path).await.text();
        assert_eq!(html.matches('<').count(), 1, "{html}");
        assert_eq!(html.matches('"').count(), 6, "{html}");
    }
}
