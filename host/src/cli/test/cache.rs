//! The folder in which tests keep machine code from one run to the next: the user's own, with
//! the last few components alone.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Components whose machine code is kept.
const KEPT_MAX: usize = 12;
/// The bits of a mode that let others than the owner write.
const OTHERS_WRITE: u32 = 0o022;

/// The folder, made if it is missing; `None` where there is none that only this user can write.
pub(super) fn folder() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let base = match set("XDG_CACHE_HOME") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(set("HOME")?).join(".cache"),
    };
    let folder = base.join("wares").join("tests");
    let mut maker = DirBuilder::new();
    maker.recursive(true).mode(0o700).create(&folder).ok()?;
    let metadata = fs::metadata(&folder).ok()?;
    let is_own = metadata.uid() == rustix::process::getuid().as_raw();
    (base.is_absolute() && is_own && metadata.mode() & OTHERS_WRITE == 0).then_some(folder)
}

/// Removes the machine code of all but the components that were compiled last.
pub(super) fn tidy(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut files: Vec<_> = entries
        .flatten()
        // Not the functions of all of them.
        .filter(|entry| Path::new(&entry.file_name()).extension() == Some("cwasm".as_ref()))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    files.sort();
    let over = files.len().saturating_sub(KEPT_MAX);
    for (_, path) in &files[..over] {
        // What stays only takes room.
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn the_components_that_were_compiled_last_are_kept() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = |number: usize| folder.path().join(format!("{number}.cwasm"));
        for number in 0..KEPT_MAX + 3 {
            let file = File::create(path(number)).unwrap();
            let age = Duration::from_secs(100 - number as u64);
            file.set_modified(UNIX_EPOCH + age).unwrap();
        }
        tidy(folder.path());
        let kept: Vec<usize> = (0..KEPT_MAX + 3)
            .filter(|number| path(*number).exists())
            .collect();
        assert_eq!(kept, (0..KEPT_MAX).collect::<Vec<_>>());
    }
}
