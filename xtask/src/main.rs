//! The developers' own commands: `cargo xtask <command>`.
#![expect(clippy::print_stdout, reason = "a command for developers talks on the terminal")]

mod component;
mod providers;
mod toolchain;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The developers' own commands")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Builds the provider components into `target/providers/`.
    Providers(providers::Options),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Providers(options) => {
            for path in providers::build(&options)? {
                println!("{}", path.display());
            }
            Ok(())
        }
    }
}
