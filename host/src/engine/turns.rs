//! Turns of compiling: a component waits for those before it. One compiler at a time leaves
//! the other processors to requests.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The turns of one host.
pub(super) struct Turns {
    state: Mutex<State>,
    next: Condvar,
    waiting_max: usize,
}

#[derive(Default)]
struct State {
    /// The present turn, and behind it those that wait.
    queue: VecDeque<u64>,
    tickets: u64,
}

/// A turn, until it is dropped.
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    ticket: u64,
}

/// The number of components that wait already.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full(pub(super) usize);

impl Turns {
    pub(super) fn new(waiting_max: usize) -> Self {
        Self {
            state: Mutex::default(),
            next: Condvar::new(),
            waiting_max,
        }
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// At once, when the queue is full.
    pub(super) fn take(&self) -> Result<Turn<'_>, Full> {
        let mut state = self.lock();
        // The first of the queue does not wait.
        if state.queue.len() > self.waiting_max {
            return Err(Full(state.queue.len() - 1));
        }
        let ticket = state.tickets;
        state.tickets += 1;
        state.queue.push_back(ticket);
        while state.queue.front() != Some(&ticket) {
            state = self
                .next
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        Ok(Turn {
            turns: self,
            ticket,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns
            .lock()
            .queue
            .retain(|ticket| *ticket != self.ticket);
        self.turns.next.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_come_in_the_order_in_which_they_were_asked_for_and_are_bounded() {
        let turns = Turns::new(3);
        let done = Mutex::new(Vec::new());
        let waiting = || turns.lock().queue.len() - 1;
        let first = turns.take().unwrap();
        std::thread::scope(|scope| {
            for number in 0..3 {
                let (turns, done) = (&turns, &done);
                scope.spawn(move || {
                    let _turn = turns.take().unwrap();
                    done.lock().unwrap().push(number);
                });
                while waiting() == number {
                    std::thread::yield_now();
                }
            }
            assert_eq!(turns.take().err(), Some(Full(3)));
            assert!(done.lock().unwrap().is_empty());
            drop(first);
        });
        assert_eq!(*done.lock().unwrap(), [0, 1, 2]);
        assert!(turns.take().is_ok());
    }
}
