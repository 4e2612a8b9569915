//! `docs/limits.md` and the code say the same (OWASP ASVS 5.0, 3.1.1 and 7.1.1 to 7.1.3: what
//! sessions are held to is written down, and stays true).
#![cfg(feature = "csrf")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use axum::routing::{get, post};
use sessile::{Config, Csrf, CsrfLayer, MemoryStore, Session, SessionLayer, Settings};
use sessile_connect::StoreChoice;
use tower::ServiceExt as _;

const DOCUMENT: &str = include_str!("../../../docs/limits.md");

/// The rows of a section's table, without its head.
fn rows(section: &str) -> Vec<Vec<&'static str>> {
    let (_, rest) = DOCUMENT.split_once(&format!("\n## {section}\n")).unwrap();
    let section = rest.split("\n## ").next().unwrap_or_default();
    let lines = section.lines().filter_map(|line| line.strip_prefix("| "));
    let cells = lines.map(|line| line.trim_end_matches(" |").split(" | ").collect());
    cells.skip(1).collect()
}

fn spelt(span: Option<Duration>) -> String {
    let Some(secs) = span.map(|span| span.as_secs()) else { return "no limit".into() };
    for (unit, name) in [(86_400, "days"), (3600, "hours"), (60, "minutes"), (1, "seconds")] {
        // A single day is called 24 hours.
        if secs % unit == 0 && (secs > unit || unit < 86_400) {
            let name = if secs == unit { name.trim_end_matches('s') } else { name };
            return format!("{} {name}", secs / unit);
        }
    }
    "no time at all".into()
}

/// What stands in the second column, as the code has it.
fn in_code(section: &str, config: &Config) -> Vec<String> {
    let (usual, remembered) = (config.lifetime, config.permanent_lifetime);
    match section {
        "Time" => vec![
            spelt(usual.idle),
            spelt(usual.absolute),
            spelt(remembered.idle),
            spelt(remembered.absolute),
            config
                .renew_after
                .map_or("after a tenth of the idle limit".into(), |it| spelt(Some(it))),
            config.rotate_after.map_or("never".into(), |it| spelt(Some(it))),
            spelt(Some(config.grace)),
            // `r03_every_rise_of_privilege_changes_the_id_and_kills_the_old_one` shows it.
            "not at all".into(),
            spelt(Some(config.store_timeout)),
        ],
        _ => vec![
            config.sessions_per_subject.map_or("no limit".into(), |limit| limit.to_string()),
            format!("{} bytes", config.max_bytes),
            format!(
                "{} bytes",
                sessile_core::cookie::MAX_NAME_AND_VALUE * usize::from(config.cookie_chunks)
            ),
            format!("{} bytes", sessile::SUBJECT_MAX_BYTES),
            format!("{} bytes", sessile_core::cookie::MAX_COOKIE_HEADER),
            sessile_core::transaction::MAX_TRIES.to_string(),
            format!("{} bytes", sessile_core::csrf::FORM_LIMIT),
        ],
    }
}

#[test]
fn r53_the_stated_timeouts_and_limits_are_the_codes() {
    let settings = Settings::new().with("SESSION_TYPE", "memory");
    let (config, store) = settings.into_config().unwrap();
    assert!(matches!(store, StoreChoice::Memory));
    for section in ["Time", "How much, how many"] {
        let stated: Vec<_> = rows(section).into_iter().map(|row| row[1].to_owned()).collect();
        for config in [&config, &Config::native()] {
            assert_eq!(stated, in_code(section, config), "{section}");
        }
    }
}

