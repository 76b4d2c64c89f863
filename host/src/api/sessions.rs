//! Sessions: made pending, started with the credentials that resolve for them, ended with them.

use super::caller::Known;
use super::change::recorded;
use super::columns;
use super::credentials::shown;
use super::details;
use super::input::Input;
use super::listing::{self, ListQuery};
use super::present;
use super::problem::{Answer, Problem};
use super::projects;
use super::refusals;
use super::request::RequestContext;
use super::session_credentials;
use super::session_origin::{self, Origin};
use super::state::App;
use crate::access::{resolve, resources};
use crate::audit::Administrative;
use crate::ids::{AgentId, ProjectId, SessionId};
use crate::records::model::{CredentialPolicy, Phase, Session};
use crate::records::{Detailed, Details, NewSession, SessionPatch, Start};
use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;
use std::sync::Arc;

/// `GET /sessions`, of one project where the address or `X-Ambient-Project` names one.
pub async fn list(State(app): State<App>, known: Known, headers: HeaderMap, query: ListQuery) -> Answer<Json<Value>> {
    let project = match query.other("project_id")?.or_else(|| header(&headers)) {
        Some(project) => {
            let id = ProjectId::parse(project).map_err(|_| Problem::bad_request("invalid project_id format"))?;
            Some(projects::visible(&app, &known, id.as_str())?)
        }
        None => None,
    };
    let sessions = app.records.detailed_sessions(project.as_ref()).await;
    let mut sessions = sessions.map_err(refusals::by_records)?;
    super::read_index(&app, |index| {
        sessions.retain(|session| resources::sees(index, &known.caller, "session", &session.record));
    })?;
    listing::answer(&columns::SESSIONS, sessions, present::session, &query)
}

/// `GET /sessions/{id}`
pub async fn get(State(app): State<App>, known: Known, Path(id): Path<String>) -> Answer<Json<Value>> {
    let found = super::read_index(&app, |index| {
        let session = SessionId::parse(id.as_str()).ok().and_then(|id| index.only_session(&id).cloned())?;
        resources::sees(index, &known.caller, "session", &*session).then_some(session)
    })?;
    let session = found.ok_or_else(|| Problem::not_found("Session", &shown(&id)))?;
    answer(&app, &session.id).await
}

/// `POST /sessions`. Without `project_id` it is that of `X-Ambient-Project`. With `trigger: "schedule"` it is its maker's schedule; a trusted program
/// says with `turn` or `parent_session_id` for whom an agent asked for it.
pub async fn create(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    headers: HeaderMap,
    mut input: Input,
) -> Answer<(StatusCode, Json<Value>)> {
    session_origin::own(&known.caller)?;
    if input.optional("id")?.is_some() {
        return Err(Problem::validation("id must be empty"));
    }
    input.ignore(&[
        "created_at",
        "updated_at",
        "href",
        "kind",
        "phase",
        "kube_cr_name",
        "created_by_user_id",
    ]);
    let name = details::written("name", input.required("name")?)?;
    let project = input.optional("project_id")?.filter(|project| !project.is_empty());
    let project = project
        .or_else(|| header(&headers).map(str::to_owned))
        .ok_or_else(|| Problem::validation("no value given for required property project_id"))?;
    let project = ProjectId::parse(project).map_err(|_| Problem::bad_request("invalid project_id format"))?;
    super::read_index(&app, |index| resources::may_create_in(index, &known.caller, "session", &project))?
        .map_err(|why| refusals::refused(why, "Project", project.as_str()))?;
    let agent = input.optional("agent_id")?.filter(|agent| !agent.is_empty());
    let agent = agent
        .map(|agent| AgentId::parse(agent).map_err(|_| Problem::bad_request("agent_id is not valid")))
        .transpose()?;
    let mut wanted = details::given(&mut input, details::SESSION)?;
    let parent = wanted.get(PARENT).and_then(|parent| parent.as_ref()?.as_str());
    let origin = session_origin::asked(&app, &known, &mut input, &project, parent)?;
    input.finish()?;
    let elsewhere = super::read_index(&app, |index| {
        agent
            .as_ref()
            .is_some_and(|agent| index.agent(agent).is_none_or(|agent| agent.project_id != project))
    })?;
    if elsewhere {
        // One that does not exist and one of a project that the caller may not see answer alike.
        return Err(Problem::forbidden_because("agent does not belong to this project"));
    }
    if let Some(parent) = &origin.parent {
        wanted.insert(PARENT.to_owned(), Some(parent.as_str().into()));
    }
    let new = NewSession {
        id: SessionId::make(&*app.clock),
        project_id: project,
        agent_id: agent,
        name,
        created_by: origin.creator,
        trigger: origin.trigger,
        details: Details::default().changed(wanted),
    };
    make(&app, &context, &known, new).await
}

