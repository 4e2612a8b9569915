//! How the credential travels: over which scheme, in which header fields.

use http::{HeaderName, HeaderValue, Method, Request, header};
use sessile::{Config, Scheme};
use sessile_conformance::http::Browser;
use sessile_conformance::http::Site;
use sessile_conformance::http::app::{InMemory, app};

use crate::support::stage;
use crate::traced::Everything;

fn from(scheme: Scheme, app: axum::Router) -> Browser {
    Browser::new(InMemory::site(app.layer(axum::Extension(scheme))))
}

#[tokio::test]
async fn r39_over_plain_http_a_session_is_neither_set_nor_honoured() {
    let stage = stage(Config::native());
    let mut secure = from(Scheme::Https, stage.app());
    secure.post("/login?user=alice").await.unwrap().expect(200).unwrap();
    let (name, id) = secure.only_cookie().unwrap();
    stage.store.calls();
    let mut plain = from(Scheme::Http, stage.app()).with_cookie(name, id);
    plain.get("/who").await.unwrap().expect_body("-").unwrap();
    for path in ["/set?k=a&v=1", "/login?user=bob", "/logout"] {
        plain.post(path).await.unwrap().expect(200).unwrap().expect_no_cookie().unwrap();
    }
    assert_eq!(stage.store.calls(), []);
    secure.get("/who").await.unwrap().expect_body("alice").unwrap();
}

#[tokio::test]
async fn r39_a_trusted_proxys_word_counts_and_nobody_elses() {
    let field = HeaderName::from_static("x-forwarded-proto");
    let trusting = stage(Config::native());
    let layer = trusting.layer().trust_forwarded_proto();
    let trusted = || Browser::new(InMemory::site(app(layer.clone(), trusting.gates.clone())));
    let wary = stage(Config::native());
    for (text, honoured) in [
        ("https", true),
        ("HTTPS", true),
        ("http, https", true),
        ("http", false),
        ("https, http", false),
        ("https,http", false),
        ("", false),
        ("wss", false),
    ] {
        let value = HeaderValue::from_static(text);
        let mut browser = trusted().with_field(field.clone(), value.clone());
        let reply = browser.post("/set?k=a&v=1").await.unwrap().expect(200).unwrap();
        assert_eq!(reply.set_cookies().len(), usize::from(honoured), "{text:?} from a proxy");
        let mut browser = wary.browser().with_field(field.clone(), value);
        let reply = browser.post("/set?k=a&v=1").await.unwrap().expect(200).unwrap();
        assert_eq!(reply.set_cookies().len(), 1, "{text:?} from anybody");
    }
    // Two fields: the last one is the nearest proxy's.
    let mut browser = trusted()
        .with_field(field.clone(), HeaderValue::from_static("https"))
        .with_field(field, HeaderValue::from_static("http"));
    let reply = browser.post("/set?k=a&v=1").await.unwrap().expect(200).unwrap();
    assert!(reply.set_cookies().is_empty());
}

#[tokio::test]
async fn r38_a_browser_that_drops_the_cookie_is_a_new_visitor() {
    let stage = stage(Config::native());
    for _ in 0..3 {
        let mut browser = stage.browser();
        browser.get("/get?k=a").await.unwrap().expect_body("-").unwrap();
        browser.post("/login?user=alice").await.unwrap().expect(200).unwrap();
    }
    stage.browser().get("/who").await.unwrap().expect_body("-").unwrap();
}

/// Sends `fields` as they are and returns the body.
async fn ask(stage: &sessile_conformance::http::Stage, fields: &[String]) -> String {
    let mut request = Request::new(String::new());
    *request.method_mut() = Method::GET;
    *request.uri_mut() = "/get?k=a".parse().unwrap();
    for field in fields {
        request.headers_mut().append(header::COOKIE, HeaderValue::from_str(field).unwrap());
    }
    let reply = InMemory(stage.app()).answer(request).await.unwrap();
    reply.expect(200).unwrap().expect_no_cookie().unwrap().body
}

