//! Values to the database and back: a guest's values return unchanged, and a buffer of any
//! bytes is rows or refused.

#![no_main]

use std::cell::OnceCell;

use wares_module_kit::records::{Cell, Records};
use libfuzzer_sys::fuzz_target;
use wares::storage::{Database, DatabaseOptions, SessionLimits, Value};

thread_local! {
    static DATABASE: OnceCell<(tempfile::TempDir, Database)> = const { OnceCell::new() };
}

fuzz_target!(|bytes: &[u8]| {
    let (columns, count) = match bytes {
        [columns, count, ..] => (usize::from(*columns), usize::from(*count)),
        _ => return,
    };
    if let Ok(records) = Records::unpack(columns, count, bytes[2..].to_vec()) {
        for row in 0..count {
            for column in 0..columns {
                let _ = records.get(row, column);
            }
        }
    }
    let values: Vec<Value> = bytes.chunks(12).take(30).map(value).collect();
    if values.is_empty() {
        return;
    }
    let parameters: Vec<String> = (1..=values.len()).map(|number| format!("${number}")).collect();
    let statement = format!("select {}", parameters.join(", "));
    let rows = DATABASE.with(|cell| {
        let (_, database) = cell.get_or_init(|| {
            let folder = tempfile::tempdir().expect("a folder");
            let file = folder.path().join("values.db");
            let database = Database::open(&file, &DatabaseOptions::default()).expect("a database");
            (folder, database)
        });
        database
            .session(&SessionLimits::default())
            .query(&statement, &values)
            .expect("rows")
    });
    let records = Records::unpack(rows.columns as usize, rows.count as usize, rows.data)
        .expect("rows of the agreed layout");
    for (column, value) in values.iter().enumerate() {
        let same = match (value, records.get(0, column)) {
            (Value::Null, Cell::Null) => true,
            (Value::Integer(sent), Cell::Integer(back)) => *sent == back,
            // NaN becomes null.
            (Value::Real(sent), Cell::Null) => sent.is_nan(),
            (Value::Real(sent), Cell::Real(back)) => sent.to_bits() == back.to_bits(),
            (Value::Text(sent), Cell::Text(back)) => sent == back,
            (Value::Blob(sent), Cell::Blob(back)) => sent == back,
            _ => false,
        };
        assert!(same, "{value:?} came back as {:?}", records.get(0, column));
    }
});

/// A value of one of five kinds, from some bytes.
fn value(bytes: &[u8]) -> Value {
    let rest = &bytes[1..];
    let mut eight = [0; 8];
    let length = rest.len().min(8);
    eight[..length].copy_from_slice(&rest[..length]);
    match bytes[0] % 5 {
        0 => Value::Null,
        1 => Value::Integer(i64::from_le_bytes(eight)),
        2 => Value::Real(f64::from_le_bytes(eight)),
        3 => Value::Text(String::from_utf8_lossy(rest).into_owned()),
        _ => Value::Blob(rest.to_vec()),
    }
}
