//! Ids in a hidden form field.

use axum::routing::get;
use http::{HeaderValue, header};
use sessile::transport::SessionLinks;
use sessile::{Config, Csrf, CsrfLayer, EventKind, Scheme, Session, SessionLayer, Transport};
use sessile_conformance::http::Stage;

use crate::site::{Visitor, form_site, hidden, location, routes, sid};
use crate::support::stage;

fn transport() -> Transport {
    Transport::form_field("sid")
}

fn visitor(stage: &Stage) -> Visitor {
    Visitor::new(form_site(stage.layer()))
}

/// The id of a session that begins now.
async fn begun(visitor: &Visitor) -> String {
    hidden(&visitor.post("/begin", "a=b").await.body).to_owned()
}

#[tokio::test]
async fn a_visit_with_ids_in_forms_begins_changes_and_ends() {
    let stage = stage(transport());
    let visitor = visitor(&stage);
    let page = visitor.get("/begin").await;
    assert_eq!(page.field("cache-control"), "no-store");
    assert_eq!(page.body.lines().next(), Some("/who"), "links carry nothing");
    let first = hidden(&page.body).to_owned();
    visitor.post("/who", &format!("sid={first}")).await.expect_body("begun").unwrap();

    let page = visitor.post("/login-and-show?user=alice", &format!("x=y&sid={first}")).await;
    let second = hidden(&page.body).to_owned();
    assert_ne!(first, second);
    visitor.post("/who", &format!("sid={second}&z=")).await.expect_body("alice").unwrap();
    visitor.post("/who", &format!("sid={first}")).await.expect_body("-").unwrap();

    let out = visitor.post("/logout", &format!("sid={second}")).await.expect(303).unwrap();
    assert_eq!(location(&out.headers), "/who");
    visitor.post("/who", &format!("sid={second}")).await.expect_body("-").unwrap();
}

#[tokio::test]
async fn r04_an_id_in_a_form_replayed_after_logout_is_anonymous() {
    let stage = stage(transport());
    let visitor = visitor(&stage);
    let page = visitor.post("/login-and-show?user=alice", "a=b").await.body;
    let form = format!("sid={}", hidden(&page));
    visitor.post("/logout", &form).await.expect(303).unwrap();
    visitor.post("/who", &form).await.expect_body("-").unwrap();
}

#[tokio::test]
async fn r02_r03_inv06_a_planted_form_gives_no_session_to_whoever_planted_it() {
    let stage = stage(transport());
    let visitor = visitor(&stage);
    let planted = begun(&visitor).await;
    let form = format!("sid={planted}");
    let page = visitor.post("/login-and-show?user=alice", &form).await.body;
    assert_ne!(hidden(&page), planted);
    visitor.post("/who", &form).await.expect_body("-").unwrap();
    let unknown = format!("sid={}", "A".repeat(32));
    let page = visitor.post("/begin", &unknown).await.body;
    assert_ne!(hidden(&page), "A".repeat(32));
    visitor.post("/who", &unknown).await.expect_body("-").unwrap();
}

#[tokio::test]
async fn r14_a_form_layer_ignores_ids_anywhere_else() {
    let stage = stage(transport());
    let mut visitor = visitor(&stage);
    let id = begun(&visitor).await;
    assert_eq!(visitor.see(&format!("/who?sid={id}")).await, "-", "a GET has no form");
    let cookie = HeaderValue::from_str(&format!("__Host-id={id}; sid={id}")).unwrap();
    let bearer = HeaderValue::from_str(&format!("Bearer {id}")).unwrap();
    visitor.fields = vec![(header::COOKIE, cookie), (header::AUTHORIZATION, bearer)];
    for form in [format!("id={id}"), format!("SID={id}"), format!("x=sid%3D{id}")] {
        visitor.post(&format!("/who?sid={id}"), &form).await.expect_body("-").unwrap();
    }
    // Nor in what is no form.
    let json = HeaderValue::from_static("application/json");
    visitor.fields.push((header::CONTENT_TYPE, json));
    visitor.post("/who", &format!("sid={id}")).await.expect_body("-").unwrap();
}

