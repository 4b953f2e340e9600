//! The order of extensions in the host's own database, by extension point.

use std::collections::BTreeMap;

use super::HostDatabase;
use crate::storage::{StorageError, now};

const ORDERS: &str = "select point, names from extension_order";
const KEEP: &str = "
    insert into extension_order (point, names, ordered_at, ordered_by) values (?1, ?2, ?3, ?4)
    on conflict (point) do update
    set names = excluded.names, ordered_at = excluded.ordered_at, ordered_by = excluded.ordered_by";
const REMOVE: &str = "delete from extension_order where point = ?1";

impl HostDatabase {
    /// The names of extensions in the order that is kept, by extension point.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn extension_orders(&self) -> Result<BTreeMap<String, Vec<String>>, StorageError> {
        self.file.read(|connection| {
            let mut statement = connection.prepare_cached(ORDERS)?;
            let rows = statement.query_map([], |row| {
                let names: String = row.get(1)?;
                Ok((row.get(0)?, names.split(',').map(str::to_owned).collect()))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Keeps the order of extensions at a point; without names, that it has none.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn order_extensions(
        &self,
        point: &str,
        names: &[String],
        by: &str,
    ) -> Result<(), StorageError> {
        self.file.write(|connection| {
            if names.is_empty() {
                connection.prepare_cached(REMOVE)?.execute([point])?;
            } else {
                let mut statement = connection.prepare_cached(KEEP)?;
                statement.execute((point, names.join(","), now(), by))?;
            }
            Ok(())
        })
    }
}
