//! Remarks that the log has once for a version, however often they apply.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Distinct causes.
const CAUSES_MAX: usize = 64;

/// The remarks already logged for a version. A version that is put in service once more
/// keeps them.
#[derive(Default)]
pub struct Remarks(Mutex<BTreeSet<String>>);

/// Whether to log a remark.
#[derive(Debug, PartialEq, Eq)]
pub enum Remark {
    /// For the first time.
    First,
    /// For the first time, and no other cause is logged after it.
    Last,
    /// It was logged, or there are too many causes.
    Said,
}

impl Remarks {
    /// Records a cause, a short text.
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
