//! Events and subscribers as operators see them.

use std::sync::atomic::Ordering;

use serde::Serialize;
use serde_json::Value;

use super::about::About;
use super::subscriber::Status;
use crate::clock;
use crate::storage::{Delivery, Event, timestamp};

/// An event of a component.
#[derive(Debug, Serialize)]
pub struct EventView {
    /// The component and the event's number.
    pub id: String,
    name: String,
    component: String,
    entity: String,
    key: String,
    data: Value,
    time: String,
    cause: Option<Value>,
}

impl EventView {
    pub(super) fn new(source: &str, event: Event) -> Self {
        let About { entity, id: key } = About::of(&event);
        let read = |text: &str| serde_json::from_str(text).unwrap_or_default();
        Self {
            id: format!("{source}-{}", event.id),
            entity,
            key,
            name: event.name,
            component: source.to_owned(),
            data: read(&event.data),
            time: event.created_at,
            cause: event.cause.as_deref().map(read),
        }
    }
}

/// An event that a subscriber has not handled.
#[derive(Debug, Serialize)]
pub struct DeliveryView {
    event: EventView,
    /// `waiting` or `dead`.
    state: &'static str,
    attempts: u32,
    /// When it is tried again; `None` of a dead letter.
    due: Option<String>,
    error: Option<String>,
}

impl DeliveryView {
    /// The id of its event.
    pub fn event_id(&self) -> &str {
        &self.event.id
    }

    pub(super) fn new(delivery: Delivery) -> Self {
        let due = delivery.due_ms.map(|due| {
            let due = std::time::Duration::from_millis(due.max(0).unsigned_abs());
            timestamp(std::time::UNIX_EPOCH + due)
        });
        Self {
            event: EventView::new(&delivery.source, delivery.event),
            state: if due.is_some() { "waiting" } else { "dead" },
            attempts: delivery.attempts,
            due,
            error: delivery.error,
        }
    }
}

/// What has become of an event at one subscriber.
#[derive(Debug, Serialize)]
pub struct Fate {
    pub(super) subscriber: String,
    /// `handled`, `waiting`, `dead`, or `ahead` of one that has not got so far.
    pub(super) state: &'static str,
    pub(super) attempts: u32,
    pub(super) error: Option<String>,
}

/// A component that takes events.
#[derive(Debug, Serialize)]
pub struct SubscriberView {
    /// The module.
    pub name: String,
    /// The names of the events that it takes.
    pub takes: Vec<String>,
    /// `works`, `fails` while its circuit is open, or `disabled`.
    pub state: &'static str,
    /// Since the host started.
    pub handled: u64,
    /// Failures since the host started.
    pub failed: u64,
    /// For how many seconds every event has failed.
    pub failing_s: Option<u64>,
    /// What was said last, if it fails.
    pub error: Option<String>,
    /// Of each component whose events it may have.
    pub sources: Vec<SourceView>,
}

/// How far a subscriber has got with the events of one component.
#[derive(Debug, Serialize)]
pub struct SourceView {
    /// The component.
    pub component: String,
    /// The number of the last event that is handled or kept, with all before it.
    pub done: i64,
    /// The number of the newest event.
    pub last: i64,
    /// Events that it has not got to.
    pub lag: i64,
    /// Events that are tried again.
    pub waiting: i64,
    /// Events that are not tried again.
    pub dead: i64,
    /// For how many seconds the oldest event that it has not got to has waited.
    pub oldest_s: Option<u64>,
}

impl SubscriberView {
    pub(super) fn fill(&mut self, status: &Status) {
        self.handled = status.handled.load(Ordering::Relaxed);
        self.failed = status.failed.load(Ordering::Relaxed);
        if let Some((since, error)) = status.failing() {
            self.failing_s = Some(since.as_secs());
            self.error = Some(error);
        }
        if self.state == "works" && status.is_open.load(Ordering::Relaxed) {
            self.state = "fails";
        }
    }
}

/// For how many seconds an event of this time has been there.
pub(super) fn age_s(created_at: &str) -> Option<u64> {
    let format = &time::format_description::well_known::Rfc3339;
    let created = time::OffsetDateTime::parse(created_at, format).ok()?;
    let since = clock::since_1970().as_secs();
    Some(since.saturating_sub(created.unix_timestamp().unsigned_abs()))
}
