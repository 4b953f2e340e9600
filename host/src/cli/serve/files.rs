//! The file descriptors of the process: how many of them connections may take.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::cli::Settings;
use crate::cli::setup::Places;

/// Files that the host needs beside those of connections and of modules' databases.
const FILES_BESIDE: usize = 128;
/// Files of a connection to a database: itself, its log, and what others share of it.
const FILES_A_DATABASE: usize = 3;

/// Returns how many connections leave enough files for all else: connections alone must
/// not keep a database from being opened.
pub(super) fn connections_max(settings: &Settings, places: &Places) -> usize {
    let wanted = settings.server.limits.connections_max;
    // One that reads for each of a module's calls, one that writes, one for a version that is tried.
    let databases = places.modules * (places.calls_of_each + 2);
    let beside = FILES_BESIDE + databases * FILES_A_DATABASE;
    let files = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: files.maximum,
        ..files
    };
    let files = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => raised.current,
        Err(_) => files.current,
    };
    let files = files.map_or(usize::MAX, |files| {
        usize::try_from(files).unwrap_or(usize::MAX)
    });
    let room = room(files, beside);
    if room < wanted {
        tracing::warn!(
            files,
            connections = room,
            "fewer connections than server.connections_max: the limit on open files of this process is lower"
        );
    }
    wanted.min(room)
}

/// Returns how many of the files connections may take where so many others are needed.
fn room(files: usize, beside: usize) -> usize {
    files.saturating_sub(beside).max(files / 2)
}

#[cfg(test)]
mod tests {
    use super::room;

    #[test]
    fn connections_leave_files_for_all_else_and_get_half_of_them_at_least() {
        for (files, beside, expected) in [
            (1_024, 200, 824),
            (1_024, 512, 512),
            (1_024, 513, 512),
            (1_024, 5_000, 512),
            (usize::MAX, 5_000, usize::MAX - 5_000),
            (0, 1, 0),
        ] {
            assert_eq!(room(files, beside), expected, "{files} without {beside}");
        }
    }
}
