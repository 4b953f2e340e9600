//! A bound a second on equal lines of the host itself: those of one module from one call
//! site. So every line that a component or a caller can make the host log, about a failed
//! call or a warning, is bounded without an account of its own. The lines of components
//! have budgets of their own.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::fields::Named;
use super::window::{Dropped, Room, Window};
use super::{COMPONENT, DROPPED};

/// Lines a second. Below `info` they are those that an operator has enabled, a line for each
/// request as well.
const LINES_MAX: u32 = 100;
const LINES_MAX_BELOW_INFO: u32 = 10_000;
/// The key of a count. Modules' names are the only part that is not in the code.
const ENTRIES_MAX: usize = 1_000;

/// A kind of line: its call site and its module.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Said {
    call_site: &'static Metadata<'static>,
    module: Option<String>,
}

impl Hash for Said {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.call_site.callsite().hash(state);
        self.module.hash(state);
    }
}

#[derive(Default)]
struct Entries(HashMap<Said, Window>);

static ENTRIES: LazyLock<Mutex<Entries>> = LazyLock::new(Mutex::default);

fn entries() -> MutexGuard<'static, Entries> {
    ENTRIES.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Entries {
    /// Whether it may be logged once more; and its dropped lines of a second that is over.
    fn takes(&mut self, mut said: Said, now: Instant) -> (bool, Option<Dropped>) {
        if self.0.len() >= ENTRIES_MAX && !self.0.contains_key(&said) {
            // A count with dropped lines stays until they are reported.
            self.0.retain(|_, window| window.is_current(now));
            if self.0.len() >= ENTRIES_MAX {
                said.module = None;
            }
        }
        let room = Room {
            lines: lines_max(said.call_site.level()),
            bytes: usize::MAX,
        };
        let window = self.0.entry(said).or_default();
        let over = window.turn(now);
        (window.takes(0, room), over)
    }

    /// Drops the counts of seconds that are over, and returns their dropped lines.
    fn over(&mut self, now: Instant) -> Vec<(Said, Dropped)> {
        let mut over = Vec::new();
        self.0.retain(|said, window| {
            let current = window.is_current(now);
            if !current && let Some(dropped) = window.turn(now) {
                over.push((said.clone(), dropped));
            }
            current
        });
        over
    }
}

fn lines_max(level: &Level) -> u32 {
    if *level <= Level::INFO {
        LINES_MAX
    } else {
        LINES_MAX_BELOW_INFO
    }
}

/// The layer that drops lines.
pub(super) struct Repeats;

impl<S: Subscriber> Layer<S> for Repeats {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let call_site = event.metadata();
        if matches!(call_site.target(), DROPPED | COMPONENT) {
            return true;
        }
        let said = Said {
            call_site,
            module: Named::in_event(event, &["module"]),
        };
        let (takes, over) = entries().takes(said.clone(), Instant::now());
        if let Some(dropped) = over {
            tell(&said, dropped);
        }
        takes
    }
}

/// Reports the dropped lines of seconds that are over.
pub(super) fn flush(now: Instant) {
    let over = entries().over(now);
    for (said, dropped) in over {
        tell(&said, dropped);
    }
}

fn tell(said: &Said, dropped: Dropped) {
    let module = said.module.as_deref().unwrap_or("-");
    tracing::warn!(
        target: DROPPED,
        parent: None,
        module,
        file = said.call_site.file().unwrap_or_default(),
        line = said.call_site.line().unwrap_or_default(),
        "the host said the same more than {} times a second: {} lines were dropped",
        lines_max(said.call_site.level()),
        dropped.lines
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// A line of the host, at a level.
    macro_rules! call_site {
        ($level:expr) => {{
            struct Callsite;
            impl tracing::callsite::Callsite for Callsite {
                fn set_interest(&self, _: tracing::subscriber::Interest) {}
                fn metadata(&self) -> &Metadata<'_> {
                    &METADATA
                }
            }
            static CALLSITE: Callsite = Callsite;
            static METADATA: Metadata<'static> = tracing::metadata! {
                name: "said",
                target: "test",
                level: $level,
                fields: &["module"],
                callsite: &CALLSITE,
                kind: tracing::metadata::Kind::EVENT,
            };
            &METADATA
        }};
    }

    fn said(call_site: &'static Metadata<'static>, module: &str) -> Said {
        Said {
            call_site,
            module: Some(module.to_owned()),
        }
    }

    #[test]
    fn the_same_of_the_same_module_is_said_so_often_a_second() {
        let (failed, warned) = (call_site!(Level::ERROR), call_site!(Level::WARN));
        let mut entries = Entries::default();
        let now = Instant::now();
        for _ in 0..LINES_MAX {
            assert_eq!(entries.takes(said(failed, "a"), now), (true, None));
        }
        assert_eq!(entries.takes(said(failed, "a"), now), (false, None));
        assert_eq!(entries.takes(said(failed, "b"), now), (true, None));
        assert_eq!(entries.takes(said(warned, "a"), now), (true, None));
        let later = now + Duration::from_secs(1);
        let dropped = Dropped { lines: 1, bytes: 0 };
        assert_eq!(
            entries.takes(said(failed, "a"), later),
            (true, Some(dropped))
        );
    }

    #[test]
    fn dropped_lines_are_reported_without_a_later_line_and_forgotten() {
        let failed = call_site!(Level::ERROR);
        let mut entries = Entries::default();
        let now = Instant::now();
        for _ in 0..LINES_MAX + 5 {
            entries.takes(said(failed, "a"), now);
        }
        entries.takes(said(failed, "b"), now);
        assert_eq!(entries.over(now), []);
        let dropped = Dropped { lines: 5, bytes: 0 };
        let later = now + Duration::from_secs(1);
        assert_eq!(entries.over(later), [(said(failed, "a"), dropped)]);
        assert!(entries.0.is_empty());
    }

    #[test]
    fn distinct_counts_are_bounded() {
        let failed = call_site!(Level::ERROR);
        let mut entries = Entries::default();
        let now = Instant::now();
        for module in 0..2 * ENTRIES_MAX {
            entries.takes(said(failed, &module.to_string()), now);
        }
        assert!(entries.0.len() <= ENTRIES_MAX + 1);
    }
}
