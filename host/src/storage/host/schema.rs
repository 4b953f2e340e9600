//! The schema of the host's own database.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::TransactionBehavior::Immediate;

use crate::storage::StorageError;

/// The migrations, one a version.
const STEPS: [&str; 7] = [
    "
    create table user (
        id text primary key,
        email text not null,
        password_hash text not null,
        created_at text not null,
        updated_at text not null
    ) strict;
    -- Signing in: one user an email, however it is written.
    create unique index user_email on user (lower(email));
    create table api_key (
        id text primary key,
        title text not null,
        -- SHA-256 of the secret. The secret is random, so nothing slower is needed.
        token_hash blob not null unique,
        redacted text not null,
        created_by text,
        created_at text not null,
        last_used_at text,
        revoked_at text,
        revoked_by text
    ) strict;
    create table session (
        -- SHA-256 of what the cookie holds.
        token_hash blob primary key,
        user_id text not null references user (id) on delete cascade,
        -- Seconds since 1970.
        expires_at integer not null
    ) strict;
    -- Clearing out.
    create index session_expires_at on session (expires_at);
    create table secret (
        name text primary key,
        value blob not null
    ) strict;
",
    "
    alter table api_key add column updated_at text not null default '';
    update api_key set updated_at = coalesce(revoked_at, created_at);
",
    "
    create table module_version (
        module text not null,
        -- SHA-256 of the component, in hexadecimal: its name in the folder of versions.
        digest text not null,
        version text not null,
        size_bytes integer not null,
        installed_at text not null,
        installed_by text not null,
        signed_by text,
        unique (module, digest)
    ) strict;
    create table audit (
        number integer primary key,
        at text not null,
        actor text not null,
        act text not null,
        module text not null,
        digest text,
        outcome text not null,
        detail text not null
    ) strict;
",
    "
    alter table user add column first_name text;
    alter table user add column last_name text;
    alter table user add column avatar_url text;
    -- The text of a JSON object.
    alter table user add column metadata text;
    -- Counts the changes of the password.
    alter table user add column generation integer not null default 0;
    -- That of the user when the session began.
    alter table session add column generation integer not null default 0;
    -- Ending all sessions of a user.
    create index session_user_id on session (user_id);
",
    "
    create table module_grants (
        module text primary key,
        -- Names with a comma between two; none where nothing is granted.
        grants text not null,
        granted_at text not null,
        granted_by text not null
    ) strict;
",
    "
    create table disabled_module (
        module text primary key,
        disabled_at text not null,
        disabled_by text not null
    ) strict;
",
    "
    create table extension_order (
        -- The interface of an extension point, without a version.
        point text primary key,
        -- Names of modules with a comma between two.
        names text not null,
        ordered_at text not null,
        ordered_by text not null
    ) strict;
",
];

/// Runs the pending migrations.
pub(super) fn migrate(path: &Path, connection: &mut Connection) -> Result<(), StorageError> {
    let known = STEPS.len() as i64;
    let version = |connection: &Connection| {
        connection.pragma_query_value(None, "user_version", |row| row.get(0))
    };
    // Without pending migrations, nothing waits for a writer or for room on the disk.
    if version(connection)? == known {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(Immediate)?;
    let found: i64 = version(&transaction)?;
    if found > known {
        return Err(StorageError::Newer {
            path: path.to_owned(),
            found,
            known,
        });
    }
    for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", known)?;
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::host::file::connect;
    use crate::storage::host::{HostDatabase, Profile};

    /// A database of an earlier host, at this migration.
    fn at_step(path: &Path, step: usize) -> Connection {
        let connection = connect(path).unwrap();
        for statements in &STEPS[..step] {
            connection.execute_batch(statements).unwrap();
        }
        connection
            .pragma_update(None, "user_version", step as i64)
            .unwrap();
        connection
    }

    #[test]
    fn data_of_earlier_versions_is_there_after_an_upgrade() {
        for step in [1, 2, 3, 4, 5, 6] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("host.db");
            let before = at_step(&path, step);
            let at = "2026-01-02T03:04:05.678Z";
            before
                .execute(
                    "insert into user (id, email, password_hash, created_at, updated_at)
                     values ('user_1', 'ann@example.com', 'hash', ?1, ?1)",
                    [at],
                )
                .unwrap();
            before
                .execute(
                    "insert into session (token_hash, user_id, expires_at) values (x'01', 'user_1', 100)",
                    [],
                )
                .unwrap();
            before
                .execute(
                    "insert into api_key (id, title, token_hash, redacted, created_at)
                     values ('apk_1', 'till', x'02', 'sk_***', ?1)",
                    [at],
                )
                .unwrap();
            before
                .execute("insert into secret values ('token', x'03')", [])
                .unwrap();
            drop(before);
            let accounts = HostDatabase::open(&path).unwrap();
            let user = accounts.user_by_email("ANN@example.com").unwrap().unwrap();
            assert_eq!(
                (&*user.id, &*user.password_hash, user.generation),
                ("user_1", "hash", 0)
            );
            assert_eq!(
                (&user.profile, &*user.created_at),
                (&Profile::default(), at)
            );
            assert_eq!(accounts.generation("user_1").unwrap(), Some(0));
            let session = accounts.session_user(&[1], 99).unwrap();
            assert_eq!(session, Some(("user_1".to_owned(), 0)), "step {step}");
            assert_eq!(accounts.keys().unwrap()[0].title, "till");
            assert_eq!(accounts.secret("token", &[9]).unwrap(), [3]);
            // A second start finds nothing to do.
            drop(accounts);
            assert_eq!(HostDatabase::open(&path).unwrap().users().unwrap().len(), 1);
        }
    }
}