#[test]
fn r53_every_stated_setting_takes_what_is_stated_as_its_default() {
    let mut settings = 0;
    for row in rows("Time").into_iter().chain(rows("How much, how many")) {
        let Some(name) = row[2].strip_prefix('`').and_then(|name| name.strip_suffix('`')) else {
            assert_eq!(row[2], "–", "{row:?}");
            continue;
        };
        settings += 1;
        assert!(
            Settings::known().iter().any(|known| known.name == name) || name.starts_with("CSRF_")
        );
        let default = row[1].trim_end_matches(" bytes");
        if default.starts_with(|c: char| c.is_ascii_digit()) && name != "SESSION_COOKIE_CHUNKS" {
            let plain = Settings::new().with("SESSION_TYPE", "memory");
            let spelt_out = plain.clone().with(name, default);
            let read = |settings: Settings| {
                let csrf = settings.csrf().map(|csrf| csrf.form_limit).unwrap();
                format!("{:?} {csrf}", settings.into_config().unwrap().0)
            };
            assert_eq!(read(plain), read(spelt_out), "{name}");
        }
    }
    assert_eq!(settings, 12);
}

fn site() -> Router {
    Router::new()
        .route("/", get(async |csrf: Csrf| csrf.token()))
        .route("/begin", post(async |session: Session| session.insert("name", "ada")))
        .layer(CsrfLayer::native())
        .layer(SessionLayer::new(Config::native(), MemoryStore::new()).unwrap())
}

#[tokio::test]
async fn r53_what_a_browser_is_said_to_need_is_what_it_needs() {
    let site = site();
    let rendered = Request::get("/").header("host", "shop.example").body(Body::empty()).unwrap();
    let page = site.clone().oneshot(rendered).await.unwrap();
    let cookie = page.headers()[header::SET_COOKIE].to_str().unwrap().to_owned();
    let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
    let token = axum::body::to_bytes(page.into_body(), 1 << 16).await.unwrap();
    let begin = async |field: Option<(&str, &str)>| {
        let mut request = Request::post("/begin")
            .header("host", "shop.example")
            .header("x-csrf-token", &token[..])
            .header("cookie", &cookie);
        if let Some((name, value)) = field {
            request = request.header(name, value);
        }
        site.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    };
    // One of the three, and no script.
    let proofs = rows("What a browser needs")
        .into_iter()
        .find_map(|row| row[0].strip_prefix("one of "))
        .unwrap();
    let named: Vec<_> = proofs.split('`').skip(1).step_by(2).collect();
    assert_eq!(named, ["Sec-Fetch-Site", "Origin", "Referer"]);
    assert_eq!(begin(None).await.status(), StatusCode::FORBIDDEN);
    let values = ["same-origin", "https://shop.example", "https://shop.example/page"];
    for (name, value) in named.into_iter().zip(values) {
        let answer = begin(Some((name, value))).await;
        assert_eq!(answer.status(), StatusCode::OK, "{name}");
        let set = answer.headers().get_all(header::SET_COOKIE).iter();
        let sent = set.filter_map(|field| field.to_str().ok());
        let sent = sent.filter(|field| field.starts_with("__Host-id=")).collect::<Vec<_>>();
        let (name, rest) = sent[0].split_once('=').unwrap();
        let (_, attributes) = rest.split_once(';').unwrap();
        let stated = format!("Set-Cookie: {name}=…;{attributes}");
        assert!(DOCUMENT.lines().any(|line| line == stated), "{stated}");
    }
}

/// Headings by their depth, tables' rows by their first link, and programs, in their order.
fn outline(page: &str) -> Vec<String> {
    let mut outline = Vec::new();
    for (number, part) in page.split("```").enumerate() {
        if number % 2 == 1 {
            outline.push(part.to_owned());
            continue;
        }
        for line in part.lines() {
            if line.starts_with('#') {
                outline.push(line.chars().take_while(|c| *c == '#').collect());
            } else if line.starts_with("| ") {
                let links = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
                outline.push(links.collect::<Vec<_>>().join(" "));
            }
        }
    }
    outline
}

#[test]
fn the_chinese_readme_keeps_step_with_the_english_one() {
    let english = outline(include_str!("../../../README.md"));
    let chinese = outline(include_str!("../../../README.zh-CN.md"));
    assert!(english.len() > 30, "{english:?}");
    assert_eq!(english, chinese);
}
