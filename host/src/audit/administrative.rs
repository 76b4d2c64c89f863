//! What is recorded of changes: who made which, and of what. Never a name, never a secret.

use super::keys::AuditKeys;
use super::line::Line;
use crate::identity::Caller;
use crate::ids::{ApiKeyId, ConsentId, CredentialId, ProjectId, ProviderName, RequestId, SessionId, Username};
use crate::records::NewBinding;
use crate::records::model::{ApiKey, Turn};

/// Who makes it.
#[derive(Clone, Copy)]
enum By<'a> {
    /// Whoever has a shell on the server's machine.
    Operator,
    /// A caller, with this request.
    Caller(&'a RequestId, &'a Caller),
    /// Whoever came to the token exchange with a session's address.
    Exchange(&'a RequestId),
}

/// A change that somebody makes.
#[derive(Clone)]
pub struct Administrative<'a> {
    event: &'static str,
    outcome: Option<&'static str>,
    by: By<'a>,
    person: Option<&'a Username>,
    subject: Vec<(&'static str, &'a str)>,
}

impl<'a> Administrative<'a> {
    fn by_operator(event: &'static str, subject: Vec<(&'static str, &'a str)>) -> Self {
        Self {
            event,
            outcome: None,
            by: By::Operator,
            person: None,
            subject,
        }
    }

    /// The same change, announced and then not made.
    #[must_use]
    pub fn undone(mut self) -> Self {
        self.outcome = Some("not-made");
        self
    }

    /// The same change, and what came of it.
    #[must_use]
    pub const fn ended(mut self, outcome: &'static str) -> Self {
        self.outcome = Some(outcome);
        self
    }

    /// A provider read secrets as text in a call that is no mint: `identify`, `revoke`.
    #[must_use]
    pub fn secrets_revealed(credential: &'a CredentialId, provider: &'a ProviderName, call: &'a str, count: &'a str) -> Self {
        Self::by_operator(
            "SECRETS_REVEALED",
            vec![
                ("credential", credential.as_str()),
                ("provider", provider.as_str()),
                ("call", call),
                ("reveals", count),
            ],
        )
    }

    /// `CREDENTIAL_CREATED`, `CREDENTIAL_UPDATED`, `CREDENTIAL_DELETED`, `CREDENTIAL_REVOKED`.
    #[must_use]
    pub fn credential(
        event: &'static str,
        request: &'a RequestId,
        caller: &'a Caller,
        credential: &'a CredentialId,
        provider: &'a ProviderName,
    ) -> Self {
        let subject = vec![("credential", credential.as_str()), ("provider", provider.as_str())];
        Self {
            event,
            outcome: None,
            by: By::Caller(request, caller),
            person: None,
            subject,
        }
    }

    /// `BINDING_CREATED`, `BINDING_DELETED`. The role is named, the person hashed.
    #[must_use]
    pub fn binding(event: &'static str, request: &'a RequestId, caller: &'a Caller, binding: &'a NewBinding, role: &'a str) -> Self {
        let mut subject = vec![("role", role)];
        let optional = [
            ("credential", binding.credential_id.as_ref().map(AsRef::as_ref)),
            ("project", binding.project_id.as_ref().map(AsRef::as_ref)),
            ("agent", binding.agent_id.as_ref().map(AsRef::as_ref)),
            ("session", binding.session_id.as_ref().map(AsRef::as_ref)),
        ];
        subject.extend(optional.into_iter().filter_map(|(key, value)| Some((key, value?))));
        Self {
            event,
            outcome: None,
            by: By::Caller(request, caller),
            person: binding.user_id.as_ref(),
            subject,
        }
    }

    /// A change of a project, an agent, a session, a role or a person: `PROJECT_CREATED` and the like. `subject` are the ids it is about.
    #[must_use]
    pub const fn resource(
        event: &'static str,
        request: &'a RequestId,
        caller: &'a Caller,
        subject: Vec<(&'static str, &'a str)>,
        person: Option<&'a Username>,
    ) -> Self {
        Self {
            event,
            outcome: None,
            by: By::Caller(request, caller),
            person,
            subject,
        }
    }

    /// `TURN_OPENED`, `TURN_CLOSED`.
    #[must_use]
    pub fn turn(event: &'static str, request: &'a RequestId, caller: &'a Caller, turn: &'a Turn) -> Self {
        let subject = vec![
            ("turn", turn.id.as_str()),
            ("project", turn.project_id.as_str()),
            ("session", turn.session_id.as_str()),
            ("run", turn.run_id.as_str()),
        ];
        Self {
            event,
            outcome: None,
            by: By::Caller(request, caller),
            person: Some(&turn.user),
            subject,
        }
    }

