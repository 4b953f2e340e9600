//! Which lines the log has: by its own level, and by that of one component, which holds for
//! the component's lines and those about its turns at hooks alone.

use std::sync::OnceLock;

use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};

use super::{COMPONENT, HOOKS, LogError};

/// The levels, as they are written alone or after `target=`.
pub(super) const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// The targets whose lines a component has a level of its own for.
const TARGETS: [&str; 2] = [COMPONENT, HOOKS];

/// The levels of those targets where a component has none of its own.
static DEFAULTS: OnceLock<[LevelFilter; 2]> = OnceLock::new();

/// Reads a level, `target=level` pairs, or both, separated by commas.
pub(super) fn parse(text: &str) -> Result<Targets, LogError> {
    let mut filter = Targets::new();
    for part in text.split(',').map(str::trim) {
        let (target, level) = match part.split_once('=') {
            Some((target, level)) => (Some(target.trim()), level.trim()),
            None => (None, part),
        };
        let level: LevelFilter = LEVELS
            .iter()
            .find(|known| known.eq_ignore_ascii_case(level))
            .and_then(|known| known.parse().ok())
            .ok_or_else(|| LogError::Level(level.to_owned()))?;
        filter = match target {
            Some("") => return Err(LogError::Target(part.to_owned())),
            Some(target) => filter.with_target(target, level),
            None => filter.with_default(level),
        };
    }
    Ok(filter)
}

/// The same filter, which lets lines of the level pass that some component has for its own.
/// What it let pass before is kept for the others.
pub(super) fn open_to(filter: Targets, level: Option<LevelFilter>) -> Targets {
    let (filter, defaults) = opened(filter, level);
    // The log is started once.
    let _ = DEFAULTS.set(defaults);
    filter
}

/// The filter, and the levels that the targets had before.
fn opened(filter: Targets, level: Option<LevelFilter>) -> (Targets, [LevelFilter; 2]) {
    let defaults = TARGETS.map(|target| level_of(&filter, target));
    let Some(level) = level else {
        return (filter, defaults);
    };
    let targets = TARGETS.into_iter().zip(defaults);
    let filter = targets.fold(filter, |filter, (target, default)| {
        filter.with_target(target, default.max(level))
    });
    (filter, defaults)
}

/// The level of a target's lines where a component has none of its own. Everything before the
/// log is started, which lets nothing pass then.
pub(super) fn default_level(target: &str) -> LevelFilter {
    let index = usize::from(target == HOOKS);
    DEFAULTS
        .get()
        .map_or(LevelFilter::TRACE, |defaults| defaults[index])
}

fn level_of(filter: &Targets, target: &str) -> LevelFilter {
    let levels = [
        Level::TRACE,
        Level::DEBUG,
        Level::INFO,
        Level::WARN,
        Level::ERROR,
    ];
    let enabled = levels
        .into_iter()
        .find(|level| filter.would_enable(target, level));
    enabled.map_or(LevelFilter::OFF, LevelFilter::from_level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_opened_for_the_lines_of_components_alone() {
        for (text, own, component, hooks, other) in [
            ("info", None, "info", "info", "info"),
            ("info", Some("debug"), "debug", "debug", "info"),
            ("info", Some("warn"), "info", "info", "info"),
            ("warn,component=off", Some("info"), "info", "info", "warn"),
            ("component=trace", Some("info"), "trace", "info", "off"),
        ] {
            let own = own.map(|level| level.parse().unwrap());
            let (filter, _) = opened(parse(text).unwrap(), own);
            let levels = [COMPONENT, HOOKS, "wares"].map(|target| level_of(&filter, target));
            let wanted: [LevelFilter; 3] =
                [component, hooks, other].map(|level| level.parse().unwrap());
            assert_eq!(levels, wanted, "{text} {own:?}");
        }
    }
}