/// The first one: of cookies with one name browsers send the longest path first
/// (RFC 6265bis §5.8.3), and `__Host-` leaves them no choice of path.
#[tokio::test]
async fn r33_of_two_cookies_of_one_name_the_first_counts() {
    let stage = stage(Config::native());
    let mut values = Vec::new();
    for value in ["first", "second"] {
        let mut browser = stage.browser();
        browser.post(&format!("/set?k=a&v={value}")).await.unwrap().expect(200).unwrap();
        let (name, id) = browser.only_cookie().unwrap();
        values.push((format!("{name}={id}"), value));
    }
    let [(first, _), (second, _)] = &values[..] else { unreachable!() };
    assert_eq!(ask(&stage, &[format!("{first}; {second}")]).await, "first");
    assert_eq!(ask(&stage, &[format!("{second}; {first}")]).await, "second");
    assert_eq!(ask(&stage, &[first.clone(), second.clone()]).await, "first");
    assert_eq!(ask(&stage, &[second.clone(), first.clone()]).await, "second");
}

/// HTTP/2 may split the field (RFC 9113 §8.2.3).
#[tokio::test]
async fn r34_a_cookie_field_split_into_several_reads_as_one() {
    let stage = stage(Config::native());
    let mut browser = stage.browser();
    browser.post("/set?k=a&v=found").await.unwrap().expect(200).unwrap();
    let (name, id) = browser.only_cookie().unwrap();
    let crumbs = ["theme=dark".to_owned(), format!("{name}={id}"), "lang=en".to_owned()];
    assert_eq!(ask(&stage, &[crumbs.join("; ")]).await, "found");
    assert_eq!(ask(&stage, &crumbs).await, "found");
    assert_eq!(ask(&stage, &[crumbs[..2].join("; "), crumbs[2].clone()]).await, "found");
}

#[tokio::test]
async fn r27_no_other_name_is_read_as_the_sessions() {
    let stage = stage(Config::native());
    let mut browser = stage.browser();
    browser.post("/set?k=a&v=planted").await.unwrap().expect(200).unwrap();
    let (_, id) = browser.only_cookie().unwrap();
    for field in [
        format!("__%48ost-id={id}"),
        format!("=__Host-id={id}"),
        format!("..Host-id={id}"),
        format!("__host-id={id}"),
        format!("\"__Host-id\"={id}"),
        format!("__Host-id[]={id}"),
    ] {
        assert_eq!(ask(&stage, std::slice::from_ref(&field)).await, "-", "{field}");
    }
}

#[tokio::test]
async fn u05_a_secure_cookie_in_the_clear_to_another_machine_is_said_once() {
    const WARNED: &str = "Secure cookie was sent over plain http";
    let warnings = |host: &'static str, origin: &'static str, config: Config| async move {
        let traced = Everything::default();
        let guard = tracing::subscriber::set_default(traced.clone());
        let stage = stage(config);
        for _ in 0..2 {
            let mut visitor = stage
                .browser()
                .with_field(header::HOST, HeaderValue::from_static(host))
                .with_field(header::ORIGIN, HeaderValue::from_static(origin));
            let reply = visitor.post("/set?k=a&v=1").await.unwrap().expect(200).unwrap();
            assert_eq!(reply.set_cookies().len(), 1, "{host}");
        }
        drop(guard);
        let text = traced.0.lock().unwrap();
        text.matches(WARNED).count()
    };
    let native = Config::native;
    assert_eq!(warnings("shop.example", "http://shop.example", native()).await, 1);
    assert_eq!(warnings("192.0.2.7:8000", "http://192.0.2.7:8000", native()).await, 1);
    for (host, origin) in [
        ("shop.example", "https://shop.example"),
        ("shop.example", "http://evil.example"),
        ("localhost:8000", "http://localhost:8000"),
        ("app.localhost", "http://app.localhost"),
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("[::1]:8000", "http://[::1]:8000"),
    ] {
        assert_eq!(warnings(host, origin, native()).await, 0, "{host} {origin}");
    }
    // Where the cookie is not Secure there is nothing to lose.
    let mut open = Config::flask_session(None);
    open.cookie.secure = false;
    assert_eq!(warnings("shop.example", "http://shop.example", open).await, 0);
}
