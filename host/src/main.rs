//! The binary: reads the command line, and nothing else.

fn main() -> std::process::ExitCode {
    claviger::cli::run()
}
