//! What the log says once of a version, however often there is cause.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Causes that are told apart.
const CAUSES_MAX: usize = 64;

/// What was said of a version already. A version that is put in service once more
/// keeps it.
#[derive(Default)]
pub struct Remarks(Mutex<BTreeSet<String>>);

/// Whether something is to be said.
#[derive(Debug, PartialEq, Eq)]
pub enum Remark {
    /// For the first time.
    First,
    /// For the first time, and no cause that differs is told of after it.
    Last,
    /// It was said, or there are too many causes.
    Said,
}

impl Remarks {
    /// Keeps that there is a cause. It is a short text.
    pub fn on(&self, cause: &str) -> Remark {
        let mut causes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if causes.len() >= CAUSES_MAX || causes.contains(cause) {
            return Remark::Said;
        }
        causes.insert(cause.to_owned());
        if causes.len() == CAUSES_MAX {
            Remark::Last
        } else {
            Remark::First
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_is_told_once_and_only_so_many() {
        let remarks = Remarks::default();
        assert_eq!(remarks.on("a"), Remark::First);
        assert_eq!(remarks.on("a"), Remark::Said);
        for number in 2..CAUSES_MAX {
            assert_eq!(remarks.on(&number.to_string()), Remark::First);
        }
        assert_eq!(remarks.on("last"), Remark::Last);
        assert_eq!(remarks.on("one more"), Remark::Said);
    }
}
