//! The `wares` command, for the tests to start.

fn main() -> std::process::ExitCode {
    wares::cli::run()
}
