//! The thread of one subscriber: reads the events of components, has them handled, and keeps
//! what has become of them in the subscriber's own database.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::about::{About, DEPTH_MAX, depth};
use super::ladder::DeliveryOptions;
use super::lock;
use super::pause::Pause;
use super::queue::{Key, Next, Queue};
use crate::clock;
use crate::components::contract::SubscribedEvent;
use crate::components::slot::Slot;
use crate::components::version::Version;
use crate::printable::cut;
use crate::storage::{Database, Delivery, Event, SqlError, announce_events, wait_for_events};

/// Events that are read at once, of each component.
const READ: u32 = 256;

/// How long what was handled waits to be kept together with more.
const FLUSH: Duration = Duration::from_millis(100);

/// How long the thread sleeps at most.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// The kept part of an error, in bytes.
const ERROR_BYTES_MAX: usize = 2 * 1024;

/// What is known of a subscriber while it runs.
#[derive(Debug, Default)]
pub(crate) struct Status {
    /// Events that were handled.
    pub(crate) handled: AtomicU64,
    /// Times that one was not.
    pub(crate) failed: AtomicU64,
    /// Whether an operator wants it to be tried at once.
    pub(crate) is_asked: AtomicBool,
    /// Whether its circuit is open.
    pub(crate) is_open: AtomicBool,
    /// Since when nothing was handled without a failure, and what was said last.
    failing: Mutex<Option<(Instant, String)>>,
}

impl Status {
    /// For how long every event has failed, and what was said last.
    pub(crate) fn failing(&self) -> Option<(Duration, String)> {
        let failing = lock(&self.failing);
        failing
            .as_ref()
            .map(|(since, error)| (since.elapsed(), error.clone()))
    }
}

/// A component, and where its events are.
pub(super) struct Source {
    pub(super) name: String,
    pub(super) database: Database,
}

/// An event that is not being handled any more.
struct Ended {
    /// Its delivery, if it is kept; otherwise what would be kept of it.
    delivery: Delivery,
    was_kept: bool,
    result: Result<(), String>,
}

/// A subscriber and its events.
pub(super) struct Subscriber {
    slot: Arc<Slot>,
    database: Database,
    options: Arc<DeliveryOptions>,
    status: Arc<Status>,
    queue: Queue,
    pause: Pause,
    ended: (Sender<Ended>, Receiver<Ended>),
    /// To be kept: deliveries, and those that are none any more.
    kept: Vec<Delivery>,
    finished: Vec<(Key, i64)>,
    flushed: Instant,
}

impl Subscriber {
    /// A subscriber that goes on where it has got.
    ///
    /// # Errors
    /// When its database cannot be read.
    pub(super) fn new(
        slot: Arc<Slot>,
        options: Arc<DeliveryOptions>,
        status: Arc<Status>,
    ) -> Result<Self, SqlError> {
        let database = slot.module().database().cloned();
        let database =
            database.ok_or_else(|| SqlError::Unavailable("its database is not open".to_owned()))?;
        let queue = Queue::new(database.progress()?, database.waiting_keys()?);
        Ok(Self {
            slot,
            database,
            options,
            status,
            queue,
            pause: Pause::default(),
            ended: mpsc::channel(),
            kept: Vec::new(),
            finished: Vec::new(),
            flushed: Instant::now(),
        })
    }

    /// Has events handled while it is `wanted`. `sources` returns the components whose events
    /// it may have.
    pub(super) fn run(
        mut self,
        wanted: impl Fn() -> bool,
        sources: impl Fn(&Version) -> Vec<Source>,
    ) {
        let mut seen = 0;
        let mut told: Option<String> = None;
        while wanted() {
            let slept = match self.turn(&sources) {
                Ok(sleep) => {
                    told = None;
                    sleep
                }
                Err(error) => {
                    let error = error.to_string();
                    // Once for each trouble, not once a second.
                    if told.as_ref() != Some(&error) {
                        tracing::error!(module = self.slot.name(), error, "its events wait");
                    }
                    told = Some(error);
                    LONGEST_SLEEP
                }
            };
            seen = wait_for_events(seen, slept);
        }
        // What is being handled ends by its own limits.
        while self.queue.busy() > 0 {
            let Ok(ended) = self.ended.1.recv_timeout(Duration::from_secs(60)) else {
                break;
            };
            self.end(ended);
        }
        if let Err(error) = self.flush() {
            let module = self.slot.name();
            tracing::error!(module, %error, "what it has handled is not kept, and may be handled again");
        }
    }

