//! The last lines of the log about each component, in memory, for whoever follows one
//! component: its own, and the host's with its name. They are those that the log has, within
//! bounds in bytes: when a component has no room left, the oldest line of the call site goes
//! that has most, so that no kind of line pushes out the others.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time::Instant;
use tracing::callsite::Identifier;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::FormattedFields;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::fields::{Fields, Named, text_of};
use super::{COMPONENT, trace};
use crate::clock;

/// The lines of one component.
const COMPONENT_BYTES_MAX: usize = 256 * 1024;
/// The lines of all components: beyond 64 of them, each has less room.
const BYTES_MAX: usize = 16 * 1024 * 1024;
/// The fields in which a line names its component.
const NAMES: [&str; 2] = ["module", "component"];

/// A line of the log about a component.
#[derive(Debug)]
pub struct KeptLine {
    /// Counts the component's lines from 1 on, since the start of the host.
    pub number: u64,
    /// When it was logged.
    pub at: SystemTime,
    /// Its level.
    pub level: Level,
    /// Whether it is the component's own, and not one of the host's about it.
    pub is_own: bool,
    /// The id of the request that it was logged for.
    pub request_id: Option<Box<str>>,
    /// Its message and its fields.
    pub text: Box<str>,
}

impl KeptLine {
    fn bytes(&self) -> usize {
        let id = self.request_id.as_deref().unwrap_or_default();
        size_of::<Self>() + self.text.len() + id.len()
    }
}

/// Lines that follow one another.
#[derive(Debug, Default)]
pub struct KeptLines {
    /// Oldest first.
    pub lines: Vec<Arc<KeptLine>>,
    /// The number after which later ones follow.
    pub next: u64,
    /// Lines that have been dropped since, of any level.
    pub lost: u64,
}

/// The log of one component.
#[derive(Debug)]
pub struct KeptLog {
    lines: Mutex<Lines>,
    added: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Lines {
    /// The number of the last one.
    latest: u64,
    bytes: usize,
    by_call_site: HashMap<Identifier, Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    lines: VecDeque<Arc<KeptLine>>,
    bytes: usize,
}

/// The logs of all components that were loaded, by their names.
static LOGS: RwLock<BTreeMap<Box<str>, Arc<KeptLog>>> = RwLock::new(BTreeMap::new());
/// The room of each of them.
static BYTES_EACH: AtomicUsize = AtomicUsize::new(COMPONENT_BYTES_MAX);
/// Whether the host ends, so that nobody waits for lines.
static ENDS: LazyLock<watch::Sender<bool>> = LazyLock::new(|| watch::Sender::new(false));
/// Tells the numbers of this process from those of others.
static RUN: LazyLock<String> = LazyLock::new(|| clock::uuid().simple().to_string());

/// The name of this run of the host, which has the numbers of lines.
pub fn run() -> &'static str {
    &RUN
}

/// Lets go of all who wait for lines: the host ends.
pub fn end_waiting() {
    ENDS.send_replace(true);
}

impl KeptLog {
    /// Begins to keep the lines about a component with this name.
    pub fn begin(component: &str) {
        let mut logs = LOGS.write().unwrap_or_else(PoisonError::into_inner);
        if logs.contains_key(component) {
            return;
        }
        logs.insert(component.into(), Arc::new(Self::new()));
        let each = (BYTES_MAX / logs.len()).min(COMPONENT_BYTES_MAX);
        if BYTES_EACH.swap(each, Ordering::Relaxed) > each {
            for log in logs.values() {
                log.lock().drop_beyond(each);
            }
        }
    }

    /// The log of the component with this name, if it was loaded.
    pub fn of(component: &str) -> Option<Arc<Self>> {
        let logs = LOGS.read().unwrap_or_else(PoisonError::into_inner);
        logs.get(component).cloned()
    }

    fn new() -> Self {
        Self {
            lines: Mutex::default(),
            added: watch::Sender::new(()),
        }
    }

    /// The last lines, so many of this level and those above.
    pub fn last(&self, count: usize, level: Level) -> KeptLines {
        let mut kept = self.lock().after(0, level);
        let over = kept.lines.len().saturating_sub(count);
        kept.lines.drain(..over);
        KeptLines { lost: 0, ..kept }
    }

