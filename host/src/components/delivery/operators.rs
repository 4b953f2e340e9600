//! What operators ask of events and subscribers, and do with events that were not handled.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::about::About;
use super::lock;
use super::view::{DeliveryView, EventView, Fate, SourceView, SubscriberView, age_s};
use crate::components::audit::{self, Action};
use crate::components::changes::{ChangeError, Manager, UnderWay};
use crate::components::contract::Subscription;
use crate::components::slot::Slot;
use crate::components::version::Version;
use crate::storage::{Database, Delivery, Outcome, SqlError, announce_events};

/// Events that are read at once to find those that are asked for.
const READ: u32 = 1_000;

/// Events that one replay has handled again at most.
const REPLAY_MAX: usize = 100_000;

/// Which events are asked for.
#[derive(Debug, Default)]
pub struct EventFilter {
    /// The component; all of them without one.
    pub component: Option<String>,
    /// The names, as of a subscription.
    pub name: Option<String>,
    /// Only those after this one, in the order of components and numbers.
    pub after: Option<String>,
    /// How many at most.
    pub limit: usize,
}

/// Which deliveries are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which<'a> {
    /// Of the event with this id.
    One(&'a str),
    /// All dead letters.
    AllDead,
}

/// An event by its id: the component, and the number.
fn parse(id: &str) -> Result<(&str, i64), ChangeError> {
    let parsed = id
        .rsplit_once('-')
        .and_then(|(source, number)| Some((source, number.parse().ok()?)));
    parsed.ok_or_else(|| {
        let id = id.escape_debug();
        ChangeError::NoEvent(format!(
            "'{id}' is no id of an event: one is like orders-12"
        ))
    })
}

fn no_event(id: &str) -> ChangeError {
    ChangeError::NoEvent(format!("no event has the id {id}, or it is removed"))
}

fn opened(version: &Version) -> Result<&Database, ChangeError> {
    version
        .database()
        .ok_or_else(|| SqlError::Unavailable("it is not open".to_owned()).into())
}

impl Manager {
    /// The events of components, as far as the filter has them, and whether there may be more.
    ///
    /// # Errors
    /// When the component is unknown, or a database cannot be read.
    pub fn events(&self, filter: &EventFilter) -> Result<(Vec<EventView>, bool), ChangeError> {
        let name = filter.name.as_deref().map(|name| {
            Subscription::parse(name).ok_or_else(|| {
                let name = name.escape_debug();
                ChangeError::NoEvent(format!(
                    "'{name}' is no name of events: one is like order.created or order.*"
                ))
            })
        });
        let name = name.transpose()?;
        let after = filter.after.as_deref().map(parse).transpose()?;
        let slots = match &filter.component {
            Some(component) => vec![self.slot(component)?],
            None => self.slots(),
        };
        let mut found = Vec::new();
        for slot in slots {
            let mut from = match after {
                Some((source, _)) if slot.name() < source => continue,
                Some((source, number)) if slot.name() == source => number,
                _ => 0,
            };
            let version = slot.module();
            loop {
                let events = opened(&version)?.events(from, READ)?;
                let Some(last) = events.last() else { break };
                from = last.id;
                for event in events {
                    if name.as_ref().is_some_and(|name| !name.has(&event.name)) {
                        continue;
                    }
                    if found.len() == filter.limit {
                        return Ok((found, true));
                    }
                    found.push(EventView::new(slot.name(), event));
                }
            }
        }
        Ok((found, false))
    }

    /// One event, and what has become of it at each subscriber that takes it.
    ///
    /// # Errors
    /// When there is no such event, or a database cannot be read.
    pub fn event(&self, id: &str) -> Result<(EventView, Vec<Fate>), ChangeError> {
        let (source, number) = parse(id)?;
        let version = self.slot(source)?.module();
        let found = opened(&version)?.events(number - 1, 1)?.into_iter().next();
        let event = found
            .filter(|event| event.id == number)
            .ok_or_else(|| no_event(id))?;
        let mut fates = Vec::new();
        for slot in self.slots() {
            let version = slot.module();
            if !version.subscribes_to(&event.name) || !version.may_have_events_of(source) {
                continue;
            }
            fates.push(fate(&slot, &version, source, number)?);
        }
        Ok((EventView::new(source, event), fates))
    }

    /// The components that take events, by name.
    ///
    /// # Errors
    /// When a database cannot be read.
    pub fn subscriber_views(&self) -> Result<Vec<SubscriberView>, ChangeError> {
        let slots = self.slots();
        let subscribe = |slot: &&Arc<Slot>| !slot.module().subscriptions().is_empty();
        let views = slots
            .iter()
            .filter(subscribe)
            .map(|slot| self.subscriber_view(slot));
        views.collect()
    }

