//! The table: one row an operation, the status for each caller, written from the rules and not from the code.
//!
//! Reading what one may not see is 404, changing it 403; every refused token read is 404. Whoever has no bearer, or a wrong one, gets 401 everywhere
//! but where nobody needs one.

use super::Proves;
use super::world::{Caller, Needs};

pub(super) type Rows = Vec<Row>;

/// One operation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) method: &'static str,
    /// As the description has it.
    pub(super) path: &'static str,
    pub(super) query: &'static str,
    pub(super) body: Option<&'static str>,
    pub(super) needs: Needs,
    pub(super) proves: Proves,
    /// Other, viewer, editor, owner, token reader, session, administrator, service.
    statuses: [u16; 8],
    is_public: bool,
}

impl Row {
    pub(super) fn expected(&self, caller: Caller) -> u16 {
        match caller.column() {
            Some(column) => self.statuses[column],
            None if self.is_public => self.statuses[0],
            None => 401,
        }
    }

    const fn query(mut self, query: &'static str) -> Self {
        self.query = query;
        self
    }

    const fn body(mut self, body: &'static str) -> Self {
        self.body = Some(body);
        self
    }

    const fn token(mut self) -> Self {
        self.proves = Proves::Token;
        self
    }

    const fn finds(mut self, finds: [bool; 8]) -> Self {
        self.proves = Proves::Lists(finds);
        self
    }
}

const fn row(method: &'static str, path: &'static str, needs: Needs, statuses: [u16; 8]) -> Row {
    Row {
        method,
        path,
        query: "",
        body: None,
        needs,
        proves: Proves::Status,
        statuses,
        is_public: false,
    }
}

const fn public(method: &'static str, path: &'static str, status: u16) -> Row {
    Row {
        is_public: true,
        ..row(method, path, Needs::Nothing, [status; 8])
    }
}

pub(super) fn all() -> Rows {
    [credentials(), projects(), sessions(), administration(), others()].concat()
}

const YES: bool = true;
const NO: bool = false;

