//! Cookie headers of requests, and the `Set-Cookie` headers made of whatever the bytes hold.

use crate::python_cookies::{
    WerkzeugAttributes, django_parse_cookie, werkzeug_dump_cookie, werkzeug_http_parse_cookie,
    werkzeug_parse_cookie,
};
use sessile_core::Timestamp;
use sessile_core::cookie::{
    CookieSettings, CookieTemplate, Keep, MAX_COOKIE_HEADER, Pick, SameSite, SetCookie, Style,
    find, pairs,
};

const NOW: Timestamp = Timestamp::from_secs(1_767_323_045);

/// Reading agrees with a plain second parser, however the headers are split; what is written is
/// one header of one cookie with the attributes asked for, and reads back.
pub fn cookie_header(input: &[u8]) {
    read(input);
    let text = String::from_utf8_lossy(input);
    read_like_others(&text);
    write(&text);
    write_like_werkzeug(&text);
}

/// Lines of the input are headers.
fn read(input: &[u8]) {
    let headers: Vec<&[u8]> = input.split(|byte| *byte == b'\n').collect();
    let joined = headers.join(&b"; "[..]);
    if joined.len() > MAX_COOKIE_HEADER {
        let mut all = pairs(headers);
        let seen: usize = all.by_ref().map(|(name, value)| name.len() + value.len()).sum();
        assert!(seen <= MAX_COOKIE_HEADER && all.truncated());
        return;
    }
    let expected: Vec<(&[u8], &[u8])> =
        joined.split(|byte| *byte == b';').filter_map(pair).collect();
    assert_eq!(pairs(headers.iter().copied()).collect::<Vec<_>>(), expected);
    assert_eq!(pairs([&joined[..]]).collect::<Vec<_>>(), expected);
    let names = expected.iter().filter_map(|(name, _)| std::str::from_utf8(name).ok());
    for name in names.take(4).chain(["id", "session", "__Host-id"]) {
        let all = expected.iter().filter(|(found, _)| *found == name.as_bytes());
        let values: Vec<&[u8]> = all.map(|(_, value)| *value).collect();
        let first = find(headers.iter().copied(), name, Pick::First);
        assert_eq!((first.value, first.count), (values.first().copied(), values.len()));
        let last = find(headers.iter().copied(), name, Pick::Last);
        assert_eq!((last.value, last.count), (values.last().copied(), values.len()));
    }
}

/// `name=value` after rfc6265bis section 5.7, written without regard to speed.
fn pair(chunk: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = chunk.iter().position(|byte| *byte == b'=')?;
    let (name, value) = (trim(&chunk[..at]), trim(&chunk[at + 1..]));
    (!name.is_empty()).then_some((name, value))
}

fn trim(bytes: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let Some(start) = bytes.iter().position(is_text) else { return &[] };
    let end = bytes.iter().rposition(is_text).unwrap_or(start);
    &bytes[start..=end]
}

fn read_like_others(text: &str) {
    let size = |pairs: &[(String, String)]| -> usize {
        pairs.iter().map(|(name, value)| name.len() + value.len()).sum()
    };
    assert!(size(&werkzeug_parse_cookie(text)) <= 3 * text.len());
    assert!(werkzeug_http_parse_cookie(text).is_none_or(|it| size(&it) <= 3 * text.len()));
    let django = django_parse_cookie(text);
    assert!(size(&django) <= 3 * text.len());
    let mut names: Vec<&String> = django.iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), django.len(), "each name once");
}

/// Fields of the input, between NULs, are name, value, path and domain.
fn write(text: &str) {
    let mut fields = text.split('\0');
    let name = fields.next().unwrap_or("id");
    let value = fields.next().unwrap_or(name);
    let path = fields.next().unwrap_or("/");
    let domain = fields.next();
    for style in [Style::Native, Style::Flask, Style::Django, Style::Starlette] {
        let settings = CookieSettings {
            name: name.to_owned(),
            domain: domain.map(str::to_owned),
            path: path.to_owned(),
            style,
            partitioned: text.len().is_multiple_of(2),
            same_site: Some([SameSite::Lax, SameSite::Strict, SameSite::None][text.len() % 3]),
            allow_dropped_by_browsers: text.len().is_multiple_of(5),
            ..CookieSettings::native()
        };
        let Ok(template) = CookieTemplate::new(settings) else { continue };
        check_header(&template, &template.remove(), None);
        check_header(&template, &template.remove_bare(), None);
        for keep in [Keep::Session, Keep::Seconds(60), Keep::Seconds(i64::MAX)] {
            if let Ok(header) = template.set(value, keep, NOW) {
                check_header(&template, &header, Some(value));
            }
        }
    }
}

fn check_header(template: &CookieTemplate, header: &SetCookie, value: Option<&str>) {
    let text = header.as_str();
    assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~')), "not fit for a header: {text:?}");
    let mut parts = text.split(';');
    let first = parts.next().unwrap_or_default();
    if let Some(value) = value {
        assert_eq!(find([first.as_bytes()], template.name(), Pick::First).text(), Some(value));
        assert_eq!(werkzeug_parse_cookie(first), [(template.name().to_owned(), value.to_owned())]);
        assert_eq!(django_parse_cookie(first), [(template.name().to_owned(), value.to_owned())]);
    }
    let mut seen = Vec::new();
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let name = name.trim_start().to_ascii_lowercase();
        let settings = template.settings();
        match name.as_str() {
            "path" => assert_eq!(value, settings.path),
            "domain" => assert_eq!(Some(value), settings.domain.as_deref()),
            "secure" | "httponly" | "partitioned" => assert_eq!(value, ""),
            "samesite" | "expires" => assert!(!value.is_empty()),
            "max-age" => assert!(value.parse::<i64>().is_ok()),
            _ => unreachable!("an attribute nobody asked for: {name:?}"),
        }
        assert!(!seen.contains(&name), "{name} twice");
        seen.push(name);
    }
    assert!(seen.iter().any(|name| name == "path"));
}

/// Whatever the value, Werkzeug's quoting keeps it one value, and Werkzeug's reading undoes it.
fn write_like_werkzeug(value: &str) {
    let Ok(header) = werkzeug_dump_cookie("n", value, &WerkzeugAttributes::default(), NOW) else {
        return;
    };
    let Some(pair) = header.strip_suffix("; Path=/") else {
        unreachable!("more than the attribute asked for: {header:?}")
    };
    assert!(!pair.contains(';'), "{pair:?}");
    assert_eq!(werkzeug_parse_cookie(pair), [("n".to_owned(), value.to_owned())]);
}
