//! The end of a host that was told to stop. It is told by a signal, outside of all that
//! may be stuck: a second signal ends the process at once, and one whose threads do not
//! come back ends when its time is up. What was answered is on the disk by then.

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::{flag, low_level};
use tokio::sync::oneshot;

/// What remains after the time for open requests, for threads to come back and
/// databases to be closed.
const MARGIN: Duration = Duration::from_secs(5);
/// How long it may take to log why the process ends: what reads the log may be stuck.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// A shell adds the signal that ended a process to this, and reports it as the exit code.
const SIGNALLED: i32 = 128;
/// The exit code where threads did not come back.
const UNFINISHED: i32 = 1;

/// Ends the process unless it is dropped in time.
pub(super) struct Ending {
    _done: Sender<()>,
}

impl Ending {
    /// Listens for Ctrl-C, SIGTERM, and SIGHUP of a terminal that closes, of which the
    /// first resolves what this returns. A process that was started with
    /// SIGHUP ignored, as by `nohup`, still ignores it. After the signal the process has `drain`
    /// and a margin to end. `unfinished` lists what has not ended.
    ///
    /// # Errors
    /// When the system has no signals or no thread for it.
    pub(super) fn prepare(
        drain: Duration,
        unfinished: impl Fn() -> Vec<String> + Send + 'static,
    ) -> std::io::Result<(Self, oneshot::Receiver<()>)> {
        let stopping = Arc::new(AtomicBool::new(false));
        let mut ends = vec![SIGINT, SIGTERM];
        if !is_ignored(SIGHUP)? {
            ends.push(SIGHUP);
        }
        for signal in ends.iter().copied() {
            // They run in this order: the first signal finds the flag down.
            flag::register_conditional_shutdown(signal, SIGNALLED + signal, stopping.clone())?;
            flag::register(signal, stopping.clone())?;
        }
        let mut signals = Signals::new(ends)?;
        let (stop, stopped) = oneshot::channel();
        let (done, waiting) = mpsc::channel();
        thread::Builder::new()
            .name("ending".to_owned())
            .spawn(move || {
                if signals.forever().next().is_none() {
                    return;
                }
                tracing::info!("stopping: open requests are finished first");
                // Where nothing waits for it, it ends already.
                let _ = stop.send(());
                end(&waiting, drain + MARGIN, unfinished);
            })?;
        Ok((Self { _done: done }, stopped))
    }
}

/// Whether the process ignores a signal.
fn is_ignored(signal: c_int) -> std::io::Result<bool> {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: without a new action the call changes nothing, and writes the present one
    // through the given pointer, which is valid for that and has its size.
    let done = unsafe { libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) };
    if done != 0 {
        return Err(std::io::Error::last_os_error());
    }
    // SAFETY: the call succeeded, so that it has written the whole action.
    let action = unsafe { action.assume_init() };
    Ok(action.sa_sigaction == libc::SIG_IGN)
}

/// Waits until all is done, and at most for this time.
fn end(done: &Receiver<()>, time: Duration, unfinished: impl Fn() -> Vec<String> + Send + 'static) {
    if done.recv_timeout(time) != Err(RecvTimeoutError::Timeout) {
        return;
    }
    let (said, wait) = mpsc::channel::<()>();
    // Without a thread for it, nothing is said.
    let speaking = thread::Builder::new()
        .name("last words".to_owned())
        .spawn(move || {
            let unfinished = unfinished().join("; ");
            tracing::error!(
                unfinished,
                "stopped before this had ended, {} s after the signal; what was answered is kept",
                time.as_secs()
            );
            drop(said);
        });
    if speaking.is_ok() {
        let _ = wait.recv_timeout(LAST_WORDS);
    }
    // Without what else runs at the end of a process: that may wait for what is stuck.
    low_level::exit(UNFINISHED);
}
