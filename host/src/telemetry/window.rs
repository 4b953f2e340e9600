//! A bound a second: seconds follow each other without a gap while lines are logged, and
//! each has the same room.

use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// The room of a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    pub lines: u32,
    pub bytes: usize,
}

/// The dropped lines of a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Dropped {
    pub lines: u64,
    pub bytes: u64,
}

/// A second that has begun.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// `None` before the first line.
    began: Option<Instant>,
    lines: u32,
    bytes: usize,
    dropped: Dropped,
}

impl Window {
    /// Whether a line of this many bytes fits. It counts as dropped if it does not.
    pub(super) fn takes(&mut self, bytes: usize, room: Room) -> bool {
        let (lines, total) = (
            self.lines.saturating_add(1),
            self.bytes.saturating_add(bytes),
        );
        let fits = lines <= room.lines && total <= room.bytes;
        if fits {
            (self.lines, self.bytes) = (lines, total);
        } else {
            self.dropped.lines += 1;
            self.dropped.bytes = self.dropped.bytes.saturating_add(bytes as u64);
        }
        fits
    }

    /// Begins another second, if this one is over. Returns its dropped lines, if any.
    pub(super) fn turn(&mut self, now: Instant) -> Option<Dropped> {
        if self.is_current(now) {
            return None;
        }
        let over = std::mem::replace(
            self,
            Self {
                began: Some(now),
                ..Self::default()
            },
        );
        (over.dropped.lines > 0).then_some(over.dropped)
    }

    /// Whether the second has begun and is not over.
    pub(super) fn is_current(&self, now: Instant) -> bool {
        self.began
            .is_some_and(|began| now.saturating_duration_since(began) < SECOND)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Room = Room {
        lines: 3,
        bytes: 100,
    };

    #[test]
    fn a_second_has_room_for_lines_and_bytes_and_counts_dropped_ones() {
        let (mut window, start) = (Window::default(), Instant::now());
        assert_eq!(window.turn(start), None);
        let taken = [40, 80, 40, 20, 1].map(|bytes| window.takes(bytes, ROOM));
        // The second one is too long, and the last one the fourth.
        assert_eq!(taken, [true, false, true, true, false]);
        assert_eq!(window.turn(start + SECOND / 2), None);
        let dropped = Dropped {
            lines: 2,
            bytes: 81,
        };
        assert_eq!(window.turn(start + SECOND), Some(dropped));
        assert!(window.takes(100, ROOM), "the next second has room again");
        assert_eq!(window.turn(start + 3 * SECOND), None, "nothing was dropped");
    }
}
