//! A module in service: its current version and its canary, its threads and queues, apart
//! from those of every other module, and its circuit breaker.

mod events;
mod nested;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::iter;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};
use tracing::Span;

use crate::engine::CallError;
use crate::fault::fault_of;
use crate::printable::cut;
use crate::threads::{Executor, ExecutorOptions, Fairness, Lane};

use super::breaker::{Admitted, Breaker, BreakerOptions, Circuit};
use super::canary::Canary;
use super::statistics::{ModuleStatistics, Present, Refused};
use super::{Method, Request, Response, Version};

/// The logged part of an error of a call, in bytes.
const SHOWN_BYTES_MAX: usize = 2 * 1024;

/// The options of a slot.
#[derive(Clone, Copy, Debug)]
pub struct SlotOptions {
    /// Its calls at the same time, and those that wait.
    pub executor: ExecutorOptions,
    /// The largest body of a request, in bytes.
    pub request_bytes_max: usize,
    /// When its circuit opens.
    pub breaker: BreakerOptions,
}

/// Why a call was not made, or returned no answer.
#[derive(Debug, thiserror::Error)]
pub enum SlotError {
    /// The module has as many calls waiting as it may.
    #[error("too many requests are waiting")]
    Busy,
    /// The module keeps failing, and its circuit is open.
    #[error("the circuit of the module {module} is open")]
    CircuitOpen {
        /// The module.
        module: String,
        /// Until a call may be made.
        left: Duration,
    },
    /// The body of the request is larger than the module takes.
    #[error("the body of the request is too large")]
    TooLarge,
    /// The call was made, and returned no answer.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// The current version of a module, and its canary.
pub struct Slot {
    record: Arc<Record>,
    current: ArcSwap<Version>,
    executor: Executor,
    request_bytes_max: usize,
}

/// The state that the calls of all versions of a module share.
struct Record {
    name: String,
    breaker: Arc<Breaker>,
    statistics: Arc<ModuleStatistics>,
    canary: ArcSwapOption<Canary>,
}

/// The calls of a module that run. Keeps nothing of the module loaded.
pub(super) struct Running {
    module: String,
    count: Arc<AtomicI64>,
}

impl Running {
    pub(super) fn new(module: &str, count: Arc<AtomicI64>) -> Self {
        let module = module.to_owned();
        Self { module, count }
    }

    pub(super) fn module(&self) -> &str {
        &self.module
    }

    pub(super) fn count(&self) -> i64 {
        self.count.load(Ordering::Relaxed)
    }
}

/// A call that is made. It is counted on its own thread, so that a call is counted whose
/// caller has gone.
struct Calling {
    record: Arc<Record>,
    module: Arc<Version>,
    /// `None` of a canary: its failures decide on the canary, and open no circuit.
    admitted: Option<Admitted>,
    asked: Instant,
    /// Tells the caller from others.
    caller: Arc<str>,
    waits: Present,
    /// The request's, in which the guest runs on its own thread.
    span: Span,
}

impl Slot {
    /// Starts the threads that the module runs on.
    ///
    /// # Errors
    /// When the machine has no thread left.
    pub fn new(
        module: Version,
        options: SlotOptions,
        fairness: &Arc<Fairness>,
    ) -> std::io::Result<Self> {
        let executor = Executor::new(module.name(), fairness, options.executor)?;
        let statistics = Arc::new(ModuleStatistics::new(module.name()));
        count_into(&statistics, &module);
        Ok(Self {
            record: Arc::new(Record {
                name: module.name().to_owned(),
                breaker: Arc::new(Breaker::new(options.breaker)),
                statistics,
                canary: ArcSwapOption::empty(),
            }),
            current: ArcSwap::from_pointee(module),
            executor,
            request_bytes_max: options.request_bytes_max,
        })
    }

    /// The module's name.
    pub fn name(&self) -> &str {
        &self.record.name
    }

    /// The statistics of its calls.
    pub(super) fn statistics(&self) -> &Arc<ModuleStatistics> {
        &self.record.statistics
    }

    /// Counts the calls that run, also after the slot has ended.
    pub(super) fn running(&self) -> Running {
        Running::new(self.name(), self.record.statistics.running.clone())
    }

    /// The current version.
    pub fn module(&self) -> Arc<Version> {
        self.current.load_full()
    }

    /// The canary, if one runs.
    pub fn canary(&self) -> Option<Arc<Canary>> {
        self.record.canary.load_full()
    }

    /// Puts another version in service, and returns the one before. A canary ends.
    pub(super) fn switch(&self, module: Arc<Version>) -> Arc<Version> {
        count_into(&self.record.statistics, &module);
        let before = self.current.swap(module);
        self.record.canary.store(None);
        // The failures of the version before are not this one's.
        self.record.breaker.reset();
        self.record.show_circuit();
        before
    }

    /// The current version, and the canary beside it.
    pub(super) fn versions(&self) -> impl Iterator<Item = Arc<Version>> {
        let canary = self.canary().map(|canary| canary.module.clone());
        iter::once(self.module()).chain(canary)
    }

    /// The version that answers the caller with this key: always the same while the canary
    /// runs.
    pub(super) fn choose(&self, caller: &str) -> Arc<Version> {
        match &*self.record.canary.load() {
            Some(canary) if canary.answers(caller) => canary.module.clone(),
            _ => self.module(),
        }
    }