    /// The lines after the one with this number, of any level.
    pub fn since(&self, number: u64) -> KeptLines {
        self.lock().after(number, Level::TRACE)
    }

    /// The lines after the one with this number, of this level and those above. Where there
    /// are none, waits for one.
    pub async fn after(&self, number: u64, level: Level, wait: Duration) -> KeptLines {
        let until = Instant::now() + wait;
        let (mut added, mut ends) = (self.added.subscribe(), ENDS.subscribe());
        let (mut from, mut lost) = (number, 0);
        loop {
            added.mark_unchanged();
            let kept = self.lock().after(from, level);
            (from, lost) = (kept.next, lost + kept.lost);
            if !kept.lines.is_empty() || lost > 0 || *ends.borrow_and_update() {
                return KeptLines { lost, ..kept };
            }
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(until) => return kept,
                _ = ends.changed() => {}
                _ = added.changed() => {}
            }
        }
    }

    fn add(&self, call_site: Identifier, line: impl FnOnce(u64) -> KeptLine) {
        let mut lines = self.lock();
        lines.latest += 1;
        let latest = lines.latest;
        lines.add(call_site, line(latest));
        lines.drop_beyond(BYTES_EACH.load(Ordering::Relaxed));
        drop(lines);
        self.added.send_replace(());
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    fn add(&mut self, call_site: Identifier, line: KeptLine) {
        let bytes = line.bytes();
        let queue = self.by_call_site.entry(call_site).or_default();
        queue.lines.push_back(Arc::new(line));
        queue.bytes += bytes;
        self.bytes += bytes;
    }

    fn drop_beyond(&mut self, bytes_max: usize) {
        while self.bytes > bytes_max {
            let queues = self.by_call_site.values_mut();
            let largest = queues.max_by_key(|queue| queue.bytes);
            let Some(line) = largest.and_then(Queue::drop_oldest) else {
                return;
            };
            self.bytes -= line.bytes();
        }
    }

    fn after(&self, number: u64, level: Level) -> KeptLines {
        let queues = self.by_call_site.values();
        let later = |queue: &Queue| {
            let from = queue.lines.partition_point(|line| line.number <= number);
            queue.lines.iter().skip(from).cloned().collect::<Vec<_>>()
        };
        let mut lines: Vec<_> = queues.flat_map(later).collect();
        let all = self.latest.saturating_sub(number);
        let lost = all.saturating_sub(lines.len() as u64);
        lines.retain(|line| line.level <= level);
        lines.sort_unstable_by_key(|line| line.number);
        KeptLines {
            lines,
            next: self.latest.max(number),
            lost,
        }
    }
}

impl Queue {
    fn drop_oldest(&mut self) -> Option<Arc<KeptLine>> {
        let line = self.lines.pop_front()?;
        self.bytes -= line.bytes();
        Some(line)
    }
}

/// The layer that keeps lines.
pub(super) struct Keep;

impl<S: Subscriber + for<'span> LookupSpan<'span>> Layer<S> for Keep {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let call_site = event.metadata();
        let fields = call_site.fields();
        if NAMES.iter().all(|name| fields.field(name).is_none()) {
            return;
        }
        let Some(log) = Named::in_event(event, &NAMES).and_then(|name| KeptLog::of(&name)) else {
            return;
        };
        let text = text_of(event, &NAMES);
        let request_id = request_id(event, &context);
        log.add(call_site.callsite(), |number| KeptLine {
            number,
            at: clock::now(),
            level: *call_site.level(),
            is_own: call_site.target() == COMPONENT,
            request_id: request_id.map(String::into_boxed_str),
            text: text.into_boxed_str(),
        });
    }
}

