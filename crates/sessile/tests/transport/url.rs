//! Ids in the address.

use http::{HeaderValue, header};
use sessile::{Config, ConfigError, CsrfLayer, Engine, EventKind, Scheme, Transport};

use crate::site::{Visitor, encoded, location, routes, sid, site};
use crate::support::{configured, stage};

fn transport() -> Transport {
    Transport::url_parameter_readable_in_logs("sid")
}

/// A visitor, and the id of their session.
async fn begun(visitor: &Visitor) -> String {
    let page = visitor.see("/begin").await;
    let link = page.lines().next().unwrap();
    assert!(link.starts_with("/who?sid="), "{link}");
    sid(link).to_owned()
}

#[tokio::test]
async fn a_visit_with_ids_in_the_address_begins_changes_and_ends() {
    let stage = stage(transport());
    let visitor = Visitor::new(site(&stage));
    assert_eq!(visitor.see("/who").await, "-");
    let first = begun(&visitor).await;
    assert_eq!(visitor.see(&format!("/who?sid={first}")).await, "begun");
    assert_eq!(visitor.see("/who").await, "-");

    let login = visitor.post(&format!("/login?user=alice&sid={first}"), "").await;
    let second = sid(location(&login.headers)).to_owned();
    assert_ne!(first, second);
    assert_eq!(visitor.see(location(&login.headers)).await, "alice");
    assert_eq!(visitor.see(&format!("/who?sid={first}")).await, "-");

    let turned = visitor.post(&format!("/rotate?sid={second}"), "").await;
    let third = sid(location(&turned.headers)).to_owned();
    assert_ne!(second, third);
    assert_eq!(visitor.see(&format!("/who?sid={third}")).await, "alice");

    let out = visitor.post(&format!("/logout?sid={third}"), "").await;
    assert_eq!(location(&out.headers), "/who");
    for old in [first, second, third] {
        assert_eq!(visitor.see(&format!("/who?sid={old}")).await, "-");
    }
}

/// The id is drawn when the link is made, and saved under it afterwards.
#[tokio::test]
async fn a_page_that_logs_in_links_to_the_session_it_makes() {
    let stage = stage(transport());
    let visitor = Visitor::new(site(&stage));
    let first = begun(&visitor).await;
    let page = visitor.post(&format!("/login-and-show?user=alice&sid={first}"), "").await.body;
    assert_ne!(sid(&page), first);
    assert_eq!(visitor.see(page.lines().next().unwrap()).await, "alice");
    let page = visitor.post("/login-and-show?user=bob", "").await.body;
    assert_eq!(visitor.see(page.lines().next().unwrap()).await, "bob");
    assert_eq!(page.lines().nth(1), None, "no field where ids travel in addresses");
}

#[tokio::test]
async fn r04_an_id_in_an_address_replayed_after_logout_is_anonymous() {
    let stage = stage(transport());
    let visitor = Visitor::new(site(&stage));
    let login = visitor.post("/login?user=alice", "").await;
    let address = location(&login.headers);
    visitor.post(&format!("/logout?sid={}", sid(address)), "").await.expect(303).unwrap();
    assert_eq!(visitor.see(address).await, "-");
}

/// The attack that this transport invites: a link with an id of the attacker's.
#[tokio::test]
async fn r02_r03_inv06_a_planted_link_gives_no_session_to_whoever_planted_it() {
    let stage = stage(transport());
    let (attacker, victim) = (Visitor::new(site(&stage)), Visitor::new(site(&stage)));
    let planted = begun(&attacker).await;
    let login = victim.post(&format!("/login?user=alice&sid={planted}"), "").await;
    assert_ne!(sid(location(&login.headers)), planted);
    assert_eq!(attacker.see(&format!("/who?sid={planted}")).await, "-");
    // One that we never issued is not adopted, nor spoken of again.
    let unknown = "A".repeat(32);
    let page = victim.see(&format!("/begin?sid={unknown}")).await;
    assert_ne!(sid(&page), unknown);
    assert_eq!(victim.see(&format!("/who?sid={unknown}")).await, "-");
    assert_eq!(victim.see(&format!("/link?to=/who&sid={unknown}")).await, "/who");
}

