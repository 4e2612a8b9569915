//! A row of the tables of settings, and what makes a reader of a table.

use super::words::{self, CsrfProfile};
use sessile_core::Profile;

/// A setting: what it is called, takes and means, and its defaults.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its name, as in the environment.
    pub name: &'static str,
    /// What it takes, in words.
    pub takes: &'static str,
    /// Whether its value is never shown.
    pub is_secret: bool,
    /// The heading it stands under in the documents.
    pub section: &'static str,
    /// Whose name it is: Flask's, Django's, ours.
    pub from: &'static str,
    pub(super) meaning: &'static str,
    /// Sets of profiles, and the default there.
    pub(super) defaults: &'static [(u8, &'static str)],
    pub(super) is_csrf: bool,
    /// Whether an empty variable of the environment counts as set.
    pub(super) may_be_empty: bool,
}

impl Setting {
    /// What it means, in Markdown.
    pub fn meaning(&self) -> &'static str {
        self.meaning.trim()
    }

    /// Its default in `profile`, as one would write it, or in words where it has none. `None`
    /// where it has no meaning. Those of CSRF protection have none for sessions.
    pub fn default_in(&self, profile: Profile) -> Option<&'static str> {
        if self.is_csrf { None } else { self.of(words::bit(profile)) }
    }

    /// Its default in this profile of CSRF protection.
    pub fn csrf_default_in(&self, profile: CsrfProfile) -> Option<&'static str> {
        if self.is_csrf { self.of(words::csrf_bit(profile)) } else { None }
    }

    fn of(&self, profile: u8) -> Option<&'static str> {
        self.defaults.iter().find(|(profiles, _)| profiles & profile != 0).map(|it| it.1)
    }

    /// Whether it has a meaning in `profile`; elsewhere it is refused.
    pub fn applies_to(&self, profile: Profile) -> bool {
        self.default_in(profile).is_some()
    }

    /// Whether it has a meaning in this profile of CSRF protection.
    pub fn applies_to_csrf(&self, profile: CsrfProfile) -> bool {
        self.csrf_default_in(profile).is_some()
    }

    pub(super) const fn secret(mut self) -> Self {
        self.is_secret = true;
        self
    }

    pub(super) const fn may_be_empty(mut self) -> Self {
        self.may_be_empty = true;
        self
    }
}

/// Takes what was given, if it was.
pub(super) fn set<T>(field: &mut T, given: &mut Option<T>) {
    if let Some(given) = given.take() {
        *field = given;
    }
}

/// Makes of a table a struct with a field for each row: what was given for it, read. Whoever acts
/// on a setting takes it out, so that what is left had no effect and can be refused.
///
/// A row: what it means, `"NAME" field: Type = how its value is read, what it takes in words,
/// [profiles => default there], "whose name it is", secret, may_be_empty;`
macro_rules! settings {
    ($(#[$about:meta])* $table:ident, csrf: $csrf:literal; $($section:literal { $(
        $(#[doc = $doc:literal])+
        $name:literal $field:ident: $type:ty = $read:expr,
            $takes:expr, [$($profiles:expr => $default:expr),+], $from:literal $(, $flag:ident)*;
    )+ })+) => {
        $(#[$about])*
        #[derive(Default)]
        pub(super) struct $table {
            $($($(#[doc = $doc])+ pub(super) $field: Option<$type>,)+)+
        }

        impl $table {
            /// Every row.
            pub(super) const ALL: &'static [Setting] = &[$($(
                Setting {
                    name: $name,
                    takes: $takes,
                    is_secret: false,
                    section: $section,
                    from: $from,
                    meaning: concat!($($doc),+),
                    defaults: &[$(($profiles, $default)),+],
                    is_csrf: $csrf,
                    may_be_empty: false,
                }$(.$flag())*,
            )+)+];

            /// Reads what was given of this table and is `wanted`.
            pub(super) fn read(
                given: &[(&'static Setting, SettingValue)],
                wanted: impl Fn(&Setting) -> bool,
            ) -> Result<Self, SettingsError> {
                let mut table = Self::default();
                for (setting, value) in given.iter().filter(|(setting, _)| wanted(setting)) {
                    let read = table.put(setting.name, value);
                    read.ok_or_else(|| SettingsError::invalid(setting, value))?;
                }
                Ok(table)
            }

            fn put(&mut self, name: &str, value: &SettingValue) -> Option<()> {
                match name {
                    $($($name => {
                        let read: fn(&SettingValue) -> Option<$type> = $read;
                        self.$field = Some(read(value)?);
                    })+)+
                    _ => {}
                }
                Some(())
            }

            /// Reads what was given for `name` once the settings are known that explain it.
            pub(super) fn checked<T>(
                name: &'static str,
                value: &SettingValue,
                read: impl FnOnce(&SettingValue) -> Option<T>,
            ) -> Result<T, SettingsError> {
                let row = || Self::ALL.iter().find(|setting| setting.name == name);
                read(value).ok_or_else(|| match row() {
                    Some(setting) => SettingsError::invalid(setting, value),
                    None => SettingsError::Unknown { setting: name.to_owned(), nearest: None },
                })
            }

            /// A setting that was given and that nobody took out.
            pub(super) fn left(&self) -> Option<&'static str> {
                let fields = [$($((self.$field.is_some(), $name)),+),+];
                fields.into_iter().find(|(given, _)| *given).map(|(_, name)| name)
            }
        }
    };
}
pub(super) use settings;
