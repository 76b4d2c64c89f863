//! Credentials: made with their owner's binding, changed with their generation, deleted with all that hangs on them.

use super::bindings::NewBinding;
use super::credential_rows::{ALL, BY_ID, get, insert, read, set_state, store};
use super::database::{Write, text};
use super::error::{Entity, RecordsError, Result};
use super::model::{Credential, CredentialState, Scope, SealedField, SealedToken};
use super::row::{Fields, each};
use super::{Records, bindings, injections, roles, rotation, secrets};
use crate::ids::{BindingId, CredentialId, Generation, ProjectId, ProviderName, Username};
use std::collections::BTreeMap;

/// Whose a new credential is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ownership {
    /// A credential that can be bound and shared: this person gets the owner's binding.
    Owner(Username),
    /// The same, and it is bound to a project at once.
    OwnerIn(Username, ProjectId),
    /// The connected account of this person: theirs alone, one per provider, never bound.
    ConnectedTo(Username),
}

/// A credential to be made. Its id comes from the caller, since its secrets are sealed with it.
#[derive(Debug, Clone)]
pub struct NewCredential {
    /// [`CredentialId::make`]
    pub id: CredentialId,
    /// For people.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// Which provider serves it.
    pub provider: ProviderName,
    /// The kind, as the manifest names it.
    pub kind: String,
    /// The instance's address, normalised.
    pub url: Option<String>,
    /// An address of mail.
    pub email: Option<String>,
    /// JSON text.
    pub labels: Option<String>,
    /// JSON text.
    pub annotations: Option<String>,
    /// Public fields.
    pub fields: BTreeMap<String, String>,
    /// Whose it is.
    pub ownership: Ownership,
    /// Secret fields, sealed for [`Generation::FIRST`].
    pub secrets: Vec<SealedField>,
    /// The access token that came along, sealed for [`Generation::FIRST`].
    pub token: Option<SealedToken>,
}

/// What changes about a credential. `None` leaves a part alone; the inner `None` of a part clears it.
#[derive(Debug, Clone, Default)]
pub struct CredentialPatch {
    /// See [`Credential::name`].
    pub name: Option<String>,
    /// See [`Credential::description`].
    pub description: Option<Option<String>>,
    /// See [`Credential::provider`]. Another one clears the secrets.
    pub provider: Option<ProviderName>,
    /// See [`Credential::kind`]. Another one clears the secrets.
    pub kind: Option<String>,
    /// See [`Credential::url`]. Another one clears the secrets: they must not be sent to a place they were not given for.
    pub url: Option<Option<String>>,
    /// See [`Credential::email`].
    pub email: Option<Option<String>>,
    /// See [`Credential::labels`].
    pub labels: Option<Option<String>>,
    /// See [`Credential::annotations`].
    pub annotations: Option<Option<String>>,
    /// All public fields.
    pub fields: Option<BTreeMap<String, String>>,
    /// Secret fields to add or replace, sealed for the generation after the one the patch is based on.
    pub secrets: Vec<SealedField>,
    /// The access token that came along, sealed for that generation.
    pub token: Option<SealedToken>,
}

impl Records {
    /// Makes a credential with its secrets and, unless it is a connected account, its owner's binding.
    ///
    /// # Errors
    /// [`RecordsError::AlreadyConnected`]; [`RecordsError::Duplicate`] if the id is taken; [`RecordsError::Inconsistent`] if a secret is
    /// sealed for another generation than the first.
    pub async fn create_credential(&self, new: NewCredential) -> Result<Credential> {
        secrets::check(&new.secrets, new.token.as_ref(), Generation::FIRST)?;
        let now = self.now_ms();
        let mut write = self.db.write().await?;
        if write.optional(sqlx::query(BY_ID).bind(new.id.as_str())).await?.is_some() {
            return Err(RecordsError::Duplicate {
                entity: Entity::Credential,
                existing: new.id.into(),
            });
        }
        let connected_to = match &new.ownership {
            Ownership::Owner(_) | Ownership::OwnerIn(..) => None,
            Ownership::ConnectedTo(user) => Some(user.clone()),
        };
        let credential = Credential {
            id: new.id,
            name: new.name,
            description: new.description,
            provider: new.provider,
            kind: new.kind,
            url: new.url,
            email: new.email,
            labels: new.labels,
            annotations: new.annotations,
            fields: new.fields,
            connected_to,
            generation: Generation::FIRST,
            state: if new.secrets.is_empty() {
                CredentialState::Empty
            } else {
                CredentialState::Usable
            },
            created_at_ms: now,
            updated_at_ms: now,
        };
        refuse_second_account(&mut write, &credential).await?;
        insert(&mut write, &credential).await?;
        secrets::put_fields(&mut write, &credential.id, &new.secrets).await?;
        secrets::put_token(&mut write, &credential.id, new.token.as_ref()).await?;
        if let Ownership::Owner(owner) | Ownership::OwnerIn(owner, _) = &new.ownership {
            let role = roles::named(&mut write, roles::CREDENTIAL_OWNER).await?;
            let mut binding = NewBinding::new(role.id, Scope::Credential);
            binding.user_id = Some(owner.clone());
            binding.credential_id = Some(credential.id.clone());
            bindings::insert(&mut write, &binding, BindingId::make(&*self.clock), now).await?;
        }
        if let Ownership::OwnerIn(_, project) = new.ownership {
            let role = roles::named(&mut write, roles::CREDENTIAL_VIEWER).await?;
            let mut binding = NewBinding::new(role.id, Scope::Credential);
            binding.project_id = Some(project);
            binding.credential_id = Some(credential.id.clone());
            bindings::insert(&mut write, &binding, BindingId::make(&*self.clock), now).await?;
        }
        write.touch(Entity::Credential, &credential.id);
        write.commit().await?;
        Ok(credential)
    }

