//! `claviger audit`: checks the trail, and finds people in it.

use super::Place;
use crate::audit;
use crate::ids::Username;
use crate::server;
use std::process::ExitCode;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Audit {
    /// Walks every record of the trail. Exit code 1 if one was edited, removed or moved.
    Verify {
        #[command(flatten)]
        place: Place,
    },
    /// Prints the hashes under which a person stands in the trail, one for each key epoch.
    Principal {
        #[command(flatten)]
        place: Place,
        /// The person.
        user: String,
    },
}

impl Audit {
    #[expect(clippy::print_stdout, reason = "the command's answer")]
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Verify { place } => {
                let config = place.config()?;
                let keys = server::audit_keys(&server::keyring(&config)?)?;
                let report = audit::verify(&server::audit_folder(&config), &keys)?;
                println!("{report}");
                Ok(if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
            }
            Self::Principal { place, user } => {
                let config = place.config()?;
                let keys = server::audit_keys(&server::keyring(&config)?)?;
                for (epoch, hash) in audit::principal_hashes(&Username::parse(user)?, &keys) {
                    println!("{epoch} {hash}");
                }
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}
