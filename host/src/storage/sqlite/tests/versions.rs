//! Versions of one component, one after another on one database: which of the
//! older ones may go on.

use rusqlite::Connection;

use super::super::MigrationError;
use super::*;
use crate::digest::Digest;

/// A version that has the first so many of four migrations.
fn version(count: usize, migrations_needed: Option<u32>) -> Schema {
    let all = [
        migration("0001", THINGS),
        migration("0002", "alter table thing add column colour text;"),
        migration("0003", "create table box (id integer primary key);"),
        migration("0004", "create index thing_colour on thing (colour);"),
    ];
    Schema {
        migrations: all[..count].to_vec(),
        migrations_needed,
    }
}

/// A database on which these versions were active, one after another.
fn after(versions: &[Schema]) -> Fixture {
    let fixture = fixture();
    for version in versions {
        fixture.database.migrate(version).unwrap();
    }
    fixture
}

/// Returns the answer to a version that migrates; to one that may not, the answer is the same.
fn told(fixture: &Fixture, version: &Schema) -> String {
    let pending = fixture.database.pending(version);
    let migrated = fixture.database.migrate(version);
    let told = format!("{migrated:?}");
    if told == "Ok([])" || migrated.is_err() {
        assert_eq!(format!("{pending:?}"), told);
    }
    migrated.map_or_else(|error| error.to_string(), |names| names.join(" "))
}

fn too_old(migration: &str, needed: u32, known: u32) -> String {
    format!(
        "this component is too old for its database: it does not know the migration {migration}, and knows {known} migrations where {needed} are needed"
    )
}

#[test]
fn an_older_version_works_if_the_newest_one_allows_it() {
    let fixture = after(&[version(4, Some(2))]);
    assert_eq!(told(&fixture, &version(3, None)), "");
    assert_eq!(told(&fixture, &version(2, Some(1))), "");
    assert_eq!(told(&fixture, &version(1, None)), too_old("0002", 2, 1));
    assert_eq!(told(&fixture, &schema([])), too_old("0001", 2, 0));
    // The declarations of older ones change nothing.
    assert_eq!(told(&fixture, &version(4, Some(2))), "");
    assert_eq!(told(&fixture, &version(2, None)), "");
    insert(&mut fixture.session(), "still served").unwrap();
    assert_eq!(fixture.things(), 1);
}

#[test]
fn a_version_that_does_not_say_needs_all_its_migrations() {
    let fixture = after(&[version(2, Some(1)), version(3, None)]);
    assert_eq!(told(&fixture, &version(2, Some(1))), too_old("0003", 3, 2));
    assert_eq!(told(&fixture, &version(3, None)), "");
}

#[test]
fn a_version_without_a_new_migration_may_say_otherwise() {
    let fixture = after(&[version(3, Some(3))]);
    assert_eq!(told(&fixture, &version(1, None)), too_old("0002", 3, 1));
    // A process beside the host's reads, and leaves what is kept alone.
    fixture.database.pending(&version(3, Some(1))).unwrap();
    assert_eq!(told(&fixture, &version(1, None)), too_old("0002", 3, 1));
    fixture.database.migrate(&version(3, Some(1))).unwrap();
    assert_eq!(told(&fixture, &version(1, None)), "");
    fixture.database.migrate(&version(3, Some(2))).unwrap();
    assert_eq!(told(&fixture, &version(1, None)), too_old("0002", 2, 1));
}

#[test]
fn data_from_before_there_was_a_record_needs_all_its_migrations() {
    let fixture = after(&[version(3, Some(1))]);
    let beside = Connection::open(fixture.folder.path().join("x.db")).unwrap();
    beside
        .execute("delete from _wares_steps_needed", [])
        .unwrap();
    assert_eq!(told(&fixture, &version(2, None)), too_old("0003", 3, 2));
    // As does what a host from before brought further: the record is of another schema.
    fixture.database.migrate(&version(3, Some(1))).unwrap();
    beside
        .execute(
            "insert into _wares_migrations (name, digest, applied_at) values ('0009', '', '')",
            [],
        )
        .unwrap();
    assert_eq!(told(&fixture, &version(3, None)), too_old("0009", 4, 3));
}

