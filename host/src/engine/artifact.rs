//! Compiled components between two starts: machine code in files that this host
//! wrote and no other user may write. A file that is stale, cut short, changed, or of
//! another component is ignored and compiled again.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::engines::Target;
use super::size;
use crate::digest::Digest;
use crate::{clock, files};

/// Bytes of the checksum that a file ends with.
const CHECKSUM_BYTES: usize = 32;

/// Named after the component's digest, the engine of its size, and after all that its machine
/// code depends on: wasmtime's version, the processor's features, the engine's options, and
/// what decides between the engines.
fn name(engine: &Engine, component: (Digest, Target)) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    size::RULE.hash(&mut hasher);
    let beginning = beginning(component);
    format!("{beginning}{:016x}.cwasm", hasher.finish())
}

fn beginning((digest, target): (Digest, Target)) -> String {
    let developing = if target.developing { "developing-" } else { "" };
    format!("{digest}-{developing}{}-", target.size.name())
}

/// Whether there is a file of the component for the engine of this size, usable or not.
pub(super) fn is_kept(folder: &Path, component: (Digest, Target)) -> bool {
    let beginning = beginning(component);
    names(folder).any(|name| name.starts_with(&beginning))
}

/// The checksum at the end of a file. It covers the name as well: code under the name of
/// another component would be served as that one.
fn checksum(name: &str, code: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut sha = Sha256::new();
    sha.update((name.len() as u64).to_le_bytes());
    sha.update(name);
    sha.update(code);
    sha.finalize().into()
}

/// Returns the machine code of the component with this digest, if a valid file exists.
pub(super) fn read(
    engine: &Engine,
    folder: &Path,
    component: (Digest, Target),
) -> Option<Component> {
    let name = name(engine, component);
    let bytes = files::read(&folder.join(&name), files::OWN_BYTES_MAX).ok()?;
    let (code, ending) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM_BYTES)?)?;
    if checksum(&name, code) != ending {
        return None;
    }
    load(engine, code).ok()
}

/// Loads the component from machine code of this host's compiler.
///
/// # Errors
/// When it was made by another version of wasmtime, or for another processor.
pub(super) fn load(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the code is either just what this host's own compiler process returned,
    // or from a file in the data folder, which only the host's own user can
    // write, that `write` below made of such code and whose checksum shows that
    // it is whole and of this component. Wasmtime itself checks that it was made by the same version
    // for the same processor.
    unsafe { Component::deserialize(engine, code) }
}

/// Stores the machine code. A failure does not affect the caller: the next start compiles
/// again.
pub(super) fn write(engine: &Engine, folder: &Path, component: (Digest, Target), code: &[u8]) {
    let name = name(engine, component);
    // Files of other versions of the host or another processor.
    remove(folder, &beginning(component));
    let write = || -> std::io::Result<()> {
        // Written beside and renamed, so that no reader sees an incomplete file.
        let (path, mut file) = tempfile_in(folder)?;
        let done = file
            .write_all(code)
            .and_then(|()| file.write_all(&checksum(&name, code)))
            .and_then(|()| fs::rename(&path, folder.join(&name)));
        if done.is_err() {
            // A file that stays takes space until the next start.
            let _ = fs::remove_file(&path);
        }
        done
    };
    if let Err(error) = write() {
        tracing::debug!(%error, "the compiled component is not kept");
    }
}

/// Removes the machine code of the component with this digest.
pub(super) fn forget(folder: &Path, digest: Digest) {
    remove(folder, &format!("{digest}-"));
}

/// Removes the files whose names begin so.
fn remove(folder: &Path, beginning: &str) {
    for name in names(folder).filter(|name| name.starts_with(beginning)) {
        // A file that stays only takes space.
        let _ = fs::remove_file(folder.join(name));
    }
}

/// The names of the files in the folder.
fn names(folder: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok())
}

fn tempfile_in(folder: &Path) -> std::io::Result<(PathBuf, fs::File)> {
    let path = folder.join(format!(".{}.tmp", clock::uuid()));
    let file = fs::File::create_new(&path)?;
    Ok((path, file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Size;

    #[test]
    fn nothing_of_a_file_stays_that_cannot_be_kept() {
        let engine = Engine::default();
        let folder = tempfile::TempDir::new().unwrap();
        let names = || {
            let entries = fs::read_dir(folder.path()).unwrap();
            entries
                .map(|entry| entry.unwrap().file_name())
                .collect::<Vec<_>>()
        };
        // A folder stands where the file is to be.
        let target = Target {
            size: Size::Small,
            developing: false,
        };
        let component = (Digest::of(b"component"), target);
        let name = name(&engine, component);
        fs::create_dir(folder.path().join(&name)).unwrap();
        write(&engine, folder.path(), component, b"code");
        assert_eq!(names(), [&*name]);
        fs::remove_dir(folder.path().join(&name)).unwrap();
        write(&engine, folder.path(), component, b"code");
        assert_eq!(names(), [&*name]);
        assert!(folder.path().join(&name).is_file());
    }
}
