//! Files that users name: read whole, within a bound, and never waited for. A path that
//! is no regular file is refused before it is opened.

use std::fs::{FileType, Metadata, OpenOptions};
use std::io::{Error, ErrorKind, Read, Result};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// An upper bound on the size of every file that the host itself writes.
pub(crate) const OWN_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;

/// Why an existing file is not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// It is a FIFO, a folder, a socket or a device.
    #[error("it is {0}, not a file")]
    NoFile(&'static str),
    /// It is larger than the bound.
    #[error("it is {bytes} bytes, more than {max}")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The bound.
        max: u64,
    },
}

/// Reads a file.
///
/// # Errors
/// When it cannot be read; with [`Refused`] inside when it is no regular file or has
/// more than `bytes_max` bytes.
pub(crate) fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>> {
    // Before it is opened: to open a device may do something to it.
    check(&std::fs::metadata(path)?, bytes_max)?;
    let file = OpenOptions::new()
        .read(true)
        // Another file may have its name by now, and a FIFO must not be waited for.
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)?;
    let metadata = file.metadata()?;
    check(&metadata, bytes_max)?;
    let mut bytes = Vec::with_capacity(metadata.len().try_into().unwrap_or_default());
    file.take(bytes_max.saturating_add(1))
        .read_to_end(&mut bytes)?;
    // It may grow while it is read.
    check_size(bytes.len() as u64, bytes_max)?;
    Ok(bytes)
}

/// Reads a file as text; otherwise as [`read`].
///
/// # Errors
/// As there, and when it is not UTF-8.
pub(crate) fn read_text(path: &Path, bytes_max: u64) -> Result<String> {
    String::from_utf8(read(path, bytes_max)?)
        .map_err(|_| Error::new(ErrorKind::InvalidData, "it is not UTF-8 text"))
}

/// The reason why a file was refused, if the error has one.
pub(crate) fn refused(error: &Error) -> Option<&Refused> {
    error.get_ref()?.downcast_ref()
}

fn check(metadata: &Metadata, bytes_max: u64) -> Result<()> {
    if !metadata.is_file() {
        return Err(Error::other(Refused::NoFile(kind(metadata.file_type()))));
    }
    check_size(metadata.len(), bytes_max)
}

fn check_size(bytes: u64, max: u64) -> Result<()> {
    if bytes > max {
        return Err(Error::other(Refused::TooLarge { bytes, max }));
    }
    Ok(())
}

fn kind(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

/// Whether a write failed because the disk or a quota is full.
pub(crate) fn is_full(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn regular_files_within_the_bound_are_read_and_nothing_else_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("file"), "12345").unwrap();
        std::os::unix::fs::symlink(path("file"), path("link")).unwrap();
        for name in ["file", "link"] {
            assert_eq!(read(&path(name), 5).unwrap(), b"12345");
            assert_eq!(read_text(&path(name), 5).unwrap(), "12345");
        }
        let made = std::process::Command::new("mkfifo")
            .arg(path("fifo"))
            .status();
        assert!(made.unwrap().success());
        let _listener = UnixListener::bind(path("socket")).unwrap();
        for (path, said) in [
            (path("file"), "it is 5 bytes, more than 4"),
            (path("fifo"), "it is a FIFO, not a file"),
            (path("socket"), "it is a socket, not a file"),
            (path("."), "it is a folder, not a file"),
            ("/dev/zero".into(), "it is a device, not a file"),
        ] {
            let error = read(&path, 4).unwrap_err();
            assert_eq!(error.to_string(), said);
            assert!(refused(&error).is_some());
        }
        assert_eq!(
            read(&path("none"), 4).unwrap_err().kind(),
            ErrorKind::NotFound
        );
        // What grows while it is read is bounded as well.
        assert!(read(Path::new("/proc/self/status"), 4).is_err());
        std::fs::write(path("text"), b"\xff").unwrap();
        assert_eq!(
            read_text(&path("text"), 4).unwrap_err().to_string(),
            "it is not UTF-8 text"
        );
    }
}
