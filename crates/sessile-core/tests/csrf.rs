//! Our own CSRF rules.

use sessile_core::csrf::is_safe;
use sessile_core::csrf::native::{
    self, Origin, OriginProof, Refusal, Request, Rules, Secret, TOKEN_CHARS,
};

const POST: Request<'_> = Request {
    method: "POST",
    secure: true,
    host: "shop.example",
    fetch_site: None,
    origin: None,
    referer: None,
};

fn by_origin(origin: &str) -> Result<OriginProof, Refusal> {
    native::origin(&Rules::default(), &Request { origin: Some(origin), ..POST })
}

fn by_referer(referer: &str) -> Result<OriginProof, Refusal> {
    native::origin(&Rules::default(), &Request { referer: Some(referer), ..POST })
}

#[test]
fn r44_only_the_four_safe_methods_go_free() {
    for method in ["GET", "HEAD", "OPTIONS", "TRACE"] {
        assert!(is_safe(method));
        let looked = native::origin(&Rules::default(), &Request { method, ..POST });
        assert_eq!(looked, Ok(OriginProof::NotNeeded));
    }
    for method in ["POST", "PUT", "DELETE", "PATCH", "CONNECT", "get", "BREW", ""] {
        let refused = native::origin(&Rules::default(), &Request { method, ..POST });
        assert_eq!(refused, Err(Refusal::NoOrigin), "{method}");
    }
}

#[test]
fn r46_fetch_metadata_then_origin_then_referer_and_nothing_is_refused() {
    let site = |fetch_site, origin| {
        native::origin(&Rules::default(), &Request { fetch_site: Some(fetch_site), origin, ..POST })
    };
    assert_eq!(site("same-origin", None), Ok(OriginProof::Ours));
    assert_eq!(site("none", None), Ok(OriginProof::Ours));
    for other in ["cross-site", "same-site"] {
        assert_eq!(site(other, None), Err(Refusal::FetchSite));
        // Two headers that contradict each other are no proof.
        assert_eq!(site(other, Some("https://shop.example")), Err(Refusal::FetchSite));
    }
    assert_eq!(site("same-origin", Some("https://evil.example")), Err(Refusal::Origin));
    // What the standard does not know says nothing.
    for unknown in ["", "Same-Origin", "same-origin, cross-site", "galactic"] {
        assert_eq!(site(unknown, None), Err(Refusal::NoOrigin));
        assert_eq!(site(unknown, Some("https://shop.example")), Ok(OriginProof::Ours));
    }
    assert_eq!(by_referer("https://shop.example/cart?x"), Ok(OriginProof::Ours));
    assert_eq!(native::origin(&Rules::default(), &POST), Err(Refusal::NoOrigin));
    let lenient = Rules::default().accept_without_origin();
    assert_eq!(native::origin(&lenient, &POST), Ok(OriginProof::Silent));
    // The opt-out is for silence, not for contradictions.
    let foreign = Request { origin: Some("null"), ..POST };
    assert_eq!(native::origin(&lenient, &foreign), Err(Refusal::Origin));
}

#[test]
fn r47_scheme_host_and_port_must_all_agree() {
    for ours in ["https://shop.example", "https://shop.example:443", "HTTPS://SHOP.example"] {
        assert_eq!(by_origin(ours), Ok(OriginProof::Ours), "{ours}");
    }
    for foreign in [
        "null",
        "",
        "https://shop.example.attacker.com",
        "http://shop.example",
        "https://shop.example:8443",
        "https://shop.example/",
        "https://shop.example@evil.example",
        "https://evil.example#https://shop.example",
        "https://shop.example https://evil.example",
        "https://shop.example,https://evil.example",
        "https://shop.example:99999",
        "https://shop.example:",
        "https://",
        "https://[::1",
        "ftp://shop.example",
        "shop.example",
    ] {
        assert_eq!(by_origin(foreign), Err(Refusal::Origin), "{foreign}");
    }
    for page in [
        "http://shop.example/",
        "https://shop.example@evil.example/",
        "https://evil.example/https://shop.example/",
        "https://shop.example.evil.example/",
        "https://shop.example\\@evil.example/",
        "about:blank",
        "",
    ] {
        assert_eq!(by_referer(page), Err(Refusal::Referer), "{page}");
    }
    let rules = Rules::default().trust("https://pay.example:8443").unwrap();
    let from = |origin| {
        let fetch_site = Some("cross-site");
        native::origin(&rules, &Request { origin: Some(origin), fetch_site, ..POST })
    };
    assert_eq!(from("https://pay.example:8443"), Ok(OriginProof::Ours));
    assert_eq!(from("https://pay.example"), Err(Refusal::FetchSite));
    assert_eq!(from("http://pay.example:8443"), Err(Refusal::FetchSite));
    for bad in ["pay.example", "https://*.example", "https://pay.example/", "null", ""] {
        assert!(Rules::default().trust(bad).is_err(), "{bad}");
    }
    // A Host that is no host has no origin.
    let odd = Request { host: "shop.example/x", origin: Some("https://shop.example"), ..POST };
    assert_eq!(native::origin(&Rules::default(), &odd), Err(Refusal::Origin));
    assert_eq!(Origin::parse("http://[::1]:80"), Origin::parse("http://[::1]"));
}