    /// The components of which every event has failed for so long.
    pub fn failing_subscribers(&self, least: Duration) -> Vec<String> {
        let statuses = lock(self.subscribers());
        let failing = statuses.iter().filter(|(_, status)| {
            let failing = status.failing();
            failing.is_some_and(|(since, _)| since >= least)
        });
        failing.map(|(name, _)| name.clone()).collect()
    }

    fn subscriber_view(&self, slot: &Arc<Slot>) -> Result<SubscriberView, ChangeError> {
        let version = slot.module();
        let is_enabled = self
            .enabled_slots()
            .iter()
            .any(|one| Arc::ptr_eq(one, slot));
        let mut view = SubscriberView {
            name: slot.name().to_owned(),
            takes: version
                .subscriptions()
                .iter()
                .map(ToString::to_string)
                .collect(),
            state: if is_enabled { "works" } else { "disabled" },
            handled: 0,
            failed: 0,
            failing_s: None,
            error: None,
            sources: Vec::new(),
        };
        if let Some(status) = lock(self.subscribers()).get(slot.name()) {
            view.fill(status);
        }
        let own = opened(&version)?;
        let mut progress = own.progress()?;
        for source in self.slots() {
            if !version.may_have_events_of(source.name()) {
                continue;
            }
            let source_version = source.module();
            let database = opened(&source_version)?;
            let last = database.last_event()?;
            let known = progress.remove(source.name());
            let done = known.map_or(last, |progress| progress.done);
            let backlog = own.backlog(source.name())?;
            let oldest = match done < last {
                true => database
                    .events(done, 1)?
                    .first()
                    .and_then(|event| age_s(&event.created_at)),
                false => None,
            };
            view.sources.push(SourceView {
                component: source.name().to_owned(),
                done,
                last,
                lag: last - done,
                waiting: backlog.waiting,
                dead: backlog.dead,
                oldest_s: oldest,
            });
        }
        Ok(view)
    }

    /// The events that a subscriber has not handled, after this one: all, the dead letters, or
    /// the others. Returns whether there may be more.
    ///
    /// # Errors
    /// When there is no such subscriber, or its database cannot be read.
    pub fn deliveries(
        &self,
        name: &str,
        after: Option<&str>,
        dead: Option<bool>,
        limit: u32,
    ) -> Result<(Vec<DeliveryView>, bool), ChangeError> {
        let version = self.subscriber(name)?;
        let after = after.map(parse).transpose()?.unwrap_or(("", 0));
        let mut found = opened(&version)?.deliveries(after, dead, limit.saturating_add(1))?;
        let is_cut = found.len() > limit as usize;
        found.truncate(limit as usize);
        Ok((found.into_iter().map(DeliveryView::new).collect(), is_cut))
    }

    /// Has events that were not handled tried again at once. Returns how many.
    ///
    /// # Errors
    /// When there is no such subscriber or event, or its database cannot be written.
    pub fn retry(&self, name: &str, which: Which<'_>, by: &str) -> Result<usize, ChangeError> {
        self.on_deliveries(Action::Retry, name, which, by, |database, meant| {
            for delivery in meant.iter_mut() {
                delivery.due_ms = Some(0);
                delivery.attempts = 0;
            }
            if let Some(status) = lock(self.subscribers()).get(name) {
                status.is_asked.store(true, Ordering::Relaxed);
            }
            database.keep_progress(&BTreeMap::new(), meant, &[])
        })
    }

    /// Gives up events that were not handled. Returns how many.
    ///
    /// # Errors
    /// As [`Self::retry`].
    pub fn discard(&self, name: &str, which: Which<'_>, by: &str) -> Result<usize, ChangeError> {
        self.on_deliveries(Action::Discard, name, which, by, |database, meant| {
            let meant = meant.iter().map(|one| (one.source.clone(), one.event.id));
            database.keep_progress(&BTreeMap::new(), &[], &meant.collect::<Vec<_>>())
        })
    }

    fn on_deliveries(
        &self,
        action: Action,
        name: &str,
        which: Which<'_>,
        by: &str,
        change: impl FnOnce(&Database, &mut [Delivery]) -> Result<(), SqlError>,
    ) -> Result<usize, ChangeError> {
        let result = self.subscriber(name).and_then(|version| {
            let database = opened(&version)?;
            let mut meant = match which {
                Which::AllDead => database.deliveries(("", 0), Some(true), u32::MAX)?,
                Which::One(id) => {
                    let (source, number) = parse(id)?;
                    let found = database.delivery(source, number)?;
                    vec![found.ok_or_else(|| {
                        ChangeError::NoEvent(format!(
                            "{name} has handled the event {id}, or never got it"
                        ))
                    })?]
                }
            };
            change(database, &mut meant)?;
            announce_events();
            Ok(meant.len())
        });
        let what = match which {
            Which::One(id) => format!("the event {id}"),
            Which::AllDead => "all dead letters".to_owned(),
        };
        self.audit_events(action, name, by, &what, &result);
        result
    }

