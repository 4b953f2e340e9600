//! Takes settings by key and type, and remembers everything that is wrong with
//! them, so that an operator mends it all in one go.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::printable::cut;

use super::source::{ConfigError, Entry, Sources, Value, layers};
use super::values::{bytes, list, number, size};

/// What an error shows of a value, in bytes.
const SHOWN_BYTES_MAX: usize = 100;
/// The hint for a variable that begins as those of a module.
const VARIABLES_OF_MODULES: &str = "after the module's name, such a variable has _COMPONENT, _GRANTS, _LOG_LEVEL, _ON_FAILURE, _PATH_PREFIXES, \
                                    _LIMITS_… or _CONFIG_…";
/// The longest time of a setting in milliseconds: what is added to it stays in bounds.
const YEAR_MS: u64 = 365 * 24 * 3_600 * 1_000;
/// The largest count of anything.
const COUNT_MAX: u64 = u32::MAX as u64;
/// The most bytes of anything that a component takes or returns: the range of 32 bits.
pub(crate) const BYTES_MAX: usize = 1 << 32;

/// One setting, as the code declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// Dotted.
    pub key: String,
    /// The kind of its values, with their bounds.
    pub kind: String,
    /// What holds without it.
    pub default: String,
    /// One phrase for a person.
    pub meaning: String,
}

/// Takes settings by key.
pub(crate) struct Reader {
    entries: BTreeMap<String, Entry>,
    taken: BTreeSet<String>,
    declared: Vec<Declaration>,
    faults: Vec<String>,
}

