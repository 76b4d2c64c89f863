//! Which credential a level (a project's agent, a project, everything) gets for a provider: one, kept in the bindings' own transactions.

use super::database::{Transactional, text};
use super::error::{RecordsError, Result};
use super::model::{Binding, Role, Scope};
use super::roles;
use crate::ids::{CredentialId, ProviderName};

/// The level a binding hands its credential to: project and agent, empty where it names none. `None` if it hands nothing over.
fn level<'a>(binding: &'a Binding, role: &Role) -> Option<(&'a str, &'a str)> {
    if binding.scope != Scope::Credential || binding.session_id.is_some() || !roles::injects(role) {
        return None;
    }
    match (&binding.project_id, &binding.agent_id) {
        (Some(project), Some(agent)) => Some((project.as_str(), agent.as_str())),
        (Some(project), None) => Some((project.as_str(), "")),
        (None, None) => Some(("", "")),
        (None, Some(_)) => None,
    }
}

/// Takes the level for the binding's credential. Further bindings of the same credential there are fine.
pub(super) async fn attach(tx: &mut Transactional, binding: &Binding, role: &Role, provider: &ProviderName) -> Result<()> {
    let (Some((project, agent)), Some(credential)) = (level(binding, role), &binding.credential_id) else {
        return Ok(());
    };
    let find = sqlx::query("SELECT credential_id FROM injections WHERE project_id = $1 AND agent_id = $2 AND provider = $3");
    if let Some(row) = tx.optional(find.bind(project).bind(agent).bind(provider.as_str())).await? {
        let existing = text(&row, "injections", "credential_id")?;
        return if existing == credential.as_str() {
            Ok(())
        } else {
            Err(conflict(existing))
        };
    }
    let insert = sqlx::query("INSERT INTO injections (project_id, agent_id, provider, credential_id) VALUES ($1, $2, $3, $4)");
    tx.run(insert.bind(project).bind(agent).bind(provider.as_str()).bind(credential.as_str()))
        .await?;
    Ok(())
}

/// Frees the level after the binding was deleted, unless another binding of the same credential still holds it.
pub(super) async fn detach(tx: &mut Transactional, binding: &Binding, role: &Role) -> Result<()> {
    let (Some((project, agent)), Some(credential)) = (level(binding, role), &binding.credential_id) else {
        return Ok(());
    };
    for other in super::bindings::of_credential(tx, credential).await? {
        let role = roles::get(tx, &other.role_id).await?;
        if level(&other, &role) == Some((project, agent)) {
            return Ok(());
        }
    }
    let delete = sqlx::query("DELETE FROM injections WHERE project_id = $1 AND agent_id = $2 AND credential_id = $3");
    tx.run(delete.bind(project).bind(agent).bind(credential.as_str())).await?;
    Ok(())
}

/// Moves a credential's levels to another provider, unless one of them has a credential for that provider.
pub(super) async fn change_provider(tx: &mut Transactional, credential: &CredentialId, provider: &ProviderName) -> Result<()> {
    let taken = sqlx::query(
        "SELECT other.credential_id FROM injections mine JOIN injections other
           ON other.project_id = mine.project_id AND other.agent_id = mine.agent_id
         WHERE mine.credential_id = $1 AND other.provider = $2 AND other.credential_id <> $1",
    );
    if let Some(row) = tx.optional(taken.bind(credential.as_str()).bind(provider.as_str())).await? {
        return Err(conflict(text(&row, "injections", "credential_id")?));
    }
    let update = sqlx::query("UPDATE injections SET provider = $2 WHERE credential_id = $1");
    tx.run(update.bind(credential.as_str()).bind(provider.as_str())).await?;
    Ok(())
}

fn conflict(existing: String) -> RecordsError {
    match CredentialId::parse(existing) {
        Ok(existing) => RecordsError::InjectionConflict { existing },
        Err(error) => RecordsError::Damaged {
            table: "injections",
            column: "credential_id",
            reason: error.to_string(),
        },
    }
}
