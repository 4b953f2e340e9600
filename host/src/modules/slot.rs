//! A module in service: its threads and its queue, apart from those of every
//! other module, and a rest for it when it fails again and again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::{CallError, Executor, ExecutorOptions, Pace};

use super::breaker::{Breaker, BreakerOptions};
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
    module: Arc<Module>,
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
            meters: meters.of(module.name()),
            module: Arc::new(module),
            executor: Executor::new(pace, options.executor)?,
            breaker: Breaker::new(options.breaker),
            request_bytes_max: options.request_bytes_max,
        })
    }

    /// The module.
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// Whether it is not asked for a while, since it fails again and again.
    pub fn is_resting(&self) -> bool {
        self.breaker.is_open()
    }

    /// Has the module answer a request.
    ///
    /// # Errors
    /// When it is not asked, or gives no answer.
    pub async fn handle(&self, request: Request) -> Result<Response, SlotError> {
        if request.body.len() > self.request_bytes_max {
            return Err(SlotError::TooLarge);
        }
        let asked = Instant::now();
        if let Err(left) = self.breaker.admit(asked) {
            self.meters.count(Outcome::Resting);
            return Err(SlotError::Resting {
                module: self.module.name().to_owned(),
                left,
            });
        }
        let module = self.module.clone();
        let Ok(result) = self.executor.submit(move || module.handle(&request)) else {
            self.breaker.not_begun(asked);
            self.meters.count(Outcome::Busy);
            return Err(SlotError::Busy);
        };
        let result = result.await.unwrap_or_else(|_| {
            Err(CallError::BadAnswer(
                "the call ended inside the host".to_owned(),
            ))
        });
        let ended = Instant::now();
        self.meters.took(ended - asked, result.is_ok());
        let opened = self.breaker.ended(result.is_err(), ended);
        self.meters.rests(self.breaker.is_open());
        if opened {
            tracing::error!(
                module = self.module.name(),
                "it fails again and again: for a while it answers 503"
            );
        }
        Ok(result?)
    }
}