    /// Has a subscriber handle events once more that it has got already, from this one to that
    /// one; `None` for the oldest that is kept. Returns how many.
    ///
    /// # Errors
    /// When there is no such subscriber or component, or a database cannot be read or written.
    pub fn replay(
        &self,
        name: &str,
        component: &str,
        (from, to): (Option<i64>, Option<i64>),
        by: &str,
    ) -> Result<usize, ChangeError> {
        let result = self.replay_unrecorded(name, component, (from, to));
        let number = |number: Option<i64>, other: &str| {
            number.map_or(other.to_owned(), |number| number.to_string())
        };
        let what = format!(
            "{component} from {} to {}",
            number(from, "the oldest"),
            number(to, "the newest")
        );
        self.audit_events(Action::Replay, name, by, &what, &result);
        result
    }

    fn replay_unrecorded(
        &self,
        name: &str,
        component: &str,
        (from, to): (Option<i64>, Option<i64>),
    ) -> Result<usize, ChangeError> {
        let version = self.subscriber(name)?;
        let source = self.slot(component)?.module();
        if !version.may_have_events_of(component) {
            return Err(ChangeError::NoEvent(format!(
                "{name} is not granted the events of {component}: grant subscriptions={component}"
            )));
        }
        let (own, database) = (opened(&version)?, opened(&source)?);
        let progress = own.progress()?.remove(component);
        // Those after it come anyway.
        let done = match progress {
            Some(progress) => progress.done,
            None => {
                let last = database.last_event()?;
                own.begin_subscription(component, last)?;
                last
            }
        };
        let to = to.map_or(done, |to| to.min(done));
        let mut after = from.map_or(0, |from| from - 1);
        let mut replayed: Vec<Delivery> = Vec::new();
        loop {
            let events = database.events(after, READ)?;
            let Some(last) = events.last() else { break };
            after = last.id;
            let meant = events
                .into_iter()
                .filter(|event| event.id <= to && version.subscribes_to(&event.name));
            replayed.extend(meant.map(|event| Delivery {
                source: component.to_owned(),
                key: About::of(&event).key(),
                event,
                attempts: 0,
                due_ms: Some(0),
                error: None,
            }));
            if replayed.len() > REPLAY_MAX {
                return Err(ChangeError::NoEvent(format!(
                    "there are more than {REPLAY_MAX} events from there on: name a later one with `to`"
                )));
            }
            if after >= to {
                break;
            }
        }
        // What was written for them before is not what is written again.
        own.forget_handled(component, &replayed)?;
        own.keep_progress(&BTreeMap::new(), &replayed, &[])?;
        announce_events();
        Ok(replayed.len())
    }

    fn subscriber(&self, name: &str) -> Result<Arc<Version>, ChangeError> {
        let version = self.slot(name)?.module();
        match version.subscriptions().is_empty() {
            true => Err(ChangeError::NoSubscriber(name.to_owned())),
            false => Ok(version),
        }
    }

    fn audit_events(
        &self,
        action: Action,
        name: &str,
        by: &str,
        what: &str,
        result: &Result<usize, ChangeError>,
    ) {
        let (outcome, detail) = match result {
            Ok(count) => (Outcome::Done, format!("{what}: {count} events")),
            Err(error) => (Outcome::Refused, error.reason()),
        };
        let entry = UnderWay::new(action, None, by);
        audit::write(self.host_database(), &entry, name, outcome, &detail);
    }
}

fn fate(slot: &Slot, version: &Version, source: &str, number: i64) -> Result<Fate, ChangeError> {
    let own = opened(version)?;
    let delivery = own.delivery(source, number)?;
    let progress = own.progress()?.remove(source).unwrap_or_default();
    let is_done = number <= progress.done || progress.handled.contains(&number);
    Ok(Fate {
        subscriber: slot.name().to_owned(),
        state: match &delivery {
            Some(delivery) if delivery.due_ms.is_some() => "waiting",
            Some(_) => "dead",
            None if is_done => "handled",
            None => "ahead",
        },
        attempts: delivery.as_ref().map_or(0, |delivery| delivery.attempts),
        error: delivery.and_then(|delivery| delivery.error),
    })
}
