//! The ways in which a cookie may have been made: formats, and the salts that are known of each.

use clap::ValueEnum as _;
use sessile::{KeyRing, Timestamp};
use sessile_formats::django::SESSION_SALT;

use super::format::{Fault, Opened, Reader};
use super::pasted::Pasted;
use crate::args::{Format, How};
use crate::outcome::Failure;

const SIGNED_COOKIES: &str = "django.contrib.sessions.backends.signed_cookies";
const SIGNING: &str = "django.core.signing";
const FLASK_WTF: &str = "wtf-csrf-token";

/// One way to read or write.
#[derive(Clone, Debug)]
pub(super) struct Way {
    pub(super) format: Format,
    /// `None` is the format's own.
    pub(super) salt: Option<String>,
    pub(super) name: Option<String>,
    pub(super) audience: Option<String>,
}

impl Way {
    /// The way that was asked for.
    pub(super) fn given(how: &How, format: Format) -> Self {
        let How { salt, name, audience, .. } = how;
        Self { format, salt: salt.clone(), name: name.clone(), audience: audience.clone() }
    }

    /// Those that were asked for: with no format all, with no salt all that are known of it.
    pub(super) fn asked(how: &How) -> Vec<Self> {
        let formats = match &how.format {
            Some(format) => std::slice::from_ref(format),
            None => ALL,
        };
        formats.iter().flat_map(|format| Self::of(how, *format)).collect()
    }

    /// All others, to be named in a hint.
    pub(super) fn others(how: &How) -> Vec<Self> {
        let asked = |format: &&Format| how.format.is_some_and(|given| given != **format);
        let how = How { salt: None, ..how.clone() };
        let mut others: Vec<Self> =
            ALL.iter().filter(asked).flat_map(|format| Self::of(&how, *format)).collect();
        others.extend(how.format.map(|format| Self::of(&how, format)).unwrap_or_default());
        others
    }

    fn of(how: &How, format: Format) -> Vec<Self> {
        let way = Self::given(how, format);
        if way.salt.is_some() {
            return if is_salted(format) { vec![way] } else { Vec::new() };
        }
        let more: &[&str] = match format {
            Format::DjangoSession => &[SIGNED_COOKIES, SIGNING],
            Format::Django => &[SESSION_SALT, SIGNED_COOKIES],
            Format::Itsdangerous => &[FLASK_WTF],
            _ => &[],
        };
        let with = |salt: &&str| Self { salt: Some((*salt).to_owned()), ..way.clone() };
        std::iter::once(way.clone()).chain(more.iter().map(with)).collect()
    }

    /// What a value holds; native cookies are bound to their name.
    pub(super) fn read(
        &self,
        pasted: &Pasted,
        keys: &KeyRing,
        max_age: Option<i64>,
        now: Timestamp,
    ) -> Result<Result<Opened, Fault>, Failure> {
        let name = self.name.clone().or_else(|| pasted.name.clone());
        let reader = Reader::new(&Self { name, ..self.clone() }, keys)?;
        Ok(reader.read(&pasted.value, max_age, now))
    }

    /// The options that say it.
    pub(super) fn options(&self) -> String {
        let name = format_name(self.format);
        match &self.salt {
            Some(salt) => format!("--format {name} --salt {salt}"),
            None => format!("--format {name}"),
        }
    }
}

/// In the order they are tried.
const ALL: &[Format] = &[
    Format::Flask,
    Format::DjangoSession,
    Format::Django,
    Format::Starlette,
    Format::Itsdangerous,
    Format::Native,
    Format::NativeEncrypted,
    Format::FlaskSessionSid,
];

pub(super) fn is_native(format: Format) -> bool {
    matches!(format, Format::Native | Format::NativeEncrypted)
}

pub(super) fn is_salted(format: Format) -> bool {
    !is_native(format) && !matches!(format, Format::Starlette | Format::FlaskSessionSid)
}

pub(super) fn format_name(format: Format) -> String {
    format.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// Formats whose cookies can be looked at without a key.
pub(super) fn open_to_all(how: &How) -> Vec<Format> {
    match how.format {
        Some(format) => vec![format],
        None => ALL.iter().copied().filter(|it| *it != Format::NativeEncrypted).collect(),
    }
}
