//! Every operation: one row each, in the order of `docs/api.md`.

/// An operation.
pub struct Operation {
    /// `get`
    pub method: &'static str,
    /// As the router has it.
    pub path: &'static str,
    /// Its name in generated clients.
    pub id: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// The schema of its body.
    pub body: Option<&'static str>,
    /// How it succeeds: statuses with the schema of each, empty for no body.
    pub answers: &'static [(u16, &'static str)],
    /// What its address takes.
    pub takes: &'static [Takes],
    /// How it is refused beside what every operation is refused by.
    pub refused: &'static [u16],
    /// Who may ask.
    pub security: Security,
    /// Whether errors are `{"error": …}`.
    pub short_errors: bool,
}

/// Sets of parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Those of lists.
    List,
    /// A filter by provider.
    Provider,
    /// A filter by project.
    Project,
    /// The project of what is made.
    DefaultProject,
    /// Those of a token read.
    Token,
    /// For whom a token is shaped.
    Consumer,
    /// Those of `explain`.
    Question,
    /// The consent's id.
    Consent,
}

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Whoever has a bearer.
    Bearer,
    /// Anybody.
    Nobody,
}

impl Operation {
    /// Every status with which it is refused. 500 is none of them: it is a fault.
    pub fn refusals(&self) -> impl Iterator<Item = u16> {
        let known: &[u16] = match self.security {
            // 503: authorisation data, the database or the trail cannot be relied on just now.
            Security::Bearer => &[400, 401, 503],
            Security::Nobody => &[],
        };
        let body: &[u16] = if self.body.is_some() { &[408, 413] } else { &[] };
        known.iter().chain(body).chain(self.refused).copied()
    }

    /// How requests end that are too long to be read, where what they take may be long.
    pub fn unread(&self) -> impl Iterator<Item = u16> {
        let address = (!self.takes.is_empty()).then_some(414);
        let headers = self
            .takes
            .iter()
            .any(|takes| matches!(takes, Takes::Project | Takes::DefaultProject));
        address.into_iter().chain(headers.then_some(431))
    }

    /// By what clients group it.
    pub fn tag(&self) -> &'static str {
        let path = self.path;
        let below_v1 = path
            .strip_prefix("/api/ambient/v1/")
            .map(|rest| rest.split('/').collect::<Vec<_>>());
        match below_v1.as_deref() {
            Some(["projects", _, "credentials", ..] | ["credentials", ..]) => "credentials",
            Some(["projects", _, "agents", ..]) => "agents",
            Some(["projects", ..]) => "projects",
            Some(["sessions", ..]) => "sessions",
            Some(["users", ..]) => "users",
            Some(["roles", ..]) => "roles",
            Some(["role_bindings", ..]) => "role_bindings",
            _ if path.contains("/agentic-sessions/") => "session tokens",
            _ if path.starts_with("/api/auth/") || path.contains("/auth/gitlab/") || path.starts_with("/oauth2callback") => "accounts",
            _ if path.starts_with("/api/claviger/v1/") => "claviger",
            _ => "server",
        }
    }
}

const fn operation(
    method: &'static str,
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    answers: &'static [(u16, &'static str)],
    refused: &'static [u16],
) -> Operation {
    Operation {
        method,
        path,
        id,
        summary,
        body: None,
        answers,
        takes: &[],
        refused,
        security: Security::Bearer,
        short_errors: false,
    }
}

impl Operation {
    const fn body(mut self, schema: &'static str) -> Self {
        self.body = Some(schema);
        self
    }

    const fn takes(mut self, takes: &'static [Takes]) -> Self {
        self.takes = takes;
        self
    }

    const fn public(mut self) -> Self {
        self.security = Security::Nobody;
        self
    }

    const fn short(mut self) -> Self {
        self.short_errors = true;
        self
    }
}

const MADE: &[u16] = &[403, 409];
const CHANGED: &[u16] = &[403, 404, 409];
const UPSTREAM: &[u16] = &[403, 404, 502, 504];

