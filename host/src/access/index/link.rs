//! The derived maps: what each binding means, entered where it will be looked up.
//!
//! `unlink` undoes exactly what `link` did, computed from the same role and credential; so whoever changes a role or a credential
//! unlinks its bindings first and links them again afterwards.

use super::super::roles::CREDENTIAL_OWNER;
use super::ordered::Ordered;
use super::{Index, Injection, Level, Subject};
use crate::clock::Millis;
use crate::ids::{BindingId, CredentialId, ProviderName, SessionId, Username};
use crate::records::model::{Binding, Credential, Scope};
use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

/// What the binding reaches: the id that its scope asks for. A binding without that id reaches nothing.
fn subject(binding: &Binding) -> Option<Subject> {
    match binding.scope {
        Scope::Global => Some(Subject::Global),
        Scope::Project => binding.project_id.clone().map(Subject::Project),
        Scope::Agent => binding.agent_id.clone().map(Subject::Agent),
        Scope::Session => binding.session_id.clone().map(Subject::Session),
        Scope::Credential => binding.credential_id.clone().map(Subject::Credential),
    }
}

/// Whether it was made for a session at its start. Such a row speaks for that session's identity, whoever its `user_id` is.
#[must_use]
pub(crate) fn is_grant(binding: &Binding) -> bool {
    binding.scope == Scope::Credential && binding.session_id.is_some()
}

/// Where a binding is entered besides the plain maps.
struct Meaning {
    /// The credential belongs to this level for its provider.
    injection: Option<(Level, ProviderName)>,
    /// The session may read the credential's token.
    grant: Option<SessionId>,
    /// The user may send messages there.
    messenger: Option<(Subject, Username)>,
    /// The user owns this credential.
    owner: Option<CredentialId>,
}

impl Index {
    fn meaning(&self, binding: &Binding) -> Meaning {
        let mut meaning = Meaning {
            injection: None,
            grant: None,
            messenger: None,
            owner: None,
        };
        let Some(role) = self.roles.get(&binding.role_id) else {
            return meaning;
        };
        if let Some(session) = binding.session_id.as_ref().filter(|_| is_grant(binding) && role.fetches_tokens()) {
            meaning.grant = Some(session.clone());
        }
        if binding.scope == Scope::Credential && binding.session_id.is_none() && role.injects() {
            let credential = binding.credential_id.as_ref().and_then(|id| self.credentials.get(id));
            // A connected account belongs to its person alone, whatever a forged or imported row says.
            if let Some(credential) = credential.filter(|credential| credential.connected_to.is_none()) {
                meaning.injection = match (&binding.project_id, &binding.agent_id) {
                    (Some(project), Some(agent)) => Some(Level::Agent(project.clone(), agent.clone())),
                    (Some(project), None) => Some(Level::Project(project.clone())),
                    (None, None) => Some(Level::Global),
                    (None, Some(_)) => None,
                }
                .map(|level| (level, credential.provider.clone()));
            }
        }
        if matches!(binding.scope, Scope::Project | Scope::Agent | Scope::Session) && role.messages() {
            meaning.messenger = subject(binding).zip(binding.user_id.clone());
        }
        if binding.scope == Scope::Credential && !is_grant(binding) && role.name == CREDENTIAL_OWNER && binding.user_id.is_some() {
            meaning.owner = binding.credential_id.clone();
        }
        meaning
    }

    /// The same binding with the texts that the index has already: each id is in memory once, not with each of its bindings.
    pub(super) fn shared(&self, mut binding: Binding) -> Binding {
        share(&self.roles, Some(&mut binding.role_id));
        share(&self.by_user, binding.user_id.as_mut());
        share(&self.projects, binding.project_id.as_mut());
        share(&self.agents, binding.agent_id.as_mut());
        share(&self.session_names, binding.session_id.as_mut());
        share(&self.credentials, binding.credential_id.as_mut());
        binding
    }

