//! One-time messages: put in by one request, shown by the next one that asks.
//!
//! They lie in the session as Flask's `flash()` and Django's
//! `SessionStorage` of messages keep them, so that a page of either shows what
//! we said and the other way round. Unlike other keys, two requests at once do
//! not overwrite each other here: what one adds stays when the other takes out
//! what it has shown.

use std::borrow::Cow;

use super::{Session, State};
use crate::profile::Profile;
use sessile_formats::json::{self, Style};
use sessile_formats::{Map, Value};

/// A message for the visitor, shown once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlashedMessage {
    /// What kind of message it is: `message` unless said, commonly `info`,
    /// `success`, `warning`, `error`. Django's tags, separated by spaces.
    pub category: String,
    /// The text. Escape it like any other, unless [`is_safe`](Self::is_safe).
    pub message: String,
    /// Whether the application that flashed it marked it as HTML (`Markup` in
    /// Flask, `SafeString` in Django). Ours never are.
    pub is_safe: bool,
}

/// Flask's category when none is given.
const CATEGORY: &str = "message";

/// What a request did to the messages, to be repeated on whatever is stored by then.
#[derive(Default)]
pub(crate) struct FlashEdit {
    /// Those it took out, from the first on, as they are stored.
    taken: Vec<Value>,
    /// Those it added at the end, as they are stored.
    added: Vec<Value>,
}

impl FlashEdit {
    /// Does to `data` what was done to the session.
    pub(super) fn apply(&self, profile: Profile, data: &mut Map) {
        let mut items = stored(profile, data);
        // What another request took out meanwhile is not there to be taken again.
        let shown = items.iter().zip(&self.taken).take_while(|(one, other)| one == other).count();
        items.drain(..shown);
        items.extend_from_slice(&self.added);
        store(profile, data, items);
    }
}

impl Session {
    /// Keeps a message for the next page the visitor sees (Flask's `flash(message)`).
    ///
    /// ```
    /// # let session = sessile_core::Session::anonymous();
    /// session.flash("Your order is on its way.");
    /// let messages = session.get_flashed_messages();
    /// assert_eq!(messages[0].message, "Your order is on its way.");
    /// assert_eq!(messages[0].category, "message");
    /// ```
    pub fn flash(&self, message: impl Into<String>) {
        self.flash_as(CATEGORY, message);
    }

    /// Keeps a message of a category: `flash(message, category)` in Flask,
    /// `messages.add_message` in Django, whose levels are `debug`, `info`,
    /// `success`, `warning` and `error`; others become a tag of level `info`.
    pub fn flash_as(&self, category: impl Into<String>, message: impl Into<String>) {
        match self.change() {
            Ok(mut state) => state.flash(category.into(), message.into()),
            Err(error) => self.remember(error),
        }
    }

    /// The messages, in the order they were flashed, and takes them out of the
    /// session. Asked again in the same request it gives the same ones, as in
    /// Flask; what is flashed in between waits for the next.
    pub fn get_flashed_messages(&self) -> Vec<FlashedMessage> {
        let mut state = self.access();
        if let Some(shown) = &state.shown {
            return shown.clone();
        }
        let messages = match state.settled {
            // Too late to take them out: shown now, they would be shown again.
            true => return Vec::new(),
            false => state.take_flashes(),
        };
        state.shown = Some(messages.clone());
        messages
    }

    /// Those of [`get_flashed_messages`](Self::get_flashed_messages) in one of
    /// `categories` (Flask's `category_filter`). The others are taken out too.
    pub fn get_flashed_messages_in(&self, categories: &[&str]) -> Vec<FlashedMessage> {
        let mut messages = self.get_flashed_messages();
        messages.retain(|message| categories.contains(&message.category.as_str()));
        messages
    }
}

impl State {
    fn flash(&mut self, category: String, message: String) {
        let profile = self.profile;
        let mut items = stored(profile, &self.data.map());
        let item = item(profile, category, message);
        items.push(item.clone());
        store(profile, self.data.map_mut(), items);
        self.changes.flashes.get_or_insert_default().added.push(item);
    }

