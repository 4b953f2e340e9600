//! The part of WASI that every component gets: clocks, randomness, an empty
//! environment, and standard output and error into the log. No processes and no
//! arguments; of files and sockets `inert.rs` has the names alone.

mod seeded;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime::component::{HasData, Linker, Resource};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream, WasiCli, WasiCliView};
use wasmtime_wasi::clocks::WasiClocksCtxView;
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::p2::bindings::{cli, random};
use wasmtime_wasi::p2::{DynPollable, OutputStream, Pollable, StreamError, StreamResult};
use wasmtime_wasi::random::{WasiRandom, WasiRandomCtx};
use wasmtime_wasi::{HostWallClock, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use super::logging::Log;
use super::{CallContext, CallState, Capability, PerCall};
use crate::clock as system_clock;
use crate::trial::Trial;

pub(crate) const CAPABILITY: Capability = Capability {
    interfaces: &[
        "wasi:cli/environment@0.2.12",
        "wasi:cli/exit@0.2.12",
        "wasi:cli/stderr@0.2.12",
        "wasi:cli/stdin@0.2.12",
        "wasi:cli/stdout@0.2.12",
        "wasi:cli/terminal-input@0.2.12",
        "wasi:cli/terminal-output@0.2.12",
        "wasi:cli/terminal-stderr@0.2.12",
        "wasi:cli/terminal-stdin@0.2.12",
        "wasi:cli/terminal-stdout@0.2.12",
        "wasi:clocks/monotonic-clock@0.2.12",
        "wasi:clocks/wall-clock@0.2.12",
        "wasi:io/error@0.2.12",
        "wasi:io/poll@0.2.12",
        "wasi:io/streams@0.2.12",
        "wasi:random/insecure@0.2.12",
        "wasi:random/insecure-seed@0.2.12",
        "wasi:random/random@0.2.12",
    ],
    grant: None,
    is_inert: false,
    summary: "reads clocks and random bytes, and writes its output to the host's log",
    link,
};

pub(crate) type Limits = ();

pub(crate) struct State {
    wasi: WasiCtx,
    /// How long the guest may still wait for the clock.
    sleep_left: Duration,
    trial: Option<Arc<Trial>>,
}

impl PerCall for State {
    fn begin(context: &mut CallContext, log: &Log) -> Self {
        let mut builder = WasiCtxBuilder::new();
        builder
            .wall_clock(WallClock)
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .stdout(Output::new(log, tracing::Level::INFO, "stdout"))
            .stderr(Output::new(log, tracing::Level::WARN, "stderr"));
        let trial = context.trial.take();
        if let Some(trial) = &trial {
            seeded::set(&mut builder, trial);
        }
        Self {
            wasi: builder.build(),
            sleep_left: Duration::from_millis(context.limits.deadline_ms),
            trial,
        }
    }
}

impl WasiView for CallState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.states.wasi.wasi,
            table: &mut self.table,
        }
    }
}

/// The host's time. WASI's own clock knows none before 1970.
struct WallClock;

impl HostWallClock for WallClock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        system_clock::since_1970()
    }
}

/// The monotonic clock of one call. Waiting is the one thing that a guest can do
/// in the host for as long as it likes, so it has an account of its own.
struct Clock<'a> {
    /// WASI's own.
    clocks: WasiClocksCtxView<'a>,
    /// How long the guest may still wait in this call.
    left: &'a mut Duration,
    trial: Option<&'a Trial>,
}

fn clock(call: &mut CallState) -> Clock<'_> {
    Clock {
        clocks: WasiClocksCtxView {
            ctx: call.states.wasi.wasi.clocks(),
            table: &mut call.table,
        },
        left: &mut call.states.wasi.sleep_left,
        trial: call.states.wasi.trial.as_deref(),
    }
}

/// Marks a guest that wants to wait for longer than it may, on its way through
/// wasmtime's errors.
#[derive(Debug, thiserror::Error)]
#[error("the guest waits for too long")]
pub(crate) struct SleepsTooLong;

