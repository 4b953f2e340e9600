//! The components that may serve each module, in the order in which they are tried. A
//! component that cannot be served is left out, and keeps no other from being served.

use std::any::Any;
use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::source::{Found, Origin, Rank, Source, version_name};
use super::store::ComponentStore;
use super::version::{Version, VersionError};
use crate::digest::Digest;
use crate::printable::cut;

/// The longest reason of a refused component, in bytes: names in it are the component's, of
/// any length.
pub(super) const REASON_BYTES_MAX: usize = 4_000;

/// A component that cannot be served.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Its module, if known.
    pub module: Option<String>,
    /// The origin of the component.
    pub origin: String,
    /// The digest of the component, if it could be read.
    pub digest: Option<Digest>,
    /// Its source.
    pub rank: Rank,
    /// The reason, beginning with the origin.
    pub reason: String,
    /// The names of what the component exports, if that could be read.
    pub exports: Option<Vec<String>>,
    /// The faults that it finds in its settings, each with its key.
    pub of_settings: Vec<String>,
}

/// A module that is not served by its first component.
#[derive(Clone, Debug)]
pub struct Fallback {
    /// The module.
    pub module: String,
    /// The digest of the component that serves.
    pub digest: Digest,
    /// The serving component, and the faults of all before it.
    pub detail: String,
}

/// A component that is newer than the one that serves its module, and comes after that
/// in the order: of a later version by its own word, or of the same with other bytes that
/// were changed, or activated, later.
#[derive(Clone, Debug)]
pub struct PassedOver {
    /// The module.
    pub module: String,
    /// The component's own version.
    pub version: String,
    /// The digest of the component.
    pub digest: Digest,
    /// Its origin.
    pub origin: Origin,
    /// The origin of the serving component.
    pub serves: Rank,
}

/// The age of a component, for comparisons.
struct Age {
    digest: Digest,
    version: semver::Version,
    since: Option<String>,
}

impl Age {
    fn of(module: &Version) -> Self {
        Self {
            digest: module.digest(),
            version: module.version().clone(),
            since: module.origin().since.clone(),
        }
    }

    fn is_newer_than(&self, other: &Self) -> bool {
        if self.digest == other.digest {
            return false;
        }
        match self.version.cmp_precedence(&other.version) {
            Ordering::Greater => true,
            Ordering::Less => false,
            Ordering::Equal => match (&self.since, &other.since) {
                (Some(since), Some(other)) => since > other,
                _ => false,
            },
        }
    }
}

/// A component that may serve a module.
enum Candidate {
    Loaded(Box<Version>, Rank, String),
    /// A version that was active before, by its digest. It is loaded when it is tried.
    Earlier(Digest),
}

/// Loads a component as a module.
pub type Load<'a> = Box<dyn Fn(&Source) -> Result<Version, VersionError> + 'a>;

/// Reads the names of what a component exports, without compiling it.
pub type ReadExports<'a> = Box<dyn Fn(&[u8]) -> Option<Vec<String>> + 'a>;

/// All modules that may be served.
pub struct Candidates<'a> {
    modules: BTreeMap<String, VecDeque<Candidate>>,
    since: BTreeMap<String, String>,
    versions: ComponentStore,
    load: Load<'a>,
    exports: ReadExports<'a>,
    failures: Vec<Failure>,
    fallbacks: Vec<Fallback>,
    passed_over: Vec<PassedOver>,
}

impl<'a> Candidates<'a> {
    /// Loads all found components, except versions that were active before.
    pub fn new(
        found: Found,
        versions: ComponentStore,
        load: Load<'a>,
        exports: ReadExports<'a>,
    ) -> Self {
        let mut candidates = Self {
            modules: BTreeMap::new(),
            since: found.since,
            versions,
            load,
            exports,
            failures: found.failures,
            fallbacks: Vec::new(),
            passed_over: Vec::new(),
        };
        for source in found.sources {
            match candidates.loaded(&source) {
                Ok(module) => candidates.add(module, source),
                Err(failure) => candidates.failures.push(*failure),
            }
        }
        for (name, digests) in found.earlier {
            let module = candidates.modules.entry(name).or_default();
            let first_file = module.iter().position(|one| one.rank() > Rank::Earlier);
            let index = first_file.unwrap_or(module.len());
            for digest in digests.into_iter().rev() {
                module.insert(index, Candidate::Earlier(digest));
            }
        }
        candidates
    }

