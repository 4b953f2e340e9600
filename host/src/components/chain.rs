//! The chain of extensions at the extension points of modules: at a hook every component
//! that exports the point is called in the operator's order, and each gets what the one
//! before returned. Knows nothing of what a point is for.

mod log;
mod order;

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use arc_swap::ArcSwap;
use tracing::Level;

use super::absent::Absent;
use super::extended;
use super::rejections::{Rejected, Rejections, place};
use super::slot::Slot;
use super::version::Version;
use crate::engine::extended::Member;
use crate::engine::{
    DEPTH_MAX, Extending, NestedCall, Nesting, NoAnswer, NotAnswered, Points, Question, Selecting,
    Selection, Turn, Val, differences,
};
use crate::printable::cut;
use crate::telemetry::HOOKS;

use order::Called;
pub(super) use order::turn_of;
pub use order::{ExtensionOrder, OrderedBy};

/// The logged part of an extension's text, in bytes.
pub(super) const SHOWN_BYTES_MAX: usize = 500;

/// What the host does if an extension does not answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailurePolicy {
    /// The request is refused with 503.
    #[default]
    Refuse,
    /// The extension is left out.
    Skip,
}

impl FailurePolicy {
    /// Every policy, the default first.
    pub(super) const ALL: [Self; 2] = [Self::Refuse, Self::Skip];

    /// The word in the settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Skip => "skip",
        }
    }
}

/// The served components, in the order in which extensions are called.
pub struct Chain {
    called: ArcSwap<Called>,
    /// The extensions that are missing among them.
    absent: ArcSwap<Vec<Arc<Absent>>>,
    rejections: Rejections,
    /// Whether the log has the values that extensions change, and not the names of their fields
    /// alone.
    shows_values: bool,
    /// Has the audit take the rejections.
    audit: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl Chain {
    /// A chain of these components. `shows_values` if the log has values that they change.
    pub fn new(order: ExtensionOrder, slots: &[Arc<Slot>], shows_values: bool) -> Self {
        Self {
            called: ArcSwap::from_pointee(Called::new(order, slots)),
            absent: ArcSwap::default(),
            rejections: Rejections::default(),
            shows_values,
            audit: OnceLock::new(),
        }
    }

    /// The orders that the operator made.
    pub(super) fn order(&self) -> ExtensionOrder {
        self.called.load().order.clone()
    }

    /// Calls this when there are rejections for the audit. Set once.
    pub(super) fn audit_by(&self, audit: Box<dyn Fn() + Send + Sync>) {
        // A chain has one manager.
        let _ = self.audit.set(audit);
    }

    /// The rejections of its extensions.
    pub(super) fn rejections(&self) -> &Rejections {
        &self.rejections
    }

    /// Logs a rejection, and counts it for the audit.
    fn rejected(&self, version: &Version, hook: &NestedCall<'_>, by: &Nesting, rejection: &Val) {
        let shown = |name| cut(text_of(rejection, name), SHOWN_BYTES_MAX);
        let (field, code, reason) = (&*shown("field"), &*shown("code"), &*shown("message"));
        if version.logs_hooks(Level::INFO) {
            tracing::info!(
                target: HOOKS,
                module = version.name(),
                version = %version.version(),
                hook = hook.function,
                field,
                code,
                reason,
                by = by.path(),
                actor = by.on_behalf_of(),
                "an extension rejected a value"
            );
        }
        let place = place(hook.function, field);
        let code = match code {
            "" => String::new(),
            code => format!(", code {code}"),
        };
        let rejected = Rejected {
            module: version.name().to_owned(),
            digest: version.digest(),
            actor: match by.actor {
                Some(_) => by.caller.to_string(),
                None => "anonymous".to_owned(),
            },
            detail: format!("{} at {place}{code}: {reason}", version.version()),
        };
        let is_due = self
            .rejections
            .count(rejected, hook.function, field, Instant::now());
        if is_due && let Some(audit) = self.audit.get() {
            audit();
        }
    }

    /// Has requests at the hooks of these answered by the policy of each, from the next hook on.
    pub(super) fn misses(&self, absent: Vec<Arc<Absent>>) {
        self.absent.store(Arc::new(absent));
    }

    /// Has these components called from the next hook on.
    pub(super) fn replace(&self, slots: &[Arc<Slot>]) {
        self.called
            .rcu(|called| Called::new(called.order.clone(), slots));
    }

    /// Has extensions called in this order at a point, given without its version, from the
    /// next hook on; by their names where no names are given.
    pub(super) fn order_at(&self, point: &str, names: &[String]) {
        self.called.rcu(|called| {
            let mut order = called.order.clone();
            order.keep(point, names.to_vec());
            Called::new(order, called.slots())
        });
    }
}

impl Points for Chain {
    fn call(&self, hook: &NestedCall<'_>, nesting: &Nesting) -> Result<Val, NoAnswer> {
        for absent in &**self.absent.load() {
            if absent.fills(hook.interface) {
                check_absent(absent, hook)?;
            }
        }
        let mut parameters = Cow::Borrowed(hook.parameters);
        for slot in self.called.load().at(hook.interface) {
            // A component is no extension of its own.
            if is_own(slot, nesting) {
                continue;
            }
            let version = slot.choose(&nesting.caller);
            if !version.fills(hook.interface) {
                continue;
            }
            let hook = NestedCall {
                parameters: &parameters,
                ..*hook
            };
            let turn = check_nesting(slot, nesting);
            match turn.and_then(|()| slot.hook(&version, &hook, nesting)) {
                Ok(Turn::Passed(value)) => {
                    if let Some(before) = hook.parameters.last() {
                        let changed = differences(before, &value);
                        match self.shows_values {
                            true => log::values(&version, &hook, nesting, &changed),
                            false => log::changed(&version, &hook, nesting, &changed),
                        }
                    }
                    if let Some(last) = parameters.to_mut().last_mut() {
                        *last = value;
                    }
                }
                Ok(Turn::Rejected(rejection)) => {
                    self.rejected(&version, &hook, nesting, &rejection);
                    return Ok(Val::Result(Err(Some(Box::new(rejection)))));
                }
                Err(reason) => {
                    log::failed(&version, &hook, nesting, &reason);
                    if version.on_failure() == FailurePolicy::Refuse {
                        return Err(NoAnswer {
                            component: slot.name().to_owned(),
                            function: hook.function.to_owned(),
                        });
                    }
                }
            }
        }
        let value = parameters.last().cloned().map(Box::new);
        Ok(Val::Result(Ok(value)))
    }