impl Clock<'_> {
    fn spend(&mut self, nanos: u64) -> wasmtime::Result<()> {
        match self.left.checked_sub(Duration::from_nanos(nanos)) {
            Some(left) => {
                *self.left = left;
                Ok(())
            }
            None => Err(wasmtime::Error::new(SleepsTooLong)),
        }
    }

    /// What is over after so long. A trial's clock moves on by it at once.
    fn after(&mut self, nanos: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.spend(nanos)?;
        let left = match self.trial {
            Some(trial) => {
                trial.wait(Duration::from_nanos(nanos));
                0
            }
            None => nanos,
        };
        monotonic_clock::Host::subscribe_duration(&mut self.clocks, left)
    }
}

impl monotonic_clock::Host for Clock<'_> {
    fn now(&mut self) -> wasmtime::Result<u64> {
        self.clocks.now()
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        self.clocks.resolution()
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let now = self.clocks.now()?;
        self.after(when.saturating_sub(now))
    }

    fn subscribe_duration(&mut self, nanos: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.after(nanos)
    }
}

struct HasClock;

impl HasData for HasClock {
    type Data<'a> = Clock<'a>;
}

fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_proxy_interfaces_sync(linker)?;
    linker.allow_shadowing(true);
    monotonic_clock::add_to_linker::<_, HasClock>(linker, clock)?;
    linker.allow_shadowing(false);
    // What Rust's standard library asks for beside, whether or not it is used.
    cli::environment::add_to_linker::<_, WasiCli>(linker, CallState::cli)?;
    cli::exit::add_to_linker::<_, WasiCli>(linker, CallState::cli)?;
    cli::terminal_input::add_to_linker::<_, WasiCli>(linker, CallState::cli)?;
    cli::terminal_output::add_to_linker::<_, WasiCli>(linker, CallState::cli)?;
    cli::terminal_stdin::add_to_linker::<_, WasiCli>(linker, CallState::cli)?;
    cli::terminal_stdout::add_to_linker::<_, WasiCli>(linker, CallState::cli)?;
    cli::terminal_stderr::add_to_linker::<_, WasiCli>(linker, CallState::cli)?;
    random::insecure::add_to_linker::<_, WasiRandom>(linker, randomness)?;
    random::insecure_seed::add_to_linker::<_, WasiRandom>(linker, randomness)
}

fn randomness(call: &mut CallState) -> &mut WasiRandomCtx {
    call.states.wasi.wasi.random()
}

/// One of the two standard streams of a call.
#[derive(Clone)]
struct Output(Arc<Lines>);

/// Puts single writes together to whole lines: a program may write a line word by word.
struct Lines {
    log: Log,
    level: tracing::Level,
    name: &'static str,
    begun: Mutex<Vec<u8>>,
}

/// As much as one write may hold. The log cuts lines on its own terms.
const WRITE_BYTES_MAX: usize = 64 * 1024;

impl Output {
    fn new(log: &Log, level: tracing::Level, name: &'static str) -> Self {
        Self(Arc::new(Lines {
            log: log.clone(),
            level,
            name,
            begun: Mutex::default(),
        }))
    }
}

impl Lines {
    fn write(&self, bytes: &[u8]) {
        if self.level == tracing::Level::WARN {
            self.log.keep_trouble(bytes);
        }
        if !self.log.takes(self.level) {
            return;
        }
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        begun.extend_from_slice(bytes);
        let whole = match begun.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => end + 1,
            None if begun.len() > WRITE_BYTES_MAX => begun.len(),
            None => return,
        };
        let lines: Vec<u8> = begun.drain(..whole).collect();
        self.show(&lines);
    }

    fn show(&self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        self.log.lines(self.level, self.name, &text);
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        let rest = std::mem::take(self.begun.get_mut().unwrap_or_else(PoisonError::into_inner));
        self.show(&rest);
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Only the preview-3 interfaces ask for it, and those are not linked.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if bytes.len() > WRITE_BYTES_MAX {
            return Err(StreamError::Trap(wasmtime::Error::msg(
                "it writes more at once than it may",
            )));
        }
        self.0.write(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES_MAX)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

#[cfg(test)]
mod tests;
