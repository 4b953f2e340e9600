//! Compiles components, and reads their types, in a separate process. The compiler is not
//! made for hostile input: beyond its time or memory, only that process is killed.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::engines::{Target, code_config};
use super::error::LoadError;
use super::function_cache::FunctionCache;
use super::root;
use super::shape::Shape;
use super::size::Size;
use crate::fault::fault;

/// The hidden command of `wares` that compiles: a component on standard input, machine code
/// on standard output, the fault on standard error.
pub const COMMAND: &str = "compile-component";
/// The flag with which the command only reads the component's types, and writes its shape
/// as JSON.
const READ: &str = "--read";
/// The flag with which it compiles for the engine of large components.
const LARGE: &str = "--large";
/// The flag with which it compiles for an engine whose components are being developed.
const DEVELOPING: &str = "--developing";
/// The flag with the file in which it keeps functions between compilations.
const FUNCTIONS: &str = "--functions";

/// What the process does with the component.
#[derive(Clone, Copy, Debug)]
pub enum Task<'a> {
    /// Reads its types and its size.
    Read,
    /// Compiles it, and keeps its functions in a file for the next time.
    Compile {
        /// The engine that the machine code is for.
        target: Target,
        /// The file, if there is one.
        functions: Option<&'a Path>,
    },
}

/// The limits of compiling one component.
#[derive(Clone, Copy, Debug)]
pub struct CompileLimits {
    /// Time, in milliseconds.
    pub deadline_ms: u64,
    /// Memory, in bytes, reserved ones as well.
    pub memory_bytes_max: u64,
}

/// Compiles a component to machine code. Its functions are kept in the file `functions`.
///
/// # Errors
/// When it does not compile, or not within its limits.
pub(super) fn compile(
    bytes: &[u8],
    limits: CompileLimits,
    target: Target,
    functions: Option<&Path>,
) -> Result<Vec<u8>, LoadError> {
    fault("compile.begun");
    ask(bytes, limits, Task::Compile { target, functions })
}

/// Reads the imports and exports of a component.
///
/// # Errors
/// When it is no component, or is not read within the limits.
pub(super) fn read(bytes: &[u8], limits: CompileLimits) -> Result<Shape, LoadError> {
    let shape = ask(bytes, limits, Task::Read)?;
    serde_json::from_slice(&shape).map_err(|error| LoadError::Compiler(error.to_string()))
}

/// Runs a separate process on a component, and returns its output.
fn ask(bytes: &[u8], limits: CompileLimits, task: Task<'_>) -> Result<Vec<u8>, LoadError> {
    let failed = |error: std::io::Error| LoadError::Compiler(error.to_string());
    let flags = match task {
        Task::Read => [Some(READ), None],
        Task::Compile { target, .. } => [
            (target.size == Size::Large).then_some(LARGE),
            target.developing.then_some(DEVELOPING),
        ],
    };
    let functions = match task {
        Task::Compile { functions, .. } => functions,
        Task::Read => None,
    };
    let mut child = Command::new(program().map_err(failed)?)
        .arg(COMMAND)
        .arg(limits.memory_bytes_max.to_string())
        .args(flags.into_iter().flatten())
        .args(
            functions
                .map(|file| [OsStr::new(FUNCTIONS), file.as_os_str()])
                .into_iter()
                .flatten(),
        )
        .env_clear()
        // Each arena reserves much memory that is hardly used.
        .env("MALLOC_ARENA_MAX", "2")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let (mut stdin, mut stdout, mut stderr) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        scope.spawn(move || {
            if let Some(stdin) = &mut stdin {
                // It may end before it has read everything; its status has the reason.
                let _ = stdin.write_all(bytes);
            }
        });
        let complaint = scope.spawn(move || {
            let mut text = Vec::new();
            if let Some(stderr) = &mut stderr {
                let _ = stderr.read_to_end(&mut text);
            }
            String::from_utf8_lossy(&text).trim().to_owned()
        });
        let (done, wait) = mpsc::channel();
        scope.spawn(move || {
            let mut code = Vec::new();
            if let Some(stdout) = &mut stdout {
                let _ = stdout.read_to_end(&mut code);
            }
            let _ = done.send(code);
        });
        let code = wait.recv_timeout(Duration::from_millis(limits.deadline_ms));
        if code.is_err() {
            // It may have ended in this very moment.
            let _ = child.kill();
        }
        let status = child.wait().map_err(failed)?;
        let complaint = complaint.join().unwrap_or_default();
        match code {
            Err(RecvTimeoutError::Timeout) => Err(LoadError::CompileTime(limits.deadline_ms)),
            Ok(code) if status.success() => Ok(code),
            _ => Err(refusal(status, complaint, limits)),
        }
    })
}

