//! What an update does to a field: keeps, clears or sets it.

use crate::fault::Fault;
use crate::issue::sound;
use crate::metadata::Metadata;

/// The new value of a field in an update.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// As it is.
    #[default]
    Keep,
    /// No value any more.
    Clear,
    /// This one.
    Set(T),
}

impl<T: PartialEq> Change<T> {
    /// Makes the change; returns whether anything changed.
    pub fn apply(self, field: &mut Option<T>) -> bool {
        let new = match self {
            Self::Keep => return false,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        };
        let changed = *field != new;
        *field = new;
        changed
    }
}

impl<T> Change<T> {
    /// The new value, if there is one.
    pub fn as_ref(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            _ => None,
        }
    }

    /// The new value, where clearing a field and keeping it mean the same.
    pub fn optional(self) -> Option<T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep | Self::Clear => None,
        }
    }
}

impl Change<String> {
    /// The new text, if there is one.
    pub fn value(&self) -> Option<&str> {
        self.as_ref().map(String::as_str)
    }
}

impl Change<Metadata> {
    /// Makes the change by merging; returns whether anything changed.
    ///
    /// # Errors
    /// When the metadata would be longer than a record's may be.
    pub fn merge(&self, field: &mut Option<Metadata>) -> Result<bool, Fault> {
        let change = match self {
            Self::Set(changes) if changes.is_empty() => return Ok(false),
            Self::Set(changes) => {
                let merged = Metadata::merge(field.as_ref(), changes);
                sound(merged.issue_of_length(field.as_ref()).into_iter().collect())?;
                Self::Set(merged)
            }
            Self::Keep => return Ok(false),
            Self::Clear => Self::Clear,
        };
        Ok(change.apply(field))
    }
}

impl<T> From<Option<T>> for Change<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Clear, Self::Set)
    }
}
