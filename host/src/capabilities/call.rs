//! What belongs to one call: who calls, with what, and what its capabilities and the
//! usage of its limits keep of it. Lives in the store of the call's instance and dies
//! with it.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use wasmtime::component::ResourceTable;

use super::logging::Log;
use super::{Limits, Nesting, Outbound, Points, PointsOfHost, Settings, States, TimeLeft, Usage};
use crate::storage::Session;
use crate::telemetry::LogBudget;
use crate::trial::Trial;

/// Who calls, with what.
pub struct CallContext {
    /// The component's name, for the log.
    pub component: Arc<str>,
    /// The lines that the component may log in a second, over all its calls.
    pub log: Arc<LogBudget>,
    /// The component's settings.
    pub settings: Settings,
    /// Its database; `None` while it is only asked about itself.
    pub session: Option<Session>,
    /// The limits of the call.
    pub limits: Arc<Limits>,
    /// Whether calls of this version are to end: another one has replaced it, and waited
    /// long enough.
    pub retired: Arc<AtomicBool>,
    /// Its way to other servers.
    pub outbound: Arc<Outbound>,
    /// The calls that it is nested in.
    pub nesting: Nesting,
    /// Where its time and its chance come from while the component is tested.
    pub trial: Option<Arc<Trial>>,
}

/// The state of one call, as wasmtime's store holds it.
pub struct CallState {
    pub(super) table: ResourceTable,
    pub(super) log: Log,
    pub(super) states: States,
    pub(crate) usage: Usage,
    component: Arc<str>,
    nesting: Nesting,
    points: PointsOfHost,
}

impl CallState {
    pub(crate) fn new(mut context: CallContext, points: PointsOfHost) -> Self {
        let log = Log::new(
            context.component.clone(),
            context.log.clone(),
            context.limits.capabilities.logging,
        );
        let log = log.within(&context.nesting);
        Self {
            states: States::begin(&mut context, &log),
            table: ResourceTable::new(),
            log,
            usage: Usage::new(context.limits, context.retired, context.nesting.left),
            component: context.component,
            nesting: context.nesting,
            points,
        }
    }

    /// Who fills the extension points, and the nesting of a call that this one makes;
    /// `None` where nothing fills them.
    pub(crate) fn points(&self) -> Option<(Arc<dyn Points>, Nesting)> {
        let points = self.reached()?.clone();
        let mut components = self.nesting.components.clone();
        components.push(self.component.clone());
        let nesting = Nesting {
            caller: self.nesting.caller.clone(),
            actor: self.nesting.actor,
            event: self.nesting.event.clone(),
            components,
            reaches_others: true,
            left: Some(TimeLeft {
                guest: self.usage.time_left(),
                call: self.usage.call_time_left(),
            }),
        };
        Some((points, nesting))
    }

    /// Who fills the extension points and extends entities; `None` where the call reaches no
    /// other component.
    pub(super) fn reached(&self) -> Option<&Arc<dyn Points>> {
        self.points.get().filter(|_| self.nesting.reaches_others)
    }

    /// Whether the call has written what is kept.
    pub(crate) fn has_kept(&self) -> bool {
        self.states.sql.has_kept()
    }

    /// The guest's name, and what it said of its troubles, line by line.
    pub(crate) fn troubles(&self) -> (Arc<str>, Vec<String>) {
        self.log.troubles()
    }
}
