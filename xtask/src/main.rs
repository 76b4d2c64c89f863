//! The developers' own commands: `cargo xtask <command>`.
#![expect(clippy::print_stdout, reason = "a command for developers talks on the terminal")]

mod bench;
mod component;
mod dev;
mod fuzz;
mod guests;
mod install;
mod outside;
mod providers;
mod python;
mod tally;
mod test;
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
    /// Builds a provider outside this workspace into a component: a crate, or a folder with `build.mjs` or `build.py`.
    Component(outside::Options),
    /// Builds the host and starts the development server; `--tour` tells its whole story once.
    Dev(dev::Options),
    /// Builds what is needed and runs every test.
    Test(test::Options),
    /// Runs the fuzz targets: a million inputs each, or as many as `--runs` says.
    Fuzz(fuzz::Options),
    /// Measures token reads beside a bare handler.
    Bench(bench::Options),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Providers(options) => {
            for path in providers::build(&options)? {
                println!("{}", path.display());
            }
            Ok(())
        }
        Command::Component(options) => {
            println!("{}", outside::run(options)?.display());
            Ok(())
        }
        Command::Dev(options) => dev::run(&options),
        Command::Test(options) => test::run(&options),
        Command::Fuzz(options) => fuzz::run(&options),
        Command::Bench(options) => bench::run(&options),
    }
}
