//! People whom the server has met.

use super::Records;
use super::error::{Entity, Result};
use super::model::User;
use super::row::{Fields, each};
use crate::ids::Username;

macro_rules! columns {
    () => {
        "username, name, email, active, created_at_ms, updated_at_ms"
    };
}

pub(super) const ALL: &str = concat!("SELECT ", columns!(), " FROM users ORDER BY username");
pub(super) const BY_NAME: &str = concat!("SELECT ", columns!(), " FROM users WHERE username = $1");

pub(super) fn read(row: &Fields<'_>) -> Result<User> {
    Ok(User {
        username: row.id("username")?,
        name: row.maybe_text("name")?,
        email: row.maybe_text("email")?,
        active: row.flag("active")?,
        created_at_ms: row.int("created_at_ms")?,
        updated_at_ms: row.int("updated_at_ms")?,
    })
}

impl Records {
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
            "INSERT INTO users (username, name, email, active, created_at_ms, updated_at_ms) VALUES ($1, $2, $3, 1, $4, $4)
             ON CONFLICT (username) DO UPDATE SET name = COALESCE(excluded.name, users.name), email = COALESCE(excluded.email, users.email),
                 updated_at_ms = excluded.updated_at_ms",
        );
        write
            .run(upsert.bind(username.as_str()).bind(name).bind(email).bind(self.now_ms()))
            .await?;
        let row = write
            .one(sqlx::query(BY_NAME).bind(username.as_str()), Entity::User, username.as_str())
            .await?;
        write.touch(Entity::User, username);
        write.commit().await?;
        read(&Fields { row: &row, table: "users" })
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
        let row = write
            .one(sqlx::query(BY_NAME).bind(username.as_str()), Entity::User, username.as_str())
            .await?;
        write.touch(Entity::User, username);
        write.commit().await?;
        read(&Fields { row: &row, table: "users" })
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