    /// Ends what is handled, begins what can begin, and returns how long there is nothing
    /// more to do.
    fn turn(&mut self, sources: &impl Fn(&Version) -> Vec<Source>) -> Result<Duration, SqlError> {
        while let Ok(ended) = self.ended.1.try_recv() {
            self.end(ended);
        }
        if self.status.is_asked.swap(false, Ordering::Relaxed) {
            self.pause = Pause::default();
        }
        let now = Instant::now();
        let fails = !self.kept.is_empty() || !self.finished.is_empty();
        if fails || now.duration_since(self.flushed) >= FLUSH {
            self.flush()?;
        }
        let version = self.slot.module();
        self.read(&version, sources(&version))?;
        let next_due = self.begin_deliveries(now)?;
        self.begin_events(now);
        if !self.kept.is_empty() {
            self.flush()?;
        }
        let mut sleep = next_due.map_or(LONGEST_SLEEP, |due| due.min(LONGEST_SLEEP));
        if let Some(left) = self.pause.left(now) {
            sleep = sleep.min(left);
        }
        if self.queue.busy() > 0 {
            sleep = sleep.min(FLUSH);
        }
        Ok(sleep)
    }

    /// Reads the next events of each component.
    fn read(&mut self, version: &Version, sources: Vec<Source>) -> Result<(), SqlError> {
        for Source { name, database } in sources {
            if !self.queue.has(&name) {
                let last = database.last_event()?;
                self.database.begin_subscription(&name, last)?;
                self.queue.begin(&name, last);
            }
            let (read, ahead) = self.queue.position(&name);
            if ahead >= READ as usize {
                continue;
            }
            let events = database.events(read, READ)?;
            self.queue.add(&name, events, |event| {
                let is_taken = version.subscribes_to(&event.name);
                is_taken.then(|| About::of(event).key())
            });
        }
        Ok(())
    }

    fn places(&self, now: Instant) -> usize {
        let places = self.pause.places(self.options.concurrent_max, now);
        places.saturating_sub(self.queue.busy())
    }

    /// Begins the deliveries that are due. Returns when the next one is.
    fn begin_deliveries(&mut self, now: Instant) -> Result<Option<Duration>, SqlError> {
        let now_ms = clock::since_1970().as_millis() as i64;
        let places = self.places(now);
        if places > 0 {
            let latest = now_ms + self.options.longest().as_millis() as i64;
            // Some may be of keys that are busy.
            let limit = (places + self.queue.busy()) as u32;
            for delivery in self.database.due(now_ms, latest, limit)? {
                let key = (delivery.source.clone(), delivery.key.clone());
                if self.places(now) > 0 && self.queue.begin_delivery(&key) {
                    self.begin(delivery, true);
                }
            }
        }
        let next = self.database.next_due(now_ms)?;
        Ok(next.map(|next| Duration::from_millis((next - now_ms).unsigned_abs())))
    }

    /// Begins the events that can begin.
    fn begin_events(&mut self, now: Instant) {
        while self.places(now) > 0 {
            match self.queue.next() {
                None => return,
                Some(Next::Handle(source, event, key)) => {
                    self.begin(new_delivery(source, event, key), false);
                }
                Some(Next::Keep(source, event, key)) => {
                    self.queue.end(&source, event.id, &key);
                    self.kept.push(new_delivery(source, event, key));
                }
            }
        }
    }

    /// Has an event handled on a thread of the subscriber's.
    fn begin(&self, delivery: Delivery, was_kept: bool) {
        let sender = self.ended.0.clone();
        let event = subscribed(&delivery);
        let end = {
            let (delivery, sender) = (delivery.clone(), sender.clone());
            move |result| {
                let ended = Ended {
                    delivery,
                    was_kept,
                    result,
                };
                if sender.send(ended).is_ok() {
                    announce_events();
                }
            }
        };
        let depth = depth(&delivery.event);
        if depth >= DEPTH_MAX {
            end(Err(format!(
                "{DEPTH_MAX} events caused one another, and this is the next one"
            )));
            return;
        }
        // An earlier host may have ended between what the handler kept and what it said.
        if was_kept && self.has_handled(&delivery) {
            end(Ok(()));
            return;
        }
        self.slot.deliver(event, depth + 1, end);
    }