#[tokio::test]
async fn r14_a_url_layer_ignores_ids_anywhere_else() {
    let stage = stage(transport());
    let mut visitor = Visitor::new(site(&stage));
    let id = begun(&visitor).await;
    let cookie = HeaderValue::from_str(&format!("__Host-id={id}; sid={id}")).unwrap();
    let bearer = HeaderValue::from_str(&format!("Bearer {id}")).unwrap();
    visitor.fields = vec![(header::COOKIE, cookie), (header::AUTHORIZATION, bearer)];
    let query = format!("/who?id={id}&SID={id}&xsid={id}");
    visitor.post(&query, &format!("sid={id}")).await.expect_body("-").unwrap();
    // No decoding: an id and its name are written in one way.
    for query in [format!("%73id={id}"), format!("sid%3D{id}"), format!("sid[]={id}")] {
        assert_eq!(visitor.see(&format!("/who?{query}")).await, "-", "{query}");
    }
    assert_eq!(visitor.see(&format!("/who?x=1&sid={id}")).await, "begun");
}

#[tokio::test]
async fn r39_over_plain_http_an_id_in_an_address_is_neither_set_nor_honoured() {
    let stage = stage(transport());
    let secure = Visitor::new(site(&stage));
    let login = secure.post("/login?user=alice", "").await;
    let id = sid(location(&login.headers)).to_owned();
    let plain = Visitor::new(site(&stage).layer(axum::Extension(Scheme::Http)));
    assert_eq!(plain.see(&format!("/who?sid={id}")).await, "-");
    assert_eq!(plain.see("/begin").await, "/who\n");
    assert_eq!(location(&plain.post("/login?user=bob", "").await.headers), "/who");
    assert_eq!(location(&plain.get(&format!("/away?to=/who&sid={id}")).await.headers), "/who");
    assert_eq!(secure.see(&format!("/who?sid={id}")).await, "alice");
}

