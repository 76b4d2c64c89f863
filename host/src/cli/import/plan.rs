//! What of a dump is taken over, and what is left out and why.
//!
//! The platform let through what nobody should have been able to make; such rows do not come along (docs/importing.md lists them). Ids and
//! ages are kept. A credential that cannot be opened ends the import: to leave it out would look like a move that worked.

mod bindings;

use super::dump::{Row, Table};
use super::envelope::OldKeyring;
use super::rows::{ages, details, is_deleted, shown_id, text};
use crate::api::{details as keys, intake};
use crate::egress::Address;
use crate::ids::{AgentId, CredentialId, Generation, ProjectId, ProviderName, RoleId, UserId, Username};
use crate::manifest::TokenSource;
use crate::records::model::{Agent, Credential, CredentialPolicy, CredentialState, Project, Role, User};
use crate::records::{Detailed, Import, sealing};
use crate::server::Offline;
use std::collections::{BTreeMap, BTreeSet};

/// The tables that are read.
pub(super) const TABLES: [&str; 7] = ["users", "projects", "agents", "credentials", "roles", "role_bindings", "sessions"];

/// Columns without which a table is another one.
const NEEDED: [(&str, &[&str]); 6] = [
    ("users", &["id", "username"]),
    ("projects", &["id"]),
    ("agents", &["id", "project_id", "name"]),
    ("credentials", &["id", "name", "provider", "token"]),
    ("roles", &["id", "name"]),
    (
        "role_bindings",
        &[
            "id",
            "role_id",
            "scope",
            "user_id",
            "project_id",
            "agent_id",
            "session_id",
            "credential_id",
        ],
    ),
];

/// Why what a program has does not come along.
const PROGRAM: &str = "is a program's; programs are configured as `[[service]]`";

/// How the platform's secrets are read.
pub(super) struct Old {
    pub keyring: OldKeyring,
    pub plaintext: bool,
}

/// One thing and what is said of it.
pub(super) struct Said {
    /// `credential 2abc…`
    pub what: String,
    pub why: String,
}

/// What is taken over, and what there is to say.
#[derive(Default)]
pub(super) struct Plan {
    pub import: Import,
    pub left_out: Vec<Said>,
    /// Taken over, and worth a look.
    pub look: Vec<Said>,
}

/// A row that is left out, or a dump that cannot be imported at all.
enum Fault {
    Row(String),
    Dump(String),
}

impl From<String> for Fault {
    fn from(why: String) -> Self {
        Self::Row(why)
    }
}

impl From<crate::ids::InvalidId> for Fault {
    fn from(why: crate::ids::InvalidId) -> Self {
        Self::Row(format!("its {why}"))
    }
}

fn refused(why: &str) -> Fault {
    Fault::Row(why.to_owned())
}

struct Planner<'a> {
    offline: &'a Offline,
    old: &'a Old,
    plan: Plan,
    /// The platform's role ids: name, and the id here.
    roles: BTreeMap<String, (String, RoleId)>,
    /// Agents that come along, and their projects.
    agents: BTreeMap<String, String>,
    deleted_users: BTreeSet<String>,
}

/// Decides over a whole dump.
///
/// # Errors
/// If the dump is another platform's, or a secret does not open.
pub(super) async fn plan(tables: &BTreeMap<String, Table>, offline: &Offline, old: &Old) -> anyhow::Result<Plan> {
    for (name, columns) in NEEDED {
        if let Some(table) = tables.get(name).filter(|table| table.len() > 0)
            && let Some(missing) = columns.iter().find(|column| !table.has(column))
        {
            anyhow::bail!("the table `{name}` has no column `{missing}`; is this the platform's database?");
        }
    }
    anyhow::ensure!(
        TABLES.iter().any(|name| tables.get(*name).is_some_and(|table| table.len() > 0)),
        "none of the platform's tables has a row in this dump; is it the right file, and the right `--schema`?"
    );
    let mut planner = Planner {
        offline,
        old,
        plan: Plan::default(),
        roles: BTreeMap::new(),
        agents: BTreeMap::new(),
        deleted_users: BTreeSet::new(),
    };
    let built_in: BTreeMap<String, RoleId> = offline
        .records()
        .roles()
        .await?
        .into_iter()
        .filter(|role| role.built_in)
        .map(|role| (role.name, role.id))
        .collect();
    planner.each(tables, "users", "person", |planner, row| planner.user(row))?;
    planner.each(tables, "roles", "role", |planner, row| planner.role(row, &built_in))?;
    planner.each(tables, "projects", "project", |planner, row| planner.project(row))?;
    planner.each(tables, "agents", "agent", |planner, row| planner.agent(row))?;
    planner.each(tables, "credentials", "credential", |planner, row| planner.credential(row))?;
    planner.each(tables, "role_bindings", "role binding", |planner, row| planner.binding(row))?;
    // Of two that want one place the earlier gets it, as at the platform.
    planner
        .plan
        .import
        .bindings
        .sort_by(|a, b| (a.created_at_ms, a.id.as_str()).cmp(&(b.created_at_ms, b.id.as_str())));
    planner.foreign_agents();
    planner.ownerless();
    Ok(planner.plan)
}

