//! Which role bindings of a dump are taken over.
//!
//! A binding is what lets somebody read a token, and the platform let people make some that nobody should have had: a role on any agent, a
//! role for everything that is meant for one thing, a role for everybody. So each is held against the rules of this server.
//!
//! What fails a rule is left out with the reason. What comes along and gives much, and what nobody owns, is named to be looked at.

use super::super::dump::Row;
use super::super::rows::{ages, is_deleted};
use super::{Fault, PROGRAM, Planner, Said, deleted, refused};
use crate::ids::{AgentId, BindingId, CredentialId, ProjectId, RoleId, Username};
use crate::records::model::{Binding, Scope};
use crate::records::{CREDENTIAL_OWNER, PROJECT_OWNER, TOKEN_READER};
use std::collections::BTreeSet;

impl Planner<'_> {
    /// Takes a binding over if all that it names comes along.
    pub(super) fn binding(&mut self, row: Row<'_>) -> Result<(), Fault> {
        if is_deleted(row) {
            return Err(deleted());
        }
        let id = BindingId::parse(row.given("id").unwrap_or_default())?;
        let known = self.roles.get(row.given("role_id").unwrap_or_default());
        let (role, role_id) = known.cloned().ok_or_else(|| refused("its role does not come along"))?;
        let scope = match row.given("scope") {
            Some("global") => Scope::Global,
            Some("project") => Scope::Project,
            Some("agent") => Scope::Agent,
            Some("session") => Scope::Session,
            Some("credential") => Scope::Credential,
            _ => return Err(refused("its scope is none")),
        };
        if row.given("session_id").is_some() || scope == Scope::Session {
            return Err(refused("is about a session; sessions do not come along"));
        }
        let (created_at_ms, updated_at_ms) = ages(row)?;
        let binding = Binding {
            id,
            role_id,
            scope,
            user_id: row.given("user_id").map(Username::parse).transpose()?,
            project_id: row.given("project_id").map(ProjectId::parse).transpose()?,
            agent_id: row.given("agent_id").map(AgentId::parse).transpose()?,
            session_id: None,
            credential_id: row.given("credential_id").map(CredentialId::parse).transpose()?,
            created_at_ms,
            updated_at_ms,
        };
        self.may_come(&binding, &role)?;
        if role == TOKEN_READER {
            self.look("role binding", binding.id.as_str(), "lets its person read the credential's token");
        }
        if role == "platform:viewer" {
            self.look(
                "role binding",
                binding.id.as_str(),
                "made its person an administrator there, by a mistake of the platform; here it shows projects, agents and sessions",
            );
        }
        if role == "platform:admin" {
            self.look("role binding", binding.id.as_str(), "makes its person an administrator");
        }
        self.plan.import.bindings.push(binding);
        Ok(())
    }

    /// The rules that the platform did not have.
    fn may_come(&self, binding: &Binding, role: &str) -> Result<(), Fault> {
        let here = |names: bool, why: &str| if names { Ok(()) } else { Err(refused(why)) };
        if let Some(user) = &binding.user_id {
            here(!self.deleted_users.contains(user.as_str()), "its person was deleted")?;
            here(!self.is_program(user), PROGRAM)?;
        }
        here(role != "agent:runner", "has a role that only the platform gave its own runners")?;
        let is_about_people = role == CREDENTIAL_OWNER || role == TOKEN_READER || role == PROJECT_OWNER;
        here(
            !is_about_people || binding.user_id.is_some(),
            "gives nobody a role that is for a person",
        )?;
        if let Some(project) = &binding.project_id {
            let comes = self.plan.import.projects.iter().any(|known| known.record.id == *project);
            here(comes, "its project does not come along")?;
        }
        if let Some(agent) = &binding.agent_id {
            let project = self.agents.get(agent.as_str());
            here(project.is_some(), "its agent does not come along")?;
            let named = binding.project_id.as_ref().map(ProjectId::as_str);
            here(
                named.is_none_or(|named| project.is_some_and(|project| project == named)),
                "its agent is in another project",
            )?;
        }
        if let Some(credential) = &binding.credential_id {
            let comes = self.plan.import.credentials.iter().any(|(known, _)| known.id == *credential);
            here(comes, "its credential was deleted, or does not come along")?;
        }
        match binding.scope {
            Scope::Global => {
                let is_for_everything = role == "platform:admin" || role == "platform:viewer";
                here(is_for_everything, "gives for everything a role that is for one thing")?;
                here(binding.user_id.is_some(), "gives everybody a role for everything")
            }
            Scope::Project => here(binding.project_id.is_some(), "names no project"),
            Scope::Agent => here(binding.agent_id.is_some(), "names no agent"),
            Scope::Session => Err(refused("is about a session; sessions do not come along")),
            Scope::Credential => {
                here(binding.credential_id.is_some(), "names no credential")?;
                here(
                    binding.agent_id.is_none() || binding.project_id.is_some(),
                    "names an agent without its project",
                )
            }
        }
    }

    /// At the platform everybody could give themselves a role on any agent. Who has a part in the agent's project may keep it.
    pub(super) fn foreign_agents(&mut self) {
        let members: BTreeSet<(String, String)> = self
            .plan
            .import
            .bindings
            .iter()
            .filter(|binding| binding.scope == Scope::Project)
            .filter_map(|binding| Some((binding.user_id.as_ref()?.to_string(), binding.project_id.as_ref()?.to_string())))
            .collect();
        let (agents, left_out) = (&self.agents, &mut self.plan.left_out);
        self.plan.import.bindings.retain(|binding| {
            let (Scope::Agent, Some(agent)) = (binding.scope, &binding.agent_id) else {
                return true;
            };
            let project = agents.get(agent.as_str()).cloned().unwrap_or_default();
            let user = binding.user_id.as_ref().map(ToString::to_string).unwrap_or_default();
            let stays = members.contains(&(user, project));
            if !stays {
                left_out.push(Said {
                    what: format!("role binding {}", binding.id),
                    why:
                        "gives a role on an agent to somebody who has no part in its project, which there everybody could do for themselves"
                            .to_owned(),
                });
            }
            stays
        });
    }

    /// The platform made an owner's binding after the thing itself, and sometimes not at all.
    pub(super) fn ownerless(&mut self) {
        let of_role = |wanted: &str| {
            let ids: BTreeSet<&RoleId> = self.roles.values().filter(|(name, _)| name == wanted).map(|(_, id)| id).collect();
            self.plan
                .import
                .bindings
                .iter()
                .filter(move |binding| ids.contains(&binding.role_id))
        };
        let owned: BTreeSet<&str> = of_role(CREDENTIAL_OWNER)
            .filter_map(|binding| Some(binding.credential_id.as_ref()?.as_str()))
            .collect();
        let projects: BTreeSet<&str> = of_role(PROJECT_OWNER)
            .filter_map(|binding| Some(binding.project_id.as_ref()?.as_str()))
            .collect();
        let mut look = Vec::new();
        for (credential, _) in &self.plan.import.credentials {
            if !owned.contains(credential.id.as_str()) {
                look.push(("credential", credential.id.as_str()));
            }
        }
        for project in &self.plan.import.projects {
            if !projects.contains(project.record.id.as_str()) {
                look.push(("project", project.record.id.as_str()));
            }
        }
        let look = look.into_iter().map(|(word, id)| Said {
            what: format!("{word} {id}"),
            why: "has no owner; an administrator can make somebody one".to_owned(),
        });
        let look: Vec<Said> = look.collect();
        self.plan.look.extend(look);
    }
}
