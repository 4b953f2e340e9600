//! A module in service: the version that answers, perhaps another one on trial,
//! its threads and its queue, apart from those of every other module, and a rest
//! for it when it fails again and again.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};

use crate::engine::{CallError, Executor, ExecutorOptions, Pace};

use super::breaker::{Breaker, BreakerOptions};
use super::canary::{self, Canary, CanaryOptions, Verdict};
use super::meters::{Meters, ModuleMeters, Outcome};
use super::{Module, Request, Response};

/// How a module is served.
#[derive(Clone, Copy, Debug)]
pub struct SlotOptions {
    /// Its calls at the same time, and those that wait.
    pub executor: ExecutorOptions,
    /// The largest body of a request that it is given, in bytes.
    pub request_bytes_max: usize,
    /// When it is given a rest.
    pub breaker: BreakerOptions,
}

/// Why a call was not made, or gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum SlotError {
    /// The module has as many calls waiting as it may.
    #[error("too many requests are waiting")]
    Busy,
    /// The module fails again and again, and is not asked for a while.
    #[error("the module {module} fails again and again")]
    Resting {
        /// The module.
        module: String,
        /// Until it is tried again.
        left: Duration,
    },
    /// The body of the request is larger than the module takes.
    #[error("the body of the request is too large")]
    TooLarge,
    /// The call was made, and gave no answer.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// A module in service.
pub struct Slot {
    name: String,
    current: ArcSwap<Module>,
    canary: ArcSwapOption<Canary>,
    /// Held by whoever ends a trial by what was counted.
    deciding: Mutex<()>,
    executor: Executor,
    breaker: Breaker,
    meters: ModuleMeters,
    request_bytes_max: usize,
}

impl Slot {
    /// Starts the threads that the module runs on.
    ///
    /// # Errors
    /// When the machine has no thread left.
    pub fn new(
        module: Module,
        options: SlotOptions,
        meters: &Meters,
        pace: &Arc<Pace>,
    ) -> std::io::Result<Self> {
        Ok(Self {
            name: module.name().to_owned(),
            meters: meters.of(module.name()),
            current: ArcSwap::from_pointee(module),
            canary: ArcSwapOption::empty(),
            deciding: Mutex::default(),
            executor: Executor::new(pace, options.executor)?,
            breaker: Breaker::new(options.breaker),
            request_bytes_max: options.request_bytes_max,
        })
    }

    /// The module's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version in service.
    pub fn module(&self) -> Arc<Module> {
        self.current.load_full()
    }

    /// The version on trial, if there is one.
    pub fn canary(&self) -> Option<Arc<Canary>> {
        self.canary.load_full()
    }

    /// Puts another version in service, and gives the one before. A trial ends.
    pub(super) fn switch(&self, module: Arc<Module>) -> Arc<Module> {
        self.canary.store(None);
        let before = self.current.swap(module);
        // What the one before did is not this one's fault.
        self.breaker.reset();
        self.meters.rests(false);
        before
    }

    /// Begins a trial, or ends it.
    pub(super) fn set_canary(&self, canary: Option<Arc<Canary>>) {
        self.canary.store(canary);
    }

    /// Keeps all others from ending the trial as well; `None` where another one does.
    pub(super) fn deciding(&self) -> Option<MutexGuard<'_, ()>> {
        self.deciding.try_lock().ok()
    }

    /// What is to be done with the version on trial.
    pub(super) fn judge(&self, options: &CanaryOptions) -> Verdict {
        let Some(canary) = self.canary() else {
            return Verdict::Undecided;
        };
        let current = self.module().figures().counted().since(canary.before);
        canary::judge(canary.module.figures().counted(), current, options)
    }

    /// Whether it is not asked for a while, since it fails again and again.
    pub fn is_resting(&self) -> bool {
        self.breaker.is_open()
    }

    /// Has one of its versions answer a request: the one that the request was
    /// routed to, whichever is in service by now.
    ///
    /// # Errors
    /// When it is not asked, or gives no answer.
    pub async fn handle(
        &self,
        module: &Arc<Module>,
        request: Request,
    ) -> Result<Response, SlotError> {
        if request.body.len() > self.request_bytes_max {
            return Err(SlotError::TooLarge);
        }
        let asked = Instant::now();
        // A version on trial is judged as such. It gives nobody else a rest.
        let on_trial = !Arc::ptr_eq(module, &self.current.load());
        if !on_trial && let Err(left) = self.breaker.admit(asked) {
            self.meters.count(Outcome::Resting);
            return Err(SlotError::Resting {
                module: self.name.clone(),
                left,
            });
        }
        let answering = module.clone();
        let Ok(result) = self.executor.submit(move || answering.handle(&request)) else {
            if !on_trial {
                self.breaker.not_begun(asked);
            }
            self.meters.count(Outcome::Busy);
            return Err(SlotError::Busy);
        };
        let result = result.await.unwrap_or_else(|_| {
            Err(CallError::BadAnswer(
                "the call ended inside the host".to_owned(),
            ))
        });
        let ended = Instant::now();
        let status = result.as_ref().ok().map(|response| response.status);
        module.figures().count(status, ended - asked);
        self.meters.took(ended - asked, result.is_ok());
        if !on_trial {
            let opened = self.breaker.ended(result.is_err(), ended);
            self.meters.rests(self.breaker.is_open());
            if opened {
                tracing::error!(
                    module = self.name,
                    "it fails again and again: for a while it answers 503"
                );
            }
        }
        Ok(result?)
    }
}