#[test]
fn an_ended_activation_leaves_the_version_before_for_a_rollback() {
    let fixture = fixture();
    let digests = ["a", "b", "c"].map(|name| (name, Digest::of(name.as_bytes())));
    // `-` ends the activation.
    let activate = |names: &[&str]| {
        let digest = |name: &&str| digests.iter().find(|(known, _)| known == name);
        let versions: Vec<_> = names
            .iter()
            .map(|name| digest(name).map(|(_, digest)| *digest))
            .collect();
        fixture
            .database
            .activate(&version(1, None), &versions)
            .unwrap()
    };
    let name = |digest: Digest| {
        digests
            .iter()
            .find(|(_, known)| *known == digest)
            .unwrap()
            .0
    };
    let told = || {
        let activated = fixture.database.activated().unwrap();
        let history = Database::history_in(&fixture.folder.path().join("x.db")).unwrap();
        assert_eq!(history.activated_at.is_some(), activated.active.is_some());
        let or_none = |digest: Option<Digest>| digest.map_or("-", name);
        format!(
            "{} {} [{}]",
            or_none(activated.active),
            or_none(activated.before),
            history
                .activations
                .into_iter()
                .map(name)
                .collect::<Vec<_>>()
                .join(" ")
        )
    };
    assert_eq!(told(), "- - []");
    activate(&["a", "b"]);
    assert_eq!(told(), "b a [b a]");
    activate(&["-"]);
    assert_eq!(told(), "- b []");
    activate(&["a", "c"]);
    assert_eq!(told(), "c a [c a]");
    activate(&["b"]);
    assert_eq!(told(), "b c [b c a]");
    activate(&["-"]);
    activate(&["b"]);
    assert_eq!(told(), "b c [b]");
}

#[test]
fn a_declaration_is_stored_with_the_migrations_or_not_at_all() {
    let fixture = after(&[version(2, Some(1))]);
    let mut bad = version(3, Some(3));
    bad.migrations
        .push(migration("0004", "insert into nowhere values (1);"));
    let failed = fixture.database.migrate(&bad);
    assert!(
        matches!(&failed, Err(MigrationError::Failed { migration, .. }) if migration == "0004"),
        "{failed:?}"
    );
    assert_eq!(told(&fixture, &version(1, None)), "");
}

#[test]
fn only_a_prefix_of_the_migrations_is_an_older_version() {
    let fixture = after(&[version(3, Some(1))]);
    let other = Schema {
        migrations: vec![
            migration("0001", THINGS),
            migration("0002-other", "select 1;"),
        ],
        migrations_needed: None,
    };
    let unknown = "the migration 0002, which this component does not have, ran on this data, and not all of the component's own did";
    assert_eq!(told(&fixture, &other), unknown);
    let mut changed = version(2, None);
    changed.migrations[1].statements.push(' ');
    assert_eq!(
        told(&fixture, &changed),
        "the migration 0002 has changed since it ran on this data"
    );
    let mut gap = version(3, None);
    gap.migrations.remove(1);
    assert_eq!(told(&fixture, &gap), unknown);
}

#[test]
fn a_migration_between_others_excludes_older_versions() {
    let mut between = version(3, Some(1));
    between
        .migrations
        .insert(1, migration("0001-b", "select 1;"));
    let fixture = after(&[version(3, Some(1)), between]);
    assert_eq!(told(&fixture, &version(3, None)), too_old("0001-b", 4, 3));
}

#[test]
fn more_migrations_are_not_needed_than_there_are() {
    let fixture = fixture();
    let said = told(&fixture, &version(1, Some(2)));
    assert_eq!(said, "it declares that 2 migrations are needed, and has 1");
    assert_eq!(told(&fixture, &version(1, Some(0))), "");
}
