//! What is stored, as plain data. The rows of SQL are read into these and written from them, nowhere else.
//!
//! No secret is in any of them: sealed fields are read one by one ([`SealedField`]), by the broker alone.

use crate::clock::Millis;
use crate::ids::{
    AgentId, ApiKeyId, BindingId, ConsentId, CredentialId, Generation, ProjectId, ProviderName, RoleId, RunId, SessionId, TurnId, UserId,
    Username,
};
use std::collections::BTreeMap;

/// A stored credential, without its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Its id.
    pub id: CredentialId,
    /// For people; not unique.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// Which provider serves it.
    pub provider: ProviderName,
    /// The kind, as the provider's manifest names it.
    pub kind: String,
    /// The instance's address, normalised; `None` is the provider's default.
    pub url: Option<String>,
    /// An address of mail, where the kind wants one.
    pub email: Option<String>,
    /// JSON text, as the client sent it.
    pub labels: Option<String>,
    /// JSON text, as the client sent it.
    pub annotations: Option<String>,
    /// The kind's public fields.
    pub fields: BTreeMap<String, String>,
    /// The person whose connected account this is. Such a credential can never be bound.
    pub connected_to: Option<Username>,
    /// How often its secrets have changed.
    pub generation: Generation,
    /// Whether it works.
    pub state: CredentialState,
    /// When it was made.
    pub created_at_ms: Millis,
    /// When it was last changed.
    pub updated_at_ms: Millis,
}

/// Whether a credential can still be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialState {
    /// Nothing secret is stored: there is nothing to use yet, or no more.
    Empty,
    /// As far as anyone knows.
    Usable,
    /// The upstream refused it for good; it is not tried again until new secrets come.
    NeedsReconnect,
    /// A rotating secret was sent and no answer came: spent or not, nobody knows.
    Indeterminate,
}

/// A person on the way to connect an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// Its id, which the person who started it knows.
    pub id: ConsentId,
    /// Who started it: the only one who can complete it.
    pub username: Username,
    /// At which provider.
    pub provider: ProviderName,
    /// Which kind the credential will have.
    pub kind: String,
    /// At which instance; `None` is the provider's default.
    pub url: Option<String>,
    /// Public fields that the credential will have.
    pub fields: BTreeMap<String, String>,
    /// Where the browser was told to come back to.
    pub redirect_uri: String,
    /// How far it is.
    pub stage: ConsentStage,
    /// In [`ConsentStage::Choosing`]: the accounts, by title, with the public fields of each.
    pub accounts: Vec<(String, BTreeMap<String, String>)>,
    /// In [`ConsentStage::Choosing`]: when the first token ends.
    pub token_expires_at_ms: Option<Millis>,
    /// When it was started.
    pub created_at_ms: Millis,
    /// When it ends.
    pub expires_at_ms: Millis,
}

/// How far a consent is. Each step is made once, by one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsentStage {
    /// The browser is away.
    Started,
    /// The browser came back with a code.
    Returned,
    /// The code is being spent. Where that was cut short, only a new start helps.
    Exchanging,
    /// The person has to choose one of several accounts.
    Choosing,
}

/// One sealed field of a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedField {
    /// The kind's name for it.
    pub field: String,
    /// The envelope (`seal`), opened with the credential's id, this field and [`SealedField::generation`].
    pub envelope: String,
    /// The generation in which it was sealed.
    pub generation: Generation,
}

/// The current access token of a rotating kind: its loss would force another rotation, so it is a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedToken {
    /// The envelope.
    pub envelope: String,
    /// The generation that it came with.
    pub generation: Generation,
    /// When it was obtained.
    pub minted_at_ms: Millis,
    /// When it ends.
    pub expires_at_ms: Option<Millis>,
}

/// A role: a named set of permissions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its id.
    pub id: RoleId,
    /// `credential:owner`
    pub name: String,
    /// For people.
    pub display_name: Option<String>,
    /// For people.
    pub description: Option<String>,
    /// `resource:action`, either side may be `*`.
    pub permissions: Vec<String>,
    /// Whether it came with the server.
    pub built_in: bool,
    /// When it was made.
    pub created_at_ms: Millis,
    /// When it was last changed.
    pub updated_at_ms: Millis,
}

/// What a binding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Everything.
    Global,
    /// One project.
    Project,
    /// One agent.
    Agent,
    /// One session.
    Session,
    /// One credential.
    Credential,
}

/// A role given to somebody, for something; or a credential given to a project or agent (scope credential without owner role).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// Its id.
    pub id: BindingId,
    /// The role.
    pub role_id: RoleId,
    /// What it is about.
    pub scope: Scope,
    /// To whom.
    pub user_id: Option<Username>,
    /// For which project.
    pub project_id: Option<ProjectId>,
    /// For which agent.
    pub agent_id: Option<AgentId>,
    /// For which session: a grant made at its start.
    pub session_id: Option<SessionId>,
    /// For which credential.
    pub credential_id: Option<CredentialId>,
    /// When it was made.
    pub created_at_ms: Millis,
    /// When it was last changed.
    pub updated_at_ms: Millis,
}