#[rustfmt::skip]
pub(super) fn credentials() -> Rows {
    use Needs::{Credential, Nothing};
    //                                                                                     other viewer editor owner reader session admin service
    vec![
        row("GET", "/api/ambient/v1/credentials", Credential,                                [200, 200, 200, 200, 200, 200, 200, 200]).query("?size=1000")
            .finds([NO, YES, NO, YES, YES, YES, YES, YES]),
        row("POST", "/api/ambient/v1/credentials", Nothing,                                  [201, 201, 201, 201, 201, 403, 201, 201])
            .body(r#"{"name": "{unique}", "provider": "{unique}", "token": "x"}"#),
        row("GET", "/api/ambient/v1/credentials/{id}", Credential,                           [404, 200, 404, 200, 200, 200, 200, 200]),
        row("PATCH", "/api/ambient/v1/credentials/{id}", Credential,                         [403, 403, 403, 200, 403, 403, 200, 403]).body(r#"{"description": "d"}"#),
        row("DELETE", "/api/ambient/v1/credentials/{id}", Credential,                        [403, 403, 403, 204, 403, 403, 204, 403]),
        row("GET", "/api/ambient/v1/credentials/{id}/token", Credential,                     [404, 404, 404, 200, 200, 200, 404, 404]).token(),
        row("GET", "/api/ambient/v1/projects/{project}/credentials", Credential,             [404, 200, 200, 200, 404, 404, 200, 200]).query("?size=1000")
            .finds([NO, YES, NO, YES, NO, NO, YES, YES]),
        row("POST", "/api/ambient/v1/projects/{project}/credentials", Needs::Project,        [403, 403, 201, 201, 403, 403, 201, 201])
            .body(r#"{"name": "{unique}", "provider": "{unique}", "token": "x"}"#),
        row("GET", "/api/ambient/v1/projects/{project}/credentials/{id}", Credential,        [404, 200, 404, 200, 200, 200, 200, 200]),
        row("PATCH", "/api/ambient/v1/projects/{project}/credentials/{id}", Credential,      [403, 403, 403, 200, 403, 403, 200, 403]).body(r#"{"description": "d"}"#),
        row("DELETE", "/api/ambient/v1/projects/{project}/credentials/{id}", Credential,     [403, 403, 403, 204, 403, 403, 204, 403]),
        row("GET", "/api/ambient/v1/projects/{project}/credentials/{id}/token", Credential,  [404, 404, 404, 200, 200, 200, 404, 404]).token(),
        row("GET", "/api/ambient/v1/projects/{project}/explain", Credential,                 [404, 200, 200, 200, 404, 404, 200, 404]).query("?provider={provider}"),
        row("GET", "/api/claviger/v1/credentials/{id}/identity", Credential,                 [404, 400, 404, 400, 400, 400, 400, 400]),
        row("POST", "/api/claviger/v1/credentials/{id}/revoke", Credential,                  [403, 403, 403, 409, 403, 403, 409, 403]),
    ]
}

#[rustfmt::skip]
pub(super) fn projects() -> Rows {
    use Needs::{Agent, Nothing, Project};
    //                                                                                     other viewer editor owner reader session admin service
    vec![
        row("GET", "/api/ambient/v1/projects", Project,                                      [200, 200, 200, 200, 200, 200, 200, 200]).query("?size=1000")
            .finds([NO, YES, YES, YES, NO, NO, YES, YES]),
        row("POST", "/api/ambient/v1/projects", Nothing,                                     [201, 201, 201, 201, 201, 403, 201, 201]).body(r#"{"name": "{unique}"}"#),
        row("GET", "/api/ambient/v1/projects/{project}", Project,                            [404, 200, 200, 200, 404, 404, 200, 200]),
        row("PATCH", "/api/ambient/v1/projects/{project}", Project,                          [403, 403, 403, 200, 403, 403, 200, 200]).body(r#"{"description": "d"}"#),
        row("DELETE", "/api/ambient/v1/projects/{project}", Project,                         [403, 403, 403, 204, 403, 403, 204, 204]),
        row("GET", "/api/ambient/v1/projects/{project}/agents", Agent,                       [404, 200, 200, 200, 404, 404, 200, 200])
            .finds([NO, YES, YES, YES, NO, NO, YES, YES]),
        row("POST", "/api/ambient/v1/projects/{project}/agents", Project,                    [403, 403, 201, 201, 403, 403, 201, 201])
            .body(r#"{"project_id": "{project}", "name": "other"}"#),
        row("GET", "/api/ambient/v1/projects/{project}/agents/{id}", Agent,                  [404, 200, 200, 200, 404, 404, 200, 200]),
        row("PATCH", "/api/ambient/v1/projects/{project}/agents/{id}", Agent,                [403, 403, 200, 200, 403, 403, 200, 200]).body(r#"{"prompt": "d"}"#),
        row("DELETE", "/api/ambient/v1/projects/{project}/agents/{id}", Agent,               [403, 403, 403, 204, 403, 403, 204, 204]),
        row("POST", "/api/ambient/v1/projects/{project}/agents/{id}/start", Agent,           [403, 403, 201, 201, 403, 403, 201, 201]).body("{}"),
        row("GET", "/api/ambient/v1/projects/{project}/agents/{id}/sessions", Agent,         [404, 200, 200, 200, 404, 404, 200, 200]),
        row("GET", "/api/ambient/v1/projects/{project}/agents/{id}/role_bindings", Agent,    [404, 200, 200, 200, 404, 404, 200, 200]),
    ]
}

#[rustfmt::skip]
pub(super) fn sessions() -> Rows {
    use Needs::{Project, Running, Session};
    //                                                                                     other viewer editor owner reader session admin service
    vec![
        row("GET", "/api/ambient/v1/sessions", Session,                                      [200, 200, 200, 200, 200, 200, 200, 200]).query("?size=1000")
            .finds([NO, YES, YES, YES, NO, NO, YES, YES]),
        row("POST", "/api/ambient/v1/sessions", Project,                                     [403, 403, 201, 201, 403, 403, 201, 201])
            .body(r#"{"name": "{unique}", "project_id": "{project}"}"#),
        row("GET", "/api/ambient/v1/sessions/{id}", Session,                                 [404, 200, 200, 200, 404, 404, 200, 200]),
        row("PATCH", "/api/ambient/v1/sessions/{id}", Session,                               [403, 403, 200, 200, 403, 403, 200, 200]).body(r#"{"name": "d"}"#),
        row("DELETE", "/api/ambient/v1/sessions/{id}", Session,                              [403, 403, 403, 204, 403, 403, 204, 204]),
        row("PATCH", "/api/ambient/v1/sessions/{id}/status", Running,                        [403, 403, 200, 200, 403, 403, 200, 200]).body(r#"{"phase": "Completed"}"#),
        row("POST", "/api/ambient/v1/sessions/{id}/start", Session,                          [403, 403, 200, 200, 403, 403, 200, 200]),
        row("POST", "/api/ambient/v1/sessions/{id}/stop", Running,                           [403, 403, 200, 200, 403, 403, 200, 200]),
        row("POST", "/api/ambient/v1/sessions/{id}/clone", Session,                          [403, 403, 201, 201, 403, 403, 201, 201]),
        row("GET", "/api/projects/{project}/agentic-sessions/{session}/credentials/{provider}", Needs::Credential,
                                                                                             [404, 404, 404, 200, 404, 200, 404, 404]).token(),
        row("GET", "/projects/{project}/agentic-sessions/{session}/credentials/{provider}", Needs::Credential,
                                                                                             [404, 404, 404, 200, 404, 200, 404, 404]).token(),
        row("GET", "/api/projects/{project}/agentic-sessions/{session}/credentials/mcp/{server}", Needs::Server,
                                                                                             [404, 404, 404, 200, 404, 200, 404, 404]).token(),
        row("GET", "/projects/{project}/agentic-sessions/{session}/credentials/mcp/{server}", Needs::Server,
                                                                                             [404, 404, 404, 200, 404, 200, 404, 404]).token(),
        // The editor and the owner have accounts of their own, the session has a grant: `session_bodies` compares them.
        row("POST", "/api/projects/{project}/agentic-sessions/{session}/github/token", Needs::Nothing,
                                                                                             [404, 404, 200, 200, 404, 200, 404, 404]),
        row("POST", "/projects/{project}/agentic-sessions/{session}/github/token", Needs::Nothing,
                                                                                             [404, 404, 200, 200, 404, 200, 404, 404]),
    ]
}

#[rustfmt::skip]
pub(super) fn administration() -> Rows {
    use Needs::{Binding, Nothing, Project, Role, User};
    //                                                                                     other viewer editor owner reader session admin service
    vec![
        row("GET", "/api/ambient/v1/users", User,                                            [200, 200, 200, 200, 200, 200, 200, 200]).query("?size=1000")
            .finds([NO, NO, NO, NO, NO, NO, YES, YES]),
        row("POST", "/api/ambient/v1/users", Nothing,                                        [403, 403, 403, 403, 403, 403, 201, 201])
            .body(r#"{"username": "{unique}", "name": "N"}"#),
        row("GET", "/api/ambient/v1/users/{id}", User,                                       [404, 404, 404, 404, 404, 404, 200, 200]),
        row("PATCH", "/api/ambient/v1/users/{id}", User,                                     [403, 403, 403, 403, 403, 403, 200, 200]).body(r#"{"name": "d"}"#),
        row("DELETE", "/api/ambient/v1/users/{id}", User,                                    [403, 403, 403, 403, 403, 403, 204, 204]),
        row("GET", "/api/ambient/v1/roles", Role,                                            [200, 200, 200, 200, 200, 200, 200, 200]).query("?size=1000").finds([YES; 8]),
        row("POST", "/api/ambient/v1/roles", Nothing,                                        [403, 403, 403, 403, 403, 403, 201, 201])
            .body(r#"{"name": "{unique}", "permissions": "[\"agent:read\"]"}"#),
        row("GET", "/api/ambient/v1/roles/{id}", Role,                                       [200, 200, 200, 200, 200, 200, 200, 200]),
        row("PATCH", "/api/ambient/v1/roles/{id}", Role,                                     [403, 403, 403, 403, 403, 403, 200, 200]).body(r#"{"description": "d"}"#),
        row("DELETE", "/api/ambient/v1/roles/{id}", Role,                                    [403, 403, 403, 403, 403, 403, 204, 204]),
        row("GET", "/api/ambient/v1/role_bindings", Binding,                                 [200, 200, 200, 200, 200, 200, 200, 200]).query("?size=1000")
            .finds([NO, YES, YES, YES, NO, NO, YES, YES]),
        row("POST", "/api/ambient/v1/role_bindings", Project,                                [403, 403, 201, 201, 403, 403, 201, 201])
            .body(r#"{"role_id": "project:viewer", "scope": "project", "project_id": "{project}", "user_id": "emil"}"#),
        row("GET", "/api/ambient/v1/role_bindings/{id}", Binding,                            [404, 200, 200, 200, 404, 404, 200, 200]),
        // Others than administrators change the role of their own bindings alone.
        row("PATCH", "/api/ambient/v1/role_bindings/{id}", Binding,                          [403, 403, 403, 403, 403, 403, 200, 200]).body(r#"{"role_id": "agent:observer"}"#),
        row("DELETE", "/api/ambient/v1/role_bindings/{id}", Binding,                         [403, 403, 403, 204, 403, 403, 204, 204]),
    ]
}

#[rustfmt::skip]
pub(super) fn others() -> Rows {
    use Needs::{Account, Nothing, Turn};
    //                                                                                     other viewer editor owner reader session admin service
    vec![
        // Everybody connects and disconnects accounts of their own; a session and a service have none.
        row("POST", "/api/auth/{provider}/connect", Nothing,                                 [200, 200, 200, 200, 200, 403, 200, 403]).body(r#"{"token": "x"}"#),
        // None is under way for any of them: `connect.rs` completes one.
        row("POST", "/api/auth/{provider}/complete", Nothing,                                [404, 404, 404, 404, 404, 404, 404, 404]).body(r#"{"id": "{unique}", "code": "x"}"#),
        row("GET", "/api/auth/{provider}/status", Account,                                   [200, 200, 200, 200, 200, 403, 200, 200]),
        row("POST", "/api/auth/{provider}/disconnect", Account,                              [200, 200, 200, 200, 200, 403, 200, 403]),
        row("DELETE", "/api/auth/{provider}/disconnect", Account,                            [200, 200, 200, 200, 200, 403, 200, 403]),
        row("POST", "/api/auth/{provider}/test", Nothing,                                    [200, 200, 200, 200, 200, 403, 200, 403]).body(r#"{"token": "x"}"#),
        row("GET", "/api/auth/integrations/status", Account,                                 [200, 200, 200, 200, 200, 403, 200, 403]),
        row("POST", "/api/auth/github/install", Nothing,                                     [201, 201, 201, 201, 201, 403, 201, 403]).body(r#"{"url": "{upstream}/github"}"#),
        public("GET", "/api/auth/github/user/callback", 400),
        row("POST", "/api/auth/github/pat", Nothing,                                         [200, 200, 200, 200, 200, 403, 200, 403]).body(r#"{"token": "ghp_0123456789abcdefghijklmnopqrstuvwxyz"}"#),
        row("GET", "/api/auth/github/pat/status", Nothing,                                   [200, 200, 200, 200, 200, 403, 200, 403]),
        row("DELETE", "/api/auth/github/pat", Needs::Github,                                 [200, 200, 200, 200, 200, 403, 200, 403]),
        row("GET", "/api/auth/gerrit/instances", Needs::Gerrit,                              [200, 200, 200, 200, 200, 403, 200, 403]),
        row("GET", "/api/auth/gerrit/{instance}/status", Needs::Gerrit,                      [200, 200, 200, 200, 200, 403, 200, 403]),
        row("DELETE", "/api/auth/gerrit/{instance}/disconnect", Needs::Gerrit,               [200, 200, 200, 200, 200, 403, 200, 403]),
        row("POST", "/api/auth/mcp/{server}/connect", Nothing,                               [200, 200, 200, 200, 200, 403, 200, 403]).body(r#"{"fields": {"key": "x"}}"#),
        row("GET", "/api/auth/mcp/{server}/status", Needs::Fields,                           [200, 200, 200, 200, 200, 403, 200, 403]),
        row("DELETE", "/api/auth/mcp/{server}/disconnect", Needs::Fields,                    [200, 200, 200, 200, 200, 403, 200, 403]),
        row("POST", "/api/projects/{project}/auth/gitlab/connect", Nothing,                  [200, 200, 200, 200, 200, 403, 200, 403]).body(r#"{"personalAccessToken": "x"}"#),
        row("GET", "/api/projects/{project}/auth/gitlab/status", Nothing,                    [200, 200, 200, 200, 200, 403, 200, 200]),
        row("POST", "/api/projects/{project}/auth/gitlab/test", Nothing,                     [200, 200, 200, 200, 200, 403, 200, 403])
            .body(r#"{"personalAccessToken": "x", "instanceUrl": "{upstream}/gitlab"}"#),
        row("POST", "/api/projects/{project}/auth/gitlab/disconnect", Needs::Gitlab,         [200, 200, 200, 200, 200, 403, 200, 403]),
        row("DELETE", "/api/projects/{project}/auth/gitlab/disconnect", Needs::Gitlab,       [200, 200, 200, 200, 200, 403, 200, 403]),
        // None is under way for any of them: `connect_forms.rs` has one.
        row("GET", "/oauth2callback/status", Nothing,                                        [404, 404, 404, 404, 404, 404, 404, 404]).query("?id={unique}"),
        row("POST", "/api/claviger/v1/turns", Nothing,                                       [403, 403, 403, 403, 403, 403, 403, 201])
            .body(r#"{"project": "{project}", "session": "{session}", "run": "{unique}", "user": "bob"}"#),
        row("DELETE", "/api/claviger/v1/turns/{id}", Turn,                                   [403, 403, 403, 403, 403, 403, 403, 204]),
        row(
            "PUT",
            "/api/claviger/v1/projects/{project}/sessions/{session}/service-account",
            Needs::Running,
            [403, 403, 403, 403, 403, 403, 403, 204],
        )
        .body(r#"{"issuer": "{cluster}", "subject": "system:serviceaccount:work:{unique}"}"#),
        row(
            "DELETE",
            "/api/claviger/v1/projects/{project}/sessions/{session}/service-account",
            Needs::Running,
            [403, 403, 403, 403, 403, 403, 403, 204],
        ),
        row("GET", "/api/claviger/v1/whoami", Nothing,                                       [200, 200, 200, 200, 200, 200, 200, 200]),
        public("GET", "/oauth2callback", 400),
        public("GET", "/api/ambient", 200),
        public("GET", "/api/ambient/v1", 200),
        public("GET", "/api/ambient/v1/version", 200),
        public("GET", "/api/ambient/v1/openapi", 200),
        public("GET", "/api/ambient/v1/openapi.html", 200),
        public("GET", "/api/ambient/v1/errors", 200),
        Row { is_public: true, ..row("GET", "/api/ambient/v1/errors/{id}", Needs::ErrorNumber, [200; 8]) },
        public("GET", "/.well-known/jwks.json", 200),
        public("GET", "/healthz", 200),
        public("GET", "/readyz", 200),
    ]
}
