//! Which events a component takes, by their names.

/// Names of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subscription {
    /// All of them.
    All,
    /// Those that begin so.
    Below(String),
    /// This one.
    Named(String),
}

impl Subscription {
    /// Reads `order.created`, `order.*` or `*`; `None` if it is none of these.
    pub fn parse(text: &str) -> Option<Self> {
        let is_name = |name: &str| {
            let fits = |byte: u8| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte)
            };
            !name.is_empty() && name.bytes().all(fits)
        };
        match text.strip_suffix('*') {
            Some("") => Some(Self::All),
            Some(prefix) => {
                (prefix.ends_with('.') && is_name(prefix)).then(|| Self::Below(prefix.to_owned()))
            }
            None => is_name(text).then(|| Self::Named(text.to_owned())),
        }
    }

    /// Whether events of this name are among them.
    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Below(prefix) => name.starts_with(&**prefix),
            Self::Named(own) => name == own,
        }
    }
}

impl std::fmt::Display for Subscription {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::All => out.write_str("*"),
            Self::Below(prefix) => write!(out, "{prefix}*"),
            Self::Named(name) => out.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Subscription;

    #[test]
    fn events_are_taken_by_name_or_by_its_beginning() {
        for (text, taken, passed) in [
            ("*", &["note.created", "a"][..], &[][..]),
            (
                "note.*",
                &["note.created", "note.tag.added"],
                &["note", "notes.created"],
            ),
            (
                "note.created",
                &["note.created"],
                &["note.created.twice", "note.updated"],
            ),
        ] {
            let subscription = Subscription::parse(text).unwrap();
            assert_eq!(subscription.to_string(), text);
            assert!(taken.iter().all(|name| subscription.has(name)), "{text}");
            assert!(!passed.iter().any(|name| subscription.has(name)), "{text}");
        }
        for text in [
            "",
            "note*",
            "*.created",
            "Note.created",
            ".*x",
            "note created",
        ] {
            assert_eq!(Subscription::parse(text), None, "{text}");
        }
    }
}
