//! Values of Python classes that plain data can express, but not tell from their plain kin.

use super::Value;

/// A value that Python keeps in a class of its own: to everything but a pickle it is what it holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Classed {
    /// The class.
    pub class: PythonClass,
    /// The plain value: a set, text, a mapping or bytes.
    pub value: Value,
}

/// A class that stands for plain data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PythonClass {
    /// `frozenset`: a set that can be a key.
    FrozenSet,
    /// `bytearray`.
    ByteArray,
    /// `collections.OrderedDict`.
    OrderedDict,
    /// `django.utils.safestring.SafeString`: HTML that is safe to print unescaped.
    SafeString,
}

impl PythonClass {
    /// What Python calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::FrozenSet => "frozenset",
            Self::ByteArray => "bytearray",
            Self::OrderedDict => "OrderedDict",
            Self::SafeString => "SafeString",
        }
    }

    /// Whether its values can be keys.
    pub(crate) fn is_hashable(self) -> bool {
        matches!(self, Self::FrozenSet | Self::SafeString)
    }
}

impl Value {
    /// The value without its class, where it is of one: what formats other than pickles write.
    pub fn plain(&self) -> &Self {
        match self {
            Self::Classed(of) => of.value.plain(),
            other => other,
        }
    }
}
