//! The roles that come with the server. Names and permissions are those that the platform's clients know.

/// A role: name, name for people, permissions separated by spaces.
pub(super) struct BuiltIn {
    pub(super) name: &'static str,
    pub(super) display_name: &'static str,
    pub(super) permissions: &'static str,
}

const fn role(name: &'static str, display_name: &'static str, permissions: &'static str) -> BuiltIn {
    BuiltIn {
        name,
        display_name,
        permissions,
    }
}

pub(super) const BUILT_IN: [BuiltIn; 14] = [
    role("platform:admin", "Platform Admin", "*:*"),
    role(
        "platform:viewer",
        "Platform Viewer",
        "project:read project:list session:read session:list agent:read agent:list",
    ),
    role(
        "project:owner",
        "Project Owner",
        "project:read project:update project:delete agent:* session:* session_message:* project_document:* blackboard:* role_binding:*",
    ),
    role(
        "project:editor",
        "Project Editor",
        "project:read agent:create agent:read agent:update agent:list agent:start session:create session:read session:update session:list \
         session_message:* project_document:read project_document:create project_document:update project_document:list blackboard:read \
         blackboard:watch role_binding:delete",
    ),
    role(
        "project:viewer",
        "Project Viewer",
        "project:read agent:read agent:list session:read session:list session_message:read session_message:list project_document:read \
         project_document:list blackboard:read",
    ),
    role(
        "agent:operator",
        "Agent Operator",
        "agent:read agent:update agent:start agent:list session:read session:list",
    ),
    role(
        "agent:observer",
        "Agent Observer",
        "agent:read agent:list session:read session:list blackboard:read blackboard:watch",
    ),
    role("agent:editor", "Agent Editor", "agent:read agent:update"),
    role(
        "agent:runner",
        "Agent Runner",
        "session:read session_message:* blackboard:read blackboard:watch",
    ),
    role("credential:viewer", "Credential Viewer", "credential:read credential:list"),
    role(
        "credential:owner",
        "Credential Owner",
        "credential:create credential:read credential:update credential:delete credential:list credential:fetch_token role_binding:create \
         role_binding:delete",
    ),
    role("credential:token-reader", "Credential Token Reader", "credential:fetch_token"),
    role(
        "gitops:admin",
        "GitOps Admin",
        "application:create application:read application:update application:delete application:list",
    ),
    role("gitops:viewer", "GitOps Viewer", "application:read application:list"),
];
