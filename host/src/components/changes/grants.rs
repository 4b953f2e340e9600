//! What the modules are granted: what the settings say, or else what the operator granted when
//! a version was installed, which is kept by the module's name.

use super::{ChangeError, Manager};
use crate::components::settings::ModuleOptions;
use crate::engine::Grants;

impl Manager {
    /// The options of a module, with the grants that are kept of it.
    pub(super) fn options_of(&self, name: &str) -> ModuleOptions {
        (self.modules)(name).with_kept(self.host_database.grants(name))
    }

    /// The grants that a module has; a new one has those alone that are kept or set.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn grants(&self, name: &str) -> Result<Grants, ChangeError> {
        let options = (self.modules)(name);
        let kept = self.host_database.grants(name)?;
        let has_none = !options.grants_are_set && kept.is_none() && self.is_new(name);
        Ok(match has_none {
            true => Grants::none(),
            false => options.with_kept(Ok(kept)).grants,
        })
    }

    /// The grants that a module has with these more.
    ///
    /// # Errors
    /// When the settings say which it has, and these are not among them.
    pub(super) fn grants_with(&self, name: &str, more: &Grants) -> Result<Grants, ChangeError> {
        let present = self.grants(name)?;
        if (self.modules)(name).grants_are_set {
            return match present.includes(more) {
                true => Ok(present),
                false => Err(ChangeError::GrantsAreSet(name.to_owned())),
            };
        }
        Ok(present.with(more))
    }

    /// The grants to keep of a module with a version: none where the settings say which it has,
    /// and none of a known module that gets no more.
    pub(super) fn grants_to_keep(&self, name: &str, granted: &Grants) -> Option<String> {
        let is_set = (self.modules)(name).grants_are_set;
        let has_all = self.grants(name).is_ok_and(|present| present == *granted);
        (!is_set && (self.is_new(name) || !has_all)).then(|| granted.to_string())
    }
}