    /// What is said of a session itself: `SESSION_ACCOUNT_SET`.
    #[must_use]
    pub fn session(
        event: &'static str,
        request: &'a RequestId,
        caller: &'a Caller,
        (project, session): (&'a ProjectId, &'a SessionId),
    ) -> Self {
        Self {
            event,
            outcome: None,
            by: By::Caller(request, caller),
            person: None,
            subject: vec![("project", project.as_str()), ("session", session.as_str())],
        }
    }

    /// `SESSION_TOKEN_ISSUED`: the exchange was asked for a session's bearer, with that session's address; or, where there is a reason, for none.
    #[must_use]
    pub fn exchange(request: &'a RequestId, (project, session): (&'a ProjectId, &'a SessionId), reason: Option<&'a str>) -> Self {
        let mut subject = vec![("project", project.as_str()), ("session", session.as_str())];
        subject.extend(reason.map(|reason| ("reason", reason)));
        Self {
            event: "SESSION_TOKEN_ISSUED",
            outcome: None,
            by: By::Exchange(request),
            person: None,
            subject,
        }
    }

    /// `CONSENT_STARTED`: a person was sent to an upstream to connect their account.
    #[must_use]
    pub fn consent(
        event: &'static str,
        request: &'a RequestId,
        caller: &'a Caller,
        consent: &'a ConsentId,
        provider: &'a ProviderName,
    ) -> Self {
        let subject = vec![("consent", consent.as_str()), ("provider", provider.as_str())];
        Self {
            event,
            outcome: None,
            by: By::Caller(request, caller),
            person: caller.principal(),
            subject,
        }
    }

    /// An API key was made by the operator.
    #[must_use]
    pub fn api_key_created(key: &'a ApiKey) -> Self {
        Self {
            person: Some(&key.creator),
            ..Self::by_operator("API_KEY_CREATED", vec![("api_key", key.id.as_str())])
        }
    }

    /// An API key was revoked by the operator.
    #[must_use]
    pub fn api_key_revoked(id: &'a ApiKeyId) -> Self {
        Self::by_operator("API_KEY_REVOKED", vec![("api_key", id.as_str())])
    }

    /// `USER_DEACTIVATED`, `USER_REACTIVATED`, by the operator.
    #[must_use]
    pub fn person(event: &'static str, user: &'a Username) -> Self {
        Self {
            person: Some(user),
            ..Self::by_operator(event, Vec::new())
        }
    }

    /// `BINDING_CREATED`, `BINDING_DELETED`, by the operator: a role for everything.
    #[must_use]
    pub fn granted(event: &'static str, user: &'a Username, role: &'a str) -> Self {
        Self {
            person: Some(user),
            ..Self::by_operator(event, vec![("role", role)])
        }
    }

    /// Records of another platform were imported by the operator, from a file of this digest.
    #[must_use]
    pub fn imported(sha256: &'a str) -> Self {
        Self::by_operator("RECORDS_IMPORTED", vec![("sha256", sha256)])
    }

    /// A provider was approved by the operator.
    #[must_use]
    pub fn provider_approved(name: &'a str, version: &'a str, sha256: &'a str) -> Self {
        Self::by_operator(
            "PROVIDER_APPROVED",
            vec![("provider", name), ("version", version), ("sha256", sha256)],
        )
    }

    /// A provider was removed by the operator.
    #[must_use]
    pub fn provider_removed(name: &'a str, version: &'a str, sha256: &'a str) -> Self {
        Self::by_operator(
            "PROVIDER_REMOVED",
            vec![("provider", name), ("version", version), ("sha256", sha256)],
        )
    }

    pub(super) fn write(&self, line: &mut Line, keys: &'a AuditKeys) {
        let mut principals = keys.principals();
        line.put("event", self.event);
        if let Some(outcome) = self.outcome {
            line.put("outcome", outcome);
        }
        for (key, value) in &self.subject {
            line.put(key, value);
        }
        if let Some(person) = self.person {
            line.put("user", principals.person(person).as_str());
        }
        match self.by {
            By::Caller(request, caller) => {
                line.put("auth", caller.method());
                line.put("caller", principals.caller(caller).as_str());
                line.put("request", request.as_str());
            }
            By::Exchange(request) => {
                line.put("auth", "exchange");
                line.put("request", request.as_str());
            }
            By::Operator => line.put("auth", "operator"),
        }
    }
}
