//! As which Kubernetes service account a session's pod calls: said by the trusted program that makes the pod, and by nobody else.

use super::caller::Known;
use super::change::recorded;
use super::input::Input;
use super::problem::{Answer, Problem};
use super::request::RequestContext;
use super::state::App;
use crate::access::manage;
use crate::audit::Administrative;
use crate::config::IssuerKind;
use crate::ids::{ProjectId, SessionId};
use crate::records::model::Workload;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;

/// `PUT /api/claviger/v1/projects/{project}/sessions/{session}/service-account`
pub async fn put(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path(place): Path<(String, String)>,
    mut input: Input,
) -> Answer<StatusCode> {
    let (project, session) = allowed(&app, &known, place)?;
    let issuer = input.required("issuer")?;
    let subject = input.required("subject")?;
    input.finish()?;
    let of_cluster = |configured: &crate::config::Issuer| configured.kind == IssuerKind::Kubernetes && configured.url == issuer;
    if !app.config.issuers.iter().any(of_cluster) {
        return Err(Problem::validation("`issuer` is no configured issuer of kind `kubernetes`"));
    }
    if !subject.starts_with("system:serviceaccount:") || subject.len() > 255 {
        return Err(Problem::validation("`subject` has the form `system:serviceaccount:NAMESPACE:NAME`"));
    }
    let service = app
        .config
        .services
        .iter()
        .any(|service| service.issuer.as_deref() == Some(issuer.as_str()) && service.subject.as_deref() == Some(subject.as_str()));
    if service {
        return Err(Problem::validation("`subject` is a configured service's"));
    }
    set(&app, &context, &known, (project, session), Some(Workload { issuer, subject })).await
}

/// `DELETE /api/claviger/v1/projects/{project}/sessions/{session}/service-account`
pub async fn delete(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path(place): Path<(String, String)>,
) -> Answer<StatusCode> {
    let place = allowed(&app, &known, place)?;
    set(&app, &context, &known, place, None).await
}

/// Whoever may say whose message is answered may say whose pod it is: both speak for the session.
fn allowed(app: &App, known: &Known, (project, session): (String, String)) -> Answer<(ProjectId, SessionId)> {
    if !manage::may_open_turns(&known.caller) {
        return Err(Problem::forbidden());
    }
    let absent = || Problem::not_found("Session", "that");
    let (project, session) = (ProjectId::parse(project).ok(), SessionId::parse(session).ok());
    let (project, session) = project.zip(session).ok_or_else(absent)?;
    if super::read_index(app, |index| index.session(&project, &session).is_none())? {
        return Err(Problem::not_found("Session", session.as_str()));
    }
    Ok((project, session))
}

async fn set(
    app: &App,
    context: &RequestContext,
    known: &Known,
    (project, session): (ProjectId, SessionId),
    workload: Option<Workload>,
) -> Answer<StatusCode> {
    let event = Administrative::session("SESSION_ACCOUNT_SET", &context.id, &known.caller, (&project, &session));
    recorded(app, event, app.records.set_session_workload(&session, workload)).await?;
    Ok(StatusCode::NO_CONTENT)
}
