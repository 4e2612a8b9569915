//! Ids in a header field: one of our own, or `Authorization: Bearer`.

use http::{HeaderName, HeaderValue, Method, header};
use sessile::{Config, ConfigError, CsrfLayer, Engine, EventKind, Scheme, Storage, Transport};

use crate::support::{KINDS, Kind, Program, ask, configured, stage};

#[tokio::test]
async fn a_visit_with_ids_in_a_header_begins_changes_and_ends() {
    for kind in KINDS {
        let stage = stage(kind.transport());
        let mut program = Program::new(&stage, kind);
        let seen = program.get("/get?k=a").await.expect_body("-").unwrap();
        assert_eq!(kind.told(&seen.headers), None, "nothing to keep yet");
        let set = program.post("/set?k=a&v=1").await.expect(200).unwrap();
        let first = program.id.clone().unwrap();
        assert_eq!(set.field("cache-control"), "no-store");
        let seen = program.get("/get?k=a").await.expect_body("1").unwrap();
        assert_eq!(kind.told(&seen.headers), None, "told once is enough");

        program.post("/login?user=alice").await.expect(200).unwrap();
        let second = program.id.clone().unwrap();
        assert_ne!(first, second);
        assert_eq!(program.see("/who").await, "alice");
        assert_eq!(program.see("/get?k=a").await, "1");
        assert_eq!(program.clone().with_id(first).see("/who").await, "-");

        program.post("/rotate").await.expect(200).unwrap();
        let third = program.id.clone().unwrap();
        assert_ne!(second, third);
        assert_eq!(program.see("/who").await, "alice");

        let out = program.post("/logout").await.expect(200).unwrap();
        assert_eq!(kind.told(&out.headers).as_deref(), Some(""), "told that it is over");
        assert_eq!(program.id, None);
        assert_eq!(out.field("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn r04_an_id_in_a_header_replayed_after_logout_is_anonymous() {
    for kind in KINDS {
        let stage = stage(kind.transport());
        let mut program = Program::new(&stage, kind);
        program.post("/login?user=alice").await.expect(200).unwrap();
        let thief = program.clone();
        program.post("/logout").await.expect(200).unwrap();
        assert_eq!(thief.clone().see("/who").await, "-");
    }
}

#[tokio::test]
async fn r02_inv06_an_id_in_a_header_that_we_did_not_issue_is_never_adopted() {
    for kind in KINDS {
        let stage = stage(kind.transport());
        let planted = "A".repeat(32);
        let mut victim = Program::new(&stage, kind).with_id(&planted);
        victim.post("/login?user=alice").await.expect(200).unwrap();
        assert_ne!(victim.id.as_deref(), Some(planted.as_str()));
        let mut attacker = Program::new(&stage, kind).with_id(planted);
        assert_eq!(attacker.see("/who").await, "-");
        // A real id of the attacker's own dies with the victim's login.
        attacker.id = None;
        attacker.post("/set?k=a&v=1").await.expect(200).unwrap();
        let mut victim = attacker.clone();
        victim.post("/login?user=alice").await.expect(200).unwrap();
        assert_eq!(attacker.see("/who").await, "-");
    }
}

#[tokio::test]
async fn r14_a_header_layer_ignores_ids_anywhere_else() {
    for kind in KINDS {
        let stage = stage(kind.transport());
        let mut program = Program::new(&stage, kind);
        program.post("/set?k=a&v=secret").await.expect(200).unwrap();
        let id = program.id.unwrap();
        let cookie = format!("__Host-id={id}; id={id}; session={id}; X-Session-Id={id}");
        let query = format!("/get?k=a&sid={id}&X-Session-Id={id}&access_token={id}");
        let other = match kind {
            Kind::Header => Kind::Bearer,
            Kind::Bearer => Kind::Header,
        };
        let fields = [
            (header::COOKIE, HeaderValue::from_str(&cookie).unwrap()),
            other.field(&id),
            (HeaderName::from_static("x-session-token"), HeaderValue::from_str(&id).unwrap()),
            (HeaderName::from_static("x-session-id-2"), HeaderValue::from_str(&id).unwrap()),
        ];
        let body = format!("sid={id}&access_token={id}");
        let reply = ask(stage.app(), Method::POST, &query, &fields, &body).await;
        reply.expect_body("-").unwrap();
    }
}

#[tokio::test]
async fn r39_over_plain_http_an_id_in_a_header_is_neither_set_nor_honoured() {
    for kind in KINDS {
        let stage = stage(kind.transport());
        let mut program = Program::new(&stage, kind);
        program.post("/login?user=alice").await.expect(200).unwrap();
        let mut plain = program.clone();
        plain.app = stage.app().layer(axum::Extension(Scheme::Http));
        assert_eq!(plain.see("/who").await, "-");
        for path in ["/set?k=a&v=1", "/login?user=bob", "/logout"] {
            let reply = plain.post(path).await.expect(200).unwrap();
            assert_eq!(kind.told(&reply.headers), None, "{path}");
        }
        assert_eq!(program.see("/who").await, "alice");
    }
}

#[tokio::test]
async fn r40_r41_responses_vary_on_the_header_and_new_ids_are_not_stored() {
    for kind in KINDS {
        let stage = stage(kind.transport());
        let mut program = Program::new(&stage, kind);
        let untouched = program.get("/untouched").await.expect(200).unwrap();
        assert_eq!(untouched.field("vary"), "");
        for target in ["/get?k=a", "/who"] {
            assert_eq!(program.get(target).await.field("vary"), kind.sent_in());
        }
        let login = program.post("/login?user=alice").await;
        assert_eq!(login.field("vary"), kind.sent_in());
        assert_eq!(login.field("cache-control"), "no-store");
        assert_eq!(program.get("/who").await.field("cache-control"), "");
    }
    // Also where the profile leaves caches alone.
    let mut config = Config::flask_session(None);
    config.transport = Transport::bearer();
    let stage = configured(config);
    let mut program = Program::new(&stage, Kind::Bearer);
    let reply = program.post("/set?k=a&v=1").await.expect(200).unwrap();
    assert_eq!(reply.field("cache-control"), "no-store");
    assert_eq!(program.see("/get?k=a").await, "1");
}

#[tokio::test]
async fn inv01_an_untouched_route_reads_no_header_and_asks_no_store() {
    for kind in KINDS {
        let stage = stage(kind.transport());
        let mut program = Program::new(&stage, kind).with_id("A".repeat(32));
        let reply = program.get("/untouched").await.expect(200).unwrap();
        assert_eq!(stage.store.calls(), []);
        let names: Vec<_> = reply.headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["content-type", "content-length"]);
    }
}

#[tokio::test]
async fn two_ids_in_one_request_are_none() {
    for kind in KINDS {
        let stage = stage(kind.transport());
        let mut program = Program::new(&stage, kind);
        program.post("/set?k=a&v=1").await.expect(200).unwrap();
        let id = program.id.unwrap();
        for fields in [
            [kind.field(&id), kind.field(&id)],
            [kind.field(&id), kind.field("other")],
            [kind.field("other"), kind.field(&id)],
        ] {
            stage.events();
            let reply = ask(stage.app(), Method::GET, "/get?k=a", &fields, "").await;
            reply.expect_body("-").unwrap();
            let kinds: Vec<_> = stage.events().into_iter().map(|event| event.kind).collect();
            assert_eq!(kinds, [EventKind::Rejected]);
        }
        let joined = kind.field(&format!("{id}, {id}"));
        ask(stage.app(), Method::GET, "/get?k=a", &[joined], "").await.expect_body("-").unwrap();
    }
}

#[tokio::test]
async fn inv12_what_is_no_id_is_refused_before_it_is_looked_at() {
    for kind in KINDS {
        let stage = stage(kind.transport());
        let id = {
            let mut program = Program::new(&stage, kind);
            program.post("/set?k=a&v=1").await.expect(200).unwrap();
            program.id.unwrap()
        };
        stage.store.calls();
        let huge = "A".repeat(100_000);
        for text in [
            "",
            "=",
            "====",
            "short",
            huge.as_str(),
            &format!("{id}="),
            &format!("{id} {id}"),
            &format!("{id}\t"),
            &format!("\"{id}\""),
            &format!("%{id}"),
            &id[1..],
        ] {
            let mut program = Program::new(&stage, kind).with_id(text);
            let seen = program.see("/get?k=a").await;
            // White space around a field's value is no part of it (RFC 9110 section 5.5).
            let same = text.trim() == id;
            assert_eq!(seen, if same { "1" } else { "-" }, "{kind:?} {text:.40}");
            assert_eq!(stage.store.calls().len(), usize::from(same), "{kind:?} {text:.40}");
        }
        let bytes = HeaderValue::from_bytes(b"Bearer \xff\xfe\x80").unwrap();
        let name: HeaderName = kind.sent_in().parse().unwrap();
        let reply = ask(stage.app(), Method::GET, "/get?k=a", &[(name, bytes)], "").await;
        reply.expect_body("-").unwrap();
    }
}

/// RFC 6750 section 2.1, RFC 9110 section 11.1.
#[tokio::test]
async fn the_bearer_scheme_is_read_as_its_rfc_says() {
    let stage = stage(Transport::bearer());
    let mut program = Program::new(&stage, Kind::Bearer);
    program.post("/set?k=a&v=1").await.expect(200).unwrap();
    let id = program.id.unwrap();
    for (text, honoured) in [
        (format!("Bearer {id}"), true),
        (format!("bearer {id}"), true),
        (format!("BEARER   {id}"), true),
        (format!("Bearer{id}"), false),
        (format!("Bearer\t{id}"), false),
        (format!("Bearer={id}"), false),
        (format!("Token {id}"), false),
        (format!("Basic {id}"), false),
        (id.clone(), false),
        ("Bearer".to_owned(), false),
        (format!("Basic x, Bearer {id}"), false),
    ] {
        let field = (header::AUTHORIZATION, HeaderValue::from_str(&text).unwrap());
        let reply = ask(stage.app(), Method::GET, "/get?k=a", &[field], "").await;
        let body = if honoured { "1" } else { "-" };
        reply.expect_body(body).unwrap();
    }
}

#[test]
fn names_that_mean_something_else_are_refused_when_built() {
    let build = |transport: Transport| {
        let mut config = Config::native();
        config.transport = transport;
        Engine::new(config).map(drop)
    };
    for name in ["X-Session-Id", "x-sid", "Session", "X-Auth-Token"] {
        build(Transport::header(name)).unwrap();
    }
    let long = "x".repeat(65);
    for name in [
        "",
        "X Session",
        "X-Session:",
        "X-Sessión",
        "X-Session\r\nSet-Cookie",
        "Cookie",
        "Set-Cookie",
        "Authorization",
        "Host",
        "Content-Type",
        "Accept-Language",
        "Range",
        "Sec-Fetch-Site",
        "X-Forwarded-Proto",
        "Access-Control-Allow-Origin",
        "Vary",
        "X-CSRFToken",
        long.as_str(),
    ] {
        let refused = build(Transport::header(name)).unwrap_err();
        assert!(matches!(refused, ConfigError::OutOfRange { .. }), "{name:?}");
    }
}

#[test]
fn a_whole_session_travels_in_cookies_only() {
    let mut config = Config::native();
    config.storage = Storage::SignedCookie;
    config.cookie_sessions_cannot_be_revoked = true;
    config.transport = Transport::bearer();
    let refused = Engine::new(config).unwrap_err();
    let setting = "SESSION_TRANSPORT";
    assert!(matches!(refused, ConfigError::OutOfRange { setting: named, .. } if named == setting));
}

/// R16, invariant 11.
#[tokio::test]
async fn inv11_ids_in_headers_are_in_no_debug_output_and_no_event() {
    for kind in KINDS {
        let stage = stage(kind.transport());
        let mut program = Program::new(&stage, kind);
        let reply = program.post("/login?user=alice").await.expect(200).unwrap();
        let id = program.id.clone().unwrap();
        assert!(!format!("{:?}", reply.headers).contains(&id), "marked as sensitive");
        program.post("/logout").await.expect(200).unwrap();
        assert!(!format!("{:?}", stage.events()).contains(&id));
        assert!(!format!("{:?}", sessile::transport::in_field([id.as_bytes()])).contains(&id));
    }
}

/// No browser adds the field because another site asks it to (R44); without the field all is as ever.
#[tokio::test]
async fn r44_a_request_with_its_id_in_a_header_needs_no_csrf_token() {
    for kind in KINDS {
        let stage = stage(kind.transport());
        let routes = sessile_conformance::http::app::routes(stage.gates.clone());
        let guarded = routes.layer(CsrfLayer::native()).layer(stage.layer());
        let mut program = Program::new(&stage, kind).with_id("");
        program.app = guarded.clone();
        program.post("/login?user=alice").await.expect(200).unwrap();
        program.post("/set?k=a&v=1").await.expect(200).unwrap();
        let other = match kind {
            Kind::Header => (header::AUTHORIZATION, HeaderValue::from_static("Bearer x")),
            Kind::Bearer => (header::AUTHORIZATION, HeaderValue::from_static("Basic eDp5")),
        };
        for fields in [&[][..], &[other]] {
            let reply = ask(guarded.clone(), Method::POST, "/set?k=a&v=2", fields, "").await;
            assert_eq!(reply.status, 403, "{kind:?}");
        }
        assert_eq!(program.see("/get?k=a").await, "1");
    }
}
