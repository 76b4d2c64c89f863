//! Roles.

use super::Records;
use super::built_in_roles::BUILT_IN;
use super::database::Transactional;
use super::error::{Entity, RecordsError, Result};
use super::model::Role;
use super::row::{Fields, each};
use crate::ids::RoleId;

/// The role of whoever may do anything with a credential.
pub const CREDENTIAL_OWNER: &str = "credential:owner";
/// The role that reads tokens and does nothing else.
pub const TOKEN_READER: &str = "credential:token-reader";
/// The role that sees a credential; bound without a person it hands the credential to a project.
pub(super) const CREDENTIAL_VIEWER: &str = "credential:viewer";
/// The owner of a project.
pub const PROJECT_OWNER: &str = "project:owner";

macro_rules! columns {
    () => {
        "id, name, display_name, description, permissions, built_in, created_at_ms, updated_at_ms"
    };
}

pub(super) const ALL: &str = concat!("SELECT ", columns!(), " FROM roles ORDER BY id");
pub(super) const BY_ID: &str = concat!("SELECT ", columns!(), " FROM roles WHERE id = $1");
pub(super) const BY_NAME: &str = concat!("SELECT ", columns!(), " FROM roles WHERE name = $1");

pub(super) fn read(row: &Fields<'_>) -> Result<Role> {
    Ok(Role {
        id: row.id("id")?,
        name: row.text("name")?,
        display_name: row.maybe_text("display_name")?,
        description: row.maybe_text("description")?,
        permissions: row.json("permissions")?,
        built_in: row.flag("built_in")?,
        created_at_ms: row.int("created_at_ms")?,
        updated_at_ms: row.int("updated_at_ms")?,
    })
}

impl Records {
    /// All roles.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn roles(&self) -> Result<Vec<Role>> {
        each(&self.db.all(sqlx::query(ALL)).await?, "roles", read)
    }

    /// One role.
    ///
    /// # Errors
    /// [`RecordsError::NotFound`]
    pub async fn role(&self, id: &RoleId) -> Result<Role> {
        let row = self.db.one(sqlx::query(BY_ID).bind(id.as_str()), Entity::Role, id.as_str()).await?;
        read(&Fields { row: &row, table: "roles" })
    }

    /// One role, by its name.
    ///
    /// # Errors
    /// [`RecordsError::NotFound`]
    pub async fn role_named(&self, name: &str) -> Result<Role> {
        let row = self.db.one(sqlx::query(BY_NAME).bind(name), Entity::Role, name).await?;
        read(&Fields { row: &row, table: "roles" })
    }

    /// Puts in the built-in roles that are missing and brings the others up to date. A role that somebody made under a built-in name is
    /// refused: its holders would gain what the built-in one allows.
    pub(super) async fn seed_roles(&self) -> Result<()> {
        let now = self.now_ms();
        let mut write = self.db.write().await?;
        let mut changed = false;
        for built_in in &BUILT_IN {
            let permissions = serde_json::Value::from(built_in.permissions.split(' ').collect::<Vec<_>>()).to_string();
            let found = write.optional(sqlx::query(BY_NAME).bind(built_in.name)).await?;
            let id = match found.map(|row| read(&Fields { row: &row, table: "roles" })).transpose()? {
                None => {
                    let id = RoleId::make(&*self.clock);
                    let insert = sqlx::query(
                        "INSERT INTO roles (id, name, display_name, description, permissions, built_in, created_at_ms, updated_at_ms)
                         VALUES ($1, $2, $3, NULL, $4, 1, $5, $5)",
                    );
                    write
                        .run(
                            insert
                                .bind(id.as_str())
                                .bind(built_in.name)
                                .bind(built_in.display_name)
                                .bind(permissions)
                                .bind(now),
                        )
                        .await?;
                    id
                }
                Some(role) if !role.built_in => {
                    return Err(RecordsError::Duplicate {
                        entity: Entity::Role,
                        existing: role.id.to_string(),
                    });
                }
                Some(role) if role.permissions.iter().eq(built_in.permissions.split(' ')) => continue,
                Some(role) => {
                    let update = sqlx::query("UPDATE roles SET permissions = $2, updated_at_ms = $3 WHERE id = $1");
                    write.run(update.bind(role.id.as_str()).bind(permissions).bind(now)).await?;
                    role.id
                }
            };
            write.touch(Entity::Role, id);
            changed = true;
        }
        if changed { write.commit().await } else { Ok(()) }
    }
}

/// Inside a transaction.
pub(super) async fn get(tx: &mut Transactional, id: &RoleId) -> Result<Role> {
    let row = tx.one(sqlx::query(BY_ID).bind(id.as_str()), Entity::Role, id.as_str()).await?;
    read(&Fields { row: &row, table: "roles" })
}

/// Inside a transaction, by name.
pub(super) async fn named(tx: &mut Transactional, name: &str) -> Result<Role> {
    let row = tx.one(sqlx::query(BY_NAME).bind(name), Entity::Role, name).await?;
    read(&Fields { row: &row, table: "roles" })
}

/// Whether a credential binding with this role hands the credential to a level. Roles that read tokens tell who may read, not where a
/// credential belongs: otherwise a grant to one session would make it everybody's default.
pub(super) fn injects(role: &Role) -> bool {
    role.name != CREDENTIAL_OWNER && role.name != TOKEN_READER && !role.permissions.iter().any(|text| text == "credential:fetch_token")
}
