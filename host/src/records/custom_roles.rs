//! Roles that administrators make. They are in no grant table, so nobody can hand them out over the API; the built-in ones never change.

use super::Records;
use super::database::Write;
use super::error::{Entity, RecordsError, Result};
use super::model::Role;
use super::roles::{BY_NAME, get};
use crate::ids::RoleId;

/// A role to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRole {
    /// Unique.
    pub name: String,
    /// For people.
    pub display_name: Option<String>,
    /// For people.
    pub description: Option<String>,
    /// `resource:action`
    pub permissions: Vec<String>,
}

/// What changes about a role. `None` leaves a part alone; the inner `None` clears it.
#[derive(Debug, Clone, Default)]
pub struct RolePatch {
    /// For people.
    pub display_name: Option<Option<String>>,
    /// For people.
    pub description: Option<Option<String>>,
    /// `resource:action`
    pub permissions: Option<Vec<String>>,
}

impl Records {
    /// Makes a role.
    ///
    /// # Errors
    /// [`RecordsError::Duplicate`] if the name is taken.
    pub async fn create_role(&self, new: NewRole) -> Result<Role> {
        let now = self.now_ms();
        let mut write = self.db.write().await?;
        if let Some(row) = write.optional(sqlx::query(BY_NAME).bind(new.name.as_str())).await? {
            return Err(RecordsError::Duplicate {
                entity: Entity::Role,
                existing: super::database::text(&row, "roles", "id")?,
            });
        }
        let role = Role {
            id: RoleId::make(&*self.clock),
            name: new.name,
            display_name: new.display_name,
            description: new.description,
            permissions: new.permissions,
            built_in: false,
            created_at_ms: now,
            updated_at_ms: now,
        };
        let insert = sqlx::query(
            "INSERT INTO roles (id, name, display_name, description, permissions, built_in, created_at_ms, updated_at_ms)
             VALUES ($1, $2, $3, $4, $5, 0, $6, $6)",
        );
        let insert = insert
            .bind(role.id.as_str())
            .bind(role.name.as_str())
            .bind(role.display_name.as_deref());
        let insert = insert.bind(role.description.as_deref()).bind(written(&role)).bind(now);
        write.run(insert).await?;
        write.touch(Entity::Role, &role.id);
        write.commit().await?;
        Ok(role)
    }

    /// Changes a role.
    ///
    /// # Errors
    /// [`RecordsError::NotFound`]; [`RecordsError::BuiltIn`]
    pub async fn update_role(&self, id: &RoleId, patch: RolePatch) -> Result<Role> {
        let mut write = self.db.write().await?;
        let mut role = custom(&mut write, id).await?;
        role.display_name = patch.display_name.unwrap_or(role.display_name);
        role.description = patch.description.unwrap_or(role.description);
        role.permissions = patch.permissions.unwrap_or(role.permissions);
        role.updated_at_ms = self.now_ms();
        let update =
            sqlx::query("UPDATE roles SET display_name = $2, description = $3, permissions = $4, updated_at_ms = $5 WHERE id = $1");
        let update = update
            .bind(id.as_str())
            .bind(role.display_name.as_deref())
            .bind(role.description.as_deref());
        write.run(update.bind(written(&role)).bind(role.updated_at_ms)).await?;
        write.touch(Entity::Role, id);
        write.commit().await?;
        Ok(role)
    }

    /// Deletes a role that nothing is bound with.
    ///
    /// # Errors
    /// [`RecordsError::NotFound`]; [`RecordsError::BuiltIn`]; [`RecordsError::RoleInUse`]
    pub async fn delete_role(&self, id: &RoleId) -> Result<()> {
        let mut write = self.db.write().await?;
        custom(&mut write, id).await?;
        let bound = sqlx::query("SELECT COUNT(*) AS n FROM role_bindings WHERE role_id = $1").bind(id.as_str());
        let bound = write.count(bound).await?;
        if bound > 0 {
            return Err(RecordsError::RoleInUse { bindings: bound });
        }
        write.run(sqlx::query("DELETE FROM roles WHERE id = $1").bind(id.as_str())).await?;
        write.touch(Entity::Role, id);
        write.commit().await
    }
}

async fn custom(write: &mut Write, id: &RoleId) -> Result<Role> {
    let role = get(write, id).await?;
    if role.built_in { Err(RecordsError::BuiltIn) } else { Ok(role) }
}

fn written(role: &Role) -> String {
    serde_json::Value::from(role.permissions.clone()).to_string()
}
