//! What is reported of refused requests: each once, why, and nothing secret.

use std::sync::{Arc, Mutex};

use axum::Router;
use sessile::csrf::{DjangoCookie, django, flask_wtf};
use sessile::{Config, CsrfLayer, Event, EventKind, KeyRing, MemoryStore, SecretKey, SessionLayer};

use crate::support::{Browser, FORM, OURS, routes};
use crate::traced::Everything;

type Events = Arc<Mutex<Vec<Event>>>;

const FORBIDDEN: u16 = 403;
const BAD: u16 = 400;

fn key() -> SecretKey {
    SecretKey::new("3f1c0b6f9a3d47c28c5e6a1d0b7f2e94").unwrap()
}

fn listened(csrf: CsrfLayer, config: Config) -> (Router, Events) {
    let events = Events::default();
    let into = events.clone();
    let sessions = SessionLayer::new(config, MemoryStore::default()).unwrap();
    let sessions = sessions.on_event(move |event| into.lock().unwrap().push(event.clone()));
    (routes().layer(csrf).layer(sessions), events)
}

fn native() -> (Router, Events) {
    listened(CsrfLayer::native().form_limit(100), Config::native())
}

fn wtf() -> (Router, Events) {
    let csrf = CsrfLayer::flask_wtf(&key(), flask_wtf::Rules::default());
    listened(csrf, Config::flask_session(None))
}

fn djangos() -> (Router, Events) {
    let csrf = CsrfLayer::django(django::Rules::default(), DjangoCookie::default());
    listened(csrf, Config::django(KeyRing::new(key())))
}

fn take(events: &Events) -> Vec<Event> {
    std::mem::take(&mut *events.lock().unwrap())
}

type Fields = &'static [(&'static str, &'static str)];
type Refused = (Fields, &'static str, u16, &'static str);

/// Requests that are refused, and the word for it.
const NATIVE: [Refused; 8] = [
    (&[("sec-fetch-site", "cross-site")], "", FORBIDDEN, "fetch_site"),
    (&[("origin", "https://evil.example")], "", FORBIDDEN, "origin"),
    (&[("referer", "https://evil.example/?key=the-secret")], "", FORBIDDEN, "referer"),
    (&[], "", FORBIDDEN, "no_origin"),
    (&[OURS], "", FORBIDDEN, "no_token"),
    (&[OURS, ("x-csrftoken", "the-secret")], "", FORBIDDEN, "token"),
    (&[OURS, FORM], "csrf_token=the-secret", FORBIDDEN, "token"),
    (&[OURS, FORM, ("x-none", "the-secret")], LONG, 413, "form_too_large"),
];

const LONG: &str = "a=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\
                    xxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

const WTF: [Refused; 3] = [
    (&[], "", BAD, "no_token"),
    (&[("x-csrftoken", "the-secret")], "", BAD, "token"),
    (&[FORM], "csrf_token=the-secret", BAD, "token"),
];

const DJANGO: [Refused; 5] = [
    (&[("origin", "null")], "", FORBIDDEN, "origin"),
    (&[("x-forwarded-proto", "https")], "", FORBIDDEN, "no_token"),
    (&[("x-csrftoken", "the-secret")], "", FORBIDDEN, "token"),
    (&[FORM], "csrfmiddlewaretoken=the-secret", FORBIDDEN, "token"),
    (&[("origin", "http://evil.example")], "", FORBIDDEN, "origin"),
];

