//! Extensions that the operator has in service and that failed when the host started: what
//! becomes of requests at the hooks that each would have filled, and for the fields that it would
//! have provided. A check that is missing is told to callers, and not passed.

use super::candidates::Failure;
use super::chain::FailurePolicy;
use super::contract::is_provider;
use super::settings::ModuleOptions;
use crate::engine::{Grants, are_compatible, needed_to_fill};

/// An extension of which no component works.
pub struct Absent {
    /// The module.
    pub name: String,
    /// What its component exports; `None` where that cannot be read, so that it may fill any
    /// extension point that it is granted.
    exports: Option<Vec<String>>,
    grants: Grants,
    on_failure: Option<FailurePolicy>,
}

impl Absent {
    /// The extensions among the modules that failed: those that are granted hooks, and that
    /// no component serves. `named` are the modules that the settings name: a component that
    /// failed before it returned its name may be any of these. `options` are those of a
    /// module with what it is granted.
    pub fn among<'a>(
        failures: &[Failure],
        named: impl IntoIterator<Item = &'a str>,
        serves: impl Fn(&str) -> bool,
        options: impl Fn(&str) -> ModuleOptions,
    ) -> Vec<Self> {
        let mut absent: Vec<Self> = Vec::new();
        let mut add = |name: &str, exports: Option<Vec<String>>| {
            let is_known = absent.iter().any(|other| other.name == name);
            if is_known || serves(name) {
                return;
            }
            let ModuleOptions {
                grants, on_failure, ..
            } = options(name);
            absent.push(Self {
                name: name.to_owned(),
                exports,
                grants,
                on_failure,
            });
        };
        // The component that would have served comes first.
        let mut failed: Vec<_> = failures.iter().collect();
        failed.sort_by_key(|failure| failure.rank);
        for failure in &failed {
            if let Some(name) = &failure.module {
                add(name, failure.exports.clone());
            }
        }
        let nameless = failed.iter().filter(|failure| failure.module.is_none());
        let nameless: Vec<_> = nameless.map(|failure| failure.exports.clone()).collect();
        if !nameless.is_empty() {
            let exports: Option<Vec<Vec<String>>> = nameless.into_iter().collect();
            let exports = exports.map(|exports| exports.concat());
            for name in named {
                add(name, exports.clone());
            }
        }
        absent.retain(|one| one.is_extension() || one.provides());
        absent
    }

    /// Whether it may fill any point.
    pub fn is_extension(&self) -> bool {
        match &self.exports {
            Some(exports) => exports.iter().any(|name| self.is_granted(name)),
            None => self.grants.has_hooks(),
        }
    }

    fn is_granted(&self, point: &str) -> bool {
        self.grants.check(vec![needed_to_fill(point)]).is_ok()
    }

    /// Whether it may provide fields. Which ones is not known.
    pub(super) fn provides(&self) -> bool {
        let exports = self.exports.as_ref();
        let exports_it = exports.is_none_or(|exports| exports.iter().any(|name| is_provider(name)));
        exports_it && self.grants.has_fields()
    }

    /// What becomes of a request that its fields are asked for.
    pub(super) fn on_failure_of_fields(&self) -> FailurePolicy {
        self.on_failure.unwrap_or(FailurePolicy::Skip)
    }

    /// Whether it may fill this extension point.
    pub(super) fn fills(&self, point: &str) -> bool {
        let exports = self.exports.as_ref();
        let exports_it =
            exports.is_none_or(|exports| exports.iter().any(|name| are_compatible(name, point)));
        exports_it && self.is_granted(point)
    }

    /// What becomes of a request at one of its hooks.
    pub fn on_failure(&self) -> FailurePolicy {
        self.on_failure.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::components::settings::ModuleLimits;
    use crate::components::source::Rank;

    const POINT: &str = "a:b/hooks@2.1.0";

    fn failure(module: Option<&str>, rank: Rank, exports: Option<&[&str]>) -> Failure {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Failure {
            module: module.map(str::to_owned),
            origin: String::new(),
            digest: None,
            rank,
            reason: String::new(),
            exports: exports.map(owned),
            of_settings: Vec::new(),
        }
    }

    /// The names of those that may fill the point.
    fn filling(failures: &[Failure]) -> Vec<String> {
        let options = |name: &str| {
            let standard = ModuleOptions::standard(ModuleLimits::standard(1));
            let of_package = |package: &str| Grants::parse(vec![format!("hooks={package}")]);
            let grants = match name {
                "granted-package" => of_package("b").unwrap(),
                "granted-other" => of_package("c").unwrap(),
                name if name.starts_with("granted") => Grants::all(),
                _ => standard.grants.clone(),
            };
            ModuleOptions { grants, ..standard }
        };
        let named = ["granted-set", "set"];
        let serves = |name: &str| name.ends_with("serves");
        let absent = Absent::among(failures, named, serves, options);
        let filling = absent.into_iter().filter(|absent| absent.fills(POINT));
        filling.map(|absent| absent.name).collect()
    }

    #[test]
    fn a_failed_module_fills_what_it_exports_or_any_point_where_that_is_unknown() {
        let (fills, other) = (&["x:y/z", "a:b/hooks@2.0.0"][..], &["a:b/hooks@1.0.0"][..]);
        for (name, exports, is_filling) in [
            ("granted", Some(fills), true),
            ("granted", Some(other), false),
            ("granted", Some(&[][..]), false),
            ("granted", None, true),
            ("granted-package", None, true),
            ("granted-package", Some(fills), true),
            ("granted-other", None, false),
            ("granted-other", Some(fills), false),
            ("granted-serves", None, false),
            ("unknown", None, false),
        ] {
            let filling = filling(&[failure(Some(name), Rank::Active, exports)]);
            assert_eq!(!filling.is_empty(), is_filling, "{name} {exports:?}");
        }
        // The one that would have served decides.
        let both = [
            failure(Some("granted"), Rank::Earlier, Some(fills)),
            failure(Some("granted"), Rank::Active, Some(other)),
        ];
        assert_eq!(filling(&both), [""; 0]);
    }

    #[test]
    fn a_component_without_a_name_may_be_any_module_that_the_settings_grant_hooks() {
        let fills = Some(&["a:b/hooks@2.0.0"][..]);
        let nameless = |exports| failure(None, Rank::File, exports);
        assert_eq!(filling(&[nameless(fills)]), ["granted-set"]);
        assert_eq!(filling(&[nameless(fills), nameless(None)]), ["granted-set"]);
        assert_eq!(filling(&[nameless(Some(&["x:y/z"]))]), [""; 0]);
        assert_eq!(filling(&[]), [""; 0]);
    }
}