    pub(super) fn link(&mut self, binding: &Arc<Binding>) {
        let meaning = self.meaning(binding);
        if let Some((level, provider)) = meaning.injection
            && let Some(injection) = injection(binding)
        {
            self.injections
                .entry(level)
                .or_default()
                .entry(provider)
                .or_default()
                .insert(injection);
        }
        if let Some(session) = meaning.grant
            && let Some(injection) = injection(binding)
        {
            self.grants.entry(session).or_default().insert(injection);
        }
        if let Some((subject, user)) = meaning.messenger {
            *self.messengers.entry(subject).or_default().entry(user).or_default() += 1;
        }
        if let Some(credential) = meaning.owner {
            self.owners
                .entry(credential)
                .or_default()
                .insert((binding.created_at_ms, binding.id.clone()));
        }
        if let Some(credential) = &binding.credential_id {
            self.by_credential.entry(credential.clone()).or_default().insert(binding.id.clone());
        }
        if let Some(project) = &binding.project_id {
            self.by_project.entry(project.clone()).or_default().insert(binding.id.clone());
        }
        // A grant authorises its session, not the service account that its `user_id` happens to name.
        if let Some(user) = binding.user_id.as_ref().filter(|_| !is_grant(binding))
            && let Some(subject) = subject(binding)
        {
            self.by_user
                .entry(user.clone())
                .or_default()
                .entry(subject)
                .or_default()
                .push(Arc::clone(binding));
        }
    }

    pub(super) fn unlink(&mut self, binding: &Arc<Binding>) {
        let meaning = self.meaning(binding);
        if let Some((level, provider)) = meaning.injection
            && let Some(injection) = injection(binding)
            && let Some(providers) = self.injections.get_mut(&level)
        {
            take(providers, &provider, &injection);
            if providers.is_empty() {
                self.injections.remove(&level);
            }
        }
        if let Some(session) = meaning.grant
            && let Some(injection) = injection(binding)
        {
            take(&mut self.grants, &session, &injection);
        }
        if let Some((subject, user)) = meaning.messenger
            && let Some(users) = self.messengers.get_mut(&subject)
        {
            if let Some(count) = users.get_mut(&user) {
                *count -= 1;
                if *count == 0 {
                    users.remove(&user);
                }
            }
            if users.is_empty() {
                self.messengers.remove(&subject);
            }
        }
        if let Some(credential) = meaning.owner {
            take(&mut self.owners, &credential, &(binding.created_at_ms, binding.id.clone()));
        }
        if let Some(credential) = &binding.credential_id {
            forget(&mut self.by_credential, credential, &binding.id);
        }
        if let Some(project) = &binding.project_id {
            forget(&mut self.by_project, project, &binding.id);
        }
        if let Some(user) = binding.user_id.as_ref().filter(|_| !is_grant(binding))
            && let Some(subject) = subject(binding)
            && let Some(subjects) = self.by_user.get_mut(user)
        {
            if let Some(bindings) = subjects.get_mut(&subject) {
                bindings.retain(|other| other.id != binding.id);
                if bindings.is_empty() {
                    subjects.remove(&subject);
                }
            }
            if subjects.is_empty() {
                self.by_user.remove(user);
            }
        }
    }

    pub(super) fn link_account(&mut self, credential: &Credential) {
        if let Some((key, entry)) = account(credential) {
            self.connected.entry(key).or_default().insert(entry);
        }
    }

    pub(super) fn unlink_account(&mut self, credential: &Credential) {
        if let Some((key, entry)) = account(credential) {
            take(&mut self.connected, &key, &entry);
        }
    }
}

fn share<K: Hash + Eq + Clone, V>(known: &HashMap<K, V>, id: Option<&mut K>) {
    if let Some(id) = id
        && let Some((same, _)) = known.get_key_value(id)
    {
        id.clone_from(same);
    }
}

fn injection(binding: &Binding) -> Option<Injection> {
    let credential = binding.credential_id.clone()?;
    Some(Injection {
        created_at_ms: binding.created_at_ms,
        binding: binding.id.clone(),
        credential,
    })
}

type Account = ((Username, ProviderName), (Millis, CredentialId));

fn account(credential: &Credential) -> Option<Account> {
    let user = credential.connected_to.clone()?;
    Some((
        (user, credential.provider.clone()),
        (credential.created_at_ms, credential.id.clone()),
    ))
}

fn take<K: Hash + Eq, V: Ord>(map: &mut HashMap<K, Ordered<V>>, key: &K, value: &V) {
    if let Some(set) = map.get_mut(key) {
        set.remove(value);
        if set.is_empty() {
            map.remove(key);
        }
    }
}

/// Removes one member, and its set once it is empty.
pub(super) fn forget<K: Hash + Eq, V: Hash + Eq>(map: &mut HashMap<K, HashSet<V>>, key: &K, value: &V) {
    if let Some(set) = map.get_mut(key) {
        set.remove(value);
        if set.is_empty() {
            map.remove(key);
        }
    }
}

impl Index {
    pub(super) fn bindings_of(&self, credential: &CredentialId) -> impl Iterator<Item = &Arc<Binding>> {
        self.by_credential
            .get(credential)
            .into_iter()
            .flatten()
            .filter_map(|id: &BindingId| self.bindings.get(id))
    }
}