/// The id of the request in whose span a line is logged. The log has formatted the fields of
/// the span, in one of its two forms.
fn request_id<S>(event: &Event<'_>, context: &Context<'_, S>) -> Option<String>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    context.event_scope(event)?.find_map(|span| {
        let extensions = span.extensions();
        let text = extensions.get::<FormattedFields<Fields>>();
        let json = extensions.get::<FormattedFields<JsonFields>>();
        let fields = text
            .map(|fields| &fields.fields)
            .or(json.map(|fields| &fields.fields));
        trace::request_id(fields?).map(str::to_owned)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::layer::SubscriberExt;

    fn texts(kept: &KeptLines) -> Vec<&str> {
        kept.lines.iter().map(|line| &*line.text).collect()
    }

    fn with_layer(log: impl FnOnce()) {
        let spans = tracing_subscriber::fmt::layer()
            .with_writer(std::io::sink)
            .fmt_fields(Fields);
        let subscriber = tracing_subscriber::registry().with(Keep).with(spans);
        tracing::subscriber::with_default(subscriber, log);
    }

    fn flood(component: &str) {
        tracing::info!(module = component, filler = "x".repeat(1_000), "rejected");
    }

    #[test]
    fn a_component_has_its_own_lines_and_those_that_name_it() {
        KeptLog::begin("kept-ours");
        with_layer(|| {
            let id = "0123456789abcdef0123456789abcdef";
            let _request = trace::request(id, "f".repeat(32).as_str()).entered();
            tracing::warn!(target: COMPONENT, component = "kept-ours", context = "", "says\n\u{7}");
            tracing::error!(
                module = "kept-ours",
                reason = "a\nb",
                count = 2,
                "it failed"
            );
            tracing::error!(module = "kept-unknown", "it failed");
            tracing::error!("something failed");
        });
        let kept = KeptLog::of("kept-ours").unwrap().last(10, Level::TRACE);
        let shown = |line: &Arc<KeptLine>| (line.number, line.is_own, line.request_id.clone());
        let shown: Vec<_> = kept.lines.iter().map(shown).collect();
        let id: Option<Box<str>> = Some("0123456789abcdef0123456789abcdef".into());
        assert_eq!(shown, [(1, true, id.clone()), (2, false, id)]);
        assert_eq!(
            texts(&kept),
            ["says\\n\\u{7}", "it failed reason=\"a\\nb\" count=2"]
        );
        let kept = KeptLog::of("kept-ours").unwrap().last(10, Level::ERROR);
        assert_eq!((kept.lines.len(), kept.next), (1, 2));
        assert!(KeptLog::of("kept-unknown").is_none());
    }

    #[test]
    fn a_flood_of_one_call_site_is_bounded_and_pushes_out_no_other_line() {
        KeptLog::begin("kept-flooded");
        let log = KeptLog::of("kept-flooded").unwrap();
        with_layer(|| {
            tracing::error!(module = "kept-flooded", "it trapped");
            for _ in 0..10_000 {
                flood("kept-flooded");
            }
        });
        let kept = log.lock().after(0, Level::TRACE);
        let bytes: usize = kept.lines.iter().map(|line| line.bytes()).sum();
        assert!((COMPONENT_BYTES_MAX - 2_000..=COMPONENT_BYTES_MAX).contains(&bytes));
        assert_eq!(texts(&kept)[0], "it trapped");
        assert_eq!(kept.lost, 10_001 - kept.lines.len() as u64);
        // What was read before it was dropped is not lost.
        let last = kept.lines.last().unwrap().number;
        assert_eq!(log.lock().after(last - 1, Level::TRACE).lost, 0);
    }

    #[tokio::test]
    async fn whoever_waits_for_a_line_gets_it_and_nothing_after_the_time() {
        KeptLog::begin("kept-awaited");
        let log = KeptLog::of("kept-awaited").unwrap();
        let none = log.after(0, Level::WARN, Duration::ZERO).await;
        assert_eq!((none.lines.len(), none.next), (0, 0));
        let waiting = tokio::spawn({
            let log = log.clone();
            async move { log.after(0, Level::WARN, Duration::from_secs(600)).await }
        });
        while log.added.receiver_count() == 0 {
            tokio::task::yield_now().await;
        }
        with_layer(|| {
            tracing::info!(module = "kept-awaited", "not asked for");
            tracing::warn!(module = "kept-awaited", "asked for");
        });
        let kept = waiting.await.unwrap();
        assert_eq!((texts(&kept), kept.next), (vec!["asked for"], 2));
    }
}
