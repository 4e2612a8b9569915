//! What settings are given.

use std::fmt;

/// What a setting was given. Text is read as what the setting takes: `"true"`,
/// `"3600"`, `"31 days"`, so that an environment can say everything.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum SettingValue {
    /// Text.
    Text(String),
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// Several values.
    List(Vec<SettingValue>),
}

impl SettingValue {
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value for an error's text, bounded.
    pub(super) fn describe(&self) -> String {
        const SHOWN: usize = 60;
        match self {
            Self::Text(text) => {
                let mut shown: String = text.chars().take(SHOWN).collect();
                if shown.len() < text.len() {
                    shown.push('…');
                }
                format!("{shown:?}")
            }
            Self::Bool(flag) => flag.to_string(),
            Self::Int(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::List(values) => format!("a list of {}", values.len()),
        }
    }
}

/// The kind only: it may be a secret.
impl fmt::Debug for SettingValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "Text(..)",
            Self::Bool(_) => "Bool(..)",
            Self::Int(_) => "Int(..)",
            Self::Float(_) => "Float(..)",
            Self::List(_) => "List(..)",
        })
    }
}

macro_rules! setting_value {
    ($($source:ty => $variant:ident,)*) => {$(
        impl From<$source> for SettingValue {
            fn from(value: $source) -> Self {
                Self::$variant(value.into())
            }
        }
    )*};
}

setting_value! {
    String => Text,
    &str => Text,
    bool => Bool,
    i64 => Int,
    i32 => Int,
    u32 => Int,
    f64 => Float,
}

impl<T: Into<SettingValue>> From<Vec<T>> for SettingValue {
    fn from(values: Vec<T>) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

impl From<std::time::Duration> for SettingValue {
    fn from(span: std::time::Duration) -> Self {
        Self::Text(format!("{}.{:09}", span.as_secs(), span.subsec_nanos()))
    }
}
