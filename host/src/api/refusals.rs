//! How a denied or failed read looks from outside.
//!
//! Never 401 or 403, which fail a runner's whole turn; the one 403 is a header that names somebody else. What the caller may not see
//! and what does not exist answer alike.

use super::documents;
use super::problem::Problem;
use super::state::App;
use crate::access::manage::Refused;
use crate::access::{Denial, Target, TokenRequest};
use crate::audit::AuditError;
use crate::broker::BrokerError;
use crate::identity::Class;
use crate::ids::ProviderName;
use crate::records::model::Credential;
use crate::records::{Entity, RecordsError};

/// A denial.
pub(super) fn denied(app: &App, request: &TokenRequest, denial: Denial) -> Problem {
    match denial.class() {
        Class::Forbidden => Problem::forbidden_because("Access denied").because(denial),
        Class::Unavailable => Problem::unavailable("authorisation data is not current; no token is handed out", 1).because(denial),
        Class::NotFound => match &request.target {
            Target::Flat(id) | Target::InProject(_, id) => Problem::not_found("Credential", id.as_str()),
            Target::InSession(_, _, provider) if denial == Denial::NotConfigured => Problem::nothing_there(not_configured(app, provider)),
            Target::InSession(..) => match &request.named {
                Some(id) => Problem::not_found("Credential", id.as_str()),
                None => Problem::nothing_there("Session not found"),
            },
        },
    }
}

/// What a provider was asked for and did not bring: a permitted read's token, an identity, an end.
pub(super) fn failed(credential: &Credential, failure: BrokerError) -> Problem {
    let provider = &credential.provider;
    let code = failure.code();
    let problem = match &failure {
        BrokerError::NeedsReconnect(_) => Problem::bad_gateway(format!("`{provider}` refuses this credential; it must be connected again")),
        BrokerError::Misconfigured(_) => Problem::bad_gateway(format!(
            "this `{provider}` credential does not work as it is set up; the server's log names the reason under this operation id"
        )),
        BrokerError::NotLoaded(_) => Problem::bad_gateway(format!(
            "no provider `{provider}` knows this kind of credential; an operator has to approve one that does"
        )),
        BrokerError::MissingScope(_) => Problem::bad_gateway(format!("`{provider}` does not grant this credential what was asked for")),
        BrokerError::ProviderBroken(_) => Problem::bad_gateway(format!("the provider component for `{provider}` failed")),
        BrokerError::Transient { retry_after_ms, .. } => Problem::unavailable(
            format!("`{provider}` cannot be asked now"),
            retry_after_ms.map_or(5, |ms| ms.div_ceil(1000)),
        ),
        BrokerError::Indeterminate => Problem::unavailable(
            format!("`{provider}` did not answer the last refresh; if this stays, connect the account again"),
            30,
        ),
        BrokerError::WaitOver => Problem::unavailable(format!("the token of `{provider}` is being refreshed"), 2),
        BrokerError::TimedOut(_) => Problem::gateway_timeout(format!("`{provider}` took too long")),
        BrokerError::CannotNarrow(cannot) => return Problem::bad_request(cannot.to_string()).coded(code),
        BrokerError::Unsupported(_) => {
            Problem::bad_request(format!("this kind of `{provider}` credential does not offer what was asked for"))
        }
        BrokerError::Gone => return Problem::not_found("Credential", credential.id.as_str()),
        BrokerError::Internal(_) => Problem::internal("a call to a provider failed"),
    };
    problem.coded(code).because(failure).about(&credential.id)
}

/// A consent that did not go on. Its starter is at work with it, so they are told more than a reader is: the provider's words, which were searched
/// for secrets.
pub(super) fn of_consent(title: &str, failure: BrokerError) -> Problem {
    let code = failure.code();
    let problem = match &failure {
        BrokerError::Transient { retry_after_ms, .. } => Problem::unavailable(
            format!("{title} cannot be asked now"),
            retry_after_ms.map_or(5, |ms| ms.div_ceil(1000)),
        ),
        BrokerError::TimedOut(_) => Problem::gateway_timeout(format!("{title} took too long")),
        BrokerError::ProviderBroken(_) | BrokerError::Internal(_) => {
            Problem::bad_gateway(format!("the provider component for {title} failed"))
        }
        other => Problem::bad_gateway(format!("{title}: {other}")),
    };
    problem.coded(code).because(failure)
}

/// No record, no token (law 1).
pub(super) fn unrecorded(error: AuditError) -> Problem {
    Problem::unavailable("the audit record cannot be written, so no token is handed out", 5)
        .coded("audit")
        .because(error)
}

/// A change or a look that the rules of the API refuse.
pub(super) fn refused(why: Refused, kind: &str, id: &str) -> Problem {
    match why {
        Refused::NotFound => Problem::not_found(kind, id),
        Refused::LastOwner => Problem::conflict(why.to_string()),
        Refused::Forbidden(reason) => Problem::forbidden_because(reason),
        Refused::Senseless(reason) => Problem::bad_request(reason),
    }
}

/// What the records refuse.
pub(super) fn by_records(error: RecordsError) -> Problem {
    match &error {
        RecordsError::NotFound { entity, id } => Problem::not_found(word(*entity), id),
        RecordsError::Duplicate { entity, .. } => Problem::conflict(format!("This {} already exists", word(*entity))),
        RecordsError::AlreadyConnected { .. }
        | RecordsError::InjectionConflict { .. }
        | RecordsError::LastOwner { .. }
        | RecordsError::GenerationMoved { .. }
        | RecordsError::RotationOpen { .. }
        | RecordsError::RoleInUse { .. }
        | RecordsError::WrongPhase { .. } => Problem::conflict(error.to_string()),
        RecordsError::BuiltIn => Problem::forbidden_because(error.to_string()),
        RecordsError::ConnectedAccount => Problem::forbidden_because("caller must be credential owner to grant credential-scoped bindings"),
        RecordsError::AgentElsewhere => Problem::forbidden_because("agent does not belong to this project"),
        RecordsError::Unreachable(_) => Problem::unavailable("the database cannot be reached", 2).because(error),
        _ => Problem::internal(error),
    }
}

/// What is missing, and where it is mended. The component that serves every other name has no name of its own to offer.
fn not_configured(app: &App, provider: &ProviderName) -> String {
    let hint = &app.config.api.connect_hint;
    let own = app.catalog.get(provider.as_str()).ok();
    let own = own.filter(|loaded| documents::is_own(loaded.manifest(), provider));
    let title = match (&own, documents::server_of(provider)) {
        (Some(loaded), _) => loaded.manifest().title.as_str(),
        (None, Some(server)) => return format!("MCP credentials not configured for server {server}; connect it under {hint}"),
        (None, None) => documents::title(provider.as_str()),
    };
    format!("{title} credentials not configured; connect {title} under {hint}")
}

/// The wire's word for a record.
const fn word(entity: Entity) -> &'static str {
    match entity {
        Entity::Credential => "Credential",
        Entity::Role => "Role",
        Entity::Binding => "RoleBinding",
        Entity::Project => "Project",
        Entity::Agent => "Agent",
        Entity::Session => "Session",
        Entity::Turn => "Turn",
        Entity::ApiKey => "ApiKey",
        Entity::User => "User",
        Entity::Rotation => "Rotation",
        Entity::Consent => "Consent",
    }
}
