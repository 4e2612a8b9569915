//! One-time messages: Flask's semantics, both layouts, and two requests at once.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod fake;

use fake::{START, Visit};
use sessile_core::{Config, FlashedMessage, KeyRing, SecretKey, Session, Value};

impl Visit {
    fn request<T>(&mut self, handler: impl FnOnce(&Session) -> T) -> T {
        let session = self.open();
        let answer = handler(&session);
        self.close(&session);
        answer
    }
}

fn keys() -> KeyRing {
    KeyRing::new(SecretKey::new("3f1c0b6f9a3d47c28c5e6a1d0b7f2e94").unwrap())
}

fn every_profile() -> Vec<Config> {
    let (flask, starlette) = (Config::flask(keys()), Config::starlette(keys()));
    vec![Config::native(), flask, Config::flask_session(None), Config::django(keys()), starlette]
}

fn texts(messages: &[FlashedMessage]) -> Vec<&str> {
    messages.iter().map(|message| message.message.as_str()).collect()
}

#[test]
fn a_message_is_shown_once_by_the_request_that_asks() {
    for config in every_profile() {
        let profile = config.profile;
        let mut visit = Visit::new(config);
        visit.request(|session| session.flash("saved"));
        visit.request(|session| session.flash_as("error", "but not there"));
        visit.request(|session| {
            let shown = session.get_flashed_messages();
            assert_eq!(texts(&shown), ["saved", "but not there"], "{profile:?}");
            assert_eq!(shown[1].category, "error", "{profile:?}");
            assert!(shown.iter().all(|message| !message.is_safe));
            session.flash("for the next page");
            // As in Flask, where the request keeps what it took.
            assert_eq!(session.get_flashed_messages(), shown, "{profile:?}");
        });
        visit.request(|session| {
            assert_eq!(texts(&session.get_flashed_messages()), ["for the next page"]);
        });
        assert!(visit.request(|session| session.get_flashed_messages()).is_empty());
    }
}

#[test]
fn a_message_can_be_shown_by_the_request_that_flashed_it() {
    for config in every_profile() {
        let mut visit = Visit::new(config);
        visit.request(|session| session.flash("earlier"));
        visit.request(|session| {
            session.flash("now");
            assert_eq!(texts(&session.get_flashed_messages()), ["earlier", "now"]);
        });
        assert!(visit.request(|session| session.get_flashed_messages()).is_empty());
    }
}

#[test]
fn a_filter_hides_and_takes_all_the_same() {
    let mut visit = Visit::new(Config::native());
    visit.request(|session| {
        session.flash_as("error", "e");
        session.flash_as("info", "i");
    });
    visit.request(|session| {
        assert_eq!(texts(&session.get_flashed_messages_in(&["error"])), ["e"]);
        assert_eq!(texts(&session.get_flashed_messages_in(&["info", "none"])), ["i"]);
    });
    assert!(visit.request(|session| session.get_flashed_messages()).is_empty());
}

/// Both layouts as the originals write them: `flash()` of Flask 3.1,
/// `SessionStorage` of Django 5.2.
#[test]
fn messages_lie_in_the_session_as_the_originals_keep_them() {
    let tuple = |category: &str, text: &str| Value::Tuple(vec![category.into(), text.into()]);
    let mut flask = Visit::new(Config::flask(keys()));
    flask.request(|session| {
        session.flash("saved");
        session.flash_as("error", "no");
    });
    let kept = flask.request(|session| session.get_value("_flashes"));
    assert_eq!(kept, Some(Value::List(vec![tuple("message", "saved"), tuple("error", "no")])));

    let mut django = Visit::new(Config::django(keys()));
    django.request(|session| {
        session.flash("saved");
        session.flash_as("success", "d\u{e9}j\u{e0}");
        session.flash_as("big", "new");
    });
    let kept: Option<String> = django.request(|session| session.get("_messages"));
    let wanted = concat!(
        r#"[["__json_message", 0, 20, "saved", ""], "#,
        r#"["__json_message", 0, 25, "d\u00e9j\u00e0", ""], "#,
        r#"["__json_message", 0, 20, "new", "big"]]"#,
    );
    assert_eq!(kept.as_deref(), Some(wanted));
    let shown = django.request(|session| session.get_flashed_messages());
    let categories: Vec<_> = shown.iter().map(|message| message.category.as_str()).collect();
    assert_eq!(categories, ["info", "success", "big info"]);
    assert!(django.request(|session| !session.contains_key("_messages")));
}

