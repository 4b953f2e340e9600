//! What extensions reject, counted for the audit. How often that is, callers choose; so an
//! extension has an entry when it begins to reject at a hook for a field, and from then on
//! one an hour with the number of the others. The log has each.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::digest::Digest;
use crate::storage::now;

/// How long further rejections of a kind are counted before an entry has their number.
const PERIOD: Duration = Duration::from_secs(3_600);
/// Fields that are counted apart of one extension, which chooses their names. All others are
/// one.
const FIELDS_MAX: usize = 20;

/// One rejection, or the number of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rejected {
    /// The extension.
    pub module: String,
    pub digest: Digest,
    /// Who made the request, or the host, which counted several.
    pub actor: String,
    pub detail: String,
}

/// An extension, a hook and a field.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Kind {
    module: String,
    hook: String,
    field: String,
}

/// The rejections of a kind since the last entry.
struct Count {
    digest: Digest,
    begun: Instant,
    since: String,
    more: u64,
}

/// What the audit has not yet, and the kinds of which it has an entry.
#[derive(Default)]
struct State {
    counts: HashMap<Kind, Count>,
    due: Vec<Rejected>,
}

/// The rejections of all extensions.
#[derive(Default)]
pub(super) struct Rejections(Mutex<State>);

impl Rejections {
    /// Counts a rejection of a value at a hook, for a field that may be empty; returns
    /// whether the audit is to have it.
    pub(super) fn count(&self, rejected: Rejected, hook: &str, field: &str, at: Instant) -> bool {
        let mut state = self.lock();
        let State { counts, due } = &mut *state;
        let mut kind = Kind {
            module: rejected.module.clone(),
            hook: hook.to_owned(),
            field: field.to_owned(),
        };
        if !counts.contains_key(&kind) {
            let others = counts.keys().filter(|other| other.module == kind.module);
            if others.count() >= FIELDS_MAX {
                kind.field = "…".to_owned();
            }
        }
        if let Some(count) = counts.get_mut(&kind) {
            count.more += 1;
            return false;
        }
        let count = Count {
            digest: rejected.digest,
            begun: at,
            since: now(),
            more: 0,
        };
        counts.insert(kind, count);
        due.push(rejected);
        true
    }

    /// Returns what the audit is to have at this time, or at the end of the host: what began,
    /// and the numbers of what was counted for long enough.
    pub(super) fn take(&self, at: Option<Instant>) -> Vec<Rejected> {
        let mut state = self.lock();
        let State { counts, due } = &mut *state;
        let mut taken = std::mem::take(due);
        counts.retain(|kind, count| {
            let is_over = at.is_none_or(|at| at.saturating_duration_since(count.begun) >= PERIOD);
            if !is_over {
                return true;
            }
            let more = std::mem::take(&mut count.more);
            if more > 0 {
                taken.push(Rejected {
                    module: kind.module.clone(),
                    digest: count.digest,
                    actor: "host".to_owned(),
                    detail: format!(
                        "{more} more values at {} since {}",
                        place(&kind.hook, &kind.field),
                        count.since
                    ),
                });
            }
            // Another one soon is counted on; after a quiet period it is one that begins.
            (count.begun, count.since) = (at.unwrap_or(count.begun), now());
            more > 0
        });
        taken
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The hook, and the field where one is named.
pub(super) fn place(hook: &str, field: &str) -> String {
    match field {
        "" => hook.to_owned(),
        field => format!("{hook}, field {field}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(module: &str) -> Rejected {
        Rejected {
            module: module.to_owned(),
            digest: Digest::of(b"abc"),
            actor: "user_1".to_owned(),
            detail: "the first".to_owned(),
        }
    }

    /// What is taken at a time, with the times in it left out.
    fn taken(rejections: &Rejections, at: Option<Instant>) -> Vec<String> {
        let taken = rejections.take(at).into_iter();
        let text = |one: Rejected| match one.detail.split_once(" since ") {
            Some((text, _)) => format!("{}: {text}", one.module),
            None => format!("{}: {}", one.module, one.detail),
        };
        taken.map(text).collect()
    }

    #[test]
    fn an_entry_when_it_begins_and_one_an_hour_as_long_as_it_goes_on() {
        let (rejections, begun) = (Rejections::default(), Instant::now());
        let count = |module: &str, field: &str, at| {
            rejections.count(rejected(module), "before-create", field, at)
        };
        assert!(count("alpha", "email", begun));
        assert!(count("beta", "email", begun));
        assert!(count("alpha", "", begun));
        for _ in 0..1_000 {
            assert!(!count("alpha", "email", begun));
        }
        let first = ["alpha: the first", "beta: the first", "alpha: the first"];
        assert_eq!(taken(&rejections, Some(begun)), first);
        assert_eq!(taken(&rejections, Some(begun)), [""; 0]);
        let hour = begun + PERIOD;
        let more = "alpha: 1000 more values at before-create, field email";
        assert_eq!(taken(&rejections, Some(hour)), [more]);
        // It goes on for one of them, and begins anew for the others.
        assert!(!count("alpha", "email", hour));
        assert!(count("beta", "email", hour));
        assert_eq!(taken(&rejections, Some(hour)), ["beta: the first"]);
        // The host ends.
        let one = "alpha: 1 more values at before-create, field email";
        assert_eq!(taken(&rejections, None), [one]);
        assert_eq!(taken(&rejections, None), [""; 0]);
    }

    #[test]
    fn an_extension_that_names_a_field_a_request_has_a_bounded_number_of_entries() {
        let (rejections, at) = (Rejections::default(), Instant::now());
        let count = |module: &str, field: &str| rejections.count(rejected(module), "h", field, at);
        let begun = (0..1_000).filter(|number| count("alpha", &number.to_string()));
        assert_eq!(begun.count(), FIELDS_MAX + 1);
        assert!(count("beta", "email"));
    }
}