    /// An event is handled, or is to be tried again.
    fn end(&mut self, ended: Ended) {
        let Ended {
            mut delivery,
            was_kept,
            result,
        } = ended;
        let result = self.judged(&delivery, result);
        let now = Instant::now();
        self.queue
            .end(&delivery.source, delivery.event.id, &delivery.key);
        let opened = self.pause.count(result.is_ok(), now);
        self.status
            .is_open
            .store(self.pause.is_open(), Ordering::Relaxed);
        match result {
            Ok(()) => {
                self.status.handled.fetch_add(1, Ordering::Relaxed);
                *lock(&self.status.failing) = None;
                if was_kept {
                    self.finished
                        .push(((delivery.source, delivery.key), delivery.event.id));
                }
            }
            Err(error) => {
                self.status.failed.fetch_add(1, Ordering::Relaxed);
                let error = cut(&error, ERROR_BYTES_MAX).into_owned();
                let mut failing = lock(&self.status.failing);
                let since = failing.as_ref().map_or(now, |(since, _)| *since);
                *failing = Some((since, error.clone()));
                drop(failing);
                delivery.attempts += 1;
                delivery.error = Some(error);
                let is_loop = depth(&delivery.event) >= DEPTH_MAX;
                let wait = self.options.wait(delivery.attempts, rand::random());
                delivery.due_ms = wait
                    .filter(|_| !is_loop)
                    .map(|wait| (clock::since_1970() + wait).as_millis() as i64);
                self.log(&delivery, opened);
                self.kept.push(delivery);
            }
        }
    }

    /// What a handler wrote for an event is written once: one that fails after that is not
    /// called again.
    fn judged(&self, delivery: &Delivery, result: Result<(), String>) -> Result<(), String> {
        let error = match result {
            Err(error) if self.has_handled(delivery) => error,
            result => return result,
        };
        let (module, error) = (self.slot.name(), &*cut(&error, ERROR_BYTES_MAX));
        let event = format!("{}-{}", delivery.source, delivery.event.id);
        tracing::warn!(
            module,
            event,
            error,
            "an event failed after what it wrote was kept, and counts as handled"
        );
        Ok(())
    }

    fn has_handled(&self, delivery: &Delivery) -> bool {
        let handled = self
            .database
            .has_handled(&delivery.source, delivery.event.id);
        handled.unwrap_or(false)
    }

    fn log(&self, delivery: &Delivery, opened: Option<Duration>) {
        let module = self.slot.name();
        let event = format!("{}-{}", delivery.source, delivery.event.id);
        let (name, attempts) = (&*delivery.event.name, delivery.attempts);
        let error = delivery.error.as_deref().unwrap_or_default();
        match delivery.due_ms {
            Some(_) => tracing::warn!(
                module,
                event,
                name,
                attempts,
                error,
                "an event is not handled, and is tried again"
            ),
            None => tracing::error!(
                module,
                event,
                name,
                attempts,
                error,
                "an event is not handled, and is a dead letter"
            ),
        }
        if let Some(pause) = opened {
            let seconds = pause.as_secs();
            tracing::error!(
                module,
                seconds,
                "events fail one after the other: it gets none for a while"
            );
        }
    }

    /// Keeps what has happened since it was kept last.
    fn flush(&mut self) -> Result<(), SqlError> {
        let advanced = self.queue.advanced();
        let finished = self.finished.iter();
        let finished: Vec<(String, i64)> = finished
            .map(|((source, _), event)| (source.clone(), *event))
            .collect();
        self.flushed = Instant::now();
        if advanced.is_empty() && self.kept.is_empty() && self.finished.is_empty() {
            return Ok(());
        }
        self.database
            .keep_progress(&advanced, &self.kept, &finished)?;
        self.queue.said(advanced);
        let kept = std::mem::take(&mut self.kept).into_iter();
        let kept = kept.map(|delivery| (delivery.source, delivery.key));
        let mut changed: Vec<Key> = kept.collect();
        changed.extend(
            std::mem::take(&mut self.finished)
                .into_iter()
                .map(|(key, _)| key),
        );
        changed.sort_unstable();
        changed.dedup();
        for key in changed {
            let waits = self.database.has_waiting(&key.0, &key.1)?;
            self.queue.set_waiting(key, waits);
        }
        Ok(())
    }
}

/// What would be kept of an event that was not handled yet: due at once.
fn new_delivery(source: String, event: Event, key: String) -> Delivery {
    Delivery {
        source,
        event,
        key,
        attempts: 0,
        due_ms: Some(0),
        error: None,
    }
}

/// An event as its subscriber sees it.
fn subscribed(delivery: &Delivery) -> SubscribedEvent {
    let event = &delivery.event;
    let about = About::of(event);
    SubscribedEvent {
        number: event.id,
        id: format!("{}-{}", delivery.source, event.id),
        name: event.name.clone(),
        component: delivery.source.clone(),
        entity: about.entity,
        key: about.id,
        data: event.data.clone(),
        time: event.created_at.clone(),
        attempt: delivery.attempts + 1,
    }
}
