//! What the operator's commands do, whether a server runs or not. Each is recorded.

use crate::audit::{Administrative, Audit};
use crate::authn::{Services, StoredBearers, hash_of, make_bearer};
use crate::clock::{Millis, SharedClock};
use crate::follow::Follower;
use crate::identity::Permission;
use crate::ids::{ApiKeyId, Username};
use crate::manifest::Manifest;
use crate::records::model::{ApiKey, StandsFor};
use crate::records::{NewApiKey, Records};
use crate::runtime::{Approved, Catalog, Folder, Granted, digest, is_built_in, read_component};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

/// What a command asks for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Order {
    /// A new API key.
    ApiKeyCreate {
        /// For people.
        name: String,
        /// Whose it is.
        user: Username,
        /// When it ends.
        expires_at_ms: Option<Millis>,
        /// Whether it is a service's.
        service: bool,
        /// What it may be used for; `None` is all that its person or service may.
        scopes: Option<Vec<String>>,
    },
    /// All API keys.
    ApiKeyList,
    /// Ends one.
    ApiKeyRevoke {
        /// Which.
        id: ApiKeyId,
    },
    /// Approves a provider.
    ProviderAdd {
        /// The component.
        file: PathBuf,
        /// SHA-256 of what was shown to the operator, in hexadecimal.
        sha256: String,
        /// What was shown.
        manifest: Box<Manifest>,
        /// What was granted.
        granted: Granted,
        /// Whether it may take the place of a built-in one.
        replaces_built_in: bool,
    },
    /// Removes an approved provider.
    ProviderRemove {
        /// Which.
        name: String,
    },
    /// Everybody whom the server has met.
    UserList,
    /// Lets nobody in as this person any more, or again.
    UserActive {
        /// Who.
        user: Username,
        /// Whether they may come in.
        active: bool,
    },
    /// Gives somebody a role for everything.
    AdminGrant {
        /// To whom.
        user: Username,
        /// Which.
        role: String,
    },
    /// Takes it back.
    AdminRevoke {
        /// From whom.
        user: Username,
        /// Which.
        role: String,
    },
}

/// What came of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "kebab-case")]
pub enum Reply {
    /// A key was made. The bearer is shown once.
    ApiKeyCreated {
        /// Its id.
        id: ApiKeyId,
        /// The bearer itself.
        bearer: String,
    },
    /// All API keys.
    ApiKeys {
        /// Without their bearers, which nobody has.
        keys: Vec<KeyLine>,
    },
    /// Everybody whom the server has met.
    Users {
        /// By name.
        users: Vec<UserLine>,
    },
    /// It was done.
    Done {
        /// What, in words.
        what: String,
    },
    /// It was not done.
    Refused {
        /// Why.
        why: String,
    },
}

/// One key, for a list.
#[derive(Debug, Serialize, Deserialize)]
pub struct KeyLine {
    /// Its id.
    pub id: ApiKeyId,
    /// For people.
    pub name: String,
    /// Whose it is.
    pub user: Username,
    /// Whether that is a service.
    pub service: bool,
    /// What it may be used for; `None` is all.
    pub scopes: Option<Vec<String>>,
    /// When it was last used, a minute or so behind.
    pub last_used_at_ms: Option<Millis>,
    /// When it was made.
    pub created_at_ms: Millis,
    /// When it ends.
    pub expires_at_ms: Option<Millis>,
    /// When it was revoked.
    pub revoked_at_ms: Option<Millis>,
}

/// One person, for a list.
#[derive(Debug, Serialize, Deserialize)]
pub struct UserLine {
    /// The principal.
    pub user: Username,
    /// For people.
    pub name: Option<String>,
    /// An address of mail.
    pub email: Option<String>,
    /// Whether they may come in.
    pub active: bool,
}

impl Reply {
    /// It was not done.
    pub fn refused(why: impl Into<String>) -> Self {
        Self::Refused { why: why.into() }
    }
}

/// Carries out orders. Cloning shares it.
#[derive(Clone)]
pub struct Admin {
    /// The truth.
    pub records: Records,
    /// What is in memory, if a server runs.
    pub follower: Option<Follower>,
    /// The approved providers.
    pub folder: Folder,
    /// Held while the lock file is read, changed and written: commands come over as many connections as they like.
    pub approving: Arc<tokio::sync::Mutex<()>>,
    /// The loaded ones, if a server runs.
    pub catalog: Option<Arc<Catalog>>,
    /// The trail.
    pub audit: Audit,
    /// The configured services.
    pub services: Services,
    /// The stored bearers in memory, if a server runs.
    pub bearers: Option<StoredBearers>,
    /// The time.
    pub clock: SharedClock,
}

impl Admin {
    /// Does it, or says why not.
    pub async fn carry_out(&self, order: Order) -> Reply {
        match self.perform(order).await {
            Ok(reply) => reply,
            Err(error) => Reply::refused(format!("{error:#}")),
        }
    }

    async fn perform(&self, order: Order) -> anyhow::Result<Reply> {
        match order {
            Order::ApiKeyCreate {
                name,
                user,
                expires_at_ms,
                service,
                scopes,
            } => {
                let stands_for = if service { StandsFor::Service } else { StandsFor::Key };
                let new = NewApiKey {
                    name,
                    creator: user,
                    stands_for,
                    hash: String::new(),
                    expires_at_ms,
                    scopes,
                };
                self.create_key(new).await
            }
            Order::ApiKeyList => {
                if let Some(bearers) = &self.bearers {
                    self.records.note_api_key_uses(&bearers.take_uses()).await?;
                }
                Ok(Reply::ApiKeys {
                    keys: self.records.api_keys().await?.into_iter().filter_map(line).collect(),
                })
            }
            Order::UserList => self.users().await,
            Order::UserActive { user, active } => self.set_active(&user, active).await,
            Order::AdminGrant { user, role } => self.grant(user, &role).await,
            Order::AdminRevoke { user, role } => self.ungrant(&user, &role).await,
            Order::ApiKeyRevoke { id } => self.revoke_key(&id).await,
            Order::ProviderAdd {
                file,
                sha256,
                manifest,
                granted,
                replaces_built_in,
            } => self.add_provider(file, &sha256, *manifest, granted, replaces_built_in).await,
            Order::ProviderRemove { name } => self.remove_provider(&name).await,
        }
    }