#[tokio::test]
async fn r40_an_address_with_an_id_is_kept_from_other_sites_and_from_caches() {
    let stage = stage(transport());
    let visitor = Visitor::new(site(&stage));
    let id = begun(&visitor).await;
    for path in ["/who", "/untouched", "/public", "/link?to=/who", "/nowhere"] {
        let joint = if path.contains('?') { '&' } else { '?' };
        let reply = visitor.get(&format!("{path}{joint}sid={id}")).await;
        assert_eq!(reply.field("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(reply.field("cache-control"), "no-store", "{path}");
    }
    // A page that holds a link with an id, at an address without.
    let reply = visitor.get("/begin").await;
    assert_eq!(reply.field("referrer-policy"), "no-referrer");
    assert_eq!(reply.field("cache-control"), "no-store");
    assert_eq!(reply.field("vary"), "");
    for (policy, answered) in [
        ("no-referrer", "no-referrer"),
        ("same-origin", "same-origin"),
        ("unsafe-url", "no-referrer"),
        ("origin", "no-referrer"),
        ("no-referrer, unsafe-url", "no-referrer"),
    ] {
        let reply = visitor.get(&format!("/policy?is={}&sid={id}", encoded(policy))).await;
        assert_eq!(reply.field("referrer-policy"), answered, "{policy}");
    }
    let plain = visitor.get("/policy?is=origin").await;
    assert_eq!(plain.field("referrer-policy"), "origin");
}

#[tokio::test]
async fn inv01_an_untouched_route_without_an_id_is_left_alone() {
    let stage = stage(transport());
    let visitor = Visitor::new(site(&stage));
    let reply = visitor.get("/public").await.expect_body("css").unwrap();
    assert_eq!(reply.field("cache-control"), "public, max-age=60");
    assert_eq!(reply.field("referrer-policy"), "");
    visitor.get(&format!("/untouched?sid={}", "A".repeat(32))).await.expect(200).unwrap();
    assert_eq!(stage.store.calls(), []);
}

/// Addresses that stay on the site, and what becomes of them.
#[tokio::test]
async fn redirects_and_links_within_the_site_carry_the_id() {
    let stage = stage(transport());
    let visitor = Visitor::new(site(&stage));
    let id = begun(&visitor).await;
    for (to, expected) in [
        ("/who", "/who?sid=ID"),
        ("/who?", "/who?sid=ID"),
        ("/who?a=b", "/who?a=b&sid=ID"),
        ("/who#top", "/who?sid=ID#top"),
        ("/who?a=b#sid=c", "/who?a=b&sid=ID#sid=c"),
        ("/who?sid=old&a=b", "/who?a=b&sid=ID"),
        ("/who?sid=old", "/who?sid=ID"),
        ("/who?sid&sid=", "/who?sid=ID"),
        ("/who?ssid=1", "/who?ssid=1&sid=ID"),
        ("next", "next?sid=ID"),
        ("?page=2", "?page=2&sid=ID"),
        ("a/b:c", "a/b:c?sid=ID"),
        ("https://shop.example/who", "https://shop.example/who?sid=ID"),
        ("https://SHOP.example?a", "https://SHOP.example?a&sid=ID"),
    ] {
        let expected = expected.replace("ID", &id);
        let reply = visitor.get(&format!("/away?to={}&sid={id}", encoded(to))).await;
        assert_eq!(location(&reply.headers), expected);
        assert_eq!(visitor.see(&format!("/link?to={}&sid={id}", encoded(to))).await, expected);
    }
    // Through a route that never asks for the session, too.
    let reply = visitor.get(&format!("/away-untouched?to=/who&sid={id}")).await;
    assert_eq!(location(&reply.headers), format!("/who?sid={id}"));
}

#[tokio::test]
async fn no_redirect_and_no_link_takes_the_id_to_another_site() {
    let stage = stage(transport());
    let visitor = Visitor::new(site(&stage));
    let id = begun(&visitor).await;
    for to in [
        "//evil.example/",
        "///evil.example/",
        r"/\evil.example/",
        r"\\evil.example/",
        "/\t/evil.example/",
        " //evil.example/",
        "https://evil.example/",
        "https:evil.example",
        "http://shop.example/",
        "https://shop.example:8443/",
        "https://shop.example.evil/",
        "https://shop.example@evil.example/",
        r"https://shop.example\@evil.example/",
        "https:///evil.example/",
        "ftp://shop.example/",
        "javascript:alert(1)",
        "mailto:x@shop.example",
    ] {
        for path in ["/away", "/away-untouched", "/link"] {
            let reply = visitor.get(&format!("{path}?to={}&sid={id}", encoded(to))).await;
            let found = match path {
                "/link" => &reply.body,
                _ => reply.headers[header::LOCATION].to_str().unwrap(),
            };
            assert_eq!(found, to, "{path}");
        }
    }
    // What the application itself put there.
    let own = format!("https://evil.example/{id}?a=b&sid={id}&back=%2Fx%3Fsid%3D{id}#{id}");
    let reply = visitor.get(&format!("/away?to={}&sid={id}", encoded(&own))).await;
    let cut = "https://evil.example/?a=b&back=%2Fx%3Fsid%3D#";
    assert_eq!(location(&reply.headers), cut);
    let copied = format!("https://evil.example/?a=b&sid={id}");
    let reply = visitor.get(&format!("/away-untouched?to={}&sid={id}", encoded(&copied))).await;
    assert_eq!(location(&reply.headers), "https://evil.example/?a=b");
}

/// What stands in an address may be anybody's: it must not edit where a redirect leads.
#[tokio::test]
async fn what_was_sent_as_an_id_edits_no_redirect_to_another_site() {
    let stage = stage(transport());
    let visitor = Visitor::new(site(&stage));
    let to = "https://pay.example.com/?state=0123456789abcdef&method=S256";
    for text in ["example.com", ".com", "0123456789abcdef", "method=S256", "e"] {
        for path in ["/away", "/away-untouched"] {
            let reply = visitor.get(&format!("{path}?to={}&sid={text}", encoded(to))).await;
            assert_eq!(location(&reply.headers), to, "{text}");
        }
    }
    // Nor is it put into an address as anything but one value.
    let reply = visitor.get("/away-untouched?to=/who&sid=a%0d%0aX:1").await;
    assert_eq!(location(&reply.headers), "/who?sid=a%250d%250aX%3A1");
}

#[tokio::test]
async fn two_ids_in_an_address_are_none() {
    let stage = stage(transport());
    let visitor = Visitor::new(site(&stage));
    let id = begun(&visitor).await;
    for query in
        [format!("sid={id}&sid={id}"), format!("sid={id}&sid=x"), format!("sid=x&a=b&sid={id}")]
    {
        stage.events();
        let reply = visitor.get(&format!("/who?{query}")).await.expect_body("-").unwrap();
        assert_eq!(stage.kinds(), [EventKind::Rejected]);
        assert_eq!(reply.field("referrer-policy"), "no-referrer");
        let reply = visitor.get(&format!("/away-untouched?to=/who&{query}")).await;
        assert_eq!(location(&reply.headers), "/who");
    }
}

#[tokio::test]
async fn inv12_what_is_no_id_in_an_address_is_refused_before_it_is_looked_at() {
    let stage = stage(transport());
    let visitor = Visitor::new(site(&stage));
    let id = begun(&visitor).await;
    stage.store.calls();
    let many = "a=b&".repeat(1000);
    let twice = format!("sid={id}&").repeat(1000);
    for query in [
        "sid".to_owned(),
        "sid=".to_owned(),
        "sid=%".to_owned(),
        "sid=%FF%FE".to_owned(),
        format!("sid={id}="),
        format!("sid=%{id}"),
        format!("sid={}", encoded(&id)),
        format!("sid={}", "A".repeat(50_000)),
        format!("sid={}", &id[1..]),
        twice,
        "&".repeat(10_000),
        "=".repeat(10_000),
        many.clone(),
    ] {
        assert_eq!(visitor.see(&format!("/who?{query}")).await, "-", "{query:.40}");
    }
    assert_eq!(stage.store.calls(), []);
    assert_eq!(visitor.see(&format!("/who?{many}sid={id}")).await, "begun");
}

#[test]
fn names_and_settings_that_do_not_go_with_ids_in_addresses_are_refused() {
    for name in ["", "a b", "a=b", "a&b", "sid[]", "sïd", "a%20", &"x".repeat(65)] {
        for transport in
            [Transport::url_parameter_readable_in_logs(name), Transport::form_field(name)]
        {
            let mut config = Config::native();
            config.transport = transport;
            let refused = Engine::new(config).unwrap_err();
            assert!(matches!(refused, ConfigError::OutOfRange { .. }), "{name:?}");
        }
    }
    let mut config = Config::native();
    config.transport = transport();
    config.rotate_after = Some(std::time::Duration::from_secs(60));
    assert!(matches!(Engine::new(config), Err(ConfigError::OutOfRange { .. })));
}

/// Flask-Session's and Django's ids travel so in their own spelling, signed where they are.
#[tokio::test]
async fn foreign_ids_travel_in_addresses_too() {
    let keys = || {
        let key = sessile::SecretKey::new("3f1c0b6f9a3d47c28c5e6a1d0b7f2e94").unwrap();
        sessile::KeyRing::new(key)
    };
    let mut signed = Config::flask_session(Some(keys()));
    signed.use_signer = true;
    for mut config in [signed, Config::flask_session(None), Config::django(keys())] {
        config.transport = transport();
        let stage = configured(config);
        let visitor = Visitor::new(site(&stage));
        let id = begun(&visitor).await;
        let login = visitor.post(&format!("/login?user=alice&sid={id}"), "").await;
        assert_eq!(visitor.see(location(&login.headers)).await, "alice");
        let out = visitor.post(&format!("/logout?{}", &location(&login.headers)[5..]), "").await;
        assert_eq!(location(&out.headers), "/who");
        assert_eq!(visitor.see(location(&login.headers)).await, "-");
    }
}

/// Browsers name no origin under `no-referrer`, and the layer would refuse the site's own forms.
#[tokio::test]
async fn where_origins_are_checked_the_sites_own_forms_still_name_theirs() {
    let stage = stage(transport());
    let visitor = Visitor::new(routes().layer(CsrfLayer::native()).layer(stage.layer()));
    let reply = visitor.get("/begin").await;
    assert_eq!(reply.field("referrer-policy"), "same-origin");
    let id = sid(&reply.body).to_owned();
    let forged = visitor.post(&format!("/logout?sid={id}"), "a=b").await;
    assert_eq!(forged.status, 403);
    assert_eq!(visitor.see(&format!("/who?sid={id}")).await, "begun");
}
