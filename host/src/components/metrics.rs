//! `/metrics`: what is counted of modules, their versions and databases, for Prometheus. It
//! counts nothing itself: a scrape reads the counts where they are kept.

use std::fmt::{Debug, Error, Formatter};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabel, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::delivery::{SourceView, SubscriberView};
use super::exposition::classic;
use super::statistics::{ModuleStatistics, Ranges, Sample, TIMES_US};
use crate::storage::befallen;
use crate::telemetry::dropped_lines;

/// The counts that `/metrics` reads.
#[derive(Debug, Default)]
pub struct Metrics {
    modules: Mutex<Vec<Arc<ModuleStatistics>>>,
    left_out: AtomicUsize,
    subscribers: OnceLock<Subscribers>,
}

/// Returns how far those have got that take events.
struct Subscribers(Box<dyn Fn() -> Vec<SubscriberView> + Send + Sync>);

impl Debug for Subscribers {
    fn fmt(&self, out: &mut Formatter<'_>) -> std::fmt::Result {
        out.write_str("Subscribers")
    }
}

/// Reads all counts, once a scrape.
#[derive(Debug)]
struct Scrape(Arc<Metrics>);

impl Metrics {
    /// Reads the statistics of a module as well.
    pub(super) fn add(&self, module: Arc<ModuleStatistics>) {
        let mut modules = self.modules.lock().unwrap_or_else(PoisonError::into_inner);
        modules.retain(|other| other.module != module.module);
        modules.push(module);
    }

    /// Reads the statistics of a module no more.
    pub(super) fn remove(&self, module: &str) {
        let mut modules = self.modules.lock().unwrap_or_else(PoisonError::into_inner);
        modules.retain(|other| other.module != module);
    }

    /// Reads how far the subscribers have got as well.
    pub fn read_subscribers(&self, read: impl Fn() -> Vec<SubscriberView> + Send + Sync + 'static) {
        let _ = self.subscribers.set(Subscribers(Box::new(read)));
    }

    /// Sets how many components failed when the host started.
    pub fn left_out(&self, components: usize) {
        self.left_out.store(components, Ordering::Relaxed);
    }

    /// Writes them in the format of OpenMetrics.
    ///
    /// # Errors
    /// Never, as long as there is memory.
    pub fn open_metrics(self: &Arc<Self>) -> Result<String, Error> {
        let mut registry = Registry::with_prefix("wares");
        registry.register_collector(Box::new(Scrape(self.clone())));
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }

    /// Writes them in the text format of Prometheus, version 0.0.4.
    ///
    /// # Errors
    /// Never, as long as there is memory.
    pub fn classic(self: &Arc<Self>) -> Result<String, Error> {
        self.open_metrics().map(|text| classic(&text))
    }
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let modules = self
            .0
            .modules
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        calls(&mut encoder, &modules)?;
        of_modules(&mut encoder, &modules)?;
        drop(modules);
        let read = self.0.subscribers.get();
        of_subscribers(&mut encoder, &read.map_or_else(Vec::new, |read| read.0()))?;
        let dropped = dropped_lines().into_iter();
        counters(
            &mut encoder,
            "module_log_lines_dropped",
            "Log lines beyond the log budget of a module",
            dropped.map(|(module, lines)| ([("module", module.to_string())], lines)),
        )?;
        let left_out = self.0.left_out.load(Ordering::Relaxed);
        let help = "Components that failed when the host started, and whose module has not been changed since";
        encoder
            .encode_descriptor("components_left_out", help, None, MetricType::Gauge)?
            .encode_gauge(&i64::try_from(left_out).unwrap_or(i64::MAX))?;
        databases(&mut encoder)
    }
}

/// The calls of every version.
fn calls(
    encoder: &mut DescriptorEncoder<'_>,
    modules: &[Arc<ModuleStatistics>],
) -> Result<(), Error> {
    let samples: Vec<([(&str, String); 3], Sample)> = modules
        .iter()
        .flat_map(|module| {
            let samples = module.samples().into_iter();
            samples.map(|((version, digest), sample)| (labels(module, version, digest), sample))
        })
        .collect();
    let outcomes = samples.iter().flat_map(|(labels, sample)| {
        let [module, version, digest] = labels.clone();
        let counted = sample.counted;
        [
            ("answered", counted.calls.saturating_sub(counted.failed)),
            ("failed", counted.failed),
            ("busy", sample.busy),
            ("circuit_open", sample.circuit_open),
        ]
        .map(|(outcome, count)| {
            let outcome = ("outcome", outcome.to_owned());
            (
                [module.clone(), version.clone(), digest.clone(), outcome],
                count,
            )
        })
    });
    counters(
        encoder,
        "module_calls",
        "Requests to a version of a module, by their outcome",
        outcomes,
    )?;
    let mut family = encoder.encode_descriptor(
        "module_call",
        "The time of requests to a version of a module, waiting included",
        Some(&Unit::Seconds),
        MetricType::Histogram,
    )?;
    for (labels, sample) in &samples {
        let (counted, buckets) = (sample.counted, buckets(sample.ranges));
        family
            .encode_family(labels)?
            .encode_histogram::<NoLabelSet>(
                seconds(counted.micros),
                counted.calls,
                &buckets,
                None,
            )?;
    }
    Ok(())
}