/// `POST /sessions/{id}/clone`: a new one, pending, the caller's own. A service's copy of a schedule is whose the schedule is.
pub async fn duplicate(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path(id): Path<String>,
) -> Answer<(StatusCode, Json<Value>)> {
    session_origin::own(&known.caller)?;
    let session = super::read_index(&app, |index| {
        let session = SessionId::parse(id.as_str()).ok().and_then(|id| index.only_session(&id).cloned());
        let session = session.filter(|session| resources::sees(index, &known.caller, "session", &**session));
        let project = session.as_ref().map(|session| session.project_id.clone());
        let may = project.map(|project| resources::may_create_in(index, &known.caller, "session", &project));
        may.map_or(Err(crate::access::manage::Refused::Forbidden("Forbidden")), |may| {
            may.map(|()| session)
        })
    })?
    .map_err(|why| refusals::refused(why, "Session", &shown(&id)))?;
    let session = session.ok_or_else(|| Problem::not_found("Session", &shown(&id)))?;
    let Detailed { record, details } = app.records.detailed_session(&session.id).await.map_err(refusals::by_records)?;
    let Origin { creator, trigger, .. } = session_origin::of_copy(&app, &known.caller, &record)?;
    let new = NewSession {
        id: SessionId::make(&*app.clock),
        project_id: record.project_id,
        agent_id: record.agent_id,
        name: record.name,
        created_by: creator,
        trigger,
        details,
    };
    make(&app, &context, &known, new).await
}

/// `PATCH /sessions/{id}`: not its phase, project, agent or creator.
pub async fn patch(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path(id): Path<String>,
    mut input: Input,
) -> Answer<Json<Value>> {
    let session = changeable(&app, &known, &id, &["update"])?;
    if !session_origin::may_rewrite(&known.caller, &session) {
        return Err(Problem::forbidden_because(
            "what a schedule or a key runs is changed by whose it is: it works with their accounts",
        ));
    }
    let patch = SessionPatch {
        name: details::given_text(&mut input, "name")?,
        details: details::changed(&mut input, details::SESSION)?,
    };
    let event = Administrative::resource("SESSION_UPDATED", &context.id, &known.caller, subject(&session), None);
    let changed = recorded(&app, event, app.records.update_session(&session.id, patch)).await?;
    Ok(Json(present::session(&changed)))
}

/// `PATCH /sessions/{id}/status`: how the control plane says what has become of a session. It becomes live only by `start`.
pub async fn status(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path(id): Path<String>,
    mut input: Input,
) -> Answer<Json<Value>> {
    let session = changeable(&app, &known, &id, &["update"])?;
    if let Some(phase) = input.optional("phase")? {
        let phase = PHASES.into_iter().find(|known| present::phase(*known) == phase);
        let phase = phase.ok_or_else(|| Problem::validation("`phase` is none of the phases of a session"))?;
        to_phase(&app, &context, &known, &session, phase).await?;
    }
    answer(&app, &session.id).await
}

/// `POST /sessions/{id}/start`: resolves its credentials and grants them to it.
pub async fn start(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path(id): Path<String>,
) -> Answer<Json<Value>> {
    // An editor makes sessions and may start them, though the platform's role says `update` for it.
    let session = changeable(&app, &known, &id, &["start", "update"])?;
    session_origin::may_run(&known.caller)?;
    let key = session_credentials::exchange_key(&app).await?;
    let session = begin(&app, &context, &known, &session).await?;
    let Json(shown) = answer(&app, &session.id).await?;
    Ok(Json(started(&app, &known, &session, key.as_deref(), shown)?))
}

/// `POST /sessions/{id}/stop`: its grants and turns end at once.
pub async fn stop(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path(id): Path<String>,
) -> Answer<Json<Value>> {
    let session = changeable(&app, &known, &id, &["stop", "update"])?;
    if !matches!(session.phase, Phase::Pending | Phase::Creating | Phase::Running) {
        return Err(Problem::conflict(format!(
            "the session is in phase `{}`",
            present::phase(session.phase)
        )));
    }
    to_phase(&app, &context, &known, &session, Phase::Stopping).await?;
    answer(&app, &session.id).await
}

