//! The delivery of events: each component that subscribes to events of others has a thread
//! while it is in service. At least once, in order per key; see [`queue`].

mod about;
mod ladder;
mod operators;
mod pause;
mod queue;
mod subscriber;
mod trim;
mod view;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::changes::Manager;
use super::slot::Slot;
use super::version::Version;
use crate::storage::announce_events;
pub use ladder::DeliveryOptions;
pub use operators::{EventFilter, Which};
pub(crate) use subscriber::Status;
use subscriber::{Source, Subscriber};
pub(super) use view::SourceView;
pub use view::SubscriberView;

/// How often subscribers are looked for that began to be served, or are no more.
const LOOK: Duration = Duration::from_secs(1);

/// How often old events are removed.
const TRIM: Duration = Duration::from_secs(3600);

/// The subscribers that are in service, and what is known of each, by name.
pub(crate) type Statuses = Arc<Mutex<BTreeMap<String, Arc<Status>>>>;

/// Delivers events until it is dropped.
pub struct Deliveries {
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Deliveries {
    /// Begins to deliver the events of all modules of a host.
    ///
    /// # Errors
    /// When the machine has no thread left.
    pub fn start(manager: &Arc<Manager>, options: DeliveryOptions) -> std::io::Result<Self> {
        let ends = Arc::new(AtomicBool::new(false));
        let work = Work {
            manager: Arc::downgrade(manager),
            statuses: manager.subscribers().clone(),
            options: Arc::new(options),
            ends: ends.clone(),
        };
        let thread = thread::Builder::new()
            .name("deliveries".to_owned())
            .spawn(move || work.run())?;
        Ok(Self {
            ends,
            thread: Some(thread),
        })
    }
}

impl Drop for Deliveries {
    /// Events that are being handled end by the limits of their calls.
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        announce_events();
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

/// The work of the thread that looks after those of subscribers.
struct Work {
    manager: Weak<Manager>,
    statuses: Statuses,
    options: Arc<DeliveryOptions>,
    ends: Arc<AtomicBool>,
}

impl Work {
    fn run(self) {
        let mut threads: BTreeMap<String, JoinHandle<()>> = BTreeMap::new();
        let mut trimmed = None::<Instant>;
        while !self.ends.load(Ordering::Relaxed) {
            threads.retain(|_, thread| !thread.is_finished());
            if let Some(manager) = self.manager.upgrade() {
                if trimmed.is_none_or(|trimmed| trimmed.elapsed() >= TRIM) {
                    trim::trim(&manager, self.options.undelivered_max);
                    trimmed = Some(Instant::now());
                }
                for slot in manager.enabled_slots() {
                    let subscribes = !slot.module().subscriptions().is_empty();
                    if subscribes && !threads.contains_key(slot.name()) {
                        threads.extend(self.begin(&slot));
                    }
                }
            }
            // Not at each event: those are for the threads of subscribers.
            thread::park_timeout(LOOK);
        }
        for thread in threads.into_values() {
            let _ = thread.join();
        }
    }

    /// Starts the thread of a subscriber.
    fn begin(&self, slot: &Arc<Slot>) -> Option<(String, JoinHandle<()>)> {
        let name = slot.name().to_owned();
        let status = lock(&self.statuses)
            .entry(name.clone())
            .or_default()
            .clone();
        let subscriber = Subscriber::new(slot.clone(), self.options.clone(), status);
        let subscriber = subscriber
            .inspect_err(|error| tracing::error!(module = name, %error, "its events wait"))
            .ok()?;
        let wanted = wanted(
            self.manager.clone(),
            self.ends.clone(),
            Arc::downgrade(slot),
        );
        let manager = self.manager.clone();
        let sources = move |version: &Version| sources(&manager, version);
        let started = thread::Builder::new()
            .name(format!("events-{name}"))
            .spawn(move || subscriber.run(wanted, sources));
        match started {
            Ok(thread) => Some((name, thread)),
            Err(error) => {
                tracing::error!(module = name, %error, "its events wait");
                None
            }
        }
    }
}

/// Whether a subscriber is to get events: while its slot is in service, enabled, and takes any.
fn wanted(manager: Weak<Manager>, ends: Arc<AtomicBool>, slot: Weak<Slot>) -> impl Fn() -> bool {
    move || {
        let (Some(manager), Some(slot)) = (manager.upgrade(), slot.upgrade()) else {
            return false;
        };
        let is_served = |one: &Arc<Slot>| Arc::ptr_eq(one, &slot);
        !ends.load(Ordering::Relaxed)
            && manager.enabled_slots().iter().any(is_served)
            && !slot.module().subscriptions().is_empty()
    }
}

/// The components whose events a version may have.
fn sources(manager: &Weak<Manager>, version: &Version) -> Vec<Source> {
    let Some(manager) = manager.upgrade() else {
        return Vec::new();
    };
    let slots = manager.slots().into_iter();
    let source = |slot: Arc<Slot>| {
        let name = slot.name().to_owned();
        if !version.may_have_events_of(&name) {
            return None;
        }
        let database = slot.module().database().cloned()?;
        Some(Source { name, database })
    };
    slots.filter_map(source).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
