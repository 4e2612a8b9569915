//! Finding cookies in request headers.

use sessile_core::cookie::{LARGE_COOKIE_HEADER, MAX_COOKIE_HEADER, Pick, find, pairs};

fn first<'h>(header: &'h [u8], name: &str) -> Option<&'h [u8]> {
    find([header], name, Pick::First).value
}

fn all(header: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    pairs([header]).map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
}

#[test]
fn r27_no_other_name_is_read_as_a_prefixed_one() {
    for header in [
        "__%48ost-id=x",
        "=__Host-id=x",
        " = __Host-id=x",
        "__Host-id",
        "..Host-id=x",
        "__host-id=x",
        "__Host-id2=x",
        "x__Host-id=x",
        "\u{a0}__Host-id=x",
        "\u{2028}__Host-id=x",
        "\x0b__Host-id=x",
        "\x1f__Host-id=x",
        "\"__Host-id\"=x",
        "a=\"__Host-id=x\"",
        "$Version=1, __Host-id=x",
    ] {
        assert_eq!(first(header.as_bytes(), "__Host-id"), None, "{header:?}");
    }
    assert_eq!(first(b"a=b;\t__Host-id = x=y ", "__Host-id"), Some(&b"x=y"[..]));
    assert_eq!(first(b"=x", ""), None);
}

#[test]
fn r33_duplicates_are_counted_and_the_pick_decides() {
    for (header, one, other) in [("id=a; id=b", "a", "b"), ("id=b; id=a", "b", "a")] {
        let headers = [header.as_bytes()];
        let found = find(headers, "id", Pick::First);
        assert_eq!((found.text(), found.count), (Some(one), 2));
        assert!(found.has_duplicates());
        assert_eq!(find(headers, "id", Pick::Last).text(), Some(other));
    }
    assert!(!find([&b"id=a; ID=b"[..]], "id", Pick::Last).has_duplicates());
}

#[test]
fn r34_a_split_header_reads_as_the_joined_one() {
    let chunks: [&[u8]; 6] = [b"id=a", b"", b"b=c; =n", b"id=d;", b"\xff=\xfe; x", b"e=f"];
    let joined = chunks.join(&b"; "[..]);
    let split: Vec<_> = pairs(chunks).collect();
    assert_eq!(split, pairs([&joined[..]]).collect::<Vec<_>>());
    for pick in [Pick::First, Pick::Last] {
        assert_eq!(find(chunks, "id", pick), find([&joined[..]], "id", pick));
    }
    // The limit falls on the same cookie.
    for size in MAX_COOKIE_HEADER - 12..MAX_COOKIE_HEADER + 4 {
        let long = [&b"a="[..], &vec![b'x'; size - 2]].concat();
        let joined = [&long[..], b"id=1", b"id=2"].join(&b"; "[..]);
        let split = find([&long[..], b"id=1", b"id=2"], "id", Pick::Last);
        assert_eq!(split, find([&joined[..]], "id", Pick::Last), "{size}");
    }
}

#[test]
fn r28_large_headers_are_flagged() {
    let header = |size: usize| [&b"id=1; a="[..], &vec![b'x'; size - 8]].concat();
    assert!(!find([&header(LARGE_COOKIE_HEADER)[..]], "id", Pick::First).oversized);
    let large = header(LARGE_COOKIE_HEADER + 1);
    let found = find([&large[..]], "id", Pick::First);
    assert!(found.oversized && !found.truncated);
    assert_eq!(found.text(), Some("1"));
}

#[test]
fn inv12_beyond_64_kib_nothing_is_read_and_no_cookie_is_cut() {
    let fill = |size: usize| [&b"a="[..], &vec![b'x'; size - 4], b"; "].concat();
    // `id=12` ends exactly at the limit, one before, one after.
    for (size, value) in [(5, Some("12")), (6, Some("12")), (4, None)] {
        let header = [&fill(MAX_COOKIE_HEADER - size)[..], b"id=12"].concat();
        let found = find([&header[..]], "id", Pick::First);
        assert_eq!((found.text(), found.truncated), (value, value.is_none()));
        let header = [&header[..], b"; id=3"].concat();
        let found = find([&header[..]], "id", Pick::Last);
        assert_eq!((found.text(), found.truncated), (value, true));
    }
    // A cookie longer than the limit is not read at all.
    let header = [&b"id="[..], &vec![b'x'; MAX_COOKIE_HEADER]].concat();
    assert_eq!(first(&header, "id"), None);
    // Nor is anything in the headers after it.
    let found = find([&header[..], b"id=late"], "id", Pick::Last);
    assert!(found.value.is_none() && found.truncated);
}

#[test]
fn a_thousand_cookies_are_all_seen() {
    let header: Vec<String> = (0..1000).map(|i| format!("name{i}=value{i}")).collect();
    let header = header.join("; ");
    assert_eq!(pairs([header.as_bytes()]).count(), 1000);
    assert_eq!(first(header.as_bytes(), "name999"), Some(&b"value999"[..]));
}

#[test]
fn every_octet_is_met_once_so_the_cost_is_linear() {
    // Each chunk handed out begins after the one before it ended: no octet is read twice.
    for unit in ["=", ";", "a=", "a=b;", "\"", "a=\"", " ", "\\\";"] {
        let header = unit.repeat(MAX_COOKIE_HEADER / unit.len());
        let start = header.as_ptr() as usize;
        let mut pairs = pairs([header.as_bytes()]);
        let mut end = start;
        for (name, value) in &mut pairs {
            assert!(name.as_ptr() as usize >= end && value.as_ptr() >= name.as_ptr());
            end = value.as_ptr() as usize + value.len();
        }
        assert_eq!(pairs.octets(), header.len());
    }
}

#[test]
fn any_bytes_are_read_without_panic() {
    let mut state = 1u64;
    for _ in 0..20_000 {
        let mut header = Vec::new();
        for _ in 0..24 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let choice = (state >> 33) as usize;
            header.push(b"a=; \t\"\xff\x00\xc3\\,"[choice % 11]);
        }
        for (name, value) in all(&header) {
            assert!(!name.is_empty() && !name.contains(&b'=') && !name.contains(&b';'));
            assert!(!value.contains(&b';'));
        }
    }
    assert_eq!(all(b"\xff=\xfe"), [(vec![0xff], vec![0xfe])]);
    assert_eq!(find([&b"a=\xff"[..]], "a", Pick::First).text(), None);
}
