//! Which names there are, and what a mistaken one was meant to be.

use super::csrf_table::CsrfTable;
use super::error::SettingsError;
use super::setting::Setting;
use super::table::Table;
use super::value::SettingValue;

const NO_DYNAMODB: &str = "there is no DynamoDB store; SESSION_TYPE names those there are";

/// Settings of the originals that have another place here.
const REPLACED: &[(&str, &str)] = &[
    (
        "SESSION_SQLALCHEMY_SEQUENCE",
        "the id column has a default of its own; make the table yourself, with that sequence as \
         its default, and it is used as it is",
    ),
    ("SESSION_SQLALCHEMY_BIND_KEY", "give that database's address in SESSION_SQLALCHEMY"),
    ("SESSION_DYNAMODB", NO_DYNAMODB),
    ("SESSION_DYNAMODB_TABLE", NO_DYNAMODB),
    (
        "SESSION_CACHE_ALIAS",
        "it names one of Django's CACHES; give that one's address in SESSION_CACHE_URL, its \
         KEY_PREFIX in SESSION_CACHE_KEY_PREFIX, its VERSION in SESSION_CACHE_VERSION",
    ),
    (
        "CSRF_FAILURE_VIEW",
        "it names a function in Python; answer refused requests with CsrfLayer::on_refusal",
    ),
    ("CSRF_COOKIE_MASKED", "Django 5.0 removed it; cookies with a masked secret are read"),
];

fn all() -> impl Iterator<Item = &'static Setting> {
    Table::ALL.iter().chain(CsrfTable::ALL)
}

pub(super) fn find(name: &str) -> Option<&'static Setting> {
    all().find(|setting| setting.name == name)
}

/// What was given, each with its row. Refuses names there are not.
pub(super) fn resolve(
    entries: Vec<(String, SettingValue)>,
) -> Result<Vec<(&'static Setting, SettingValue)>, SettingsError> {
    let known = |(name, value): (String, SettingValue)| {
        if let Some(&(setting, instead)) = REPLACED.iter().find(|(known, _)| *known == name) {
            return Err(SettingsError::Replaced { setting, instead });
        }
        match find(&name) {
            Some(setting) => Ok((setting, value)),
            None => {
                let nearest = nearest(&name);
                Err(SettingsError::Unknown { setting: name, nearest })
            }
        }
    };
    entries.into_iter().map(known).collect()
}

/// The known name closest to a mistaken one, if it is close.
fn nearest(name: &str) -> Option<&'static str> {
    const LONGEST: usize = 64;
    if name.len() > LONGEST {
        return None;
    }
    let name = name.to_ascii_uppercase();
    let bare = name.strip_prefix("SESSION_").unwrap_or(&name);
    let away = |known: &'static str| distance(&name, known).min(distance(bare, known));
    let (away, known) = all().map(|known| (away(known.name), known.name)).min()?;
    (away <= 1 + name.len() / 4).then_some(known)
}

/// How many letters must be inserted, removed or replaced (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.bytes().enumerate() {
        let mut left = i + 1;
        let mut diagonal = i;
        for (b, cell) in other.bytes().zip(row.iter_mut().skip(1)) {
            let replaced = diagonal + usize::from(a != b);
            diagonal = *cell;
            left = replaced.min(diagonal + 1).min(left + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_levenshteins() {
        for (one, other, expected) in
            [("", "", 0), ("abc", "abc", 0), ("kitten", "sitting", 3), ("", "ab", 2), ("ab", "", 2)]
        {
            assert_eq!(distance(one, other), expected, "{one} {other}");
        }
    }

    #[test]
    fn mistaken_names_find_what_was_meant() {
        for (name, meant) in [
            ("SESSION_COOKIE_SAMSITE", Some("SESSION_COOKIE_SAMESITE")),
            ("session_type", Some("SESSION_TYPE")),
            ("SESSION_SECRET_KEY", Some("SECRET_KEY")),
            ("SESSION_SECRET_KEY_FALLBACKS", Some("SECRET_KEY_FALLBACKS")),
            ("SESSION_PERMANENT_SESSION_LIFETIME", Some("PERMANENT_SESSION_LIFETIME")),
            ("SESSION_THE_WEATHER_TOMORROW", None),
            ("", None),
        ] {
            assert_eq!(nearest(name), meant, "{name}");
        }
        assert_eq!(nearest(&"S".repeat(1000)), None);
    }
}