/// A project. Its id is its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its id and name.
    pub id: ProjectId,
    /// For people.
    pub description: Option<String>,
    /// Whose credentials its sessions use.
    pub credential_policy: CredentialPolicy,
    /// When it was made.
    pub created_at_ms: Millis,
    /// When it was last changed.
    pub updated_at_ms: Millis,
}

/// Whose credentials the sessions of a project use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CredentialPolicy {
    /// The effective user's connected account, else what was granted to the session at its start.
    #[default]
    Bindings,
    /// Nothing is granted to sessions.
    SenderOnly,
    /// Everybody runs as the session's owner; only where the operator allows it.
    Owner,
}

/// An agent of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Its id.
    pub id: AgentId,
    /// Its project.
    pub project_id: ProjectId,
    /// For people.
    pub name: String,
    /// When it was made.
    pub created_at_ms: Millis,
    /// When it was last changed.
    pub updated_at_ms: Millis,
}

/// A session: where people and an agent talk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Its project.
    pub project_id: ProjectId,
    /// The agent that works in it.
    pub agent_id: Option<AgentId>,
    /// For people.
    pub name: String,
    /// Who made it.
    pub created_by: Username,
    /// What made it.
    pub trigger: Trigger,
    /// Whether it was last started by hand, by somebody for whom `trigger` does not speak.
    pub attended: bool,
    /// Whether somebody else than its creator has had a turn since it was started: they may have its bearer from then.
    pub joined: bool,
    /// Where it is in its life.
    pub phase: Phase,
    /// As which service account its pod calls, where it has one of its own.
    pub workload: Option<Workload>,
    /// How often it was started.
    pub starts: i64,
    /// When it was made.
    pub created_at_ms: Millis,
    /// When it was last changed.
    pub updated_at_ms: Millis,
}

impl Session {
    /// What runs it: what made it, unless somebody started it by hand or has joined.
    #[must_use]
    pub const fn started_by(&self) -> Trigger {
        if self.attended || self.joined {
            Trigger::Person
        } else {
            self.trigger
        }
    }
}

/// A Kubernetes service account, as its tokens name it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Workload {
    /// The tokens' `iss`.
    pub issuer: String,
    /// The tokens' `sub`: `system:serviceaccount:NAMESPACE:NAME`.
    pub subject: String,
}

/// What made a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// A person, by hand.
    Person,
    /// An API key of its creator.
    ApiKey,
    /// A schedule of its creator.
    Schedule,
}

/// Where a session is in its life. Only from start until `Stopping` does it have credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Made, not started.
    Pending,
    /// Starting.
    Creating,
    /// Working.
    Running,
    /// Ending.
    Stopping,
    /// Ended by somebody.
    Stopped,
    /// Ended by itself, well.
    Completed,
    /// Ended by itself, badly.
    Failed,
}

impl Phase {
    /// Whether a session has credentials then: from its start until `Stopping`, `Completed` or `Failed`.
    #[must_use]
    pub const fn has_credentials(self) -> bool {
        matches!(self, Self::Creating | Self::Running)
    }
}

/// One message being answered, for one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Its id.
    pub id: TurnId,
    /// The session's project.
    pub project_id: ProjectId,
    /// The session.
    pub session_id: SessionId,
    /// The run, as the proxy names it.
    pub run_id: RunId,
    /// Who sent the message.
    pub user: Username,
    /// When it was opened.
    pub opened_at_ms: Millis,
    /// When it ends at the latest.
    pub expires_at_ms: Millis,
}

/// An API key, or a person of the development server: a random bearer, hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// For people.
    pub name: String,
    /// Whose it is; everything done with it is done for them.
    pub creator: Username,
    /// What the bearer stands for.
    pub stands_for: StandsFor,
    /// SHA-256 of the bearer, hex. The bearer has 256 random bits, so a plain hash is enough.
    pub hash: String,
    /// When it was made.
    pub created_at_ms: Millis,
    /// When it ends.
    pub expires_at_ms: Option<Millis>,
    /// When it was revoked.
    pub revoked_at_ms: Option<Millis>,
    /// What it may be used for; `None` is all that its person may.
    pub scopes: Option<Vec<String>>,
    /// When it was last used, a minute or so behind.
    pub last_used_at_ms: Option<Millis>,
}

/// What a stored bearer stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandsFor {
    /// A key that somebody made, for a machine.
    Key,
    /// The person, at the development server alone.
    Person,
    /// A service: its name is the creator's. One that the operator configured, or the development server's own.
    Service,
}

/// A person whom the server has met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Their id in the API. Bindings name the username.
    pub id: UserId,
    /// The name that the issuer gives; the principal.
    pub username: Username,
    /// For people.
    pub name: Option<String>,
    /// An address of mail.
    pub email: Option<String>,
    /// Whether they may still do anything. Keys and schedules of an inactive person are refused.
    pub active: bool,
    /// When they were first met.
    pub created_at_ms: Millis,
    /// When this was last changed.
    pub updated_at_ms: Millis,
}
