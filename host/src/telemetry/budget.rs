//! The log lines of each component: the level from which on they are logged, and their number
//! in a second, over all its calls, versions and instances.
//! Lines beyond the budget are counted, and one line reports their number: with the next line
//! within it, or shortly after if none is.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tracing::Level;
use tracing_subscriber::filter::LevelFilter;

use super::DROPPED;
use super::levels::default_level;
use super::window::{Dropped, Room, Window};

/// The budget of one component a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLimits {
    /// Lines.
    pub lines_per_s_max: u32,
    /// Their text, in bytes.
    pub bytes_per_s_max: usize,
}

/// The lines of a component in this second.
#[derive(Debug)]
pub struct LogBudget {
    component: Arc<str>,
    /// The operator's for this component.
    level: Option<LevelFilter>,
    room: Room,
    window: Mutex<Window>,
    dropped_lines: AtomicU64,
}

/// The budgets of all components, by their names: one for each module that was loaded, with
/// a name of at most 64 bytes.
static BUDGETS: Mutex<BTreeMap<Arc<str>, Arc<LogBudget>>> = Mutex::new(BTreeMap::new());

/// The name of components that have not returned their name yet.
const LOADED: &str = "(loading)";

impl LogBudget {
    /// Returns the budget of the component with this name. The first call sets the limits and
    /// the level; without one the log's own holds.
    pub fn of(component: &str, limits: LogLimits, level: Option<LevelFilter>) -> Arc<Self> {
        let mut budgets = BUDGETS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(budget) = budgets.get(component) {
            return budget.clone();
        }
        let budget = Arc::new(Self::new(component, limits, level));
        budgets.insert(budget.component.clone(), budget.clone());
        budget
    }

    /// Returns the budget that components without a known name share while they are loaded.
    pub fn of_loading(limits: LogLimits) -> Arc<Self> {
        Self::of(LOADED, limits, None)
    }

    fn new(component: &str, limits: LogLimits, level: Option<LevelFilter>) -> Self {
        Self {
            component: component.into(),
            level,
            room: Room {
                lines: limits.lines_per_s_max,
                bytes: limits.bytes_per_s_max,
            },
            window: Mutex::default(),
            dropped_lines: AtomicU64::new(0),
        }
    }

    /// Whether lines of this level are logged: those of the component itself, or those of
    /// this target about it.
    pub fn logs(&self, target: &str, level: Level) -> bool {
        level <= self.level.unwrap_or_else(|| default_level(target))
    }

    /// Whether a line of this many bytes fits into this second.
    pub fn takes(&self, bytes: usize) -> bool {
        let (takes, over) = self.takes_at(bytes, Instant::now());
        if let Some(dropped) = over {
            self.tell(dropped);
        }
        takes
    }

    /// The same at a given time, with the dropped lines of a second that is over.
    fn takes_at(&self, bytes: usize, now: Instant) -> (bool, Option<Dropped>) {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let over = window.turn(now);
        let takes = window.takes(bytes, self.room);
        if !takes {
            self.dropped_lines.fetch_add(1, Ordering::Relaxed);
        }
        (takes, over)
    }

    fn over_at(&self, now: Instant) -> Option<Dropped> {
        self.window
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .turn(now)
    }

    fn tell(&self, dropped: Dropped) {
        let Room { lines, bytes } = self.room;
        tracing::warn!(
            target: DROPPED,
            parent: None,
            component = &*self.component,
            "the component logged more than {lines} lines or {bytes} bytes a second: {} lines, {} bytes were dropped",
            dropped.lines,
            dropped.bytes
        );
    }
}

fn all() -> Vec<Arc<LogBudget>> {
    let budgets = BUDGETS.lock().unwrap_or_else(PoisonError::into_inner);
    budgets.values().cloned().collect()
}

/// Reports the dropped lines of seconds that are over.
pub(super) fn flush(now: Instant) {
    for budget in all() {
        if let Some(dropped) = budget.over_at(now) {
            budget.tell(dropped);
        }
    }
}

/// The lines of each component beyond its budget, since the start of the host.
pub(crate) fn dropped_lines() -> Vec<(Arc<str>, u64)> {
    let counted = |budget: Arc<LogBudget>| {
        (
            budget.component.clone(),
            budget.dropped_lines.load(Ordering::Relaxed),
        )
    };
    let named = all()
        .into_iter()
        .filter(|budget| &*budget.component != LOADED);
    named.map(counted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const LIMITS: LogLimits = LogLimits {
        lines_per_s_max: 2,
        bytes_per_s_max: 1_000,
    };

    #[test]
    fn all_calls_of_a_component_share_one_budget_and_no_other_component_does() {
        let ours = LogBudget::of("budget-ours", LIMITS, None);
        let again = LogBudget::of("budget-ours", LIMITS, None);
        let theirs = LogBudget::of("budget-theirs", LIMITS, None);
        let now = Instant::now();
        assert_eq!(ours.takes_at(10, now), (true, None));
        assert_eq!(again.takes_at(10, now), (true, None));
        assert_eq!(ours.takes_at(10, now), (false, None));
        assert_eq!(again.takes_at(20, now), (false, None));
        assert_eq!(theirs.takes_at(10, now), (true, None));
        let counted = dropped_lines();
        let of = |name: &str| counted.iter().find(|(of, _)| &**of == name).unwrap().1;
        assert_eq!((of("budget-ours"), of("budget-theirs")), (2, 0));
    }

    #[test]
    fn dropped_lines_are_reported_once_when_the_second_is_over() {
        let dropped = Some(Dropped {
            lines: 3,
            bytes: 30,
        });
        let now = Instant::now();
        let second = Duration::from_secs(1);
        let flooded = || {
            let budget = LogBudget::new("budget-flooded", LIMITS, None);
            for _ in 0..5 {
                budget.takes_at(10, now);
            }
            budget
        };
        let by_the_next_line = flooded();
        assert_eq!(by_the_next_line.takes_at(1, now + second), (true, dropped));
        assert_eq!(by_the_next_line.over_at(now + 2 * second), None);
        let by_a_look = flooded();
        assert_eq!(by_a_look.over_at(now + second / 2), None);
        assert_eq!(by_a_look.over_at(now + second), dropped);
        assert_eq!(by_a_look.takes_at(1, now + second), (true, None));
    }
}
