//! A slot: a module's current version and its canary, with threads and a queue apart from
//! those of every other module, and a circuit breaker.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};

use crate::engine::CallError;
use crate::fault::fault_of;
use crate::printable::cut;
use crate::threads::{Executor, ExecutorOptions, Fairness, Lane};

use super::breaker::{Admitted, Breaker, BreakerOptions};
use super::canary::{self, Canary, CanaryOptions, Verdict};
use super::meters::{Meters, ModuleMeters, Outcome, Present};
use super::{Method, Request, Response, Version};

/// The logged part of an error of a call, and of its backtrace, in bytes.
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
    /// The circuit of the module is open.
    #[error("the circuit of the module {module} is open")]
    Resting {
        /// The module.
        module: String,
        /// The time until a call is tried.
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
    canary: ArcSwapOption<Canary>,
    /// Held while a decision on the canary is made.
    deciding: Mutex<()>,
    executor: Executor,
    request_bytes_max: usize,
}

/// What all calls of a module come to, of whichever version.
struct Record {
    name: String,
    breaker: Arc<Breaker>,
    meters: ModuleMeters,
}

/// The calls of a module that run.
pub(super) struct Running(Arc<Record>);

impl Running {
    pub(super) fn module(&self) -> &str {
        &self.0.name
    }

    pub(super) fn count(&self) -> i64 {
        self.0.meters.running()
    }
}

/// A call that is made. What it comes to is recorded where it runs, so that it is
/// also if its client has gone.
struct Calling {
    record: Arc<Record>,
    module: Arc<Version>,
    /// `None` for calls not made to the current version: they do not count for the breaker.
    admitted: Option<Admitted>,
    asked: Instant,
    waits: Present,
}

impl Slot {
    /// Starts the threads that the module runs on.
    ///
    /// # Errors
    /// When the machine has no thread left.
    pub fn new(
        module: Version,
        options: SlotOptions,
        meters: &Meters,
        fairness: &Arc<Fairness>,
    ) -> std::io::Result<Self> {
        let executor = Executor::new(module.name(), fairness, options.executor)?;
        Ok(Self {
            record: Arc::new(Record {
                name: module.name().to_owned(),
                breaker: Arc::new(Breaker::new(options.breaker)),
                meters: meters.of(module.name()),
            }),
            current: ArcSwap::from_pointee(module),
            canary: ArcSwapOption::empty(),
            deciding: Mutex::default(),
            executor,
            request_bytes_max: options.request_bytes_max,
        })
    }

    /// Serves a module whose routes `fits` beside the others', with the database that
    /// `open` opens. That may run its migrations, so it comes last.
    ///
    /// # Errors
    /// With the fault.
    pub fn start(
        mut module: Version,
        options: SlotOptions,
        meters: &Meters,
        fairness: &Arc<Fairness>,
        fits: impl FnOnce(&Arc<Self>) -> Result<(), String>,
        open: impl FnOnce(&mut Version) -> Result<(), String>,
    ) -> Result<Arc<Self>, String> {
        let slot = Self::new(module.again(), options, meters, fairness);
        let slot = Arc::new(slot.map_err(|error| error.to_string())?);
        fits(&slot)?;
        fault_of("start", slot.name());
        open(&mut module)?;
        slot.switch(Arc::new(module));
        Ok(slot)
    }

    /// The module's name.
    pub fn name(&self) -> &str {
        &self.record.name
    }

    /// Returns a counter of running calls, which outlives the slot.
    pub(super) fn running(&self) -> Running {
        Running(self.record.clone())
    }

    /// The current version.
    pub fn module(&self) -> Arc<Version> {
        self.current.load_full()
    }

    /// The canary, if one runs.
    pub fn canary(&self) -> Option<Arc<Canary>> {
        self.canary.load_full()
    }

    /// Puts another version in service, ends the canary, and returns the version before.
    pub(super) fn switch(&self, module: Arc<Version>) -> Arc<Version> {
        self.canary.store(None);
        let before = self.current.swap(module);
        // Failures of the version before do not count for this one.
        self.record.breaker.reset();
        self.record.meters.rests(false);
        before
    }

    /// Starts a canary, or ends it.
    pub(super) fn set_canary(&self, canary: Option<Arc<Canary>>) {
        self.canary.store(canary);
    }

