//! What is looked for in a form, and what was found there.

/// The text that stands for a token in a form that cannot be read: no token of anybody's.
const WRONG: &str = "\u{fffd}";

/// Which fields of a form may carry a token or an id, and which of several counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormFields {
    /// The first of this name. What follows it need not be read.
    First(String),
    /// The last of this name, as Django takes it.
    Last(String),
    /// All whose names end so, as Flask-WTF looks for prefixed ones.
    EndingIn(String),
}

impl FormFields {
    /// Whether a field of this name is looked for.
    pub fn takes(&self, name: &str) -> bool {
        match self {
            Self::First(wanted) | Self::Last(wanted) => name == wanted,
            Self::EndingIn(end) => name.ends_with(end),
        }
    }

    /// Whether the first field that is found settles it, so that the rest need not be read.
    pub fn is_first_enough(&self) -> bool {
        matches!(self, Self::First(_))
    }

    /// Adds a field to those that were found, if it may still count.
    pub fn keep(&self, fields: &mut Vec<(String, String)>, name: String, value: String) {
        if matches!(self, Self::Last(_)) {
            fields.clear();
        }
        fields.push((name, value));
    }

    /// What a form comes to that the originals may read otherwise than we can: a token that is
    /// wrong, so that neither an earlier field nor a header is taken in its place.
    pub fn of_unclear_form(&self) -> Vec<(String, String)> {
        match self {
            Self::First(_) => Vec::new(),
            Self::Last(name) | Self::EndingIn(name) => vec![(name.clone(), WRONG.to_owned())],
        }
    }
}

/// What a reader of forms found.
#[derive(Clone, PartialEq, Eq)]
pub enum Form {
    /// These names and values, in the form's order; none where the request is no form.
    Fields(Vec<(String, String)>),
    /// The form is longer than may be read, and what was wanted did not come before.
    TooLarge,
    /// The connection broke.
    Broken,
}

/// Values may be secret.
impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fields(fields) => write!(f, "Fields({})", fields.len()),
            Self::TooLarge => f.write_str("TooLarge"),
            Self::Broken => f.write_str("Broken"),
        }
    }
}