impl Planner<'_> {
    fn each(
        &mut self,
        tables: &BTreeMap<String, Table>,
        table: &str,
        word: &str,
        take: impl Fn(&mut Self, Row<'_>) -> Result<(), Fault>,
    ) -> anyhow::Result<()> {
        for row in tables.get(table).into_iter().flat_map(Table::rows) {
            match take(self, row) {
                Ok(()) => {}
                Err(Fault::Row(why)) => self.plan.left_out.push(Said {
                    what: format!("{word} {}", shown_id(row)),
                    why,
                }),
                Err(Fault::Dump(why)) => anyhow::bail!("{word} {}: {why}; nothing was imported", shown_id(row)),
            }
        }
        Ok(())
    }

    fn user(&mut self, row: Row<'_>) -> Result<(), Fault> {
        let name = row.given("username").unwrap_or_default();
        if is_deleted(row) {
            self.deleted_users.insert(name.to_owned());
            return Err(deleted());
        }
        let username = Username::parse(name)?;
        if self.is_program(&username) {
            return Err(refused(PROGRAM));
        }
        let (created_at_ms, updated_at_ms) = ages(row)?;
        self.plan.import.users.push(User {
            id: UserId::parse(row.given("id").unwrap_or_default())?,
            username,
            name: text(row, "name")?,
            email: text(row, "email")?,
            active: true,
            created_at_ms,
            updated_at_ms,
        });
        Ok(())
    }

    fn role(&mut self, row: Row<'_>, built_in: &BTreeMap<String, RoleId>) -> Result<(), Fault> {
        if is_deleted(row) {
            return Err(deleted());
        }
        let (id, name) = (
            RoleId::parse(row.given("id").unwrap_or_default())?,
            text(row, "name")?.unwrap_or_default(),
        );
        if let Some(here) = built_in.get(&name) {
            // It came with the server, and means here what it means here.
            self.roles.insert(id.as_str().to_owned(), (name, here.clone()));
            return Ok(());
        }
        if name.is_empty() || name.len() > 100 {
            return Err(refused("its name has not 1 to 100 bytes"));
        }
        let given = row.given("permissions").unwrap_or("[]");
        let permissions: Vec<String> = serde_json::from_str(given).map_err(|_| refused("its permissions are no list of texts"))?;
        let (created_at_ms, updated_at_ms) = ages(row)?;
        if permissions.iter().any(|permission| permission.contains('*')) {
            self.look(
                "role",
                id.as_str(),
                "allows more than it lists: there is a `*` in it. Reading tokens is never part of that",
            );
        }
        self.roles.insert(id.as_str().to_owned(), (name.clone(), id.clone()));
        self.plan.import.roles.push(Role {
            id,
            name,
            display_name: text(row, "display_name")?,
            description: text(row, "description")?,
            permissions,
            built_in: false,
            created_at_ms,
            updated_at_ms,
        });
        Ok(())
    }

    fn project(&mut self, row: Row<'_>) -> Result<(), Fault> {
        if is_deleted(row) {
            return Err(deleted());
        }
        let (created_at_ms, updated_at_ms) = ages(row)?;
        let record = Project {
            id: ProjectId::parse(row.given("id").unwrap_or_default())?,
            description: text(row, "description")?,
            credential_policy: CredentialPolicy::default(),
            created_at_ms,
            updated_at_ms,
        };
        let details = details(row, keys::PROJECT)?;
        self.plan.import.projects.push(Detailed { record, details });
        Ok(())
    }

    fn agent(&mut self, row: Row<'_>) -> Result<(), Fault> {
        if is_deleted(row) {
            return Err(deleted());
        }
        let (created_at_ms, updated_at_ms) = ages(row)?;
        let record = Agent {
            id: AgentId::parse(row.given("id").unwrap_or_default())?,
            project_id: ProjectId::parse(row.given("project_id").unwrap_or_default())?,
            name: text(row, "name")?.unwrap_or_default(),
            created_at_ms,
            updated_at_ms,
        };
        if !self
            .plan
            .import
            .projects
            .iter()
            .any(|project| project.record.id == record.project_id)
        {
            return Err(refused("its project does not come along"));
        }
        let details = details(row, keys::AGENT)?;
        self.agents
            .insert(record.id.as_str().to_owned(), record.project_id.as_str().to_owned());
        self.plan.import.agents.push(Detailed { record, details });
        Ok(())
    }

    fn credential(&mut self, row: Row<'_>) -> Result<(), Fault> {
        if is_deleted(row) {
            return Err(deleted());
        }
        let id = CredentialId::parse(row.given("id").unwrap_or_default())?;
        let provider = ProviderName::parse(row.given("provider").unwrap_or_default())?;
        let (created_at_ms, updated_at_ms) = ages(row)?;
        let served = self.offline.catalog.get(provider.as_str());
        let served = served.map_err(|why| Fault::Dump(format!("its provider does not load: {why}")))?;
        let manifest = served.manifest();
        let kind = intake::kind(manifest, None).map_err(|why| Fault::Dump(why.reason().to_owned()))?;
        let url = match row.given("url") {
            None => None,
            Some(url) => Some(Address::parse(url).map_err(|why| Fault::Row(format!("its address: {why}")))?),
        };
        let email = text(row, "email")?;
        let mut taken = intake::Taken::default();
        if let Some(stored) = row.given("token") {
            let token = self.old.keyring.open(id.as_str(), stored, self.old.plaintext);
            let token = token.map_err(|why| Fault::Dump(format!("its token {why}")))?;
            let given = intake::Given {
                token: Some(token).filter(|token| !token.is_empty()),
                ..intake::Given::default()
            };
            match intake::take(manifest, kind, given) {
                Ok(sorted) => taken = sorted,
                Err(why) => self.look("credential", id.as_str(), &format!("comes without its token: {}", why.reason())),
            }
        }
        for warning in &taken.warnings {
            self.look("credential", id.as_str(), warning);
        }
        let mut have: BTreeSet<&str> = taken.public.keys().chain(taken.secret.keys()).map(String::as_str).collect();
        have.extend(url.as_ref().map(|_| "url"));
        have.extend(email.as_ref().map(|_| "email"));
        if let Err(why) = intake::complete(kind, &have) {
            self.look("credential", id.as_str(), why.reason());
        }
        if url.is_some() && kind.token == TokenSource::Minted {
            self.look(
                "credential",
                id.as_str(),
                "has an address of its own, which has to be an `[[instance]]` of this server",
            );
        }
        let secrets: Vec<_> = taken
            .secret
            .iter()
            .map(|(field, value)| sealing::seal_field(&self.offline.keyring, &id, field, Generation::FIRST, value))
            .collect();
        let credential = Credential {
            id,
            name: text(row, "name")?.unwrap_or_default(),
            description: text(row, "description")?,
            provider,
            kind: kind.name.clone(),
            url: url.map(|url| url.as_str().to_owned()),
            email,
            labels: text(row, "labels")?,
            annotations: text(row, "annotations")?,
            fields: taken.public,
            connected_to: None,
            generation: Generation::FIRST,
            state: CredentialState::Usable,
            created_at_ms,
            updated_at_ms,
        };
        self.plan.import.credentials.push((credential, secrets));
        Ok(())
    }

    /// Whether this is no person: a service of this server, or the platform's own name for a client of its issuer.
    fn is_program(&self, user: &Username) -> bool {
        self.offline.services.is_reserved(user) || user.as_str().starts_with("service-account-")
    }

    fn look(&mut self, word: &str, id: &str, why: &str) {
        self.plan.look.push(Said {
            what: format!("{word} {id}"),
            why: why.to_owned(),
        });
    }
}

fn deleted() -> Fault {
    refused("was deleted")
}