    fn add(&mut self, module: Version, source: Source) {
        let rank = source.rank;
        let others = self.modules.entry(module.name().to_owned()).or_default();
        match others.back() {
            // It is ambiguous which of two files to serve.
            Some(Candidate::Loaded(_, Rank::File, other)) if rank == Rank::File => {
                let reason = format!(
                    "{other} and {} are both the module {}",
                    source.origin,
                    module.name()
                );
                let is_chosen = others.len() == 1;
                if is_chosen {
                    let failure = Failure {
                        module: Some(module.name().to_owned()),
                        ..self.failure(&source, reason)
                    };
                    self.failures.push(failure);
                }
            }
            _ => others.push_back(Candidate::Loaded(Box::new(module), rank, source.origin)),
        }
    }

    fn failure(&self, source: &Source, reason: String) -> Failure {
        Failure {
            module: source.name.clone(),
            origin: source.origin.clone(),
            digest: Some(source.digest),
            rank: source.rank,
            reason,
            exports: (self.exports)(&source.bytes),
            of_settings: Vec::new(),
        }
    }

    fn loaded(&self, source: &Source) -> Result<Version, Box<Failure>> {
        let (mut module, mut of_settings) = (None, Vec::new());
        let loaded = tried(&source.origin, || {
            (self.load)(source).map_err(|error| {
                module = error.module().map(str::to_owned);
                of_settings = error.of_settings().to_vec();
                error.to_string()
            })
        });
        loaded.map_err(|reason| {
            let failure = self.failure(source, reason);
            Box::new(Failure {
                module: failure.module.or(module),
                of_settings,
                ..failure
            })
        })
    }

    /// The names of all modules, those that have data here for longest first, and those
    /// without any last: of two that cannot be served together the first one is,
    /// and a new module takes no routes of an older one.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self
            .modules
            .iter()
            .map(|(name, candidates)| {
                let since = self.since.get(name);
                let first = candidates.front();
                let rank = first.map(Candidate::rank);
                // An entity's own fields go before those that others provide.
                let provides = first.is_some_and(Candidate::provides);
                (since.is_none(), since, provides, rank, name.clone())
            })
            .collect();
        names.sort();
        names.into_iter().map(|(.., name)| name).collect()
    }

    /// The modules as they are served without faults.
    pub fn first(&self) -> impl Iterator<Item = &Version> {
        let candidates = self.modules.values();
        candidates.filter_map(|candidates| match candidates.front()? {
            Candidate::Loaded(module, ..) => Some(&**module),
            Candidate::Earlier(_) => None,
        })
    }

    /// Passes the module's components to `take`, one after another, until it accepts one.
    /// `None` if it accepts none, or the module is unknown.
    pub fn choose<T>(
        &mut self,
        name: &str,
        mut take: impl FnMut(Version) -> Result<T, String>,
    ) -> Option<T> {
        while let Some(candidate) = self.modules.get_mut(name)?.pop_front() {
            let (module, rank, origin) = match candidate {
                Candidate::Loaded(module, rank, origin) => (*module, rank, origin),
                Candidate::Earlier(digest) => match self.earlier(name, digest) {
                    Ok(module) => {
                        let origin = version_name(name, digest);
                        (module, Rank::Earlier, origin)
                    }
                    Err(failure) => {
                        self.failures.push(*failure);
                        continue;
                    }
                },
            };
            let digest = module.digest();
            let (age, exports) = (Age::of(&module), module.exports());
            match tried(&origin, || take(module)) {
                Ok(taken) => {
                    self.note_passed_over(name, &age, rank);
                    self.note_fallback(name, digest, rank, &origin);
                    return Some(taken);
                }
                Err(reason) => self.failures.push(Failure {
                    module: Some(name.to_owned()),
                    origin,
                    digest: Some(digest),
                    rank,
                    reason,
                    exports: Some(exports),
                    of_settings: Vec::new(),
                }),
            }
        }
        None
    }

    fn earlier(&self, name: &str, digest: Digest) -> Result<Version, Box<Failure>> {
        let source = Source::version(&self.versions, name, digest, Rank::Earlier)?;
        self.loaded(&source)
    }

    fn note_passed_over(&mut self, name: &str, serves: &Age, rank: Rank) {
        for candidate in self.modules.get(name).into_iter().flatten() {
            if let Candidate::Loaded(module, ..) = candidate
                && Age::of(module).is_newer_than(serves)
            {
                self.passed_over.push(PassedOver {
                    module: name.to_owned(),
                    version: module.version().to_string(),
                    digest: module.digest(),
                    origin: module.origin().clone(),
                    serves: rank,
                });
            }
        }
    }

    fn note_fallback(&mut self, name: &str, digest: Digest, rank: Rank, origin: &str) {
        let before = |failure: &&Failure| {
            failure.module.as_deref() == Some(name)
                && (failure.rank < rank || failure.rank == Rank::Earlier && rank == Rank::Earlier)
        };
        let reasons: Vec<&str> = self
            .failures
            .iter()
            .filter(before)
            .map(|failure| failure.reason.as_str())
            .collect();
        if !reasons.is_empty() {
            self.fallbacks.push(Fallback {
                module: name.to_owned(),
                digest,
                detail: format!("{origin} serves: {}", reasons.join("; ")),
            });
        }
    }

    /// The components that were tried and cannot be served.
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// The faults in the settings of built-in modules that nothing else may serve, each with
    /// its key: they are as wrong as those of the host.
    pub fn faults_of_settings(&self) -> Vec<String> {
        self.faults_of_settings_unless(|name| self.modules.contains_key(name))
    }

    /// The same of those that are not served.
    pub fn faults_of_settings_unless(&self, serves: impl Fn(&str) -> bool) -> Vec<String> {
        let built_in = self.failures.iter();
        let built_in = built_in.filter(|failure| failure.rank == Rank::BuiltIn);
        let faults = built_in.filter(|failure| !failure.module.as_deref().is_some_and(&serves));
        faults
            .flat_map(|failure| failure.of_settings.clone())
            .collect()
    }

    /// The modules that are not served by their first component.
    pub fn fallbacks(&self) -> &[Fallback] {
        &self.fallbacks
    }

    /// The components that are newer than those that serve instead.
    pub fn passed_over(&self) -> &[PassedOver] {
        &self.passed_over
    }

    /// Whether a module of this name may be served, or would be if it had not failed.
    pub fn knows(&self, name: &str) -> bool {
        self.modules.contains_key(name)
            || self
                .failures
                .iter()
                // A component that failed before it returned its name may be any module.
                .any(|failure| {
                    failure
                        .module
                        .as_deref()
                        .is_none_or(|module| module == name)
                })
    }
}

