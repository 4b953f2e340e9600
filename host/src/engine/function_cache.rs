//! The machine code of single functions, kept between compilations of components that are being
//! developed: most of what carries the runtime of a language is that runtime, whatever its
//! author changes. The compiler finds a function by the hash of all that its code depends on.
//! Only the process that compiles reads and writes the file.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{fs, io};

use sha2::{Digest as _, Sha256};
use wasmtime::CacheStore;

use crate::files;

/// The functions of a few components together, in bytes: those of CPython take 30 MB.
const BYTES_MAX: usize = 128 * 1024 * 1024;
/// Bytes of the checksum that the file ends with.
const CHECKSUM_BYTES: usize = 32;

/// The hash of a function.
type Key = [u8; 32];

/// The functions in a file, and those that a compilation found or added.
#[derive(Debug)]
pub(super) struct FunctionCache {
    path: PathBuf,
    bytes: Vec<u8>,
    /// The places of functions in `bytes`.
    kept: HashMap<Key, Range<usize>>,
    /// Their keys, those that were used last first.
    order: Vec<Key>,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    found: HashSet<Key>,
    added: Vec<(Key, Vec<u8>)>,
}

impl FunctionCache {
    /// Reads the functions in a file. One that is not there, or is damaged, has none.
    pub(super) fn open(path: &Path) -> Self {
        let mut cache = Self {
            path: path.to_owned(),
            bytes: Vec::new(),
            kept: HashMap::new(),
            order: Vec::new(),
            seen: Mutex::default(),
        };
        let bytes_max = (BYTES_MAX + CHECKSUM_BYTES) as u64;
        if let Ok(bytes) = files::read(path, bytes_max) {
            cache.read(bytes);
        }
        cache
    }

    fn read(&mut self, mut bytes: Vec<u8>) {
        let Some(end) = bytes.len().checked_sub(CHECKSUM_BYTES) else {
            return;
        };
        let checksum = bytes.split_off(end);
        if *Sha256::digest(&bytes) != *checksum {
            return;
        }
        let mut at = 0;
        while let Some((key, length)) = header(&bytes[at..]) {
            let start = at + HEADER_BYTES;
            self.kept.insert(key, start..start + length);
            self.order.push(key);
            at = start + length;
        }
        self.bytes = bytes;
    }

    /// Writes the functions of this compilation, and behind them as many of the others as there
    /// is room for, in the order in which they were used. A failure makes the next compilation
    /// slow, and nothing else.
    pub(super) fn keep(&self) {
        let seen = self.lock();
        if seen.added.is_empty() {
            return;
        }
        let added = seen.added.iter().map(|(key, code)| (key, &**code));
        let by_key = |key| (key, &self.bytes[self.kept[key].clone()]);
        let is_found = |key: &&Key| seen.found.contains(*key);
        let found = self.order.iter().filter(is_found).map(by_key);
        let others = self.order.iter().filter(|key| !is_found(key)).map(by_key);
        let mut bytes = Vec::new();
        for (key, code) in added.chain(found).chain(others) {
            if bytes.len() + HEADER_BYTES + code.len() > BYTES_MAX {
                break;
            }
            let length = u32::try_from(code.len()).unwrap_or(u32::MAX);
            bytes.extend_from_slice(key);
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.extend_from_slice(code);
        }
        let checksum = Sha256::digest(&bytes);
        bytes.extend_from_slice(&checksum);
        let _ = self.write(&bytes);
    }

    /// Writes the file beside and renames it, so that no reader sees an incomplete one.
    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        // Hidden: a start removes those of a compilation that was killed.
        let beside = self.path.with_file_name(".functions.tmp");
        let written = fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, &self.path));
        written.inspect_err(|_| {
            // A file that stays only takes space.
            let _ = fs::remove_file(&beside);
        })
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A key, and the length of what follows.
const HEADER_BYTES: usize = size_of::<Key>() + size_of::<u32>();

fn header(bytes: &[u8]) -> Option<(Key, usize)> {
    let (key, rest) = bytes.split_first_chunk::<{ size_of::<Key>() }>()?;
    let (length, rest) = rest.split_first_chunk::<{ size_of::<u32>() }>()?;
    let length = u32::from_le_bytes(*length) as usize;
    (length <= rest.len()).then_some((*key, length))
}

impl CacheStore for FunctionCache {
    fn get(&self, key: &[u8]) -> Option<Cow<'_, [u8]>> {
        let key = Key::try_from(key).ok()?;
        let place = self.kept.get(&key)?;
        self.lock().found.insert(key);
        Some(Cow::Borrowed(&self.bytes[place.clone()]))
    }

    fn insert(&self, key: &[u8], code: Vec<u8>) -> bool {
        let Ok(key) = Key::try_from(key) else {
            return false;
        };
        self.lock().added.push((key, code));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn functions(cache: &FunctionCache) -> Vec<(u8, Vec<u8>)> {
        let order = cache.order.iter();
        let function = |key: &Key| (key[0], cache.bytes[cache.kept[key].clone()].to_vec());
        order.map(function).collect()
    }

    #[test]
    fn the_functions_that_were_used_last_come_first_and_damaged_files_have_none() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("functions");
        let cache = FunctionCache::open(&path);
        assert_eq!(cache.get(&[1; 32]), None);
        assert!(cache.insert(&[1; 32], vec![10]));
        assert!(cache.insert(&[2; 32], vec![20, 21]));
        assert!(!cache.insert(&[9; 31], vec![90]));
        cache.keep();

        let cache = FunctionCache::open(&path);
        assert_eq!(functions(&cache), [(1, vec![10]), (2, vec![20, 21])]);
        assert_eq!(cache.get(&[2; 32]).as_deref(), Some(&[20, 21][..]));
        assert_eq!(cache.get(&[3; 32]), None);
        cache.insert(&[3; 32], vec![]);
        cache.keep();
        let names: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["functions"]);

        let written = fs::read(&path).unwrap();
        let cache = FunctionCache::open(&path);
        let all = [(3, vec![]), (2, vec![20, 21]), (1, vec![10])];
        assert_eq!(functions(&cache), all);
        for damaged in [&written[1..], &written[..written.len() - 1], b"", b"short"] {
            fs::write(&path, damaged).unwrap();
            assert_eq!(functions(&FunctionCache::open(&path)), []);
        }
    }
}
