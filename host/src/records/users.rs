//! People whom the server has met.

use super::Records;
use super::database::Write;
use super::error::{Entity, RecordsError, Result};
use super::model::User;
use super::row::{Fields, each};
use crate::ids::{UserId, Username};

macro_rules! columns {
    () => {
        "id, username, name, email, active, created_at_ms, updated_at_ms"
    };
}

pub(super) const ALL: &str = concat!("SELECT ", columns!(), " FROM users ORDER BY username");
pub(super) const DEACTIVATED: &str = "SELECT username FROM users WHERE active = 0";
const BY_ID: &str = concat!("SELECT ", columns!(), " FROM users WHERE id = $1");
pub(super) const BY_NAME: &str = concat!("SELECT ", columns!(), " FROM users WHERE username = $1");

pub(super) fn read(row: &Fields<'_>) -> Result<User> {
    Ok(User {
        id: row.id("id")?,
        username: row.id("username")?,
        name: row.maybe_text("name")?,
        email: row.maybe_text("email")?,
        active: row.flag("active")?,
        created_at_ms: row.int("created_at_ms")?,
        updated_at_ms: row.int("updated_at_ms")?,
    })
}

/// What changes about a person. `None` leaves a part alone; the inner `None` clears it.
#[derive(Debug, Clone, Default)]
pub struct UserPatch {
    /// For people.
    pub name: Option<Option<String>>,
    /// An address of mail.
    pub email: Option<Option<String>>,
    /// Whether they may still do anything.
    pub active: Option<bool>,
}

impl Records {
    /// Notes a person whom nobody has met yet.
    ///
    /// # Errors
    /// [`RecordsError::Duplicate`]
    pub async fn create_user(&self, username: &Username, name: Option<&str>, email: Option<&str>) -> Result<User> {
        let mut write = self.db.write().await?;
        if let Some(row) = write.optional(sqlx::query(BY_NAME).bind(username.as_str())).await? {
            return Err(RecordsError::Duplicate {
                entity: Entity::User,
                existing: super::database::text(&row, "users", "id")?,
            });
        }
        let insert = sqlx::query(
            "INSERT INTO users (username, name, email, active, created_at_ms, updated_at_ms, id) VALUES ($1, $2, $3, 1, $4, $4, $5)",
        );
        let insert = insert.bind(username.as_str()).bind(name).bind(email).bind(self.now_ms());
        write.run(insert.bind(UserId::make(&*self.clock).as_str())).await?;
        finish(write, username).await
    }

    /// Changes what is known about a person.
    ///
    /// # Errors
    /// [`RecordsError::NotFound`]
    pub async fn update_user(&self, username: &Username, patch: UserPatch) -> Result<User> {
        let mut write = self.db.write().await?;
        let row = write
            .one(sqlx::query(BY_NAME).bind(username.as_str()), Entity::User, username.as_str())
            .await?;
        let user = read(&Fields { row: &row, table: "users" })?;
        let update = sqlx::query("UPDATE users SET name = $2, email = $3, active = $4, updated_at_ms = $5 WHERE username = $1");
        let update = update
            .bind(username.as_str())
            .bind(patch.name.unwrap_or(user.name))
            .bind(patch.email.unwrap_or(user.email));
        let active = patch.active.unwrap_or(user.active);
        write.run(update.bind(i64::from(active)).bind(self.now_ms())).await?;
        finish(write, username).await
    }

    /// One person, by id.
    ///
    /// # Errors
    /// [`RecordsError::NotFound`]
    pub async fn user_by_id(&self, id: &UserId) -> Result<User> {
        let row = self.db.one(sqlx::query(BY_ID).bind(id.as_str()), Entity::User, id.as_str()).await?;
        read(&Fields { row: &row, table: "users" })
    }

    /// Gives an id to people who were met before people had one.
    pub(super) async fn number_users(&self) -> Result<()> {
        let without = self.db.all(sqlx::query("SELECT username FROM users WHERE id IS NULL")).await?;
        if without.is_empty() {
            return Ok(());
        }
        let mut write = self.db.write().await?;
        for row in &without {
            let username: Username = Fields { row, table: "users" }.id("username")?;
            // Of two replicas that start at once one has done it already.
            let update = sqlx::query("UPDATE users SET id = $2 WHERE username = $1 AND id IS NULL");
            let update = update.bind(username.as_str());
            write.run(update.bind(UserId::make(&*self.clock).as_str())).await?;
            write.touch(Entity::User, &username);
        }
        write.commit().await
    }

    /// Notes a person, or what their issuer now says about them. `None` leaves what is known. Writes only if something is new, so
    /// that it may be called with every request.
    ///
    /// # Errors
    /// If the database cannot be read or written.
    pub async fn upsert_user(&self, username: &Username, name: Option<&str>, email: Option<&str>) -> Result<User> {
        let same = |known: &Option<String>, said: Option<&str>| said.is_none() || known.as_deref() == said;
        if let Some(user) = self.user(username).await?
            && same(&user.name, name)
            && same(&user.email, email)
        {
            return Ok(user);
        }
        let mut write = self.db.write().await?;
        let upsert = sqlx::query(
            "INSERT INTO users (username, name, email, active, created_at_ms, updated_at_ms, id) VALUES ($1, $2, $3, 1, $4, $4, $5)
             ON CONFLICT (username) DO UPDATE SET name = COALESCE(excluded.name, users.name), email = COALESCE(excluded.email, users.email),
                 updated_at_ms = excluded.updated_at_ms",
        );
        let upsert = upsert.bind(username.as_str()).bind(name).bind(email).bind(self.now_ms());
        write.run(upsert.bind(UserId::make(&*self.clock).as_str())).await?;
        finish(write, username).await
    }

    /// Deactivates a person, or lets them back in.
    ///
    /// # Errors
    /// [`super::RecordsError::NotFound`]
    pub async fn set_user_active(&self, username: &Username, active: bool) -> Result<User> {
        let mut write = self.db.write().await?;
        let update = sqlx::query("UPDATE users SET active = $2, updated_at_ms = $3 WHERE username = $1");
        write
            .run(update.bind(username.as_str()).bind(i64::from(active)).bind(self.now_ms()))
            .await?;
        finish(write, username).await
    }

    /// One person.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn user(&self, username: &Username) -> Result<Option<User>> {
        let row = self.db.optional(sqlx::query(BY_NAME).bind(username.as_str())).await?;
        row.map(|row| read(&Fields { row: &row, table: "users" })).transpose()
    }

    /// Everyone, by name.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn users(&self) -> Result<Vec<User>> {
        each(&self.db.all(sqlx::query(ALL)).await?, "users", read)
    }
}

async fn finish(mut write: Write, username: &Username) -> Result<User> {
    let row = write
        .one(sqlx::query(BY_NAME).bind(username.as_str()), Entity::User, username.as_str())
        .await?;
    write.touch(Entity::User, username);
    write.commit().await?;
    read(&Fields { row: &row, table: "users" })
}
