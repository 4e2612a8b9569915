//! Keys come out of visitors' cookies, so they may be anything.
//!
//! A layout that cannot hold a key has no session under it; one that can keeps
//! it apart from all others. Neither is an error, and no key reaches another's session.

use std::time::Duration;

use sessile_core::store::{CreateOutcome, Entry, TouchOutcome, WriteOutcome};
use sessile_core::{SessionStore as _, StoreErrorKind, StoreKey};

use crate::check::{ensure, ensure_eq, live};
use crate::suite::now;
use crate::{CaseResult, Failure, Keys, Open, Suite, Verdict};

/// What a visitor may put in the place of an id, after what the layout's keys begin with.
fn hostile(suite: &Suite<impl Open>) -> Vec<StoreKey> {
    let prefix = match suite.can().keys {
        Keys::Text(prefix) => prefix,
        Keys::Hashed => "",
    };
    let lengths = [1, 8, 31, 33, 40, 41, 64, 100, 127, 128, 129, 240, 250, 251, 255, 256, 257];
    let long = [511, 513, 1024, 4096, 4097, 70_000];
    let lengths = lengths.into_iter().chain(long).map(|length| "k".repeat(length));
    // Bytes and characters are counted differently.
    let wide = [20, 21, 40, 41, 83, 84, 125, 128, 255].map(|length| "名".repeat(length));
    let texts = [
        "",
        " ",
        "a b",
        "a ",
        " a",
        "\0",
        "a\0b",
        "a\r\nflush_all\r\n",
        "a\n",
        "a\tb",
        "a\u{7f}",
        "\u{80}",
        "ü",
        "u\u{308}",
        "\u{feff}a",
        "😀",
        "\u{ffff}",
        "../../../etc/passwd",
        "/etc/passwd",
        ".",
        "..",
        "con",
        "a/b",
        "a\\b",
        "' OR '1'='1",
        "\"; DROP TABLE sessions; --",
        "%",
        "_",
        "*",
        "[a-z]*",
        "{a}b",
        "$where",
        "{\"$gt\":\"\"}",
        "AbCdEfGhIjKlMnOp",
        "h:00",
        "u:someone",
    ];
    let texts = lengths.chain(wide).chain(texts.map(str::to_owned));
    let mut keys: Vec<_> =
        texts.map(|text| StoreKey::from_text(format!("{prefix}{text}"))).collect();
    // The other kind of key: a hash in a foreign layout, and what begins as no key of it does.
    keys.push(StoreKey::from_hash([0xff; 32]));
    keys.push(StoreKey::from_text("no prefix"));
    keys
}

/// Nothing is under a key that was never given out, whatever it is, and asking is no error.
/// A layout that cannot hold it says so when a session is to be made there.
pub async fn a_hostile_key_is_a_missing_one<O: Open>(suite: &Suite<O>) -> CaseResult {
    let (store, honest, record) = (suite.open().await?, suite.key(), suite.record("honest"));
    let version = suite.create(&store, &honest, &record).await?;
    for (number, key) in hostile(suite).iter().enumerate() {
        let what = describe(number, key);
        // A run before may have left it.
        store.delete(key).await?;
        store.end(key).await?;
        ensure_eq!(store.load(key).await?, None, "{what}: load");
        ensure_eq!(store.update(key, &record, &version).await?, WriteOutcome::Gone, "{what}");
        let touched = store.touch(key, now(), record.idle).await?;
        ensure_eq!(touched, TouchOutcome::Gone, "{what}: touch");
        let moved = store.replace(key, &version, &suite.key(), &record, None).await?;
        ensure_eq!(moved, WriteOutcome::Gone, "{what}: replace");
        match store.create(key, &record).await {
            Ok(CreateOutcome::Created(version)) => {
                let (found, same) = live(store.load(key).await?, &what)?;
                suite.same(&found, &record, &what)?;
                ensure_eq!(same, version, "{what}: the version");
                store.delete(key).await?;
            }
            Ok(CreateOutcome::Exists) => return Err(Failure(format!("{what} is taken"))),
            Err(error) => {
                let kind = error.kind();
                ensure_eq!(kind, StoreErrorKind::Unrepresentable, "{what}: create");
                let grace = Some(now() + Duration::from_secs(60));
                let moved = store.replace(&honest, &version, key, &record, grace).await;
                let kind = moved.map_err(|error| error.kind());
                ensure_eq!(kind, Err(StoreErrorKind::Unrepresentable), "{what}: replace to it");
            }
        }
        ensure_eq!(store.load(key).await?, None, "{what}: load at last");
    }
    let (found, unchanged) = live(store.load(&honest).await?, "the honest session")?;
    suite.same(&found, &record, "the honest session")?;
    ensure_eq!(unchanged, version, "the honest session's version");
    Ok(Verdict::Passed)
}

/// As collations, globs, paths and trimming would confuse keys: none finds another's session.
pub async fn no_key_finds_the_session_of_another<O: Open>(suite: &Suite<O>) -> CaseResult {
    let store = suite.open().await?;
    let (key, record) = (suite.key(), suite.record("mine"));
    suite.create(&store, &key, &record).await?;
    let text = key.to_text();
    let (head, last) = text.split_at(text.len() - 1);
    let like = [
        text.to_uppercase(),
        format!("{text} "),
        format!(" {text}"),
        format!("{text}\0"),
        format!("{text}\n"),
        format!("{text}\u{301}"),
        format!("{head}{last}/"),
        format!("./{text}"),
        format!("{head}*"),
        format!("{head}?"),
        format!("{head}_"),
        format!("{head}%"),
        head.to_owned(),
        format!("{text}x"),
        text.replace(':', "%3A"),
    ];
    for (number, other) in like.into_iter().filter(|other| *other != text).enumerate() {
        let what = format!("likeness {number}");
        let other = StoreKey::from_text(other);
        ensure_eq!(store.load(&other).await?, None, "{what}: load");
        store.delete(&other).await?;
        let found = store.load(&key).await?;
        ensure!(matches!(found, Some(Entry::Live(..))), "{what}: delete reached another's");
    }
    Ok(Verdict::Passed)
}

/// Its length and how it begins, so that a failure can be found again.
fn describe(number: usize, key: &StoreKey) -> String {
    let text = key.to_text();
    let start: String = text.chars().take(24).collect();
    format!("hostile key {number} ({start:?}, {} characters)", text.chars().count())
}
