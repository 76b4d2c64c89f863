//! `claviger user`: who is let in.

use super::Place;
use crate::ids::Username;
use crate::server::{Order, Reply, command};
use std::process::ExitCode;

#[derive(Debug, clap::Subcommand)]
pub(super) enum User {
    /// Lists everybody whom the server has met.
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Lets somebody in no more, at once: no bearer of theirs, no key of theirs, no schedule.
    Deactivate {
        #[command(flatten)]
        place: Place,
        /// Who.
        user: String,
    },
    /// Lets somebody in again.
    Reactivate {
        #[command(flatten)]
        place: Place,
        /// Who.
        user: String,
    },
}

impl User {
    #[expect(clippy::print_stdout, reason = "the command's answer")]
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let active = |user: String, active| {
            Ok::<_, anyhow::Error>(Order::UserActive {
                user: Username::parse(user)?,
                active,
            })
        };
        let (place, order) = match self {
            Self::List { place } => (place, Order::UserList),
            Self::Deactivate { place, user } => (place, active(user, false)?),
            Self::Reactivate { place, user } => (place, active(user, true)?),
        };
        match command(&place.config()?, order).await? {
            Reply::Users { users } => {
                if users.is_empty() {
                    super::note("none");
                }
                for line in users {
                    let state = if line.active { "active" } else { "deactivated" };
                    let (name, email) = (line.name.unwrap_or_default(), line.email.unwrap_or_default());
                    println!("{}", format!("{}  {state}  {name}  {email}", line.user).trim_end());
                }
            }
            Reply::Done { what } => println!("{what}"),
            Reply::Refused { why } => anyhow::bail!(why),
            _ => anyhow::bail!("the server answered something else; is the command line of the same version?"),
        }
        Ok(ExitCode::SUCCESS)
    }
}
