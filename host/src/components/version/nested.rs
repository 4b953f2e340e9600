//! A version in calls between components: what it fills and provides, and the calls that
//! others make of it.

use std::time::Duration;

use tracing::Level;

use super::Version;
use crate::components::chain::FailurePolicy;
use crate::components::contract::{Asking, Selected, SubscribedEvent};
use crate::engine::{
    CallContext, CallError, CausedBy, ImportKind, LoadError, NestedCall, Nesting, Question,
    Selecting, Turn, Val, split,
};
use crate::telemetry::HOOKS;

impl Version {
    /// Whether it is an extension that fills this extension point.
    pub(in crate::components) fn fills(&self, point: &str) -> bool {
        self.loaded.contract.component().fills(point)
    }

    /// The extension points that it fills, with their versions.
    pub fn points_filled(&self) -> Vec<String> {
        let mut exports = self.exports();
        exports.retain(|export| self.fills(export));
        exports
    }

    /// The extension points that it has, with their versions.
    pub(in crate::components) fn extension_points(&self) -> Vec<String> {
        let component = self.loaded.contract.component();
        component.imported(ImportKind::ExtensionPoint)
    }

    /// Whether it exports these operations.
    pub(in crate::components) fn provides(&self, interface: &str) -> bool {
        self.loaded.contract.component().has_export(interface)
    }

    /// Whether the calls around one of it left it less than half of the time that its own
    /// limits do: then it is not its fault that the time was up.
    pub(in crate::components) fn is_hurried(&self, error: &CallError, nesting: &Nesting) -> bool {
        let (limits, Some(left)) = (&self.loaded.limits, nesting.left) else {
            return false;
        };
        match error {
            CallError::Deadline { .. } => {
                left.guest < Duration::from_millis(limits.deadline_ms / 2)
            }
            CallError::CallTime { .. } => left.call < Duration::from_millis(limits.call_ms / 2),
            _ => false,
        }
    }

    /// The interfaces of operations that it calls.
    pub(in crate::components) fn operations_called(&self) -> Vec<String> {
        let component = self.loaded.contract.component();
        component.imported(ImportKind::Operations)
    }

    /// What the host does if it does not answer at a hook.
    pub fn on_failure(&self) -> FailurePolicy {
        self.loaded.on_failure.unwrap_or_default()
    }

    /// What the host does if it does not return the values of its fields: unless the operator
    /// says so, nobody is refused what another module has because of them.
    pub(in crate::components) fn on_failure_of_fields(&self) -> FailurePolicy {
        self.loaded.on_failure.unwrap_or(FailurePolicy::Skip)
    }

    /// Returns values of fields that it provides, within the calls of `nesting`. The inner error
    /// says why it has none for this question.
    ///
    /// # Errors
    /// When the call returns nothing, or values that the fields cannot have.
    pub(in crate::components) fn values(
        &self,
        question: &Question<'_, Asking<'_>>,
        nesting: &Nesting,
    ) -> Result<Result<Vec<Vec<String>>, String>, CallError> {
        let context = self.nested(nesting);
        self.loaded
            .contract
            .values(context, self.fields(), question)
    }

    /// Selects entities by a field that it provides, within the calls of `nesting`.
    ///
    /// # Errors
    /// When the call returns nothing.
    pub(in crate::components) fn select(
        &self,
        question: &Question<'_, Selecting<'_>>,
        limit: u32,
        nesting: &Nesting,
    ) -> Result<Result<Selected, String>, CallError> {
        let context = self.nested(nesting);
        self.loaded.contract.select(context, question, limit)
    }

    /// Whether lines of this level about its turns at hooks are logged.
    pub(in crate::components) fn logs_hooks(&self, level: Level) -> bool {
        self.loaded.log.logs(HOOKS, level)
    }

    /// Takes its turn at a hook, within the calls of `nesting`.
    ///
    /// # Errors
    /// When the call returns nothing.
    pub(in crate::components) fn hook(
        &self,
        hook: &NestedCall<'_>,
        nesting: &Nesting,
    ) -> Result<Turn, CallError> {
        let context = self.nested(nesting);
        self.loaded.contract.component().call_hook(context, hook)
    }

    /// Answers an operation that another component calls, within the calls of `nesting`.
    ///
    /// # Errors
    /// When the call returns nothing.
    pub(in crate::components) fn operate(
        &self,
        call: &NestedCall<'_>,
        nesting: &Nesting,
    ) -> Result<Vec<Val>, CallError> {
        let context = self.nested(nesting);
        let component = self.loaded.contract.component();
        component.call_operation(context, call)
    }

    /// Handles an event; `depth` is that of the events that it causes. The inner error says why
    /// it does not.
    ///
    /// # Errors
    /// When the call returns nothing.
    pub(in crate::components) fn take_event(
        &self,
        event: &SubscribedEvent,
        depth: u32,
    ) -> Result<Result<(), String>, CallError> {
        let nesting = Nesting {
            reaches_others: true,
            event: Some(CausedBy {
                id: event.id.as_str().into(),
                depth,
            }),
            ..Nesting::default()
        };
        let mut context = self.nested(&nesting);
        if let Some(session) = &mut context.session {
            session.handles(&event.component, event.number);
        }
        self.loaded.contract.take_event(context, event)
    }

    pub(super) fn nested(&self, nesting: &Nesting) -> CallContext {
        CallContext {
            nesting: nesting.clone(),
            ..self.context(self.database.get())
        }
    }

    /// What it fills of an extension point in versions that another component, which has the point
    /// in others, does not call: its export, and the point.
    pub(in crate::components) fn misses_point_of(&self, other: &Self) -> Option<(String, String)> {
        let component = self.loaded.contract.component();
        let points = other.extension_points();
        let of = |name: &str| split(name).0.to_owned();
        self.points_filled().into_iter().find_map(|export| {
            let mut same = points.iter().filter(|point| of(point) == of(&export));
            let point = same.clone().next()?;
            let is_called = same.any(|point| component.has_export(point));
            (!is_called).then(|| (export, point.clone()))
        })
    }

    /// Checks that it fits the extension points of another component that it fills, and the
    /// operations of its own that the other calls.
    ///
    /// # Errors
    /// With the function and the field that cannot be adapted.
    pub(in crate::components) fn check_points_of(&self, other: &Self) -> Result<(), LoadError> {
        let (own, other) = (
            self.loaded.contract.component(),
            other.loaded.contract.component(),
        );
        let points = other.imported(ImportKind::ExtensionPoint);
        let mut filled = points.iter().filter(|point| own.fills(point));
        filled.try_for_each(|point| own.check_point(other, point))?;
        let operations = other.imported(ImportKind::Operations);
        let mut called = operations.iter().filter(|name| own.has_export(name));
        called.try_for_each(|name| own.check_operations(other, name))
    }
}
