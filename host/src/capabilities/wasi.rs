//! The part of WASI that every component gets: clocks, randomness, an empty
//! environment, and standard output and error into the log. No files, sockets,
//! processes or arguments: their interfaces are not linked at all, so that a
//! component that imports them does not load.

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime::component::Linker;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream, WasiCli, WasiCliView};
use wasmtime_wasi::p2::bindings::{cli, random};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};
use wasmtime_wasi::random::WasiRandom;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiView};

use super::logging::Log;

/// A context for one call, whose output goes to `log`.
pub fn context(log: &Log) -> WasiCtx {
    WasiCtxBuilder::new()
        .stdout(Output {
            log: log.clone(),
            level: tracing::Level::INFO,
            name: "stdout",
        })
        .stderr(Output {
            log: log.clone(),
            level: tracing::Level::WARN,
            name: "stderr",
        })
        .build()
}

/// Gives a component its part of WASI.
///
/// # Errors
/// When the linker has one of them already.
pub fn add_to_linker<T: WasiView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_proxy_interfaces_sync(linker)?;
    // What Rust's standard library asks for beside, whether or not it is used.
    cli::environment::add_to_linker::<T, WasiCli>(linker, T::cli)?;
    cli::exit::add_to_linker::<T, WasiCli>(linker, T::cli)?;
    cli::terminal_input::add_to_linker::<T, WasiCli>(linker, T::cli)?;
    cli::terminal_output::add_to_linker::<T, WasiCli>(linker, T::cli)?;
    cli::terminal_stdin::add_to_linker::<T, WasiCli>(linker, T::cli)?;
    cli::terminal_stdout::add_to_linker::<T, WasiCli>(linker, T::cli)?;
    cli::terminal_stderr::add_to_linker::<T, WasiCli>(linker, T::cli)?;
    random::insecure_seed::add_to_linker::<T, WasiRandom>(linker, |state| {
        state.ctx().ctx.random()
    })?;
    Ok(())
}

/// One of the two standard streams of a call.
#[derive(Clone)]
struct Output {
    log: Log,
    level: tracing::Level,
    name: &'static str,
}

/// As much as one write may hold. The log cuts lines on its own terms.
const WRITE_BYTES_MAX: usize = 64 * 1024;

impl Output {
    fn write_lines(&self, bytes: &[u8]) {
        for line in String::from_utf8_lossy(bytes)
            .lines()
            .filter(|line| !line.trim().is_empty())
        {
            self.log.line(self.level, self.name, line);
        }
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
        self.write_lines(&bytes);
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