    fn take_flashes(&mut self) -> Vec<FlashedMessage> {
        let profile = self.profile;
        if !self.data.contains_key(profile.flash_key()) {
            return Vec::new();
        }
        let items = stored(profile, &self.data.map());
        self.data.map_mut().remove(profile.flash_key());
        let messages = items.iter().filter_map(|item| read(profile, item)).collect();
        let edit = self.changes.flashes.get_or_insert_default();
        // What this request added itself was never stored.
        let stored = items.len().saturating_sub(edit.added.len());
        edit.added.clear();
        edit.taken.extend(items.into_iter().take(stored));
        messages
    }
}

/// The messages as they lie in the session; none where something else lies there.
fn stored(profile: Profile, data: &Map) -> Vec<Value> {
    let Some(value) = data.get(profile.flash_key()) else { return Vec::new() };
    let parsed = match (profile, value) {
        (Profile::Django, Value::Str(text)) => json::read(text.as_bytes()).map(Cow::Owned).ok(),
        _ => Some(Cow::Borrowed(value)),
    };
    match parsed.map(Cow::into_owned) {
        Some(Value::List(items) | Value::Tuple(items)) => items,
        _ => {
            tracing::warn!(key = profile.flash_key(), "what should be flashed messages is none");
            Vec::new()
        }
    }
}

fn store(profile: Profile, data: &mut Map, items: Vec<Value>) {
    let key = profile.flash_key();
    if items.is_empty() {
        data.remove(key);
        return;
    }
    let list = Value::List(items);
    let value = match profile {
        // Only what JSON gave and what `item` makes is in there, so it can be written.
        Profile::Django => match Style::DEFAULT.write(&list).map(String::from_utf8) {
            Ok(Ok(text)) => Value::Str(text),
            _ => return,
        },
        _ => list,
    };
    data.insert(key, value);
}

/// Marks a message in Django's JSON (`MessageEncoder.message_key`).
const DJANGO_MARK: &str = "__json_message";

/// Django's levels and the tags they are shown by (`django.contrib.messages.constants`, 5.2).
const DJANGO_LEVELS: &[(i64, &str)] =
    &[(10, "debug"), (20, "info"), (25, "success"), (30, "warning"), (40, "error")];
const DJANGO_INFO: i64 = 20;

/// A message as it lies in the session.
fn item(profile: Profile, category: String, message: String) -> Value {
    match profile {
        Profile::Django => {
            let level = DJANGO_LEVELS.iter().find(|(_, tag)| *tag == category);
            let (level, tags) = match level {
                Some((level, _)) => (*level, String::new()),
                None if category == CATEGORY => (DJANGO_INFO, String::new()),
                None => (DJANGO_INFO, category),
            };
            let (mark, unsafe_text) = (DJANGO_MARK.into(), 0.into());
            Value::List(vec![mark, unsafe_text, level.into(), message.into(), tags.into()])
        }
        _ => Value::Tuple(vec![category.into(), message.into()]),
    }
}

/// `None` for what is no message.
fn read(profile: Profile, item: &Value) -> Option<FlashedMessage> {
    let (Value::List(parts) | Value::Tuple(parts)) = item else { return None };
    if profile == Profile::Django {
        let [mark, safe, Value::Int(level), Value::Str(message), extra @ ..] = &**parts else {
            return None;
        };
        if mark.as_str() != Some(DJANGO_MARK) {
            return None;
        }
        // `Message.tags`: the extra ones, then the level's.
        let extra = extra.first().and_then(Value::as_str).filter(|tags| !tags.is_empty());
        let tag = DJANGO_LEVELS.iter().find(|(known, _)| known == level).map(|(_, tag)| *tag);
        let tags: Vec<_> = extra.into_iter().chain(tag).collect();
        let is_safe = !matches!(safe, Value::Int(0) | Value::Bool(false) | Value::Null);
        return Some(FlashedMessage {
            category: tags.join(" "),
            message: message.clone(),
            is_safe,
        });
    }
    let [category, message] = &**parts else { return None };
    let (message, is_safe) = match message {
        Value::Str(message) => (message.clone(), false),
        Value::Markup(html) => (html.clone(), true),
        Value::Int(number) => (number.to_string(), false),
        _ => return None,
    };
    Some(FlashedMessage { category: category.as_str()?.to_owned(), message, is_safe })
}
