//! Who may change a role binding. Whatever a binding becomes, its changer could have made; whatever it was, they could have taken away: a
//! change is no third way.

use super::index::{Index, Reach};
use super::manage::{Refused, may_bind};
use super::roles::{KnownRole, Level};
use crate::identity::Caller;
use crate::records::model::Binding;

const FORBIDDEN: Refused = Refused::Forbidden("Forbidden");

/// Whether the caller may turn a binding into another one, whose role is `role`: `change` is the old one and the new one. That the last owner stays, the records see to.
///
/// # Errors
/// The first rule that is broken. Others than administrators change only the role of their own bindings.
pub fn may_rebind(index: &Index, caller: &Caller, change: Option<(&Binding, &Binding)>, role: Option<&KnownRole>) -> Result<(), Refused> {
    let user = caller.principal().ok_or(FORBIDDEN)?;
    if !caller.scopes().allow("role_binding", "update") {
        return Err(FORBIDDEN);
    }
    let everywhere = caller.is_service() || index.allowing_binding(user, "role_binding", "update", Reach::default()).is_some();
    let Some((old, new)) = change else {
        return Err(if everywhere { Refused::NotFound } else { FORBIDDEN });
    };
    let reach = index.reach_of(old);
    if !everywhere && (index.allowing_binding(user, "role_binding", "update", reach).is_none() || old.user_id.as_ref() != Some(user)) {
        return Err(FORBIDDEN);
    }
    let same_subject = Binding {
        role_id: new.role_id.clone(),
        updated_at_ms: new.updated_at_ms,
        ..old.clone()
    } == *new;
    if !everywhere && !same_subject {
        return Err(FORBIDDEN);
    }
    if old.role_id != new.role_id {
        let role = role.ok_or(Refused::Forbidden("target role not found"))?;
        if role.is_internal() {
            return Err(Refused::Forbidden("cannot assign internal role"));
        }
        let level = if everywhere { Level::ADMIN } else { index.level(user, reach) };
        if !level.may_grant(role.level) {
            return Err(Refused::Forbidden("insufficient privileges to change role"));
        }
    }
    if same_subject && old.role_id == new.role_id {
        return Ok(());
    }
    may_bind(index, caller, new, role)
}