fn labels(
    module: &ModuleStatistics,
    version: String,
    digest: String,
) -> [(&'static str, String); 3] {
    [
        ("module", module.module.clone()),
        ("version", version),
        ("digest", digest),
    ]
}

/// The state of every module.
fn of_modules(
    encoder: &mut DescriptorEncoder<'_>,
    modules: &[Arc<ModuleStatistics>],
) -> Result<(), Error> {
    let of = |read: fn(&ModuleStatistics) -> i64| {
        let modules = modules.iter();
        modules.map(move |module| ([("module", module.module.clone())], read(module)))
    };
    gauges(
        encoder,
        "module_calls_waiting",
        "Requests that wait for a thread of the module",
        of(|module| module.waiting.load(Ordering::Relaxed)),
    )?;
    gauges(
        encoder,
        "module_calls_running",
        "Requests that the module is answering",
        of(|module| module.running.load(Ordering::Relaxed)),
    )?;
    gauges(
        encoder,
        "module_circuit_open",
        "Whether the circuit breaker of a module refuses calls, since it keeps failing",
        of(|module| module.circuit_open.load(Ordering::Relaxed).into()),
    )
}

/// How far every subscriber has got.
fn of_subscribers(
    encoder: &mut DescriptorEncoder<'_>,
    subscribers: &[SubscriberView],
) -> Result<(), Error> {
    let all = |read: fn(&SourceView) -> i64| {
        subscribers.iter().flat_map(move |subscriber| {
            let sources = subscriber.sources.iter();
            sources.map(move |source| {
                let own = ("subscriber", subscriber.name.clone());
                ([own, ("module", source.component.clone())], read(source))
            })
        })
    };
    gauges(
        encoder,
        "subscriber_events_behind",
        "Events of a module that a subscriber has not got to",
        all(|source| source.lag),
    )?;
    gauges(
        encoder,
        "subscriber_oldest_event_seconds",
        "The age of the oldest event of a module that a subscriber has not got to",
        all(|source| {
            source
                .oldest_s
                .map_or(0, |age| i64::try_from(age).unwrap_or(i64::MAX))
        }),
    )?;
    gauges(
        encoder,
        "subscriber_events_waiting",
        "Events of a module that a subscriber did not handle, and tries again",
        all(|source| source.waiting),
    )?;
    gauges(
        encoder,
        "subscriber_dead_letters",
        "Events of a module that a subscriber did not handle, and does not try again",
        all(|source| source.dead),
    )?;
    let counts = |read: fn(&SubscriberView) -> u64| {
        let subscribers = subscribers.iter();
        subscribers.map(move |one| ([("subscriber", one.name.clone())], read(one)))
    };
    counters(
        encoder,
        "subscriber_events_handled",
        "Events that a subscriber handled",
        counts(|one| one.handled),
    )?;
    counters(
        encoder,
        "subscriber_failures",
        "Times that a subscriber did not handle an event",
        counts(|one| one.failed),
    )
}

/// The troubles of every database.
fn databases(encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
    let all = befallen();
    let troubles = all.iter().flat_map(|befallen| {
        befallen.counts.iter().map(|(trouble, count)| {
            let database = ("database", befallen.database.clone());
            ([database, ("kind", trouble.name().to_owned())], *count)
        })
    });
    counters(
        encoder,
        "database_troubles",
        "Calls refused because of a fault of a database, by the fault",
        troubles,
    )?;
    let ailing = all.iter().map(|befallen| {
        (
            [("database", befallen.database.clone())],
            befallen.is_ailing.into(),
        )
    });
    gauges(
        encoder,
        "database_in_trouble",
        "Whether a database has a fault",
        ailing,
    )
}

fn counters<L: EncodeLabel, const N: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    samples: impl IntoIterator<Item = ([L; N], u64)>,
) -> Result<(), Error> {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (labels, count) in samples {
        family
            .encode_family(&labels)?
            .encode_counter::<NoLabelSet, u64, f64>(&count, None)?;
    }
    Ok(())
}

fn gauges<L: EncodeLabel, const N: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    samples: impl IntoIterator<Item = ([L; N], i64)>,
) -> Result<(), Error> {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in samples {
        family.encode_family(&labels)?.encode_gauge(&value)?;
    }
    Ok(())
}

/// The ranges by their ends in seconds, as the encoder sums them up.
fn buckets(ranges: Ranges<u64>) -> Vec<(f64, u64)> {
    let ends = TIMES_US.iter().map(|end| seconds(*end));
    ends.chain([f64::INFINITY]).zip(ranges).collect()
}

#[expect(clippy::cast_precision_loss, reason = "times stay far below 2^53 µs")]
fn seconds(micros: u64) -> f64 {
    micros as f64 / 1_000_000.0
}