/// Why the process ended without code: its own error, or it was killed.
fn refusal(status: ExitStatus, complaint: String, limits: CompileLimits) -> LoadError {
    if status.code().is_some() {
        LoadError::Compile(complaint)
    } else {
        // Without memory a Rust program aborts; there is hardly another reason.
        LoadError::CompileMemory(limits.memory_bytes_max)
    }
}

/// The path of this program, also if its file was replaced since it started.
fn program() -> std::io::Result<std::path::PathBuf> {
    if cfg!(target_os = "linux") {
        Ok("/proc/self/exe".into())
    } else {
        std::env::current_exe()
    }
}

/// The separate process: compiles the component on standard input, or reads its types,
/// within this many bytes of memory.
///
/// # Errors
/// The fault of the component, on one line.
pub fn run(memory_bytes_max: u64, task: Task<'_>) -> Result<(), String> {
    limit_memory(memory_bytes_max).map_err(|error| error.to_string())?;
    end_with_the_host();
    let mut bytes = Vec::new();
    std::io::stdin()
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    let written = match task {
        Task::Read => {
            serde_json::to_vec(&Shape::read(&bytes)?).map_err(|error| error.to_string())?
        }
        Task::Compile { target, functions } => {
            let mut config = code_config(target);
            // Background work keeps the other processors free, unless who waits for it is the
            // only one who waits for anything.
            config.parallel_compilation(target.developing || !stands_aside());
            let functions = functions.map(|file| Arc::new(FunctionCache::open(file)));
            if let Some(functions) = &functions {
                config
                    .enable_incremental_compilation(functions.clone())
                    .map_err(|error| root(&error))?;
            }
            let code = compile_with(&config, &bytes)?;
            if let Some(functions) = functions {
                functions.keep();
            }
            code
        }
    };
    std::io::stdout()
        .write_all(&written)
        .map_err(|error| error.to_string())
}

/// Compiles a component in this process.
pub(super) fn compile_here(bytes: &[u8], target: Target) -> Result<Vec<u8>, String> {
    compile_with(&code_config(target), bytes)
}

fn compile_with(config: &wasmtime::Config, bytes: &[u8]) -> Result<Vec<u8>, String> {
    let engine = wasmtime::Engine::new(config).map_err(|error| root(&error))?;
    engine
        .precompile_component(bytes)
        .map_err(|error| root(&error))
}

/// Whether background work started this process, which then runs in the background too.
fn stands_aside() -> bool {
    cfg!(target_os = "linux")
        && rustix::process::getpriority_process(None).is_ok_and(|nice| nice > 0)
}

/// Ends this process when the host that waits for the code ends.
#[cfg(target_os = "linux")]
fn end_with_the_host() {
    use rustix::process::{Signal, set_parent_process_death_signal};
    // Without it, the process ends when it is done.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
}

/// Other systems lack it.
#[cfg(not(target_os = "linux"))]
fn end_with_the_host() {}

#[cfg(target_os = "linux")]
fn limit_memory(bytes: u64) -> std::io::Result<()> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let limit = Rlimit {
        current: Some(bytes),
        maximum: Some(bytes),
    };
    setrlimit(Resource::As, limit)?;
    // An abort is expected, and a dump of its memory has no use.
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    Ok(setrlimit(Resource::Core, none)?)
}

/// Other systems bound only the time.
#[cfg(not(target_os = "linux"))]
fn limit_memory(_: u64) -> std::io::Result<()> {
    Ok(())
}
