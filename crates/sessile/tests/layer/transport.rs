//! How the credential travels: over which scheme, in which header fields.

use http::{HeaderName, HeaderValue, Method, Request, header};
use sessile::{Config, Scheme};
use sessile_conformance::http::Browser;
use sessile_conformance::http::Site;
use sessile_conformance::http::app::{InMemory, app};

use crate::support::stage;

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
