//! The manager's own thread: ends the calls of versions that were replaced when their time
//! is up, and carries out what the calls of a canary have decided.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::Manager;
use crate::components::canary::Due;
use crate::components::version::Version;

/// How often the thread checks whether the calls of replaced versions have ended.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// How often rejections are looked for that were counted for long enough.
const AUDIT_INTERVAL: Duration = Duration::from_secs(60);

/// Work for the manager's thread.
pub(super) enum Task {
    /// Ends the calls of a version that run at that time.
    Retire(Instant, Weak<Version>),
    /// Promotes or withdraws a canary.
    Decide(Due),
    /// Writes the audit entries of rejections.
    Audit,
}

impl Manager {
    /// Ends the calls of a version that was replaced once their time is up.
    pub(super) fn drain(&self, module: &Arc<Version>) {
        let until = Instant::now() + self.options.drain;
        // Without the thread, calls end at their own deadline.
        let _ = self.tasks.send(Task::Retire(until, Arc::downgrade(module)));
    }
}

/// Works until the manager has ended and no version is left to retire.
pub(super) fn work(manager: &Weak<Manager>, tasks: &Receiver<Task>) {
    let mut draining: Vec<(Instant, Weak<Version>)> = Vec::new();
    loop {
        let wait = match draining.is_empty() {
            true => AUDIT_INTERVAL,
            false => CHECK_INTERVAL,
        };
        let task = tasks.recv_timeout(wait);
        match task {
            Ok(Task::Retire(until, module)) => draining.push((until, module)),
            Ok(Task::Decide(due)) => {
                if let Some(manager) = manager.upgrade() {
                    manager.decide(&due);
                }
            }
            Ok(Task::Audit) | Err(RecvTimeoutError::Timeout) => {
                if let Some(manager) = manager.upgrade() {
                    manager.audit_rejections(Some(Instant::now()));
                }
            }
            Err(RecvTimeoutError::Disconnected) if draining.is_empty() => return,
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(CHECK_INTERVAL),
        }
        retire(&mut draining);
    }
}

/// Ends the calls of those versions whose time is up, and forgets those without calls.
fn retire(draining: &mut Vec<(Instant, Weak<Version>)>) {
    draining.retain(|(until, module)| {
        let Some(module) = module.upgrade() else {
            return false;
        };
        let is_due = Instant::now() >= *until;
        if is_due {
            module.retire();
        }
        !is_due
    });
}