    fn operate(&self, call: &NestedCall<'_>, nesting: &Nesting) -> Result<Vec<Val>, NoAnswer> {
        let called = self.called.load();
        let mut others = called.slots().iter().filter(|slot| !is_own(slot, nesting));
        let Some(slot) = others.find(|slot| slot.module().provides(call.interface)) else {
            let (interface, function) = (call.interface, call.function);
            let module = nesting.components.last().map_or("", |own| &**own);
            tracing::error!(
                module,
                interface,
                function,
                "an operation is called that no served component exports"
            );
            return Err(NoAnswer {
                component: interface.to_owned(),
                function: function.to_owned(),
            });
        };
        let version = slot.choose(&nesting.caller);
        let called = check_depth(nesting).and_then(|()| slot.operate(&version, call, nesting));
        called.map_err(|reason| {
            let (module, function) = (slot.name(), call.function);
            let by = nesting.components.last().map_or("", |own| &**own);
            let reason = &*cut(&reason, SHOWN_BYTES_MAX);
            tracing::error!(
                module,
                by,
                function,
                reason,
                "an operation was not answered"
            );
            NoAnswer {
                component: module.to_owned(),
                function: function.to_owned(),
            }
        })
    }

    fn extends(&self, entity: &str) -> bool {
        extended::extends(self.called.load().slots(), &self.absent.load(), entity)
    }

    fn values(
        &self,
        question: &Question<'_, Extending<'_>>,
        nesting: &Nesting,
    ) -> Result<Vec<Member>, NotAnswered> {
        extended::values(
            self.called.load().slots(),
            &self.absent.load(),
            question,
            nesting,
        )
    }

    fn select(
        &self,
        question: &Question<'_, Selecting<'_>>,
        nesting: &Nesting,
    ) -> Result<Selection, NotAnswered> {
        extended::select(
            self.called.load().slots(),
            &self.absent.load(),
            question,
            nesting,
        )
    }
}

/// Whether a component is the one that calls.
pub(super) fn is_own(slot: &Slot, nesting: &Nesting) -> bool {
    let last = nesting.components.last();
    last.is_some_and(|own| **own == *slot.name())
}

/// Whether a request may go on without an extension that failed at the start.
fn check_absent(absent: &Absent, hook: &NestedCall<'_>) -> Result<(), NoAnswer> {
    let (policy, module, function) = (absent.on_failure(), &*absent.name, hook.function);
    let consequence = consequence(policy);
    tracing::error!(
        target: HOOKS,
        module,
        hook = function,
        "an extension failed at the start, and {consequence}: mend it and start the host again, \
         or use `wares module disable {module}`"
    );
    match policy {
        FailurePolicy::Skip => Ok(()),
        FailurePolicy::Refuse => Err(NoAnswer {
            component: module.to_owned(),
            function: function.to_owned(),
        }),
    }
}

/// Whether an extension may be called at a hook, or provide fields, within these calls.
pub(super) fn check_nesting(slot: &Slot, nesting: &Nesting) -> Result<(), String> {
    let mut components = nesting.components.iter();
    if components.any(|called| **called == *slot.name()) {
        return Err("it is called as an extension within a call of its own".to_owned());
    }
    check_depth(nesting)
}

/// Whether one more call may be made within these.
fn check_depth(nesting: &Nesting) -> Result<(), String> {
    if nesting.components.len() > DEPTH_MAX {
        return Err(format!(
            "calls of components are nested at most {DEPTH_MAX} deep, and this would be one more: {}",
            nesting.components.join(" > ")
        ));
    }
    Ok(())
}

/// The text of a rejection's field; empty if it has none. A rejection that is a text itself
/// is its message.
fn text_of<'a>(rejection: &'a Val, name: &str) -> &'a str {
    let value = match rejection {
        Val::Record(fields) => fields.iter().find(|(field, _)| field == name),
        Val::String(message) if name == "message" => return message,
        _ => None,
    };
    match value {
        Some((_, Val::String(text))) => text,
        Some((_, Val::Option(Some(value)))) => match &**value {
            Val::String(text) => text,
            _ => "",
        },
        _ => "",
    }
}

/// What becomes of a request whose extension did not answer.
fn consequence(policy: FailurePolicy) -> &'static str {
    match policy {
        FailurePolicy::Refuse => "the request is refused",
        FailurePolicy::Skip => "is left out",
    }
}