#[test]
fn what_the_originals_marked_as_html_is_known() {
    let mut flask = Visit::new(Config::flask(keys()));
    flask.request(|session| {
        let html = Value::Tuple(vec!["info".into(), Value::Markup("<b>x</b>".into())]);
        session.insert_value("_flashes", Value::List(vec![html]));
    });
    assert!(flask.request(|session| session.get_flashed_messages())[0].is_safe);
    let mut django = Visit::new(Config::django(keys()));
    let stored = r#"[["__json_message", 1, 40, "<b>x</b>"]]"#;
    django.request(|session| session.insert("_messages", stored));
    let shown = django.request(|session| session.get_flashed_messages());
    assert!(shown[0].is_safe && shown[0].category == "error");
}

#[test]
fn strange_contents_are_no_messages_and_no_panic() {
    let strange = [
        Value::Null,
        Value::Int(3),
        "not json [".into(),
        r#"[["__json_message"], [], 3, ["__json_message", 0, "20", "x"], {"a": []}]"#.into(),
        Value::List(vec![Value::List(vec![]), Value::Null, Value::Tuple(vec!["a".into()])]),
        Value::List(vec![Value::Tuple(vec!["a".into(), Value::Bytes(vec![1])])]),
    ];
    for config in [Config::django(keys()), Config::flask_session(None), Config::native()] {
        for value in strange.clone() {
            let mut visit = Visit::new(config.clone());
            let key = visit.engine.anonymous(START);
            key.flash("x");
            let key = key.peek().iter().next().unwrap().0.as_str().unwrap().to_owned();
            let storable = config.profile != sessile_core::Profile::Django
                || !format!("{value:?}").contains("Bytes");
            visit.request(|session| {
                if storable {
                    session.insert_value(key.as_str(), value.clone());
                }
            });
            visit.request(|session| session.flash("after it"));
            let shown = visit.request(|session| session.get_flashed_messages());
            assert_eq!(texts(&shown), ["after it"], "{value:?}");
        }
    }
}

/// Invariant 3 for messages: they are a list that several requests edit.
#[test]
fn inv03_messages_of_two_requests_at_once_are_all_shown_once() {
    for config in [Config::native(), Config::flask_session(None), Config::django(keys())] {
        let profile = config.profile;
        let mut visit = Visit::new(config);
        visit.request(|session| {
            // Flask-Session deletes what holds nothing, whoever writes to it meanwhile.
            session.insert("cart", 1);
            session.flash("first");
        });
        // Two add at once.
        let (one, other) = (visit.open(), visit.open());
        one.flash("one");
        other.flash("other");
        visit.close(&one);
        visit.close(&other);
        // One shows while another adds.
        let (showing, adding) = (visit.open(), visit.open());
        assert_eq!(texts(&showing.get_flashed_messages()), ["first", "one", "other"]);
        adding.flash("late");
        visit.close(&adding);
        visit.close(&showing);
        let shown = visit.request(|session| session.get_flashed_messages());
        assert_eq!(texts(&shown), ["late"], "{profile:?}");
        // The other way round: shown and gone before the adding one is saved.
        visit.request(|session| session.flash("again"));
        let (showing, adding) = (visit.open(), visit.open());
        adding.flash("later");
        assert_eq!(texts(&showing.get_flashed_messages()), ["again"]);
        visit.close(&showing);
        visit.close(&adding);
        let shown = visit.request(|session| session.get_flashed_messages());
        assert_eq!(texts(&shown), ["later"], "{profile:?}");
    }
}

#[test]
fn messages_survive_a_login_and_not_the_end() {
    let mut visit = Visit::new(Config::native());
    visit.request(|session| session.flash("please log in"));
    visit.request(|session| session.log_in("alice"));
    visit.request(|session| {
        assert_eq!(texts(&session.get_flashed_messages()), ["please log in"]);
        session.flash("of the old session");
        session.flush();
        session.flash("goodbye");
    });
    let shown = visit.request(|session| session.get_flashed_messages());
    assert_eq!(texts(&shown), ["goodbye"]);
}