impl Candidate {
    fn rank(&self) -> Rank {
        match self {
            Self::Loaded(_, rank, _) => *rank,
            Self::Earlier(_) => Rank::Earlier,
        }
    }

    /// Whether it provides fields of other modules' entities, as far as it is loaded.
    fn provides(&self) -> bool {
        match self {
            Self::Loaded(module, ..) => !module.fields().is_empty(),
            Self::Earlier(_) => false,
        }
    }
}

/// Runs a step for one component: a panic in it does not affect others.
fn tried<T>(origin: &str, work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    caught(work, |said| format!("{origin}: {said}"))
        .map_err(|reason| cut(&reason, REASON_BYTES_MAX).into_owned())
}

/// Runs a closure; a panic is a fault of the host and ends only this. `fault` makes an error
/// of its text.
pub(super) fn caught<T, E>(
    work: impl FnOnce() -> Result<T, E>,
    fault: impl FnOnce(String) -> E,
) -> Result<T, E> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(fault(fault_of_the_host(&*panic))))
}

/// The text of a panic.
fn fault_of_the_host(panic: &(dyn Any + Send)) -> String {
    let said = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without words");
    format!("a fault of the host: {said}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_newer_by_its_version_and_then_by_its_time() {
        let age = |digest: &str, version: &str, since: Option<&str>| Age {
            digest: Digest::of(digest.as_bytes()),
            version: semver::Version::parse(version).unwrap(),
            since: since.map(str::to_owned),
        };
        let (early, late) = (
            Some("2026-01-01T00:00:00.000Z"),
            Some("2026-01-01T00:00:00.001Z"),
        );
        let serves = age("a", "1.2.3-rc.1", early);
        for (other, is_newer) in [
            (age("b", "1.2.3", None), true),
            (age("b", "1.2.3-rc.0", late), false),
            (age("b", "1.2.3-rc.1", late), true),
            (age("b", "1.2.3-rc.1+build.7", late), true),
            (age("b", "1.2.3-rc.1+build.7", early), false),
            (age("b", "1.2.3-rc.1", None), false),
            (age("a", "1.2.4", late), false),
        ] {
            assert_eq!(
                other.is_newer_than(&serves),
                is_newer,
                "{} {:?}",
                other.version,
                other.since
            );
        }
    }
}
