//! `claviger provider`: what a component asks for, and whether it may.

use super::Place;
use crate::runtime::{Change, Folder, Granted, Options, Sandbox, compile, difference, digest, is_built_in, read_component};
use crate::server::{Order, Reply, command, providers_of};
use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// One of 19 MB takes 14 s of processor time without optimisation, and is compiled on machines that are busy.
const COMPILE_AT_MOST: Duration = Duration::from_secs(240);

#[derive(Debug, clap::Subcommand)]
pub(super) enum Provider {
    /// Shows what a component asks for, and approves it if you say so.
    Add {
        #[command(flatten)]
        place: Place,
        /// The component.
        file: PathBuf,
        /// Approve without asking.
        #[arg(long)]
        yes: bool,
        /// Let it read secrets as text, if it asks to. Each use is recorded.
        #[arg(long)]
        grant_reveal: bool,
        /// Let it take the place of a built-in provider.
        #[arg(long)]
        replace_built_in: bool,
    },
    /// Lists the approved providers.
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Removes an approved provider.
    Remove {
        #[command(flatten)]
        place: Place,
        /// Its name.
        name: String,
    },
    /// Compiles a component to machine code on standard output: the server calls this for components of large toolchains.
    #[command(hide = true)]
    Compile {
        /// The component.
        file: PathBuf,
    },
}

impl Provider {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Add {
                place,
                file,
                yes,
                grant_reveal,
                replace_built_in,
            } => add(&place, file, yes, grant_reveal, replace_built_in).await,
            Self::List { place } => list(&place),
            Self::Remove { place, name } => answer(command(&place.config()?, Order::ProviderRemove { name }).await?),
            Self::Compile { file } => {
                std::thread::spawn(give_up);
                std::io::stdout().write_all(&compile(&read_component(&file)?)?)?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

/// A component may be made to keep a compiler busy for ever; the server that waits for this process then learns why.
fn give_up() {
    std::thread::sleep(COMPILE_AT_MOST);
    super::note(&format!(
        "compiling took more than {} s; is it the component that you meant?",
        COMPILE_AT_MOST.as_secs()
    ));
    std::process::exit(1);
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
async fn add(place: &Place, file: PathBuf, yes: bool, grant_reveal: bool, replaces_built_in: bool) -> anyhow::Result<ExitCode> {
    let config = place.config()?;
    let file = std::path::absolute(&file)?;
    let component = read_component(&file)?;
    let inspected = Sandbox::new(Options {
        compiler: std::env::current_exe().ok(),
        ..Options::default()
    })?
    .inspect(&component)
    .await?;
    let manifest = inspected.manifest;
    let approved = Folder::at(providers_of(&config.data_dir))
        .list()?
        .into_iter()
        .find(|entry| entry.name == manifest.provider);

    println!("{} {} ({})", manifest.provider, manifest.version, manifest.title);
    println!("sha256 {}", inspected.digest);
    if let Some(approved) = &approved {
        println!("replaces {} {}", approved.version, approved.sha256);
    }
    println!("It asks for:");
    for line in difference(approved.as_ref().map(|entry| &entry.manifest), &manifest) {
        let mark = match line.change {
            Change::Same => " ",
            Change::Added => "+",
            Change::Removed => "-",
        };
        println!("{mark} {}{}", line.text, if line.alarming { "   <-- think twice" } else { "" });
    }
    if manifest.reveal && !grant_reveal {
        println!("It asks to read secrets as text and is not granted that (`--grant-reveal` would).");
    }
    if !yes && !agreed()? {
        anyhow::bail!("not approved; nothing was changed");
    }
    let granted = Granted {
        reveal: manifest.reveal && grant_reveal,
        limits: manifest.limits.clone(),
    };
    answer(
        command(
            &config,
            Order::ProviderAdd {
                file,
                sha256: inspected.digest,
                manifest: Box::new(manifest),
                granted,
                replaces_built_in,
            },
        )
        .await?,
    )
}

#[expect(clippy::print_stdout, reason = "a question to the person at the terminal")]
fn agreed() -> anyhow::Result<bool> {
    anyhow::ensure!(
        std::io::stdin().is_terminal(),
        "nobody is there to approve it; read the list above and add `--yes`"
    );
    print!("Approve? [y/N] ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
fn list(place: &Place) -> anyhow::Result<ExitCode> {
    let folder = Folder::at(providers_of(&place.config()?.data_dir));
    let entries = folder.list()?;
    if entries.is_empty() {
        super::note("none; the built-in ones need no approval");
    }
    for entry in entries {
        let reveal = if entry.granted.reveal { "  reads secrets as text" } else { "" };
        let replaces = if is_built_in(&entry.name) {
            "  in place of the built-in one"
        } else {
            ""
        };
        let fault = match read_component(&folder.component(&entry)) {
            Ok(bytes) if digest(&bytes) == entry.sha256 => "",
            Ok(_) => "  CHANGED since it was approved, so it does not load; `provider add` approves it again",
            Err(_) => "  MISSING or unreadable, so it does not load; `provider add` approves it again",
        };
        println!("{} {}  sha256 {}{replaces}{reveal}{fault}", entry.name, entry.version, entry.sha256);
    }
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
fn answer(reply: Reply) -> anyhow::Result<ExitCode> {
    match reply {
        Reply::Done { what } => {
            println!("{what}");
            Ok(ExitCode::SUCCESS)
        }
        Reply::Refused { why } => Err(anyhow::anyhow!(why)),
        _ => Err(anyhow::anyhow!(
            "the server answered something else; is the command line of the same version?"
        )),
    }
}
