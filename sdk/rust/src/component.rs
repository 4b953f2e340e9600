//! What every component is, and what the host asks of one when it loads it.

use crate::bindings::entities::exports::wares::module::entities;
use crate::bindings::lifecycle::exports::wares::module::lifecycle;
use crate::bindings::migrations::exports::wares::module::migrations;
use crate::bindings::seed::exports::wares::module::seed;
use crate::bindings::wasi::config::store;
use crate::panics;

/// What a component is called. [`export!`](crate::export!) implements it from `Cargo.toml`.
pub trait Package {
    /// The name of its slot, its database and its section in `wares.toml`: lower-case letters,
    /// digits and `-`, at most 64 bytes.
    const NAME: &'static str;
    /// Its version, semver.
    const VERSION: &'static str;
    /// One sentence for a person.
    const SUMMARY: &'static str;
}

/// A component. Its settings are checked when it is loaded: one with a fault is not served.
///
/// ```
/// use wares_module::{Component, settings};
///
/// struct Limited;
///
/// impl Component for Limited {
///     const SETTINGS: &'static [&'static str] = &["limit"];
///
///     fn faults(given: &[(String, String)]) -> Vec<String> {
///         settings::read::<u32>(given, "limit").err().into_iter().collect()
///     }
/// }
/// ```
pub trait Component {
    /// The keys of its settings. All others are faults.
    const SETTINGS: &'static [&'static str] = &[];

    /// Returns what is wrong with the values of the settings: texts that begin with the key.
    fn faults(given: &[(String, String)]) -> Vec<String> {
        let _ = given;
        Vec::new()
    }
}

impl<C: Package + Component> lifecycle::Guest for C {
    fn describe() -> lifecycle::Description {
        panics::report();
        lifecycle::Description {
            name: C::NAME.to_owned(),
            version: C::VERSION.to_owned(),
            summary: C::SUMMARY.to_owned(),
        }
    }

    fn check_settings() -> Result<(), Vec<String>> {
        panics::report();
        let given = store::get_all().map_err(|error| vec![format!("cannot be read: {error:?}")])?;
        let mut faults = unknown(&given, C::SETTINGS);
        faults.extend(C::faults(&given));
        if faults.is_empty() {
            Ok(())
        } else {
            Err(faults)
        }
    }
}

/// The settings that are none of these.
fn unknown(given: &[(String, String)], known: &[&str]) -> Vec<String> {
    let there_is = match known {
        [] => "this component has no settings".to_owned(),
        [one] => format!("there is no such setting; there is {one}"),
        more => format!("there is no such setting; there are {}", more.join(", ")),
    };
    let unknown = given.iter().filter(|(key, _)| !known.contains(&&**key));
    unknown
        .map(|(key, _)| format!("{key}: {there_is}"))
        .collect()
}

/// One forward-only change of the schema of the component's database.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Unique in the component, and in order: `0001_tables`.
    pub name: &'static str,
    /// Statements after one another, each ended by `;`.
    pub statements: &'static str,
}

/// The schema of a component's database.
///
/// ```
/// use wares_module::{Migration, Migrations};
///
/// struct Points;
///
/// impl Migrations for Points {
///     const MIGRATIONS: &'static [Migration] = &[Migration {
///         name: "0001_account",
///         statements: "create table account (id text primary key, points integer not null) strict;",
///     }];
/// }
/// ```
pub trait Migrations {
    /// Every migration since the first version, oldest first. One that has run anywhere never
    /// changes.
    const MIGRATIONS: &'static [Migration];

    /// How many of them a version has to know to work on a database that all have run on: fewer
    /// than all if older versions can leave the newest alone. It decides what can be rolled back.
    const REQUIRED: u32 = Self::MIGRATIONS.len() as u32;
}

impl<C: Migrations> migrations::Guest for C {
    fn every(dialect: String) -> Vec<migrations::Migration> {
        panics::report();
        let migrations = match &*dialect {
            "sqlite" => C::MIGRATIONS,
            _ => &[],
        };
        let migration = |migration: &Migration| migrations::Migration {
            name: migration.name.to_owned(),
            statements: migration.statements.to_owned(),
        };
        migrations.iter().map(migration).collect()
    }

    fn count_required() -> u32 {
        C::REQUIRED
    }
}

/// A kind of plausible data, which is an option of `wares seed`.
pub struct SeedKind {
    /// The option's name: plural, lower-case.
    pub name: &'static str,
    /// One sentence for a person: what each of them brings along.
    pub summary: &'static str,
    /// Adds so many, in one transaction. The error says for a person what went wrong.
    pub add: fn(u32) -> Result<(), String>,
}

/// Plausible data for trying a component out.
///
/// ```
/// use wares_module::{Seed, SeedKind};
///
/// struct Points;
///
/// impl Seed for Points {
///     const KINDS: &'static [SeedKind] = &[SeedKind {
///         name: "accounts",
///         summary: "with up to 500 points",
///         add: |count| if count <= 1_000 { Ok(()) } else { Err("too many at once".to_owned()) },
///     }];
/// }
/// ```
pub trait Seed {
    /// The kinds of data.
    const KINDS: &'static [SeedKind];
}

impl<C: Seed> seed::Guest for C {
    fn kinds() -> Vec<seed::Kind> {
        panics::report();
        let kind = |kind: &SeedKind| seed::Kind {
            name: kind.name.to_owned(),
            summary: kind.summary.to_owned(),
        };
        C::KINDS.iter().map(kind).collect()
    }

    fn seed(kind: u32, count: u32) -> Result<(), String> {
        panics::report();
        match C::KINDS.get(kind as usize) {
            Some(kind) => (kind.add)(count),
            None => Err(format!("there is no kind {kind}")),
        }
    }
}

/// The entities of a module that other components may provide fields and relations for.
///
/// ```
/// use wares_module::{Entities, Entity};
///
/// struct Points;
///
/// impl Entities for Points {
///     fn entities() -> Vec<Entity> {
///         vec![Entity {
///             name: "account".to_owned(),
///             schema: "Account".to_owned(),
///             names: vec!["id".to_owned(), "points".to_owned()],
///             lists: vec![0],
///         }]
///     }
/// }
/// ```
pub trait Entities {
    /// Returns all of them. Asked once, after the schemas of `Http`.
    fn entities() -> Vec<entities::Entity>;
}

impl<C: Entities> entities::Guest for C {
    fn every() -> Vec<entities::Entity> {
        panics::report();
        C::entities()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_settings_are_faults_that_name_those_that_there_are() {
        let given = [
            ("word".to_owned(), String::new()),
            ("wrod".to_owned(), String::new()),
        ];
        for (known, faults) in [
            (&["word", "wrod"][..], &[][..]),
            (
                &["word"],
                &["wrod: there is no such setting; there is word"],
            ),
            (
                &["word", "name"],
                &["wrod: there is no such setting; there are word, name"],
            ),
            (
                &[],
                &[
                    "word: this component has no settings",
                    "wrod: this component has no settings",
                ],
            ),
        ] {
            assert_eq!(unknown(&given, known), faults);
        }
    }
}
