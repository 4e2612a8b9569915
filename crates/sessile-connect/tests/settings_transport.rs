//! `SESSION_TRANSPORT` by name.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use sessile_connect::{Settings, SettingsError};
use sessile_core::{ConfigError, Transport};

fn given(pairs: &[(&str, &str)]) -> Result<Transport, SettingsError> {
    let memory = Settings::new().with("SESSION_TYPE", "memory");
    let settings = pairs.iter().fold(memory, |all, (name, value)| all.with(*name, *value));
    settings.into_config().map(|(config, _)| config.transport)
}

#[test]
fn every_transport_has_a_word_and_a_name_of_its_own() {
    const NAME: &str = "SESSION_TRANSPORT_NAME";
    let url = Transport::url_parameter_readable_in_logs;
    for (word, name, transport) in [
        ("cookie", None, Transport::cookie()),
        ("header", None, Transport::header("X-Session-Id")),
        ("Header", Some("X-Sid"), Transport::header("X-Sid")),
        ("bearer", None, Transport::bearer()),
        ("url_readable_in_logs", None, url("sid")),
        ("url_readable_in_logs", Some("session_id"), url("session_id")),
        ("form", None, Transport::form_field("sid")),
        ("form", Some("s"), Transport::form_field("s")),
        (
            "form_and_url_readable_in_logs",
            None,
            Transport::form_field("sid").and_url_parameter_readable_in_logs(),
        ),
    ] {
        let mut pairs = vec![("SESSION_TRANSPORT", word)];
        pairs.extend(name.map(|name| (NAME, name)));
        assert_eq!(given(&pairs).unwrap(), transport, "{word}");
    }
    assert_eq!(given(&[]).unwrap(), Transport::cookie());
}

#[test]
fn r14_no_transport_but_the_cookie_is_on_unless_it_is_named_in_full() {
    for word in ["url", "form_and_url", "headers", "", "query", "cookie,header"] {
        let refused = given(&[("SESSION_TRANSPORT", word)]).unwrap_err();
        let SettingsError::Invalid { setting, .. } = refused else { unreachable!("{word:?}") };
        assert_eq!(setting, "SESSION_TRANSPORT");
    }
}

#[test]
fn what_does_not_go_with_a_transport_is_refused() {
    for word in ["cookie", "bearer"] {
        let pairs = [("SESSION_TRANSPORT", word), ("SESSION_TRANSPORT_NAME", "X-Sid")];
        assert!(matches!(given(&pairs), Err(SettingsError::Contradiction { .. })), "{word}");
    }
    for (word, name) in [("header", "Cookie"), ("form", "a b"), ("url_readable_in_logs", "")] {
        let refused = given(&[("SESSION_TRANSPORT", word), ("SESSION_TRANSPORT_NAME", name)]);
        assert!(matches!(refused, Err(SettingsError::Invalid { .. })), "{word}");
    }
    for word in ["form", "url_readable_in_logs"] {
        let refused = given(&[("SESSION_TRANSPORT", word), ("SESSION_ROTATE_AFTER", "1 hour")]);
        let error = refused.unwrap_err();
        assert!(matches!(error, SettingsError::Config(ConfigError::OutOfRange { .. })), "{error}");
    }
    let flask = Settings::new()
        .with("SESSION_PROFILE", "flask")
        .with("SECRET_KEY", "3f1c0b6f9a3d47c28c5e6a1d0b7f2e94")
        .with("SESSION_TRANSPORT", "bearer");
    assert!(matches!(flask.into_config(), Err(SettingsError::WrongProfile { .. })));
}
