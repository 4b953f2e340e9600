//! The operator's settings.

use wares_module_kit::http::parameters::Paging;

/// Whose answers the module returns where the document and the server that it
/// describes differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compat {
    /// Those of the document.
    #[default]
    Document,
    /// Those of Medusa 2.
    Medusa2,
}

const COMPAT: &str = "compat";

impl Compat {
    /// How many things a list returns.
    pub fn paging(self) -> Paging {
        match self {
            Self::Document => Paging {
                limit_default: 15,
                limit_max: 1_000,
            },
            Self::Medusa2 => Paging::MEDUSA,
        }
    }

    /// From the setting's value.
    ///
    /// # Errors
    /// The fault, for the operator.
    pub fn parse(value: &str) -> Result<Self, String> {
        match value {
            "document" => Ok(Self::Document),
            "medusa-2" => Ok(Self::Medusa2),
            other => Err(format!(
                "{COMPAT}: '{other}' is neither 'document' nor 'medusa-2'"
            )),
        }
    }
}

/// Whether two emails that differ in upper and lower case alone are two customers'.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EmailCase {
    /// They are two emails, as in Medusa.
    #[default]
    Distinct,
    /// They are the same email, and taken as one.
    Ignored,
}

const EMAIL_CASE: &str = "email_case";

impl EmailCase {
    /// From the setting's value.
    ///
    /// # Errors
    /// The fault, for the operator.
    pub fn parse(value: &str) -> Result<Self, String> {
        match value {
            "distinct" => Ok(Self::Distinct),
            "ignored" => Ok(Self::Ignored),
            other => Err(format!(
                "{EMAIL_CASE}: '{other}' is neither 'distinct' nor 'ignored'"
            )),
        }
    }

    /// Whether two emails are the same. They are of ASCII alone.
    pub fn is_same(self, one: &str, other: &str) -> bool {
        match self {
            Self::Distinct => one == other,
            Self::Ignored => one.eq_ignore_ascii_case(other),
        }
    }
}

/// What all settings come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Whose answers the module returns.
    pub compat: Compat,
    /// Which emails are the same.
    pub email_case: EmailCase,
}

impl Settings {
    /// Of keys and values without a fault; others are passed over.
    pub fn of<'a>(values: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut settings = Self::default();
        for (key, value) in values {
            match key {
                COMPAT => settings.compat = Compat::parse(value).unwrap_or_default(),
                EMAIL_CASE => settings.email_case = EmailCase::parse(value).unwrap_or_default(),
                _ => {}
            }
        }
        settings
    }
}

/// Every fault of the settings, each beginning with its key.
pub fn faults<'a>(settings: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    settings
        .into_iter()
        .filter_map(|(key, value)| match key {
            COMPAT => Compat::parse(value).err(),
            EMAIL_CASE => EmailCase::parse(value).err(),
            _ => Some(format!(
                "{key}: there is no such setting; there are {COMPAT} and {EMAIL_CASE}"
            )),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_of_the_settings_is_named() {
        assert_eq!(faults([("compat", "document")]), Vec::<String>::new());
        assert_eq!(faults([("compat", "medusa-2")]), Vec::<String>::new());
        assert_eq!(
            faults([
                ("compat", "medusa"),
                ("comapt", "document"),
                ("email_case", "lower"),
                ("email_case", "ignored")
            ]),
            [
                "compat: 'medusa' is neither 'document' nor 'medusa-2'",
                "comapt: there is no such setting; there are compat and email_case",
                "email_case: 'lower' is neither 'distinct' nor 'ignored'"
            ]
        );
    }
}
