//! The `wares` command.

fn main() -> std::process::ExitCode {
    wares::cli::run()
}