    async fn create_key(&self, new: NewApiKey) -> anyhow::Result<Reply> {
        let now_ms = self.clock.now_ms();
        anyhow::ensure!(
            new.expires_at_ms.is_none_or(|end| end > now_ms),
            "the key would have ended before it began"
        );
        let name = &new.name;
        anyhow::ensure!(
            !name.is_empty() && name.len() <= 100 && !name.chars().any(char::is_control),
            "a key's name has 1 to 100 characters, none of them a control character"
        );
        for scope in new.scopes.iter().flatten() {
            anyhow::ensure!(
                Permission::parse(scope).is_some(),
                "`{scope}` is no permission: one is `resource:action`, either side may be `*`, as in `credential:fetch_token`"
            );
        }
        let user = &new.creator;
        if new.stands_for == StandsFor::Service {
            anyhow::ensure!(
                self.services.is_configured(user),
                "no service `{user}` is configured; name it in a `[[service]]`, and start the server again"
            );
        } else {
            anyhow::ensure!(
                !self.services.is_reserved(user),
                "`{user}` is, or was, the name of a service, which no person may have; a service's key is made with `--service`"
            );
            self.records.upsert_user(user, None, None).await?;
        }
        let bearer = make_bearer(new.stands_for);
        let new = NewApiKey {
            hash: hash_of(bearer.expose()),
            ..new
        };
        let key = self.records.create_api_key(new).await?;
        // Nobody has the bearer before this: if it cannot be recorded, it is revoked unseen.
        if let Err(error) = self.audit.administrative(Administrative::api_key_created(&key)).await {
            self.records.revoke_api_key(&key.id).await?;
            return Err(error.into());
        }
        self.catch_up().await?;
        Ok(Reply::ApiKeyCreated {
            id: key.id,
            bearer: bearer.expose().to_owned(),
        })
    }

    async fn revoke_key(&self, id: &ApiKeyId) -> anyhow::Result<Reply> {
        self.records.revoke_api_key(id).await?;
        self.catch_up().await?;
        self.audit.administrative(Administrative::api_key_revoked(id)).await?;
        Ok(Reply::Done {
            what: format!("key {id} is revoked"),
        })
    }

    async fn add_provider(
        &self,
        file: PathBuf,
        shown: &str,
        manifest: Manifest,
        granted: Granted,
        replaces_built_in: bool,
    ) -> anyhow::Result<Reply> {
        let component = tokio::task::spawn_blocking(move || read_component(&file)).await??;
        let actual = digest(&component);
        anyhow::ensure!(
            actual == shown,
            "the file has changed since it was shown: it was {shown} and is {actual}"
        );
        let _one_at_a_time = self.approving.lock().await;
        let approved = Approved {
            component: &component,
            manifest,
            granted,
            replaces_built_in,
        };
        self.folder.may_add(&approved, is_built_in)?;
        let (name, version) = (approved.manifest.provider.clone(), approved.manifest.version.clone());
        self.audit
            .administrative(Administrative::provider_approved(&name, &version, &actual))
            .await?;
        let entry = self.folder.add(approved, is_built_in, &*self.clock)?;
        if let Some(catalog) = &self.catalog {
            catalog.reload().await?;
            // Approved and loaded are two things; only the second helps anybody.
            catalog
                .get(&entry.name)
                .map_err(|unavailable| anyhow::anyhow!("it is approved, but does not load: {unavailable}"))?;
        }
        Ok(Reply::Done {
            what: format!("provider {} {} is approved", entry.name, entry.version),
        })
    }

    async fn remove_provider(&self, name: &str) -> anyhow::Result<Reply> {
        let _one_at_a_time = self.approving.lock().await;
        let known = self.folder.list()?.into_iter().find(|entry| entry.name == name);
        let known = known.ok_or_else(|| anyhow::anyhow!("no provider `{name}` was added"))?;
        let removed = Administrative::provider_removed(&known.name, &known.version, &known.sha256);
        self.audit.administrative(removed).await?;
        let entry = self.folder.remove(name)?;
        if let Some(catalog) = &self.catalog {
            catalog.reload().await?;
        }
        let now = if is_built_in(&entry.name) {
            "the built-in one serves its name again"
        } else {
            "its credentials stay stored and answer 502 until one of that name is approved again"
        };
        Ok(Reply::Done {
            what: format!("provider {} {} is removed; {now}", entry.name, entry.version),
        })
    }

    pub(super) async fn catch_up(&self) -> anyhow::Result<()> {
        if let Some(follower) = &self.follower {
            follower.catch_up().await?;
        }
        Ok(())
    }
}

fn line(key: ApiKey) -> Option<KeyLine> {
    (key.stands_for != StandsFor::Person).then_some(KeyLine {
        id: key.id,
        name: key.name,
        user: key.creator,
        service: key.stands_for == StandsFor::Service,
        scopes: key.scopes,
        last_used_at_ms: key.last_used_at_ms,
        created_at_ms: key.created_at_ms,
        expires_at_ms: key.expires_at_ms,
        revoked_at_ms: key.revoked_at_ms,
    })
}