    /// One credential.
    ///
    /// # Errors
    /// [`RecordsError::NotFound`]
    pub async fn credential(&self, id: &CredentialId) -> Result<Credential> {
        let row = self
            .db
            .one(sqlx::query(BY_ID).bind(id.as_str()), Entity::Credential, id.as_str())
            .await?;
        read(&Fields {
            row: &row,
            table: "credentials",
        })
    }

    /// The connected account of a person at a provider.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn connected_account(&self, person: &Username, provider: &ProviderName) -> Result<Option<Credential>> {
        let query = sqlx::query("SELECT id FROM credentials WHERE connected_to = $1 AND provider = $2");
        let query = query.bind(person.as_str()).bind(provider.as_str());
        let Some(row) = self.db.optional(query).await? else {
            return Ok(None);
        };
        let id: CredentialId = Fields {
            row: &row,
            table: "credentials",
        }
        .id("id")?;
        match self.credential(&id).await {
            Err(RecordsError::NotFound { .. }) => Ok(None),
            found => found.map(Some),
        }
    }

    /// All credentials, oldest first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn credentials(&self) -> Result<Vec<Credential>> {
        each(&self.db.all(sqlx::query(ALL)).await?, "credentials", read)
    }

    /// Those of these ids that exist, at one moment, in the order given.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn credentials_of(&self, ids: &[CredentialId]) -> Result<Vec<Credential>> {
        let mut view = self.db.view().await?;
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            match get(&mut view, id).await {
                Ok(credential) => found.push(credential),
                Err(RecordsError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// Changes a credential that was read at generation `based_on`.
    ///
    /// Whatever decides which token comes out (secrets, provider, kind, instance, mail, public fields) raises the generation and drops the
    /// current token, so that nothing minted from the old ones is answered. Another provider, kind or instance drops the old secrets.
    ///
    /// # Errors
    /// [`RecordsError::GenerationMoved`]: read again, seal again; [`RecordsError::NotFound`]; [`RecordsError::InjectionConflict`] or
    /// [`RecordsError::AlreadyConnected`] if the new provider is taken.
    pub async fn update_credential(&self, id: &CredentialId, based_on: Generation, patch: CredentialPatch) -> Result<Credential> {
        secrets::check(&patch.secrets, patch.token.as_ref(), based_on.next())?;
        let mut write = self.db.write().await?;
        let old = get(&mut write, id).await?;
        if old.generation != based_on {
            return Err(RecordsError::GenerationMoved { current: old.generation });
        }
        let new_secrets = !patch.secrets.is_empty() || patch.token.is_some();
        let mut new = merged(&old, patch.clone());
        let elsewhere = new.provider != old.provider || new.kind != old.kind || new.url != old.url;
        let other_token = elsewhere || new_secrets || new.fields != old.fields || new.email != old.email;
        new.updated_at_ms = self.now_ms();
        if new.provider != old.provider {
            refuse_second_account(&mut write, &new).await?;
            injections::change_provider(&mut write, id, &new.provider).await?;
        }
        if other_token && !elsewhere && !new_secrets {
            // The secrets stay, and a refresh under way is about to replace them under this generation. To move it now would make that
            // refresh lose, and with it the only copy of the new secret.
            rotation::refuse_while_open(&mut write, id).await?;
        }
        if other_token {
            new.generation = old.generation.next();
            new.state = match old.state {
                _ if !patch.secrets.is_empty() => CredentialState::Usable,
                _ if elsewhere => CredentialState::Empty,
                _ if new_secrets => CredentialState::Usable,
                CredentialState::Empty => CredentialState::Empty,
                // A wrong installation id, say, has been put right: worth another try. Whether a secret was spent stays unknown.
                CredentialState::NeedsReconnect | CredentialState::Usable => CredentialState::Usable,
                CredentialState::Indeterminate => CredentialState::Indeterminate,
            };
            if elsewhere {
                secrets::clear_fields(&mut write, id).await?;
            }
            secrets::put_fields(&mut write, id, &patch.secrets).await?;
            secrets::put_token(&mut write, id, patch.token.as_ref()).await?;
        }
        store(&mut write, &new).await?;
        write.commit().await?;
        Ok(new)
    }

    /// Deletes a credential with its secrets, its token, its bindings and its journal.
    ///
    /// # Errors
    /// [`RecordsError::NotFound`]
    pub async fn delete_credential(&self, id: &CredentialId) -> Result<()> {
        let mut write = self.db.write().await?;
        get(&mut write, id).await?;
        for binding in bindings::of_credential(&mut write, id).await? {
            write.touch(Entity::Binding, &binding.id);
        }
        for statement in [
            "DELETE FROM injections WHERE credential_id = $1",
            "DELETE FROM role_bindings WHERE credential_id = $1",
            "DELETE FROM credential_secrets WHERE credential_id = $1",
            "DELETE FROM credential_tokens WHERE credential_id = $1",
            "DELETE FROM rotation_journal WHERE credential_id = $1",
            "DELETE FROM credentials WHERE id = $1",
        ] {
            write.run(sqlx::query(statement).bind(id.as_str())).await?;
        }
        write.touch(Entity::Credential, id);
        write.commit().await
    }

    /// Marks a credential that the upstream has refused for good, if its secrets are still those of `generation`. Answers whether they
    /// were: if not, somebody has put in new ones, which are not to blame.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn mark_needs_reconnect(&self, id: &CredentialId, generation: Generation) -> Result<bool> {
        let mut write = self.db.write().await?;
        let marked = set_state(&mut write, id, generation, CredentialState::NeedsReconnect, self.now_ms()).await?;
        if marked {
            write.commit().await?;
        }
        Ok(marked)
    }

    /// Marks a credential that was ended at its upstream, if it is still of `generation`, and answers whether it was. The generation rises
    /// and the current token goes: what was obtained before is answered by no replica any more.
    ///
    /// # Errors
    /// [`RecordsError::NotFound`]; [`RecordsError::RotationOpen`]: what the rotation brings was not ended; if the database cannot be written.
    pub async fn mark_ended(&self, id: &CredentialId, generation: Generation) -> Result<bool> {
        let mut write = self.db.write().await?;
        let mut credential = get(&mut write, id).await?;
        if credential.generation != generation {
            return Ok(false);
        }
        rotation::refuse_while_open(&mut write, id).await?;
        credential.generation = generation.next();
        credential.state = CredentialState::NeedsReconnect;
        credential.updated_at_ms = self.now_ms();
        secrets::put_token(&mut write, id, None).await?;
        store(&mut write, &credential).await?;
        write.commit().await?;
        Ok(true)
    }
}

