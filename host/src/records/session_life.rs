//! A session's life: its start with what is granted to it, its phases, its end.
//!
//! A grant is a token-reader binding that names the session. Grants come with the start and go with the end, in the transaction that changes
//! the phase: a session that is not live has none.

use super::bindings::NewBinding;
use super::database::Write;
use super::error::{Entity, RecordsError, Result};
use super::model::{Binding, Phase, Scope, Session};
use super::row::Stored;
use super::sessions::{get, touch};
use super::{Records, bindings, roles};
use crate::clock::Millis;
use crate::ids::{BindingId, CredentialId, SessionId, Username};

/// A start.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    /// What is granted to it.
    pub credentials: &'a [CredentialId],
    /// Whether somebody starts it by hand, for whom its trigger does not speak.
    pub attended: bool,
}

/// Whether a session in this phase may hold grants and turns.
pub(super) const fn is_live(phase: Phase) -> bool {
    matches!(phase, Phase::Creating | Phase::Running)
}

impl Records {
    /// Starts a session that is pending or has ended, and grants it these credentials, in one transaction.
    ///
    /// # Errors
    /// [`RecordsError::WrongPhase`] if it is live or still stopping; [`RecordsError::ConnectedAccount`]; [`RecordsError::NotFound`].
    pub async fn start_session(&self, id: &SessionId, start: Start<'_>) -> Result<(Session, Vec<Binding>)> {
        let now = self.now_ms();
        let mut write = self.db.write().await?;
        let mut session = get(&mut write, id).await?;
        if is_live(session.phase) || session.phase == Phase::Stopping {
            return Err(RecordsError::WrongPhase { current: session.phase });
        }
        // Whatever an older start left behind is not what this one was resolved to.
        end(&mut write, id).await?;
        let role = roles::named(&mut write, roles::TOKEN_READER).await?;
        let mut grants = Vec::with_capacity(start.credentials.len());
        for credential in start.credentials {
            let mut grant = NewBinding::new(role.id.clone(), Scope::Credential);
            grant.session_id = Some(id.clone());
            grant.credential_id = Some(credential.clone());
            grants.push(bindings::insert(&mut write, &grant, BindingId::make(&*self.clock), now).await?);
        }
        session.starts += 1;
        session.attended = start.attended;
        session.joined = false;
        let count = sqlx::query("UPDATE sessions SET starts = $2, attended = $3, joined = 0 WHERE id = $1");
        let count = count.bind(id.as_str()).bind(session.starts);
        write.run(count.bind(i64::from(session.attended))).await?;
        set_phase(&mut write, &mut session, Phase::Creating, now).await?;
        write.commit().await?;
        Ok((session, grants))
    }

    /// Moves a session to another phase. `Stopping` and everything after it ends its grants and closes its turns. A session becomes live only
    /// by [`Records::start_session`].
    ///
    /// # Errors
    /// [`RecordsError::WrongPhase`], [`RecordsError::NotFound`]
    pub async fn set_session_phase(&self, id: &SessionId, phase: Phase) -> Result<Session> {
        let mut write = self.db.write().await?;
        let mut session = get(&mut write, id).await?;
        if session.phase == phase {
            return Ok(session);
        }
        let revived = is_live(phase) && !is_live(session.phase);
        if revived || phase == Phase::Pending {
            return Err(RecordsError::WrongPhase { current: session.phase });
        }
        if !is_live(phase) {
            end(&mut write, id).await?;
        }
        set_phase(&mut write, &mut session, phase, self.now_ms()).await?;
        write.commit().await?;
        Ok(session)
    }
}

async fn set_phase(write: &mut Write, session: &mut Session, phase: Phase, now: Millis) -> Result<()> {
    let update = sqlx::query("UPDATE sessions SET phase = $2, updated_at_ms = $3 WHERE id = $1");
    write.run(update.bind(session.id.as_str()).bind(phase.word()).bind(now)).await?;
    session.phase = phase;
    session.updated_at_ms = now;
    touch(write, session);
    Ok(())
}

/// Removes the session's grants and turns.
pub(super) async fn end(write: &mut Write, id: &SessionId) -> Result<()> {
    let role = roles::named(write, roles::TOKEN_READER).await?;
    for binding in bindings::of_session(write, id).await? {
        if binding.role_id == role.id {
            write
                .run(sqlx::query("DELETE FROM role_bindings WHERE id = $1").bind(binding.id.as_str()))
                .await?;
            write.touch(Entity::Binding, &binding.id);
        }
    }
    super::turns::close_all(write, id).await
}

/// Notes that somebody else than the creator has a turn: from now until the next start nobody stands in for whoever is there.
pub(super) async fn join(write: &mut Write, session: &Session, user: &Username) -> Result<()> {
    if session.joined || session.created_by == *user {
        return Ok(());
    }
    let update = sqlx::query("UPDATE sessions SET joined = 1 WHERE id = $1");
    write.run(update.bind(session.id.as_str())).await?;
    touch(write, session);
    Ok(())
}
