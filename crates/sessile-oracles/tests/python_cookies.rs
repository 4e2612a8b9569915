//! Werkzeug's and Django's ways with cookies. The expectations were taken from the originals.

use sessile_core::Timestamp;
use sessile_core::cookie::{CookieSettings, CookieTemplate, MAX_COOKIE_HEADER};
use sessile_oracles::python_cookies::{
    Refused, WerkzeugAttributes, WerkzeugExpires, django_parse_cookie, werkzeug_dump_cookie,
    werkzeug_http_parse_cookie, werkzeug_parse_cookie,
};

const NOW: Timestamp = Timestamp::from_secs(1_767_323_045);

fn own(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn werkzeug_reads_pairs_as_3_1_9_does() {
    for (header, pairs) in [
        ("a=b; a=c;d", &[("a", "b"), ("a", "c"), ("d", "")][..]),
        // Quoted values may hold `;`, bare ones neither spaces nor quotes.
        (r#"a="b; c" ; d=e"#, &[("a", "b; c"), ("d", "e")]),
        (r#"a=b c; d=e"f; g=h"#, &[("g", "h")]),
        (r#"a="b"c; d=e"#, &[("d", "e")]),
        // What fails is skipped up to the next `;`, even one inside quotes.
        (r#"a="b;c=d"#, &[("c", "d")]),
        (r#"a="\303\251\400\8\"\\""#, &[("a", "é4008\"\\")]),
        (r#"a="\377""#, &[("a", "\u{fffd}")]),
        ("a=\"x\\\ny\"; b=c", &[("b", "c")]),
        ("a = b\t;=x; ;é=\u{a0}", &[("a", "b"), ("é", "\u{a0}")]),
    ] {
        assert_eq!(werkzeug_parse_cookie(header), own(pairs), "{header:?}");
    }
}

#[test]
fn werkzeug_decodes_wsgi_text_first() {
    assert_eq!(werkzeug_http_parse_cookie("a=\u{c3}\u{a9}"), Some(own(&[("a", "é")])));
    assert_eq!(werkzeug_http_parse_cookie("a=é"), None);
    assert_eq!(werkzeug_http_parse_cookie("a=中"), None);
}

#[test]
fn django_reads_pairs_in_the_order_of_a_dict() {
    for (header, pairs) in [
        ("a=1; b=2; a=3", &[("a", "3"), ("b", "2")][..]),
        ("x; =y", &[("", "y")]),
        (";;= ;a=", &[("a", "")]),
        (r#"a="\303\"\x\08"; b="\; c=""#, &[("a", "Ã\"x08"), ("b", "\"\\"), ("c", "\"")]),
        ("a=\"x\\\ny\\\"", &[("a", "x\\\ny\\")]),
        // Python strips more than browsers do, so Django's own reading of names can be fooled.
        ("\u{a0}a\x1f=\u{2003}b", &[("a", "b")]),
    ] {
        assert_eq!(django_parse_cookie(header), own(pairs), "{header:?}");
    }
}

#[test]
fn inv12_foreign_parsers_read_64_kib_at_most() {
    let header = format!("a={}é; id=late", "x".repeat(MAX_COOKIE_HEADER - 3));
    for pairs in [werkzeug_parse_cookie(&header), django_parse_cookie(&header)] {
        assert_eq!(pairs.len(), 1);
        assert_eq!(pairs[0].1.len(), MAX_COOKIE_HEADER - 3);
    }
    let names: Vec<String> = (0..1000).map(|i| format!("n{i}=v")).collect();
    assert_eq!(werkzeug_parse_cookie(&names.join("; ")).len(), 1000);
    assert_eq!(django_parse_cookie(&names.join("; ")).len(), 1000);
}

fn dump(value: &str, attributes: &WerkzeugAttributes<'_>) -> String {
    werkzeug_dump_cookie("k", value, attributes, NOW).unwrap_or_else(|error| error.to_string())
}

#[test]
fn werkzeug_dump_quotes_values_and_paths() {
    let bare = WerkzeugAttributes { path: None, ..WerkzeugAttributes::default() };
    assert_eq!(dump("a=b<>[]", &bare), "k=a=b<>[]");
    assert_eq!(dump("a b\"\\,;\né\x7f", &bare), r#"k="a b\"\\\054\073\012\303\251\177""#);
    assert_eq!(dump("\x19\x1a", &bare), "k=\"\\031\x1a\"");
    let path = WerkzeugAttributes { path: Some("/a b;ü%20~"), ..bare };
    assert_eq!(dump("", &path), "k=; Path=/a%20b%3B%C3%BC%20~");
}

#[test]
fn werkzeug_dump_writes_dates_as_asked() {
    let bare = WerkzeugAttributes { path: None, ..WerkzeugAttributes::default() };
    let aged = WerkzeugAttributes { max_age: Some(0), ..bare };
    assert_eq!(dump("", &aged), "k=; Expires=Fri, 02 Jan 2026 03:04:05 GMT; Max-Age=0");
    let unsynced = WerkzeugAttributes { sync_expires: false, ..aged };
    assert_eq!(dump("", &unsynced), "k=; Max-Age=0");
    let text = WerkzeugAttributes { expires: Some(WerkzeugExpires::Text("soon")), ..aged };
    assert_eq!(dump("", &text), "k=; Expires=soon; Max-Age=0");
    let before = WerkzeugExpires::At(Timestamp::from_millis(-1));
    let before = WerkzeugAttributes { expires: Some(before), ..bare };
    assert_eq!(dump("", &before), "k=; Expires=Wed, 31 Dec 1969 23:59:59 GMT");
}

#[test]
fn werkzeug_dump_writes_domains_as_pythons_idna_codec_does() {
    let bare = WerkzeugAttributes { path: None, ..WerkzeugAttributes::default() };
    let domain = |domain| dump("", &WerkzeugAttributes { domain: Some(domain), ..bare });
    for (given, written) in [
        ("..x.org:80", "x.org"),
        ("Example.COM", "Example.COM"),
        ("Bücher.Example", "xn--bcher-kva.Example"),
        ("STRASSE.straße", "STRASSE.strasse"),
        ("u\u{308}。Ａ.", "xn--tda.a."),
        ("中文.ελλάς", "xn--fiq228c.xn--hxarsa5b"),
        ("", ""),
    ] {
        assert_eq!(domain(given), format!("k=; Domain={written}"), "{given}");
    }
    for refused in ["a..b", "ü..b", &"a".repeat(64), &"ü".repeat(64), "xn--ü", "a\u{202e}ü"] {
        assert!(domain(refused).contains("domain"), "{refused}");
        assert!(!domain(refused).starts_with("k="), "{refused}");
    }
}

#[test]
fn werkzeug_dump_refuses_what_ends_an_attribute() {
    let with = |key: &str, attributes: &WerkzeugAttributes<'_>| match werkzeug_dump_cookie(
        key, "v", attributes, NOW,
    ) {
        Err(Refused(what)) => Some(what),
        _ => None,
    };
    let plain = WerkzeugAttributes::default();
    for key in ["a\r\nX: y", "a;b", "a\0"] {
        assert_eq!(with(key, &plain), Some("name"));
    }
    // U+FF1B becomes `;` in Werkzeug's own header.
    for domain in ["a;b", "a\r\nb", "a\u{ff1b}Path=/"] {
        let attributes = WerkzeugAttributes { domain: Some(domain), ..plain };
        assert_eq!(with("k", &attributes), Some("domain"), "{domain}");
        let domain = Some(domain.to_owned());
        assert!(CookieTemplate::new(CookieSettings { domain, ..CookieSettings::flask() }).is_err());
    }
    let expires = Some(WerkzeugExpires::Text("x; Path=/"));
    assert_eq!(with("k", &WerkzeugAttributes { expires, ..plain }), Some("expires"));
    let samesite = Some("x");
    assert_eq!(with("k", &WerkzeugAttributes { samesite, ..plain }), Some("samesite"));
    assert_eq!(
        werkzeug_dump_cookie("é", "v", &plain, NOW).unwrap_or_default(),
        "\u{c3}\u{a9}=v; Path=/"
    );
}

/// Django CVE-2016-7401, in the readings of others.
#[test]
fn peer25_no_reading_lets_a_cookie_plant_another_in_its_value() {
    for joint in ["]", "[", ",", " ", "\t", "\"", "\\", "&", "=", "?", "\u{a0}", "\u{2028}"] {
        let header = format!("__utmz=x{joint}csrftoken=evil; csrftoken=good");
        for parse in [django_parse_cookie, werkzeug_parse_cookie] {
            let cookies = parse(&header);
            let ours: Vec<_> = cookies.iter().filter(|(name, _)| name == "csrftoken").collect();
            assert_eq!(ours.len(), 1, "{header:?} {ours:?}");
            assert_eq!(ours[0].1, "good");
        }
    }
}
