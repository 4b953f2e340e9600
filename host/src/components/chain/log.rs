//! The lines of the log about the turns of extensions at hooks.

use tracing::Level;

use super::consequence;
use crate::components::version::Version;
use crate::engine::{Difference, NestedCall, Nesting, Val};
use crate::printable::cut;
use crate::telemetry::HOOKS;

/// The logged part of why an extension did not answer, in bytes. The cause may stand at the end,
/// behind a backtrace.
const FAULT_BYTES_MAX: usize = 4 * 1024;
/// The logged part of a value that it changed, in bytes.
const VALUE_BYTES_MAX: usize = 200;

/// Logs the names of the fields that an extension changed.
pub(super) fn changed(
    version: &Version,
    hook: &NestedCall<'_>,
    by: &Nesting,
    changed: &[Difference<'_>],
) {
    if changed.is_empty() || !version.logs_hooks(Level::INFO) {
        return;
    }
    let fields: Vec<_> = changed.iter().map(|(name, ..)| *name).collect();
    tracing::info!(
        target: HOOKS,
        module = version.name(),
        version = %version.version(),
        hook = hook.function,
        fields = fields.join(", "),
        by = by.path(),
        actor = by.on_behalf_of(),
        "an extension changed a value"
    );
}

/// Logs each value that an extension changed, or that it changed none.
pub(super) fn values(
    version: &Version,
    hook: &NestedCall<'_>,
    by: &Nesting,
    changed: &[Difference<'_>],
) {
    if !version.logs_hooks(Level::INFO) {
        return;
    }
    let line = |text: &str| {
        tracing::info!(
            target: HOOKS,
            module = version.name(),
            version = %version.version(),
            hook = hook.function,
            by = by.path(),
            actor = by.on_behalf_of(),
            "{text}"
        );
    };
    if changed.is_empty() {
        line("an extension changed nothing");
    }
    for (field, before, after) in changed {
        let (before, after) = (shown_value(*before), shown_value(*after));
        line(&format!(
            "an extension changed {field}: {before} -> {after}"
        ));
    }
}

/// A value as WAVE has it, within bounds; `none` where there is none.
fn shown_value(value: Option<&Val>) -> String {
    match value {
        None | Some(Val::Option(None)) => "none".to_owned(),
        Some(Val::Option(Some(value))) => shown_value(Some(value)),
        Some(value) => match value.to_wave() {
            Ok(text) => cut(&text, VALUE_BYTES_MAX).into_owned(),
            Err(error) => format!("({error})"),
        },
    }
}

/// Logs that an extension did not answer.
pub(super) fn failed(version: &Version, hook: &NestedCall<'_>, by: &Nesting, reason: &str) {
    let consequence = consequence(version.on_failure());
    tracing::error!(
        target: HOOKS,
        module = version.name(),
        version = %version.version(),
        hook = hook.function,
        reason = &*cut(reason, FAULT_BYTES_MAX),
        by = by.path(),
        actor = by.on_behalf_of(),
        "an extension did not answer, and {consequence}"
    );
}