#[tokio::test]
async fn r16_every_refusal_is_one_event_with_its_reason() {
    let sites: [(_, &[Refused]); 3] = [(native(), &NATIVE), (wtf(), &WTF), (djangos(), &DJANGO)];
    for ((site, events), requests) in sites {
        let mut ada = Browser::default();
        ada.token(&site).await;
        take(&events);
        for (fields, body, status, reason) in requests {
            let answer = ada.send(&site, "POST", "/echo", fields, *body).await;
            assert_eq!(answer.status, *status, "{fields:?}");
            let kinds: Vec<_> = take(&events).into_iter().map(|event| event.kind).collect();
            assert_eq!(kinds, [EventKind::CsrfRefused { reason }], "{fields:?}");
        }
        // Nobody's secret.
        let token = ada.token(&site).await;
        take(&events);
        let fields = [OURS, ("x-csrftoken", &*token), ("referer", "https://shop.example/")];
        let fields = if token.len() == 64 && token.bytes().all(|it| it.is_ascii_alphanumeric()) {
            &fields[1..]
        } else {
            &fields[..]
        };
        let stranger = Browser::default().send(&site, "POST", "/echo", fields, "").await;
        assert!(!stranger.status.is_success());
        let [event] = &take(&events)[..] else { panic!("not one event") };
        assert_eq!(event.kind, EventKind::CsrfRefused { reason: "no_secret" });
        assert_eq!((event.session, &event.subject), (None, &None));
        // What is let in is no event.
        let answer = ada.send(&site, "POST", "/echo", fields, "").await;
        assert!(answer.status.is_success(), "{} {fields:?}", answer.status);
        assert_eq!(take(&events), []);
    }
}

#[tokio::test]
async fn r16_a_refusal_names_the_session_where_it_was_looked_at() {
    let (site, events) = native();
    let mut ada = Browser::default();
    let token = ada.token(&site).await;
    assert!(ada.post(&site, "/login", &token).await.is_success());
    take(&events);
    ada.post(&site, "/echo", &token).await;
    let [event] = &take(&events)[..] else { panic!("not one event") };
    assert_eq!(event.kind.as_str(), "csrf_refused");
    assert!(event.session.is_some());
    assert_eq!(event.subject.as_ref().map(|subject| subject.as_str()), Some("ada"));
    // Refused by its origin alone, without a look at the session.
    ada.send(&site, "POST", "/echo", &[("origin", "null")], "").await;
    let [event] = &take(&events)[..] else { panic!("not one event") };
    assert_eq!((event.session, &event.subject), (None, &None));
}

#[test]
fn inv11_no_token_secret_or_strangers_address_is_in_what_is_logged() {
    let log = Everything::default();
    let visits = async {
        let mut secrets = vec!["the-secret".to_owned(), "hunter2".to_owned()];
        for (site, requests) in [(native().0, &NATIVE[..]), (wtf().0, &WTF), (djangos().0, &DJANGO)]
        {
            let mut ada = Browser::default();
            for (fields, body, ..) in requests {
                secrets.push(ada.token(&site).await);
                ada.send(&site, "POST", "/echo", fields, *body).await;
            }
            let https = [
                ("referer", "https://u:hunter2@evil.example/the-secret?the-secret#the-secret"),
                ("x-csrftoken", "the-secret"),
            ];
            let mut request = axum::extract::Request::post("/echo?token=the-secret");
            for (name, value) in https.iter().chain(&[("host", "shop.example")]) {
                request = request.header(*name, *value);
            }
            let mut request = request.body(axum::body::Body::empty()).unwrap();
            request.extensions_mut().insert(sessile::Scheme::Https);
            let answer = tower::ServiceExt::oneshot(site.clone(), request).await.unwrap();
            assert!(answer.status().is_client_error());
            secrets.extend(ada.cookies.into_iter().map(|(_, value)| value));
        }
        secrets
    };
    // With a single subscriber in the process, tracing decides by the thread that comes to a
    // place first whether anybody listens there; other tests' threads have none.
    let _second = tracing::Dispatch::new(Everything::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let secrets = tracing::subscriber::with_default(log.clone(), || runtime.block_on(visits));
    let log = log.0.lock().unwrap();
    assert!(log.contains("csrf_refused") && log.contains("no_origin"), "{log}");
    assert!(log.contains("Referer checking failed - https://evil.example does not"), "{log}");
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret} in {log}");
    }
}
