//! `claviger admin`: roles for everything, given by whoever has the server's folder.

use super::Place;
use crate::ids::Username;
use crate::server::{Order, Reply, command};
use std::process::ExitCode;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Admin {
    /// Makes somebody an administrator. A person's tokens are not among what an administrator may read.
    Grant(Whom),
    /// Takes that back.
    Revoke(Whom),
}

#[derive(Debug, clap::Args)]
pub(super) struct Whom {
    #[command(flatten)]
    place: Place,
    /// A person, or a service.
    user: String,
    /// Another role for everything.
    #[arg(long, default_value = "platform:admin", value_parser = ["platform:admin", "platform:viewer"])]
    role: String,
}

impl Admin {
    #[expect(clippy::print_stdout, reason = "the command's answer")]
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let (Self::Grant(whom) | Self::Revoke(whom)) = &self;
        let (user, role) = (Username::parse(whom.user.as_str())?, whom.role.clone());
        let order = match &self {
            Self::Grant(_) => Order::AdminGrant { user, role },
            Self::Revoke(_) => Order::AdminRevoke { user, role },
        };
        match command(&whom.place.config()?, order).await? {
            Reply::Done { what } => println!("{what}"),
            Reply::Refused { why } => anyhow::bail!(why),
            _ => anyhow::bail!("the server answered something else; is the command line of the same version?"),
        }
        Ok(ExitCode::SUCCESS)
    }
}