    /// Starts a canary, or ends it.
    pub(super) fn set_canary(&self, canary: Option<Arc<Canary>>) {
        if let Some(canary) = &canary {
            count_into(&self.record.statistics, &canary.module);
        }
        self.record.canary.store(canary);
    }

    /// The state of its circuit breaker.
    pub fn circuit(&self) -> Circuit {
        self.record.breaker.circuit()
    }

    /// Asks the circuit breaker about a call; `None` for a canary, which has none.
    ///
    /// # Errors
    /// When the circuit is open.
    fn admit(
        &self,
        module: &Arc<Version>,
        caller: &str,
        route: u32,
        asked: Instant,
    ) -> Result<Option<Admitted>, SlotError> {
        if !Arc::ptr_eq(module, &self.current.load()) {
            return Ok(None);
        }
        let mut hasher = DefaultHasher::new();
        caller.hash(&mut hasher);
        let admitted = self.record.breaker.admit(hasher.finish(), route, asked);
        admitted.map(Some).map_err(|left| {
            module.statistics().refuse(Refused::CircuitOpen);
            SlotError::CircuitOpen {
                module: self.record.name.clone(),
                left,
            }
        })
    }

    /// Has one of its versions answer a request: the one that the request was
    /// routed to, whichever is in service by now. `caller` tells callers apart: the
    /// id of the actor, or the peer of a caller who is not signed in. `read` converts the
    /// answer, and says why it is invalid.
    ///
    /// # Errors
    /// When the call is not made, or returns no answer.
    pub async fn handle<T: Send + 'static>(
        &self,
        module: &Arc<Version>,
        caller: &str,
        request: Request,
        read: fn(Response) -> Result<T, String>,
    ) -> Result<T, SlotError> {
        if request.body.len() > self.request_bytes_max {
            return Err(SlotError::TooLarge);
        }
        let (asked, statistics) = (Instant::now(), &self.record.statistics);
        let admitted = self.admit(module, caller, request.route, asked)?;
        let caller: Arc<str> = caller.into();
        let calling = Calling {
            record: self.record.clone(),
            module: module.clone(),
            admitted,
            asked,
            caller: caller.clone(),
            waits: Present::of(&statistics.waiting),
            span: Span::current(),
        };
        let route = module.routes().get(request.route as usize);
        let lane = match route.map(|route| route.method) {
            Some(Method::Get) => Lane::Reading,
            _ => Lane::Writing,
        };
        let job = move || calling.answer(&request, read);
        let Ok(result) = self.executor.submit(lane, caller, job) else {
            module.statistics().refuse(Refused::Busy);
            return Err(SlotError::Busy);
        };
        Ok(result.await.unwrap_or_else(|_| Err(ended_inside()))?)
    }
}

/// Has a version's calls read with those of the module.
fn count_into(module: &ModuleStatistics, version: &Version) {
    let number = version.version().to_string();
    module.add(&number, &version.digest().short(), version.statistics());
}

impl Record {
    /// Counts a call that has ended; `status` is that of its answer, if it returned one.
    fn count(
        &self,
        version: &Version,
        status: Option<u16>,
        asked: Instant,
        admitted: Option<Admitted>,
    ) {
        let ended = Instant::now();
        version.statistics().count(status, ended - asked);
        if let Some(admitted) = admitted {
            let opened = admitted.ended(status.is_none(), ended);
            self.show_circuit();
            if opened {
                tracing::error!(
                    module = self.name,
                    "the circuit opens: too many calls failed, and it answers 503"
                );
            }
        }
        if let Some(canary) = &*self.canary.load() {
            canary.counted();
        }
    }

    fn show_circuit(&self) {
        let is_open = self.breaker.circuit() != Circuit::Closed;
        let shown = &self.statistics.circuit_open;
        // Almost no call changes it.
        if shown.load(Ordering::Relaxed) != is_open {
            shown.store(is_open, Ordering::Relaxed);
        }
    }
}

fn ended_inside() -> CallError {
    CallError::BadAnswer("the call ended inside the host".to_owned())
}

impl Calling {
    fn answer<T>(
        self,
        request: &Request,
        read: fn(Response) -> Result<T, String>,
    ) -> Result<T, CallError> {
        drop(self.waits);
        let _request = self.span.enter();
        let waited = self.asked.elapsed();
        let record = &*self.record;
        let _runs = Present::of(&record.statistics.running);
        fault_of("call", &record.name);
        let mut status = None;
        let call = || {
            let response = self.module.handle(request, waited, &self.caller)?;
            let returned = response.status;
            let answer = read(response).map_err(CallError::BadAnswer)?;
            status = Some(returned);
            Ok(answer)
        };
        // A panic is a fault of the host, and a failure of the call all the same.
        let result = catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| Err(ended_inside()));
        if let Err(error) = &result
            && !matches!(error, CallError::NoAnswer(_))
        {
            let backtrace = &*error.backtrace();
            // A component chooses the length of its messages.
            let error = error.to_string();
            let error = &*cut(&error, SHOWN_BYTES_MAX);
            let module = &*record.name;
            tracing::error!(module, error = %error, backtrace, "a call returned no answer");
        }
        // A module does not fail where an extension does.
        let (status, admitted) = match &result {
            Err(CallError::NoAnswer(_)) => (Some(503), None),
            _ => (status, self.admitted),
        };
        record.count(&self.module, status, self.asked, admitted);
        result
    }
}