#[test]
fn r48_every_render_differs_and_every_token_verifies() {
    let secret = Secret::new([7; 32]);
    let tokens: Vec<String> = (0..100).map(|salt| secret.token([salt; 16])).collect();
    for (at, token) in tokens.iter().enumerate() {
        assert_eq!(token.len(), TOKEN_CHARS);
        assert!(secret.made(token));
        assert!(tokens[at + 1..].iter().all(|other| {
            // Not even a part of one shows up in another at the same place.
            other.as_bytes().chunks(8).zip(token.as_bytes().chunks(8)).all(|(a, b)| a != b)
        }));
    }
    let kept = Secret::read(&secret.to_text()).unwrap();
    assert!(kept.made(&tokens[0]));
}

#[test]
fn r45_tokens_of_other_secrets_and_of_wrong_shapes_are_refused() {
    let (ours, theirs) = (Secret::new([1; 32]), Secret::new([2; 32]));
    let good = ours.token([3; 16]);
    let decide = |secret: Option<&Secret>, token: Option<&str>| {
        native::token(&Rules::default(), OriginProof::Ours, secret, token)
    };
    assert_eq!(decide(Some(&ours), Some(&good)), Ok(()));
    assert_eq!(decide(Some(&theirs), Some(&good)), Err(Refusal::Token));
    assert_eq!(decide(Some(&ours), None), Err(Refusal::NoToken));
    assert_eq!(decide(Some(&ours), Some("")), Err(Refusal::NoToken));
    // The expected side missing or damaged opens nothing (nosurf CVE-2020-36564).
    assert_eq!(decide(None, Some(&good)), Err(Refusal::Secret));
    for damaged in ["", "x", &"A".repeat(42), &"A".repeat(44), &"é".repeat(21), &"=".repeat(43)] {
        assert!(Secret::read(damaged).is_none(), "{damaged}");
    }
    let spliced = format!("{}{}", &good[..32], &theirs.token([3; 16])[32..]);
    for wrong in [
        ours.to_text(),
        good[1..].to_owned(),
        format!("{good}A"),
        format!(" {good}"),
        "é".repeat(32),
        "=".repeat(64),
        "A".repeat(64),
        "A".repeat(1 << 20),
        spliced,
    ] {
        assert_eq!(decide(Some(&ours), Some(&wrong)), Err(Refusal::Token), "{wrong:.80}");
    }
    for at in 0..good.len() {
        let mut bent = good.clone().into_bytes();
        bent[at] = if bent[at] == b'A' { b'B' } else { b'A' };
        assert!(!ours.made(std::str::from_utf8(&bent).unwrap()), "{at}");
    }
    assert_eq!(format!("{ours:?}"), "Secret(..)");
}

#[test]
fn r46_one_proof_may_be_waived_in_words_and_never_both() {
    let rules = Rules::default().accept_without_token().accept_without_origin();
    let secret = Secret::new([1; 32]);
    let token = secret.token([0; 16]);
    let decide = |proof, token| native::token(&rules, proof, Some(&secret), token);
    assert_eq!(decide(OriginProof::Ours, None), Ok(()));
    assert_eq!(decide(OriginProof::Silent, Some(token.as_str())), Ok(()));
    assert_eq!(decide(OriginProof::Silent, None), Err(Refusal::NoToken));
    // A token that is sent must be right, even where none was asked for.
    assert_eq!(decide(OriginProof::Ours, Some("wrong")), Err(Refusal::Token));
    assert!(rules.needs_token(OriginProof::Silent) && !rules.needs_token(OriginProof::Ours));
}
