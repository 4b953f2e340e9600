//! Calls of a slot that another component's call makes, on the thread of that call.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use super::{Slot, ended_inside};
use crate::components::Version;
use crate::components::contract::{Asking, Selected};
use crate::components::statistics::Present;
use crate::engine::{CallError, NestedCall, Nesting, Question, Selecting, Turn, Val};
use crate::fault::fault_of;

impl Slot {
    /// Has one of its versions take its turn at a hook, on the thread of the call that
    /// calls it.
    ///
    /// # Errors
    /// With the reason why it did not answer, for the log.
    pub(in crate::components) fn hook(
        &self,
        module: &Arc<Version>,
        hook: &NestedCall<'_>,
        nesting: &Nesting,
    ) -> Result<Turn, String> {
        let status = |turn: &Turn| match turn {
            Turn::Passed(_) => 200,
            Turn::Rejected(_) => 400,
        };
        let take_turn = || module.hook(hook, nesting);
        self.nested(module, hook.function, nesting, take_turn, status)
    }

    /// Has one of its versions answer an operation, on the thread of the call that calls it.
    ///
    /// # Errors
    /// With the reason why it did not answer, for the log.
    pub(in crate::components) fn operate(
        &self,
        module: &Arc<Version>,
        call: &NestedCall<'_>,
        nesting: &Nesting,
    ) -> Result<Vec<Val>, String> {
        let operate = || module.operate(call, nesting);
        self.nested(module, call.function, nesting, operate, |_| 200)
    }

    /// Has one of its versions return values of fields that it provides, on the thread of
    /// the call that shows them.
    ///
    /// # Errors
    /// With the reason why it did not answer, for the log.
    pub(in crate::components) fn values(
        &self,
        module: &Arc<Version>,
        question: &Question<'_, Asking<'_>>,
        nesting: &Nesting,
    ) -> Result<Vec<Vec<String>>, String> {
        let values = || module.values(question, nesting);
        let status = |values: &Result<_, _>| match values {
            Ok(_) => 200,
            Err(_) => 400,
        };
        self.nested(module, "values", nesting, values, status)?
    }

    /// Has one of its versions select entities by a field that it provides, on the thread of
    /// the call that lists them. The inner error is for the person who asked.
    ///
    /// # Errors
    /// With the reason why it did not answer, for the log.
    pub(in crate::components) fn select(
        &self,
        module: &Arc<Version>,
        question: &Question<'_, Selecting<'_>>,
        limit: u32,
        nesting: &Nesting,
    ) -> Result<Result<Selected, String>, String> {
        let select = || module.select(question, limit, nesting);
        let status = |selected: &Result<_, _>| match selected {
            Ok(_) => 200,
            Err(_) => 400,
        };
        self.nested(module, "select", nesting, select, status)
    }

    /// Makes a call within another one, admitted and counted like that of a request.
    fn nested<T>(
        &self,
        module: &Arc<Version>,
        function: &str,
        nesting: &Nesting,
        make: impl FnOnce() -> Result<T, CallError>,
        status: impl FnOnce(&T) -> u16,
    ) -> Result<T, String> {
        let asked = Instant::now();
        let admitted = self
            .admit(module, &nesting.caller, number_of(function), asked)
            .map_err(|refused| refused.to_string())?;
        let _runs = Present::of(&self.record.statistics.running);
        fault_of("nested", &self.record.name);
        let result = catch_unwind(AssertUnwindSafe(make)).unwrap_or_else(|_| Err(ended_inside()));
        // A component does not fail where another one does.
        let (status, admitted) = match &result {
            Ok(answer) => (Some(status(answer)), admitted),
            Err(CallError::NoAnswer(_)) => (Some(503), None),
            Err(error) if module.is_hurried(error, nesting) => (Some(503), None),
            Err(_) => (None, admitted),
        };
        self.record.count(module, status, asked, admitted);
        result.map_err(|error| error.with_backtrace())
    }
}

/// The number that stands for a hook where others have that of a route.
fn number_of(function: &str) -> u32 {
    let mut hasher = DefaultHasher::new();
    function.hash(&mut hasher);
    // Routes have the numbers from 0 on.
    u32::MAX - u32::from(hasher.finish() as u16)
}
