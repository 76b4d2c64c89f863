//! Single values of this deployment: what recognises its keys, whether a replica has a trail.

use super::Records;
use super::database::text;
use super::error::Result;

const BY_NAME: &str = "SELECT value FROM meta WHERE name = $1";

impl Records {
    /// A value.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn meta(&self, name: &str) -> Result<Option<String>> {
        let row = self.db.optional(sqlx::query(BY_NAME).bind(name)).await?;
        row.map(|row| text(&row, "meta", "value")).transpose()
    }

    /// The values whose names begin with `prefix`, without it.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn meta_below(&self, prefix: &str) -> Result<Vec<(String, String)>> {
        let rows = self.db.all(sqlx::query("SELECT name, value FROM meta ORDER BY name")).await?;
        let mut found = Vec::new();
        for row in &rows {
            if let Some(name) = text(row, "meta", "name")?.strip_prefix(prefix) {
                found.push((name.to_owned(), text(row, "meta", "value")?));
            }
        }
        Ok(found)
    }

    /// Sets a value that is set once, and answers the one that holds: whoever comes second gets the first's.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn meta_once(&self, name: &str, value: &str) -> Result<String> {
        if let Some(known) = self.meta(name).await? {
            return Ok(known);
        }
        let mut write = self.db.write().await?;
        write
            .run(
                sqlx::query("INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
                    .bind(name)
                    .bind(value),
            )
            .await?;
        let row = write.optional(sqlx::query(BY_NAME).bind(name)).await?;
        let holds = row.map_or_else(|| Ok(value.to_owned()), |row| text(&row, "meta", "value"))?;
        write.commit().await?;
        Ok(holds)
    }

    /// Sets a value, whatever it was.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn set_meta(&self, name: &str, value: &str) -> Result<()> {
        let mut write = self.db.write().await?;
        let upsert = sqlx::query("INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value");
        write.run(upsert.bind(name).bind(value)).await?;
        write.commit().await
    }
}
