//! Memory that many requests share: each takes bytes as it grows, and returns them when it is
//! done. A request without room is refused at once, and never waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A bounded number of bytes for all holders.
#[derive(Debug)]
pub(super) struct Room {
    taken: AtomicUsize,
    /// The most bytes held since it was last read.
    most: AtomicUsize,
    bytes_max: usize,
}

/// Held bytes; returned when dropped.
#[derive(Debug)]
pub(super) struct Hold {
    room: Arc<Room>,
    bytes: usize,
}

impl Room {
    pub(super) fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            taken: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            bytes_max,
        })
    }

    /// Begins with no bytes held.
    pub(super) fn enter(self: &Arc<Self>) -> Hold {
        Hold {
            room: self.clone(),
            bytes: 0,
        }
    }

    /// Returns a lower bound on the bytes returned since the last call.
    pub(super) fn given_back(&self) -> usize {
        let taken = self.taken.load(Ordering::Relaxed);
        self.most
            .swap(taken, Ordering::Relaxed)
            .saturating_sub(taken)
    }

    /// Returns whether so many bytes are held that none should be kept for long.
    pub(super) fn is_pressed(&self) -> bool {
        self.taken.load(Ordering::Relaxed) > self.bytes_max / 4
    }
}

impl Hold {
    /// Takes this many bytes more; `false`, taking none, if they exceed the room.
    pub(super) fn grow(&mut self, bytes: usize) -> bool {
        self.grow_within(bytes, self.room.bytes_max)
    }

    /// Takes this many bytes more, if at most half of the room is held then.
    pub(super) fn grow_within_half(&mut self, bytes: usize) -> bool {
        self.grow_within(bytes, self.room.bytes_max / 2)
    }

    fn grow_within(&mut self, bytes: usize, bytes_max: usize) -> bool {
        let before = self.room.taken.fetch_add(bytes, Ordering::Relaxed);
        let fits = before.saturating_add(bytes) <= bytes_max;
        if fits {
            self.bytes += bytes;
            let taken = before + bytes;
            if taken > self.room.most.load(Ordering::Relaxed) {
                self.room.most.fetch_max(taken, Ordering::Relaxed);
            }
        } else {
            self.room.taken.fetch_sub(bytes, Ordering::Relaxed);
        }
        fits
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.room.taken.fetch_sub(self.bytes, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_bytes_are_bounded_and_returned() {
        let room = Room::new(100);
        let (mut first, mut second) = (room.enter(), room.enter());
        assert!(first.grow(60) && !first.grow(41) && first.grow(20));
        assert!(!second.grow(21) && second.grow(20));
        assert!(room.is_pressed());
        drop(first);
        assert!(!room.is_pressed());
        assert!(!second.grow_within_half(31) && second.grow_within_half(30));
        assert!(second.grow(50));
        assert_eq!(room.given_back(), 0);
        drop(second);
        assert_eq!(room.given_back(), 100);
        assert_eq!(room.given_back(), 0);
        assert!(room.enter().grow(100));
    }
}