fn merged(old: &Credential, patch: CredentialPatch) -> Credential {
    Credential {
        id: old.id.clone(),
        name: patch.name.unwrap_or_else(|| old.name.clone()),
        description: patch.description.unwrap_or_else(|| old.description.clone()),
        provider: patch.provider.unwrap_or_else(|| old.provider.clone()),
        kind: patch.kind.unwrap_or_else(|| old.kind.clone()),
        url: patch.url.unwrap_or_else(|| old.url.clone()),
        email: patch.email.unwrap_or_else(|| old.email.clone()),
        labels: patch.labels.unwrap_or_else(|| old.labels.clone()),
        annotations: patch.annotations.unwrap_or_else(|| old.annotations.clone()),
        fields: patch.fields.unwrap_or_else(|| old.fields.clone()),
        ..old.clone()
    }
}

async fn refuse_second_account(write: &mut Write, credential: &Credential) -> Result<()> {
    let Some(user) = &credential.connected_to else { return Ok(()) };
    let query = sqlx::query("SELECT id FROM credentials WHERE connected_to = $1 AND provider = $2 AND id <> $3");
    let query = query
        .bind(user.as_str())
        .bind(credential.provider.as_str())
        .bind(credential.id.as_str());
    let Some(row) = write.optional(query).await? else { return Ok(()) };
    let existing = text(&row, "credentials", "id")?;
    let damaged = |error: crate::ids::InvalidId| RecordsError::Damaged {
        table: "credentials",
        column: "id",
        reason: error.to_string(),
    };
    Err(RecordsError::AlreadyConnected {
        existing: CredentialId::parse(existing).map_err(damaged)?,
    })
}