    /// Locks the decision on the canary; `None` while another caller decides.
    pub(super) fn deciding(&self) -> Option<MutexGuard<'_, ()>> {
        match self.deciding.try_lock() {
            Ok(deciding) => Some(deciding),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Judges the canary.
    pub(super) fn judge(&self, options: &CanaryOptions) -> Verdict {
        let Some(canary) = self.canary() else {
            return Verdict::Undecided;
        };
        let current = self.module().figures().counted().since(canary.before);
        canary::judge(canary.module.figures().counted(), current, options)
    }

    /// Whether the circuit is open.
    pub fn is_resting(&self) -> bool {
        self.record.breaker.is_open()
    }

    /// Answers a request by the version that it was routed to, whichever is current by now.
    /// `caller` identifies the caller: the id of the actor, or the peer without credentials.
    /// `read` converts the answer, or refuses an invalid one.
    ///
    /// # Errors
    /// When the call is not made, or returns no answer.
    pub async fn handle<T: Send + 'static>(
        &self,
        module: &Arc<Version>,
        caller: &str,
        request: Request,
        read: fn(Response) -> Result<T, CallError>,
    ) -> Result<T, SlotError> {
        if request.body.len() > self.request_bytes_max {
            return Err(SlotError::TooLarge);
        }
        let (asked, meters) = (Instant::now(), &self.record.meters);
        let is_current = Arc::ptr_eq(module, &self.current.load());
        let admitted = if !is_current {
            None
        } else {
            let mut hasher = DefaultHasher::new();
            caller.hash(&mut hasher);
            let admitted = self
                .record
                .breaker
                .admit(hasher.finish(), request.route, asked);
            let admitted = admitted.map_err(|left| {
                meters.count(Outcome::Resting);
                SlotError::Resting {
                    module: self.record.name.clone(),
                    left,
                }
            })?;
            Some(admitted)
        };
        let calling = Calling {
            record: self.record.clone(),
            module: module.clone(),
            admitted,
            asked,
            waits: meters.waits(),
        };
        let route = module.routes().get(request.route as usize);
        let lane = match route.map(|route| route.method) {
            Some(Method::Get) => Lane::Reading,
            _ => Lane::Writing,
        };
        let job = move || calling.answer(&request, read);
        let Ok(result) = self.executor.submit(lane, job) else {
            meters.count(Outcome::Busy);
            return Err(SlotError::Busy);
        };
        Ok(result.await.unwrap_or_else(|_| Err(ended_inside()))?)
    }
}

fn ended_inside() -> CallError {
    CallError::BadAnswer("the call ended inside the host".to_owned())
}

impl Calling {
    fn answer<T>(
        self,
        request: &Request,
        read: fn(Response) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        drop(self.waits);
        let waited = self.asked.elapsed();
        let record = &*self.record;
        let _runs = record.meters.runs();
        fault_of("call", &record.name);
        let mut status = None;
        let call = || {
            let response = self.module.handle(request, waited)?;
            let given = response.status;
            let answer = read(response)?;
            status = Some(given);
            Ok(answer)
        };
        // A panic is a fault of the host, and counts as a failed call.
        let result = catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| Err(ended_inside()));
        let ended = Instant::now();
        let took = ended - self.asked;
        self.module.figures().count(status, took);
        record.meters.took(took, result.is_ok());
        if let Err(error) = &result {
            let backtrace = match error {
                CallError::Trap { backtrace, .. } => backtrace.join(" < "),
                _ => String::new(),
            };
            // Names of functions and texts of a component may have any length.
            let backtrace = &*cut(&backtrace, SHOWN_BYTES_MAX);
            let error = error.to_string();
            let error = &*cut(&error, SHOWN_BYTES_MAX);
            let (request_id, module) = (&*request.request_id, &*record.name);
            tracing::error!(request_id, module, error = %error, backtrace, "a call returned no answer");
        }
        if let Some(admitted) = self.admitted {
            let opened = admitted.ended(result.is_err(), ended);
            record.meters.rests(record.breaker.is_open());
            if opened {
                tracing::error!(
                    module = record.name,
                    "the circuit opens: too many calls failed, and it answers 503"
                );
            }
        }
        result
    }
}