/// `DELETE /sessions/{id}`
pub async fn delete(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path(id): Path<String>,
) -> Answer<StatusCode> {
    let session = changeable(&app, &known, &id, &["delete"])?;
    let event = Administrative::resource("SESSION_DELETED", &context.id, &known.caller, subject(&session), None);
    recorded(&app, event, app.records.delete_session(&session.id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What clients read a session's parent by.
const PARENT: &str = "parent_session_id";

const PHASES: [Phase; 7] = [
    Phase::Pending,
    Phase::Creating,
    Phase::Running,
    Phase::Stopping,
    Phase::Stopped,
    Phase::Completed,
    Phase::Failed,
];

/// A session that was started, with what its runner is started with.
pub(super) fn started(app: &App, known: &Known, session: &Session, key: Option<&str>, mut shown: Value) -> Answer<Value> {
    let environment = session_credentials::environment(app, &known.caller, session, key)?;
    if let Some(shown) = shown.as_object_mut() {
        shown.insert("environment".to_owned(), Value::Object(environment));
    }
    Ok(shown)
}

/// Starts a session: what resolves for its project and agent now is granted to it, in the transaction that starts it. One that is starting already stays
/// as it is: whoever lost the answer asks again.
pub(super) async fn begin(app: &App, context: &RequestContext, known: &Known, session: &Session) -> Answer<Session> {
    if session.phase == Phase::Creating {
        return Ok(session.clone());
    }
    let resolved = super::read_index(app, |index| {
        let policy = index.project(&session.project_id).map(|project| project.credential_policy);
        match policy {
            None | Some(CredentialPolicy::SenderOnly) => Vec::new(),
            Some(CredentialPolicy::Bindings | CredentialPolicy::Owner) => {
                let resolved = resolve::resolve_all(index, &session.project_id, session.agent_id.as_ref());
                resolved.into_values().collect()
            }
        }
    })?;
    let start = Start {
        credentials: &resolved,
        attended: session_origin::is_by_hand(app, &known.caller, session)?,
    };
    let grants: Vec<Administrative<'_>> = resolved
        .iter()
        .map(|credential| {
            let mut subject = subject(session);
            subject.push(("credential", credential.as_str()));
            Administrative::resource("SESSION_GRANTED", &context.id, &known.caller, subject, None)
        })
        .collect();
    for grant in &grants {
        app.audit.administrative(grant.clone()).await.map_err(refusals::unrecorded)?;
    }
    let event = Administrative::resource("SESSION_STARTED", &context.id, &known.caller, subject(session), None);
    let refused = match recorded(app, event, app.records.start_session(&session.id, start)).await {
        Ok((started, _)) => return Ok(started),
        Err(refused) => refused,
    };
    for grant in grants {
        app.audit.administrative(grant.undone()).await.map_err(refusals::unrecorded)?;
    }
    // Of two that start it at the same time one does, and the other has asked for what is there now.
    let current = app.records.session(&session.id).await.map_err(refusals::by_records)?;
    if current.phase == Phase::Creating {
        Ok(current)
    } else {
        Err(refused)
    }
}

async fn to_phase(app: &App, context: &RequestContext, known: &Known, session: &Session, phase: Phase) -> Answer<()> {
    let mut subject = subject(session);
    subject.push(("phase", present::phase(phase)));
    let event = Administrative::resource("SESSION_PHASE", &context.id, &known.caller, subject, None);
    recorded(app, event, app.records.set_session_phase(&session.id, phase)).await?;
    Ok(())
}

async fn make(app: &App, context: &RequestContext, known: &Known, new: NewSession) -> Answer<(StatusCode, Json<Value>)> {
    let id = new.id.clone();
    let subject = vec![("session", id.as_str()), ("project", new.project_id.as_str())];
    let event = Administrative::resource("SESSION_CREATED", &context.id, &known.caller, subject, Some(&new.created_by));
    recorded(app, event, app.records.create_session(new.clone())).await?;
    Ok((StatusCode::CREATED, answer(app, &id).await?))
}

async fn answer(app: &App, id: &SessionId) -> Answer<Json<Value>> {
    let session = app.records.detailed_session(id).await.map_err(refusals::by_records)?;
    Ok(Json(present::session(&session)))
}

fn changeable(app: &App, known: &Known, id: &str, actions: &[&str]) -> Answer<Arc<Session>> {
    let session = super::read_index(app, |index| {
        let session = SessionId::parse(id).ok().and_then(|id| index.only_session(&id).cloned());
        resources::may_change(index, &known.caller, "session", actions, session.as_deref()).map(|()| session)
    })?
    .map_err(|why| refusals::refused(why, "Session", &shown(id)))?;
    session.ok_or_else(|| Problem::not_found("Session", &shown(id)))
}

fn header(headers: &HeaderMap) -> Option<&str> {
    headers
        .get("x-ambient-project")?
        .to_str()
        .ok()
        .filter(|project| !project.is_empty())
}

fn subject(session: &Session) -> Vec<(&'static str, &str)> {
    vec![("session", session.id.as_str()), ("project", session.project_id.as_str())]
}
