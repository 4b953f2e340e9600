//! The domain: what can be done with customers, addresses and groups. Holds the
//! store and the hooks that every operation needs; the operations themselves
//! stand in `customers`, `addresses` and `groups`.

use std::time::Duration;

use wares_module_kit::entity::{Columns, Entity};
use wares_module_kit::fault::Fault;
use wares_module_kit::filter::Search;
use wares_module_kit::store::{Page, Read};

use crate::hooks::Hooks;
use crate::model::ADDRESS;
use crate::settings::{Compat, EmailCase};
use crate::store::Store;
use crate::{addresses, customers};

/// The longest that the hooks of one operation take together: a third of what the host gives
/// a call by default, so that the operation is answered whatever an extension does.
const HOOKS_MAX: Duration = Duration::from_secs(10);

/// The one door to the domain: HTTP and the typed operations both go through it.
pub struct Domain<S, H> {
    pub(crate) store: S,
    pub(crate) hooks: H,
    pub(crate) compat: Compat,
    pub(crate) email_case: EmailCase,
    /// How long the hooks of one operation may take together. The last one is not cut short.
    pub(crate) hooks_max: Duration,
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
            hooks_max: HOOKS_MAX,
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
    pub fn search(
        &self,
        entity: &'static Entity,
        search: &Search,
        columns: Columns,
    ) -> Result<Page, Fault> {
        let mut search = search.clone();
        if *entity == ADDRESS {
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
