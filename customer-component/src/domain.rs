//! The domain: what can be done with customers, addresses and groups. Holds the
//! store and the hooks that every operation needs; the operations themselves
//! stand in `customers`, `addresses` and `groups`.

use crate::filter::Search;
use crate::hooks::{Hooked, Hooks};
use crate::model::{Columns, Entity};
use crate::records::Records;
use crate::settings::{Compat, EmailCase};
use crate::store::{Read, Store};
use crate::types::{Fault, Page};
use crate::{addresses, customers};

/// The one door to the domain: HTTP and the typed operations both go through it.
pub struct Domain<S, H> {
    pub(crate) store: S,
    pub(crate) hooks: H,
    pub(crate) compat: Compat,
    pub(crate) email_case: EmailCase,
}

/// What is wrong with one field of what was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// The field.
    pub field: &'static str,
    /// What is wrong, for a person.
    pub text: String,
}

/// The end of what is said of a field that is missing.
const IS_REQUIRED: &str = "is required";

impl Issue {
    /// The field has to have a value.
    pub fn required(field: &'static str) -> Self {
        Self {
            field,
            text: format!("Field '{field}' {IS_REQUIRED}"),
        }
    }

    /// The field's text holds a NUL, which no database takes.
    pub fn nul(field: &'static str) -> Self {
        Self {
            field,
            text: format!("Field '{field}' must not contain a NUL character"),
        }
    }
}

/// Named texts of a thing, to be looked through together.
pub(crate) type Texts<'a> = &'a [(&'static str, Option<&'a str>)];

/// An issue for each text that holds a NUL.
pub(crate) fn nuls(texts: Texts<'_>) -> Vec<Issue> {
    texts
        .iter()
        .filter(|(_, text)| text.is_some_and(|text| text.contains('\0')))
        .map(|(field, _)| Issue::nul(field))
        .collect()
}

/// How many issues one answer names, as in Medusa; fields that are missing are named beside them, each.
const ISSUES_MAX: usize = 3;

/// Issues as one text.
pub fn join(issues: &[String]) -> String {
    let mut others = 0;
    let named = issues.iter().filter(|text| {
        let missing = text.ends_with(IS_REQUIRED);
        others += usize::from(!missing);
        missing || others <= ISSUES_MAX
    });
    named.map(String::as_str).collect::<Vec<_>>().join("; ")
}

/// No fault where there are no issues.
pub(crate) fn sound(issues: Vec<Issue>) -> Result<(), Fault> {
    if issues.is_empty() {
        return Ok(());
    }
    let texts: Vec<String> = issues.into_iter().map(|issue| issue.text).collect();
    Err(Fault::Invalid(join(&texts)))
}

/// What a hook gave, or the refusal.
pub(crate) fn hooked<T>(hooked: Hooked<T>) -> Result<T, Fault> {
    hooked.map_err(Fault::Rejected)
}

/// The fault of tying something to what does not exist, in Medusa's words.
pub(crate) fn no_such_end(field: &str, id: &str) -> Fault {
    Fault::NotFound(format!(
        "You tried to set relationship {field}: {id}, but such entity does not exist"
    ))
}

/// The fault of changing what does not exist, in Medusa's words.
pub(crate) fn nothing_to_change(what: &str, id: &str) -> Fault {
    Fault::NotFound(format!("{what} with id \"{id}\" not found"))
}

/// Returns what a write did, as it is.
pub(crate) fn itself<T: Clone>(_: &dyn Read, thing: &T) -> Result<T, Fault> {
    Ok(thing.clone())
}

impl<S: Store, H: Hooks> Domain<S, H> {
    /// Over a store, with hooks and the operator's choice.
    pub fn new(store: S, hooks: H, compat: Compat) -> Self {
        Self {
            store,
            hooks,
            compat,
            email_case: EmailCase::default(),
        }
    }

    /// The same, with another choice of which emails are the same.
    #[must_use]
    pub fn with_email_case(self, email_case: EmailCase) -> Self {
        Self { email_case, ..self }
    }

    /// Whose answers are given.
    pub fn compat(&self) -> Compat {
        self.compat
    }

    /// Returns these columns of what is looked for, and how many there are in all.
    /// Texts that are stored in another form than they are sent in are looked for in
    /// that form, and emails in any case where that makes no other email.
    ///
    /// # Errors
    /// When the store cannot serve.
    pub fn search(&self, entity: Entity, search: &Search, columns: Columns) -> Result<Page, Fault> {
        let mut search = search.clone();
        if entity == Entity::Address {
            addresses::store_countries(&mut search.filter, self.compat);
        }
        if self.email_case == EmailCase::Ignored {
            customers::ignore_case_of_emails(entity, &mut search.filter);
        }
        Ok(self.store.search(entity, &search, columns)?)
    }

    /// Returns what reads are made of that belong to no operation of their own.
    pub fn reads(&self) -> &impl Read {
        &self.store
    }
}

/// A thing that has to be there, as one row.
pub(crate) fn must_find(
    store: &(impl Read + ?Sized),
    entity: Entity,
    id: &str,
    otherwise: impl FnOnce() -> Fault,
) -> Result<Records, Fault> {
    let found = store.find(entity, id)?;
    if found.is_empty() {
        Err(otherwise())
    } else {
        Ok(found)
    }
}
