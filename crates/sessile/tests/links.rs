//! Signed links, beside what Flask's and Django's libraries make.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::time::Duration;

use sessile::{KeyRing, LinkError, SecretKey, SignedLinks, Timestamp};

const KEY: &str = "3f1c0b6f9a3d47c28c5e6a1d0b7f2e94";
const OTHER: &str = "d02c4f8a7b1e4935a6c0f2d18e5b7394";
const MADE: i64 = 1_767_323_045;
const FLASK: &str = "WyJrw6RzZSIsN10.aVc1pQ.ydhYg0yygBKI6BCOKBFN9M2-__4";
const DJANGO: &str = "WyJrXHUwMGU0c2UiLDdd:1vbVSP:geDlbK8CERKuzY3G97eoYOmMVqYfy9v2OMPPTaf2Jcc";

fn ring(key: &str) -> KeyRing {
    KeyRing::from(SecretKey::new(key).unwrap())
}

fn kinds(ring: &KeyRing) -> [SignedLinks; 3] {
    [
        SignedLinks::new(ring, "unsubscribe"),
        SignedLinks::itsdangerous(ring, Some("unsubscribe")),
        SignedLinks::django(ring, Some("unsubscribe")),
    ]
}

fn at(links: &SignedLinks, secs: i64) -> SignedLinks {
    links.clone().with_clock(move || Timestamp::from_secs(secs))
}

#[test]
fn a_link_holds_its_value_until_it_is_too_old() {
    for links in kinds(&ring(KEY)).map(|links| links.max_age(Duration::from_secs(60))) {
        let token = at(&links, MADE).token(&("ada", 7)).unwrap();
        for secs in [MADE, MADE + 60] {
            assert_eq!(at(&links, secs).open::<(String, u32)>(&token).unwrap(), ("ada".into(), 7));
        }
        let late = at(&links, MADE + 61).open::<(String, u32)>(&token).unwrap_err();
        assert!(matches!(late, LinkError::Expired { age, .. } if age.as_secs() == 61), "{late}");
        let early = at(&links, MADE - 3600).open::<(String, u32)>(&token).unwrap_err();
        assert!(matches!(early, LinkError::Rejected), "{early}");
        let typed = at(&links, MADE).open::<u32>(&token).unwrap_err();
        assert!(matches!(typed, LinkError::Value(_)), "{typed}");
    }
}

#[test]
fn inv10_a_link_for_another_purpose_format_or_key_is_rejected() {
    let old = ring(KEY);
    let rotated =
        KeyRing::new(SecretKey::new(OTHER).unwrap()).with_fallbacks([SecretKey::new(KEY).unwrap()]);
    let others = [
        SignedLinks::new(&old, "reset"),
        SignedLinks::itsdangerous(&old, Some("reset")),
        SignedLinks::itsdangerous(&old, None),
        SignedLinks::django(&old, Some("reset")),
        SignedLinks::django(&old, None),
    ];
    for (number, links) in kinds(&old).iter().enumerate() {
        let token = links.token("ada").unwrap();
        // Whoever has the old key still verifies; who has another does not.
        assert_eq!(kinds(&rotated)[number].open::<String>(&token).unwrap(), "ada");
        let foreign = kinds(&ring(OTHER));
        let strangers = foreign.iter().chain(&others);
        let mixed = kinds(&old).into_iter().enumerate();
        let mixed: Vec<_> = mixed.filter(|(other, _)| *other != number).map(|it| it.1).collect();
        for stranger in strangers.chain(&mixed) {
            let refused = stranger.open::<String>(&token).unwrap_err();
            assert!(matches!(refused, LinkError::Rejected), "{refused}");
        }
    }
}

#[test]
fn r19_a_changed_link_is_rejected() {
    for links in kinds(&ring(KEY)) {
        let token = links.token("ada").unwrap();
        for at in 0..token.len() {
            let mut cut = token.clone();
            cut.truncate(at);
            assert!(links.open::<String>(&cut).is_err(), "cut at {at}");
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            // The last character of base64 has bits that mean nothing: itsdangerous takes any.
            let spare = at + 1 == token.len() && changed.contains('.');
            assert!(spare || links.open::<String>(&changed).is_err(), "changed at {at}");
        }
        for odd in ["", ".", ":", "l1", "\u{2603}", &"A".repeat(5000), "a.b.c", "a:b:c"] {
            assert!(matches!(links.open::<String>(odd), Err(LinkError::Rejected)), "{odd:.20}");
        }
    }
}

#[test]
fn a_link_stands_in_any_page_and_names_no_value_too_large() {
    for links in kinds(&ring(KEY)) {
        for (page, start) in [
            ("/unsubscribe", "/unsubscribe?token="),
            ("https://shop.example/u?lang=de", "https://shop.example/u?lang=de&token="),
        ] {
            let link = links.link(page, "ada").unwrap();
            assert!(link.starts_with(start), "{link}");
            let query = link.split_once('?').unwrap().1;
            let token = form_urlencoded::parse(query.as_bytes()).find(|it| it.0 == "token");
            assert_eq!(links.open::<String>(&token.unwrap().1).unwrap(), "ada");
        }
        let link = links.link("/a#top", "ada").unwrap();
        assert!(link.starts_with("/a?token=") && link.ends_with("#top"), "{link}");
        // Random enough not to be compressed.
        let large: Vec<u64> = (1..900u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
        let error = links.token(&large).unwrap_err();
        assert!(matches!(error, LinkError::TooLong { chars } if chars > 4096), "{error}");
    }
}

/// Made by itsdangerous 2.2.0 and Django 5.2, with `time.time` at `MADE`.
#[test]
fn what_the_originals_make_is_read_and_made_alike() {
    let ring = ring(KEY);
    let flask = at(&SignedLinks::itsdangerous(&ring, Some("unsubscribe")), MADE);
    let django = at(&SignedLinks::django(&ring, Some("unsubscribe")), MADE);
    for (links, original) in [(&flask, FLASK), (&django, DJANGO)] {
        assert_eq!(links.open::<(String, u32)>(original).unwrap(), ("käse".into(), 7));
        assert_eq!(links.token(&("käse", 7)).unwrap(), original);
    }
}