impl Reader {
    /// A reader of what these sources set.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn open(sources: &Sources) -> Result<Self, ConfigError> {
        Ok(Self::new(layers(sources)?))
    }

    /// A reader of nothing: each setting has its default.
    pub(crate) fn empty() -> Self {
        Self::new(Vec::new())
    }

    /// Of several entries with one key, the last one holds.
    fn new(entries: Vec<Entry>) -> Self {
        Self {
            entries: entries
                .into_iter()
                .map(|entry| (entry.key.clone(), entry))
                .collect(),
            taken: BTreeSet::new(),
            declared: Vec::new(),
            faults: Vec::new(),
        }
    }

    pub(crate) fn text(&mut self, key: &str, default: &str, meaning: &str) -> String {
        self.take(key, "text", default, meaning, |value| match value {
            Value::Text(text) | Value::Raw(text) => Some(text.clone()),
            _ => None,
        })
        .unwrap_or_else(|| default.to_owned())
    }

    pub(crate) fn secret(&mut self, key: &str, meaning: &str) -> String {
        self.text(key, "", meaning)
    }

    pub(crate) fn flag(&mut self, key: &str, default: bool, meaning: &str) -> bool {
        self.take(
            key,
            "true or false",
            &default.to_string(),
            meaning,
            |value| match value {
                Value::Flag(flag) => Some(*flag),
                Value::Raw(text) => text.trim().parse().ok(),
                _ => None,
            },
        )
        .unwrap_or(default)
    }

    /// A number within bounds.
    pub(crate) fn number(
        &mut self,
        key: &str,
        range: RangeInclusive<u64>,
        default: u64,
        meaning: &str,
    ) -> u64 {
        let kind = format!("a whole number from {} to {}", range.start(), range.end());
        self.take(key, kind, &default.to_string(), meaning, |value| {
            number(value).filter(|number| range.contains(number))
        })
        .unwrap_or(default)
    }

    /// The same of those that 32 bits can hold.
    pub(crate) fn number32(
        &mut self,
        key: &str,
        range: RangeInclusive<u32>,
        default: u32,
        meaning: &str,
    ) -> u32 {
        let wide = u64::from(*range.start())..=u64::from(*range.end());
        let number = self.number(key, wide, default.into(), meaning);
        number.try_into().unwrap_or(default)
    }

    /// A time of at least a millisecond, as the type that waits take.
    pub(crate) fn duration(&mut self, key: &str, default: u64, meaning: &str) -> Duration {
        Duration::from_millis(self.milliseconds(key, default, meaning))
    }

    /// A time, or none at all.
    pub(crate) fn duration_or_none(&mut self, key: &str, default: u64, meaning: &str) -> Duration {
        Duration::from_millis(self.milliseconds_or_none(key, default, meaning))
    }

    /// A time in milliseconds, at least one.
    pub(crate) fn milliseconds(&mut self, key: &str, default: u64, meaning: &str) -> u64 {
        self.number(key, 1..=YEAR_MS, default, meaning)
    }

    /// A time in milliseconds, or none.
    pub(crate) fn milliseconds_or_none(&mut self, key: &str, default: u64, meaning: &str) -> u64 {
        self.number(key, 0..=YEAR_MS, default, meaning)
    }

    /// A number that zero makes no sense for.
    pub(crate) fn count(&mut self, key: &str, default: usize, meaning: &str) -> usize {
        let number = self.number(key, 1..=COUNT_MAX, default as u64, meaning);
        number.try_into().unwrap_or(default)
    }

    /// So many bytes, within bounds.
    pub(crate) fn bytes(
        &mut self,
        key: &str,
        range: RangeInclusive<usize>,
        default: usize,
        meaning: &str,
    ) -> usize {
        let kind = format!(
            "bytes from {} to {}, like \"{}\"",
            size(*range.start()),
            size(*range.end()),
            size(default)
        );
        self.take(key, kind, &size(default), meaning, |value| {
            let bytes = match value {
                Value::Text(text) | Value::Raw(text) => bytes(text)?,
                value => number(value)?.try_into().ok()?,
            };
            range.contains(&bytes).then_some(bytes)
        })
        .unwrap_or(default)
    }

    /// One of several words, by its index; the first is the default.
    pub(crate) fn choice(&mut self, key: &str, words: &[&str], meaning: &str) -> usize {
        let default = words.first().copied().unwrap_or_default();
        self.take(
            key,
            words.join(" or "),
            default,
            meaning,
            |value| match value {
                Value::Text(text) | Value::Raw(text) => words.iter().position(|word| word == text),
                _ => None,
            },
        )
        .unwrap_or(0)
    }

    /// One of several words, by its index; `None` if it is not set, or empty.
    pub(crate) fn choice_or_none(
        &mut self,
        key: &str,
        words: &[&str],
        meaning: &str,
    ) -> Option<usize> {
        let read = |value: &Value| match value {
            Value::Text(text) | Value::Raw(text) if text.is_empty() => Some(None),
            Value::Text(text) | Value::Raw(text) => {
                words.iter().position(|word| word == text).map(Some)
            }
            _ => None,
        };
        self.take(key, words.join(" or "), "", meaning, read)?
    }

    /// A list of texts that `parse` takes as a whole; `default` as it is written. `None` if
    /// it is not set.
    pub(crate) fn list<T>(
        &mut self,
        key: &str,
        kind: &str,
        default: &str,
        meaning: &str,
        parse: impl FnOnce(Vec<String>) -> Option<T>,
    ) -> Option<T> {
        let kind = format!("{kind} (comma-separated outside the file)");
        self.take(key, kind, default, meaning, |value| parse(list(value)?))
    }

    /// A list of texts that `parse` takes one by one; each that it refuses is a fault with
    /// its reason. `item` is what each should be. `None` if the list is not set.
    pub(crate) fn list_of<T, E: Display>(
        &mut self,
        key: &str,
        (kind, item): (&str, &str),
        default: &str,
        meaning: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<Vec<T>> {
        let texts = self.list(key, kind, default, meaning, Some)?;
        let mut items = Vec::with_capacity(texts.len());
        for text in texts {
            match parse(&text) {
                Ok(item) => items.push(item),
                Err(error) => {
                    let text = cut(&text, SHOWN_BYTES_MAX).escape_debug().to_string();
                    self.refuse(key, &format!("has '{text}', which is no {item}: {error}"));
                }
            }
        }
        Some(items)
    }

    /// All keys under one, with any value, as text.
    pub(crate) fn table(&mut self, key: &str, meaning: &str) -> Vec<(String, String)> {
        let prefix = format!("{key}.");
        self.declare(
            format!("{prefix}*"),
            "text, a number, or true or false",
            "",
            meaning,
        );
        let keys: Vec<String> = self
            .entries
            .keys()
            .filter(|key| key.starts_with(&prefix))
            .cloned()
            .collect();
        keys.into_iter()
            .filter_map(|full| {
                self.taken.insert(full.clone());
                let entry = &self.entries[&full];
                let text = match &entry.value {
                    Value::Text(text) | Value::Raw(text) => text.clone(),
                    Value::Integer(integer) => integer.to_string(),
                    Value::Flag(flag) => flag.to_string(),
                    Value::List(_) | Value::Table | Value::Other(_) => {
                        self.faults.push(format!(
                            "{}: {full} must be text, a number, or true or false",
                            entry.origin
                        ));
                        return None;
                    }
                };
                Some((full[prefix.len()..].to_owned(), text))
            })
            .collect()
    }

    /// Whether there is a value for a key.
    pub(crate) fn is_set(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// The names that stand right under a key.
    pub(crate) fn names(&self, key: &str) -> BTreeSet<String> {
        let prefix = format!("{key}.");
        self.entries
            .values()
            .filter(|entry| !matches!(entry.value, Value::Table))
            .filter_map(|entry| {
                entry
                    .key
                    .strip_prefix(&prefix)?
                    .split_once('.')
                    .map(|(name, _)| name.to_owned())
            })
            .collect()
    }

    /// Refuses the value of a key.
    pub(crate) fn refuse(&mut self, key: &str, why: &str) {
        let origin = self.entries.get(key).map_or("", |entry| &entry.origin);
        self.faults.push(format!("{origin}: {key} {why}"));
    }

    pub(crate) fn declarations(self) -> Vec<Declaration> {
        self.declared
    }

    /// # Errors
    /// With every fault so far, and every key that no part has read.
    pub(crate) fn finish(mut self) -> Result<(), ConfigError> {
        for (key, entry) in &self.entries {
            if self.taken.contains(key) {
                continue;
            }
            let is_section = self.is_section(key);
            if is_section && matches!(entry.value, Value::Table) {
                continue;
            }
            let hint = match self.nearest(key) {
                _ if is_section => format!(": {key} is a section, whose settings are {key}.…"),
                _ if key.starts_with("modules_") => format!(": {VARIABLES_OF_MODULES}"),
                Some(near) => format!(": did you mean {near}?"),
                None => String::new(),
            };
            self.faults
                .push(format!("{}: there is no setting {key}{hint}", entry.origin));
        }
        if self.faults.is_empty() {
            Ok(())
        } else {
            Err(ConfigError(self.faults))
        }
    }

    /// Whether settings lie below a key.
    fn is_section(&self, key: &str) -> bool {
        let below = |name: &str| {
            let rest = name.strip_prefix(key);
            rest.is_some_and(|rest| rest.starts_with('.'))
        };
        let of_a_module = |name: &str| {
            let (_, part) = name.split_once('.').unwrap_or((name, "limits"));
            // The secrets, or one of them.
            let of_secrets = part.split('.').next() == Some("secrets");
            matches!(part, "limits" | "config") || of_secrets && part.split('.').count() <= 2
        };
        key == "modules"
            || key.strip_prefix("modules.").is_some_and(of_a_module)
            || self.declared.iter().any(|declared| below(&declared.key))
    }

    fn nearest(&self, key: &str) -> Option<&str> {
        self.declared
            .iter()
            .map(|declared| {
                (
                    strsim::damerau_levenshtein(key, &declared.key),
                    declared.key.as_str(),
                )
            })
            .min()
            .filter(|(distance, _)| *distance <= 3)
            .map(|(_, key)| key)
    }

    fn declare(&mut self, key: String, kind: &str, default: &str, meaning: &str) {
        self.declared.push(Declaration {
            key,
            kind: kind.to_owned(),
            default: default.to_owned(),
            meaning: meaning.to_owned(),
        });
    }

    fn take<T>(
        &mut self,
        key: &str,
        kind: impl AsRef<str>,
        default: &str,
        meaning: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        let kind = kind.as_ref();
        self.declare(key.to_owned(), kind, default, meaning);
        self.taken.insert(key.to_owned());
        let entry = self.entries.get(key)?;
        let value = read(&entry.value);
        if value.is_none() {
            let got = match &entry.value {
                Value::Text(text) | Value::Raw(text) => format!("'{text}'"),
                Value::Integer(integer) => integer.to_string(),
                Value::Flag(flag) => flag.to_string(),
                Value::List(_) => "a list".to_owned(),
                Value::Table => "a table".to_owned(),
                Value::Other(what) => (*what).to_owned(),
            };
            self.faults
                .push(format!("{}: {key} must be {kind}, not {got}", entry.origin));
        }
        value
    }
}