/// All of them.
#[rustfmt::skip]
pub const OPERATIONS: &[Operation] = &[
    operation("get", "/api/ambient/v1/credentials", "listCredentials", "The credentials that the caller sees, without their secrets", &[(200, "CredentialList")], &[]).takes(&[Takes::List, Takes::Provider]),
    operation("post", "/api/ambient/v1/credentials", "createCredential", "Makes a credential", &[(201, "Credential")], MADE).body("NewCredential"),
    operation("get", "/api/ambient/v1/credentials/{id}", "getCredential", "A credential", &[(200, "Credential")], &[404]),
    operation("patch", "/api/ambient/v1/credentials/{id}", "updateCredential", "Changes a credential", &[(200, "Credential")], CHANGED).body("CredentialPatch"),
    operation("delete", "/api/ambient/v1/credentials/{id}", "deleteCredential", "Deletes a credential", &[(204, "")], CHANGED),
    operation("get", "/api/ambient/v1/credentials/{id}/token", "getCredentialToken", "The token of a credential", &[(200, "Token")], UPSTREAM).takes(&[Takes::Token, Takes::Consumer]),
    operation("get", "/api/ambient/v1/projects/{project}/credentials", "listCredentialsInProject", "The credentials of a project that the caller sees, without their secrets", &[(200, "CredentialList")], &[404]).takes(&[Takes::List, Takes::Provider]),
    operation("post", "/api/ambient/v1/projects/{project}/credentials", "createCredentialInProject", "Makes a credential of a project", &[(201, "Credential")], &[403, 404, 409]).body("NewCredential"),
    operation("get", "/api/ambient/v1/projects/{project}/credentials/{id}", "getCredentialInProject", "A credential of a project", &[(200, "Credential")], &[404]),
    operation("patch", "/api/ambient/v1/projects/{project}/credentials/{id}", "updateCredentialInProject", "Changes a credential of a project", &[(200, "Credential")], CHANGED).body("CredentialPatch"),
    operation("delete", "/api/ambient/v1/projects/{project}/credentials/{id}", "deleteCredentialInProject", "Deletes a credential of a project", &[(204, "")], CHANGED),
    operation("get", "/api/ambient/v1/projects/{project}/credentials/{id}/token", "getCredentialTokenInProject", "The token of a credential of a project", &[(200, "Token")], UPSTREAM).takes(&[Takes::Token, Takes::Consumer]),
    operation("get", "/api/ambient/v1/projects/{project}/explain", "explain", "Which credential resolves, and what each bearer would get", &[(200, "Explanation")], &[404]).takes(&[Takes::Question]),
    operation("get", "/api/ambient/v1/projects", "listProjects", "The projects that the caller sees", &[(200, "ProjectList")], &[]).takes(&[Takes::List]),
    operation("post", "/api/ambient/v1/projects", "createProject", "Makes one", &[(201, "Project")], MADE).body("NewProject"),
    operation("get", "/api/ambient/v1/projects/{project}", "getProject", "One of them", &[(200, "Project")], &[404]),
    operation("patch", "/api/ambient/v1/projects/{project}", "updateProject", "Changes one", &[(200, "Project")], CHANGED).body("ProjectPatch"),
    operation("delete", "/api/ambient/v1/projects/{project}", "deleteProject", "Deletes one", &[(204, "")], CHANGED),
    operation("get", "/api/ambient/v1/projects/{project}/agents", "listAgents", "The agents that the caller sees", &[(200, "AgentList")], &[404]).takes(&[Takes::List]),
    operation("post", "/api/ambient/v1/projects/{project}/agents", "createAgent", "Makes one", &[(201, "Agent")], &[403, 404]).body("NewAgent"),
    operation("get", "/api/ambient/v1/projects/{project}/agents/{id}", "getAgent", "One of them", &[(200, "Agent")], &[403, 404]),
    operation("patch", "/api/ambient/v1/projects/{project}/agents/{id}", "updateAgent", "Changes one", &[(200, "Agent")], CHANGED).body("AgentPatch"),
    operation("delete", "/api/ambient/v1/projects/{project}/agents/{id}", "deleteAgent", "Deletes one", &[(204, "")], CHANGED),
    operation("post", "/api/ambient/v1/projects/{project}/agents/{id}/start", "startAgent", "The session that the agent works in, a new one if there is none", &[(200, "StartedAgent"), (201, "StartedAgent")], CHANGED).body("AgentStart"),
    operation("get", "/api/ambient/v1/projects/{project}/agents/{id}/sessions", "listAgentSessions", "The sessions of an agent", &[(200, "SessionList")], &[403, 404]).takes(&[Takes::List]),
    operation("get", "/api/ambient/v1/projects/{project}/agents/{id}/role_bindings", "listAgentRoleBindings", "The bindings that name an agent", &[(200, "RoleBindingList")], &[403, 404]).takes(&[Takes::List]),
    operation("get", "/api/ambient/v1/sessions", "listSessions", "The sessions that the caller sees", &[(200, "SessionList")], &[404]).takes(&[Takes::List, Takes::Project]),
    operation("post", "/api/ambient/v1/sessions", "createSession", "Makes one", &[(201, "Session")], &[403, 404, 409]).body("NewSession").takes(&[Takes::DefaultProject]),
    operation("get", "/api/ambient/v1/sessions/{id}", "getSession", "One of them", &[(200, "Session")], &[404]),
    operation("patch", "/api/ambient/v1/sessions/{id}", "updateSession", "Changes one", &[(200, "Session")], CHANGED).body("SessionPatch"),
    operation("delete", "/api/ambient/v1/sessions/{id}", "deleteSession", "Deletes one", &[(204, "")], CHANGED),
    operation("patch", "/api/ambient/v1/sessions/{id}/status", "updateSessionStatus", "What has become of a session", &[(200, "Session")], CHANGED).body("SessionStatus"),
    operation("post", "/api/ambient/v1/sessions/{id}/start", "startSession", "Starts a session with the credentials that resolve for it", &[(200, "Session")], CHANGED),
    operation("post", "/api/ambient/v1/sessions/{id}/stop", "stopSession", "Begins to end a session", &[(200, "Session")], CHANGED),
    operation("post", "/api/ambient/v1/sessions/{id}/clone", "cloneSession", "Another session like it", &[(201, "Session")], CHANGED),
    operation("get", "/api/ambient/v1/users", "listUsers", "The users that the caller sees", &[(200, "UserList")], &[]).takes(&[Takes::List]),
    operation("post", "/api/ambient/v1/users", "createUser", "Makes one", &[(201, "User")], MADE).body("NewUser"),
    operation("get", "/api/ambient/v1/users/{id}", "getUser", "One of them", &[(200, "User")], &[404]),
    operation("patch", "/api/ambient/v1/users/{id}", "updateUser", "Changes one", &[(200, "User")], CHANGED).body("UserPatch"),
    operation("delete", "/api/ambient/v1/users/{id}", "deleteUser", "Deletes one", &[(204, "")], CHANGED),
    operation("get", "/api/ambient/v1/roles", "listRoles", "The roles that the caller sees", &[(200, "RoleList")], &[]).takes(&[Takes::List]),
    operation("post", "/api/ambient/v1/roles", "createRole", "Makes one", &[(201, "Role")], MADE).body("NewRole"),
    operation("get", "/api/ambient/v1/roles/{id}", "getRole", "One of them", &[(200, "Role")], &[404]),
    operation("patch", "/api/ambient/v1/roles/{id}", "updateRole", "Changes one", &[(200, "Role")], CHANGED).body("RolePatch"),
    operation("delete", "/api/ambient/v1/roles/{id}", "deleteRole", "Deletes one", &[(204, "")], CHANGED),
    operation("get", "/api/ambient/v1/role_bindings", "listRoleBindings", "The roleBindings that the caller sees", &[(200, "RoleBindingList")], &[]).takes(&[Takes::List]),
    operation("post", "/api/ambient/v1/role_bindings", "createRoleBinding", "Makes one", &[(201, "RoleBinding")], MADE).body("NewRoleBinding"),
    operation("get", "/api/ambient/v1/role_bindings/{id}", "getRoleBinding", "One of them", &[(200, "RoleBinding")], &[404]),
    operation("patch", "/api/ambient/v1/role_bindings/{id}", "updateRoleBinding", "Changes one", &[(200, "RoleBinding")], CHANGED).body("RoleBindingPatch"),
    operation("delete", "/api/ambient/v1/role_bindings/{id}", "deleteRoleBinding", "Deletes one", &[(204, "")], CHANGED),
    operation("get", "/api/projects/{project}/agentic-sessions/{session}/credentials/{provider}", "getSessionToken", "The token of a provider in a session", &[(200, "SessionToken")], UPSTREAM).takes(&[Takes::Token]).short(),
    operation("get", "/projects/{project}/agentic-sessions/{session}/credentials/{provider}", "getSessionTokenAtRoot", "The token of a provider in a session", &[(200, "SessionToken")], UPSTREAM).takes(&[Takes::Token]).short(),
    operation("get", "/api/projects/{project}/agentic-sessions/{session}/credentials/mcp/{server}", "getServerFields", "The fields of an MCP server in a session", &[(200, "ServerFields")], UPSTREAM).takes(&[Takes::Token]).short(),
    operation("get", "/projects/{project}/agentic-sessions/{session}/credentials/mcp/{server}", "getServerFieldsAtRoot", "The fields of an MCP server in a session", &[(200, "ServerFields")], UPSTREAM).takes(&[Takes::Token]).short(),
    operation("post", "/api/projects/{project}/agentic-sessions/{session}/github/token", "getGithubToken", "The token of GitHub in a session, and nothing beside it", &[(200, "BareToken")], UPSTREAM).takes(&[Takes::Token]).short(),
    operation("post", "/projects/{project}/agentic-sessions/{session}/github/token", "getGithubTokenAtRoot", "The token of GitHub in a session, and nothing beside it", &[(200, "BareToken")], UPSTREAM).takes(&[Takes::Token]).short(),
    operation("post", "/api/auth/{provider}/connect", "connectAccount", "Connects the caller's account: with a token, or by sending them to consent", &[(200, "Account"), (201, "StartedConsent")], &[403, 404, 409, 502, 504]).body("Connect").short(),
    operation("post", "/api/auth/{provider}/complete", "completeConsent", "Ends a consent", &[(200, "Account")], &[403, 404, 409, 502, 504]).body("Complete").short(),
    operation("get", "/api/auth/{provider}/status", "getAccount", "The caller's own account", &[(200, "Account")], &[403]).short(),
    operation("post", "/api/auth/{provider}/disconnect", "disconnectAccount", "Ends the account at the upstream where that can be done, and forgets it here", &[(200, "Account")], &[403, 404, 409, 502, 504]).short(),
    operation("delete", "/api/auth/{provider}/disconnect", "deleteAccount", "Ends the account at the upstream where that can be done, and forgets it here", &[(200, "Account")], &[403, 404, 409, 502, 504]).short(),
    operation("post", "/api/auth/{provider}/test", "testAccount", "Asks the upstream whether a token works, and stores nothing", &[(200, "Trial")], &[403, 502, 504]).body("Connect").short(),
    operation("get", "/api/auth/integrations/status", "listAccounts", "Every provider that is loaded, and what the caller has connected", &[(200, "Accounts")], &[403]).short(),
    operation("post", "/api/auth/github/install", "installGithub", "Sends the caller to consent at GitHub", &[(201, "StartedConsent")], &[403, 502, 504]).body("Install").short(),
    operation("get", "/api/auth/github/user/callback", "returnFromGithub", "Where the browser comes back to", &[(200, "html"), (400, "html"), (503, "html")], &[]).public(),
    operation("post", "/api/auth/github/pat", "connectGithubToken", "Connects a personal access token of GitHub", &[(200, "Account")], &[403, 409]).body("PersonalToken").short(),
    operation("delete", "/api/auth/github/pat", "deleteGithubToken", "Disconnects a personal access token of GitHub", &[(200, "Account")], &[403, 404, 409, 502, 504]).short(),
    operation("get", "/api/auth/github/pat/status", "getGithubTokenStatus", "The caller's personal access token of GitHub, without it", &[(200, "Account")], &[403]).short(),
    operation("get", "/api/auth/gerrit/instances", "listGerritInstances", "The caller's instances of Gerrit", &[(200, "GerritInstances")], &[403, 404, 409]).short(),
    operation("get", "/api/auth/gerrit/{instance}/status", "getGerritInstance", "One of them", &[(200, "GerritInstance")], &[403, 404, 409]).short(),
    operation("delete", "/api/auth/gerrit/{instance}/disconnect", "deleteGerritInstance", "Forgets one of them", &[(200, "GerritInstance")], &[403, 404, 409, 502, 504]).short(),
    operation("post", "/api/auth/mcp/{server}/connect", "connectServer", "Stores the fields of an MCP server", &[(200, "Server")], &[403, 409]).body("NewServer").short(),
    operation("get", "/api/auth/mcp/{server}/status", "getServer", "The names of those fields", &[(200, "ServerStatus")], &[403]).short(),
    operation("delete", "/api/auth/mcp/{server}/disconnect", "deleteServer", "Forgets them", &[(200, "Message")], &[403, 404, 409, 502, 504]).short(),
    operation("post", "/api/projects/{project}/auth/gitlab/connect", "connectGitlabInProject", "Connects the caller's GitLab account; the project decides nothing", &[(200, "Account"), (201, "StartedConsent")], &[403, 404, 409, 502, 504]).body("Connect").short(),
    operation("get", "/api/projects/{project}/auth/gitlab/status", "getGitlabInProject", "The caller's GitLab account", &[(200, "Account")], &[403]).short(),
    operation("post", "/api/projects/{project}/auth/gitlab/disconnect", "disconnectGitlabInProject", "Ends the caller's GitLab account", &[(200, "Account")], &[403, 404, 409, 502, 504]).short(),
    operation("delete", "/api/projects/{project}/auth/gitlab/disconnect", "deleteGitlabInProject", "Ends the caller's GitLab account", &[(200, "Account")], &[403, 404, 409, 502, 504]).short(),
    operation("post", "/api/projects/{project}/auth/gitlab/test", "testGitlabInProject", "Asks GitLab whether a token works, and stores nothing", &[(200, "Trial")], &[403, 502, 504]).body("Connect").short(),
    operation("get", "/oauth2callback/status", "getConsent", "How far a consent is, for whoever began it", &[(200, "Consent")], &[404]).takes(&[Takes::Consent]),
    operation("get", "/oauth2callback", "returnFromConsent", "Where the browser comes back to", &[(200, "html"), (400, "html"), (503, "html")], &[]).public(),
    operation("get", "/api/claviger/v1/credentials/{id}/identity", "getIdentity", "Whose a credential is, as its upstream says", &[(200, "Identity")], UPSTREAM),
    operation("post", "/api/claviger/v1/credentials/{id}/revoke", "revokeCredential", "Ends a credential at its upstream", &[(200, "Revocation")], &[403, 404, 409, 502, 504]),
    operation("put", "/api/claviger/v1/projects/{project}/sessions/{session}/service-account", "setServiceAccount", "A trusted program says as which Kubernetes service account a session's pod calls", &[(204, "")], CHANGED).body("ServiceAccount"),
    operation("delete", "/api/claviger/v1/projects/{project}/sessions/{session}/service-account", "removeServiceAccount", "A session's pod calls as none", &[(204, "")], &[403, 404]),
    operation("post", "/api/claviger/v1/turns", "openTurn", "A trusted proxy says whose message is being answered", &[(201, "OpenTurn")], CHANGED).body("NewTurn"),
    operation("delete", "/api/claviger/v1/turns/{id}", "closeTurn", "That turn is over", &[(204, "")], &[403, 404]),
    operation("get", "/api/claviger/v1/whoami", "whoAmI", "For whom the server takes the bearer", &[(200, "Caller")], &[]),
    operation("get", "/api/ambient", "getApi", "What serves here", &[(200, "Metadata")], &[]).public(),
    operation("get", "/api/ambient/v1", "getVersionMetadata", "The collections of this version", &[(200, "Metadata")], &[]).public(),
    operation("get", "/api/ambient/v1/version", "getVersion", "Which version serves", &[(200, "Version")], &[]).public(),
    operation("get", "/api/ambient/v1/openapi", "getDescription", "This description", &[(200, "Description")], &[]).public(),
    operation("get", "/api/ambient/v1/openapi.html", "getDescriptionPage", "This description as a page", &[(200, "html")], &[]).public(),
    operation("get", "/api/ambient/v1/errors", "listErrors", "The errors by number", &[(200, "ErrorList")], &[]).public(),
    operation("get", "/api/ambient/v1/errors/{id}", "getError", "One of them", &[(200, "Error")], &[404]).public(),
    operation("get", "/.well-known/jwks.json", "getPublishedKeys", "The public keys that sessions' and turns' bearers are checked with", &[(200, "PublishedKeys")], &[]).public(),
    operation("get", "/healthz", "isAlive", "The process answers", &[(200, "text")], &[]).public(),
    operation("get", "/readyz", "isReady", "It can answer tokens", &[(200, "Readiness"), (503, "Readiness")], &[]).public(),
];
