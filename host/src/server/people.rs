//! What the operator's commands do about people: who may come in, and who administers.

use super::admin::{Admin, Reply, UserLine};
use crate::audit::Administrative;
use crate::ids::Username;
use crate::records::model::Scope;
use crate::records::{NewBinding, RecordsError};

impl Admin {
    pub(super) async fn users(&self) -> anyhow::Result<Reply> {
        let users = self.records.users().await?.into_iter().map(|user| UserLine {
            user: user.username,
            name: user.name,
            email: user.email,
            active: user.active,
        });
        Ok(Reply::Users { users: users.collect() })
    }

    /// Also for somebody who has not been met: they are then kept out before they come.
    pub(super) async fn set_active(&self, user: &Username, active: bool) -> anyhow::Result<Reply> {
        let event = if active { "USER_REACTIVATED" } else { "USER_DEACTIVATED" };
        if active {
            // Letting somebody in is recorded first; keeping somebody out is done first.
            self.audit.administrative(Administrative::person(event, user)).await?;
        }
        self.records.upsert_user(user, None, None).await?;
        self.records.set_user_active(user, active).await?;
        self.catch_up().await?;
        if !active {
            self.audit.administrative(Administrative::person(event, user)).await?;
        }
        let what = if active {
            "may come in again"
        } else {
            "is let in no more, nor are their keys"
        };
        Ok(Reply::Done {
            what: format!("{user} {what}"),
        })
    }

    pub(super) async fn grant(&self, user: Username, role: &str) -> anyhow::Result<Reply> {
        let known = self.records.role_named(role).await?;
        let mut binding = NewBinding::new(known.id, Scope::Global);
        binding.user_id = Some(user.clone());
        let event = Administrative::granted("BINDING_CREATED", &user, role);
        self.audit.administrative(event.clone()).await?;
        match self.records.create_binding(&binding).await {
            Ok(_) => {}
            Err(RecordsError::Duplicate { .. }) => {
                self.audit.administrative(event.undone()).await?;
                return Ok(Reply::Done {
                    what: format!("{user} has {role} already"),
                });
            }
            Err(error) => {
                self.audit.administrative(event.undone()).await?;
                return Err(error.into());
            }
        }
        self.catch_up().await?;
        Ok(Reply::Done {
            what: format!("{user} has {role} now, for everything"),
        })
    }

    pub(super) async fn ungrant(&self, user: &Username, role: &str) -> anyhow::Result<Reply> {
        let known = self.records.role_named(role).await?;
        let bindings = self.records.bindings().await?.into_iter();
        let mut found = bindings
            .filter(|binding| binding.scope == Scope::Global && binding.role_id == known.id && binding.user_id.as_ref() == Some(user));
        let binding = found.next().ok_or_else(|| anyhow::anyhow!("{user} does not have {role}"))?;
        self.records.delete_binding(&binding.id).await?;
        self.catch_up().await?;
        self.audit
            .administrative(Administrative::granted("BINDING_DELETED", user, role))
            .await?;
        Ok(Reply::Done {
            what: format!("{user} has {role} no more"),
        })
    }
}