#[tokio::test]
async fn the_address_counts_beside_the_form_where_that_was_said() {
    let stage = stage(transport().and_url_parameter_readable_in_logs());
    let visitor = visitor(&stage);
    let id = begun(&visitor).await;
    assert_eq!(visitor.see(&format!("/who?sid={id}")).await, "begun");
    let login = visitor.post("/login?user=alice", &format!("sid={id}")).await;
    let id = sid(location(&login.headers)).to_owned();
    assert_eq!(login.field("referrer-policy"), "no-referrer");
    assert_eq!(visitor.see(location(&login.headers)).await, "alice");
    let same = visitor.post(&format!("/who?sid={id}"), &format!("sid={id}")).await;
    same.expect_body("alice").unwrap();
    stage.events();
    let other = visitor.post(&format!("/who?sid={id}"), "sid=other").await;
    other.expect_body("-").unwrap();
    assert_eq!(stage.kinds(), [EventKind::Rejected]);
}

#[tokio::test]
async fn r39_over_plain_http_an_id_in_a_form_is_neither_set_nor_honoured() {
    let stage = stage(transport());
    let id = begun(&visitor(&stage)).await;
    let plain = Visitor::new(form_site(stage.layer()).layer(axum::Extension(Scheme::Http)));
    plain.post("/who", &format!("sid={id}")).await.expect_body("-").unwrap();
    plain.post("/begin", "a=b").await.expect_body("/who\n").unwrap();
}

#[tokio::test]
async fn forms_reach_the_handler_whole() {
    let stage = stage(transport());
    let mut visitor = visitor(&stage);
    let id = begun(&visitor).await;
    let form = format!("a=b%20c&sid={id}&sid=second&d=%FF&e");
    visitor.post("/body", &form).await.expect_body(&form).unwrap();
    let parts = format!(
        "--X\r\ncontent-disposition: form-data; name=\"sid\"\r\n\r\n{id}\r\n\
         --X\r\ncontent-disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n{}\r\n--X--\r\n",
        "0123456789".repeat(30_000)
    );
    let kind = HeaderValue::from_static("multipart/form-data; boundary=X");
    visitor.fields = vec![(header::CONTENT_TYPE, kind)];
    visitor.post("/body", &parts).await.expect_body(&parts).unwrap();
    visitor.post("/who", &parts).await.expect_body("begun").unwrap();
    // A file is no id.
    let file = parts.replacen("name=\"sid\"", "name=\"sid\"; filename=\"sid\"", 1);
    visitor.post("/who", &file).await.expect_body("-").unwrap();
}

/// The first of a name counts, as in [`FormSessionLayer`](sessile::transport::FormSessionLayer).
#[tokio::test]
async fn of_two_ids_in_a_form_the_first_counts() {
    let stage = stage(transport());
    let visitor = visitor(&stage);
    let id = begun(&visitor).await;
    visitor.post("/who", &format!("sid={id}&sid=x")).await.expect_body("begun").unwrap();
    visitor.post("/who", &format!("sid=x&sid={id}")).await.expect_body("-").unwrap();
}

#[tokio::test]
async fn inv12_what_is_no_id_in_a_form_is_refused_before_it_is_looked_at() {
    let stage = stage(transport());
    let mut visitor = visitor(&stage);
    let id = begun(&visitor).await;
    stage.store.calls();
    for form in [
        "sid=".to_owned(),
        "sid".to_owned(),
        "sid=%".to_owned(),
        "sid=%FF%FE%00".to_owned(),
        format!("sid={id}%0D%0A"),
        format!("sid=+{id}"),
        format!("sid={}", "A".repeat(500_000)),
        format!("sid={}", "%41".repeat(100_000)),
        "sid=x&".repeat(1000),
        "&".repeat(100_000),
    ] {
        visitor.post("/who", &form).await.expect_body("-").unwrap();
    }
    assert_eq!(stage.store.calls(), []);
    let many = format!("{}sid={id}", "a=b&".repeat(1000));
    visitor.post("/who", &many).await.expect_body("begun").unwrap();
    for kind in ["multipart/form-data", "multipart/form-data; boundary=", "multipart/mixed; =;"] {
        visitor.fields = vec![(header::CONTENT_TYPE, HeaderValue::from_static(kind))];
        visitor.post("/who", &format!("sid={id}")).await.expect_body("-").unwrap();
    }
}

#[tokio::test]
async fn inv12_a_form_beyond_the_limit_is_refused_and_not_kept() {
    let stage = stage(transport());
    let visitor =
        |limit| Visitor::new(routes().layer(stage.layer().reading_forms().form_limit(limit)));
    let form = format!("a={}", "x".repeat(1000));
    visitor(1002).post("/body", &form).await.expect_body(&form).unwrap();
    let refused = visitor(1001).post("/body", &form).await.expect(413).unwrap();
    assert_eq!(refused.field("cache-control"), "no-store");
    let huge = "x".repeat((1 << 20) + 1);
    Visitor::new(form_site(stage.layer())).post("/body", &huge).await.expect(413).unwrap();
}

#[tokio::test]
async fn inv01_an_untouched_route_of_a_form_layer_asks_no_store_and_sends_no_header() {
    let stage = stage(transport());
    let visitor = visitor(&stage);
    for reply in [
        visitor.get("/untouched").await,
        visitor.post("/untouched", &format!("sid={}", "A".repeat(32))).await,
    ] {
        reply.headers.keys().for_each(|name| {
            assert!(["content-type", "content-length"].contains(&name.as_str()), "{name}");
        });
    }
    assert_eq!(stage.store.calls(), []);
}

/// Loudly, and not as if the visitor had no session.
#[tokio::test]
async fn a_layer_that_does_not_read_forms_fails_where_ids_are_in_them() {
    let stage = stage(transport());
    let visitor = Visitor::new(routes().layer(stage.layer()));
    visitor.post("/who", "a=b").await.expect(500).unwrap();
    visitor.get("/who").await.expect(500).unwrap();
    visitor.get("/untouched").await.expect(200).unwrap();
    let mut config = Config::native();
    config.transport = Transport::cookie();
    let layer = SessionLayer::new(config, sessile::MemoryStore::new()).unwrap();
    let with_cookies = Visitor::new(form_site(layer));
    with_cookies.post("/who", "sid=x").await.expect_body("-").unwrap();
}

/// Both read the form: the id first, then the token, then the handler.
#[tokio::test]
async fn a_csrf_layer_within_reads_the_same_form() {
    async fn page(session: Session, links: SessionLinks, csrf: Csrf) -> String {
        session.insert("a", "begun");
        format!("{}{}", links.field(), csrf.token())
    }
    let stage = stage(transport());
    let pages = routes().route("/page", get(page));
    let guarded = pages.layer(CsrfLayer::native()).layer(stage.layer().reading_forms());
    let mut visitor = Visitor::new(guarded);
    let page = visitor.get("/page").await.expect(200).unwrap().body;
    let (id, (_, token)) = (hidden(&page), page.rsplit_once('>').unwrap());
    let form = format!("sid={id}&csrf_token={token}");
    visitor.post("/body", &form).await.expect(403).unwrap();
    let origin = HeaderValue::from_static("https://shop.example");
    visitor.fields = vec![(header::ORIGIN, origin)];
    visitor.post("/body", &form).await.expect_body(&form).unwrap();
    visitor.post("/who", &form).await.expect_body("begun").unwrap();
    visitor.post("/body", &format!("sid={id}")).await.expect(403).unwrap();
    visitor.post("/body", &format!("csrf_token={token}")).await.expect(403).unwrap();
}
