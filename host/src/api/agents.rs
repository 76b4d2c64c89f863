//! Agents of a project.

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
use super::role_bindings;
use super::session_credentials;
use super::session_origin::{self, Origin};
use super::sessions;
use super::state::App;
use crate::access::resources;
use crate::audit::Administrative;
use crate::ids::{AgentId, ProjectId, SessionId};
use crate::records::model::{Agent, Phase};
use crate::records::{AgentPatch, Detailed, Details, NewAgent, NewSession};
use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;

/// `GET /projects/{project}/agents`
pub async fn list(State(app): State<App>, known: Known, Path(project): Path<String>, query: ListQuery) -> Answer<Json<Value>> {
    let project = projects::visible(&app, &known, &project)?;
    let mut agents = app.records.detailed_agents(&project).await.map_err(refusals::by_records)?;
    super::read_index(&app, |index| {
        agents.retain(|agent| resources::sees(index, &known.caller, "agent", &agent.record));
    })?;
    let current = current_sessions(&app, &known, &project).await?;
    let present = |agent: &Detailed<Agent>| present::agent(agent, current.get(&agent.record.id));
    listing::answer(&columns::AGENTS, agents, present, &query)
}

/// `POST /projects/{project}/agents`. The body has a project as well; the path's counts.
pub async fn create(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path(project): Path<String>,
    mut input: Input,
) -> Answer<(StatusCode, Json<Value>)> {
    let project = projects::named(&project).ok_or_else(Problem::forbidden)?;
    super::read_index(&app, |index| resources::may_create_in(index, &known.caller, "agent", &project))?
        .map_err(|why| refusals::refused(why, "Project", project.as_str()))?;
    if input.optional("id")?.is_some() {
        return Err(Problem::validation("id must be empty"));
    }
    input.ignore(&["created_at", "updated_at", "href", "kind", "current_session_id"]);
    input.required("project_id")?;
    let name = details::written("name", input.required("name")?)?;
    let mut wanted = details::given(&mut input, details::AGENT)?;
    if let Some(principal) = known.caller.principal() {
        wanted
            .entry("owner_user_id".to_owned())
            .or_insert_with(|| Some(Value::from(principal.as_str())));
    }
    input.finish()?;
    let new = NewAgent {
        id: AgentId::make(&*app.clock),
        project_id: project,
        name,
        details: details::of_new_agent().changed(wanted),
    };
    let subject = vec![("agent", new.id.as_str()), ("project", new.project_id.as_str())];
    let event = Administrative::resource("AGENT_CREATED", &context.id, &known.caller, subject, None);
    recorded(&app, event, app.records.create_agent(new.clone())).await?;
    let made = app.records.detailed_agent(&new.id).await.map_err(refusals::by_records)?;
    Ok((StatusCode::CREATED, Json(present::agent(&made, None))))
}

/// `GET /projects/{project}/agents/{id}`
pub async fn get(State(app): State<App>, known: Known, Path((project, id)): Path<(String, String)>) -> Answer<Json<Value>> {
    let agent = visible(&app, &known, &project, &id)?;
    let current = current_sessions(&app, &known, &agent.project_id).await?;
    let agent = app.records.detailed_agent(&agent.id).await.map_err(refusals::by_records)?;
    Ok(Json(present::agent(&agent, current.get(&agent.record.id))))
}

/// `PATCH /projects/{project}/agents/{id}`
pub async fn patch(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path((project, id)): Path<(String, String)>,
    mut input: Input,
) -> Answer<Json<Value>> {
    let agent = changeable(&app, &known, &project, &id, &["update"])?;
    if input
        .optional("project_id")?
        .is_some_and(|project| project != agent.project_id.as_str())
    {
        return Err(Problem::validation("an agent stays in its project"));
    }
    let patch = AgentPatch {
        name: details::given_text(&mut input, "name")?,
        details: details::changed(&mut input, details::AGENT)?,
    };
    let event = Administrative::resource("AGENT_UPDATED", &context.id, &known.caller, subject(&agent), None);
    let changed = recorded(&app, event, app.records.update_agent(&agent.id, patch)).await?;
    let current = current_sessions(&app, &known, &agent.project_id).await?;
    Ok(Json(present::agent(&changed, current.get(&agent.id))))
}

/// `DELETE /projects/{project}/agents/{id}`
pub async fn delete(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path((project, id)): Path<(String, String)>,
) -> Answer<StatusCode> {
    let agent = changeable(&app, &known, &project, &id, &["delete"])?;
    let event = Administrative::resource("AGENT_DELETED", &context.id, &known.caller, subject(&agent), None);
    recorded(&app, event, app.records.delete_agent(&agent.id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /projects/{project}/agents/{id}/start`: the session that the agent works in, a new one if there is none.
pub async fn start(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path((project, id)): Path<(String, String)>,
    mut input: Input,
) -> Answer<(StatusCode, Json<Value>)> {
    let agent = changeable(&app, &known, &project, &id, &["start"])?;
    let prompt = input.optional("prompt")?;
    let Origin { creator, trigger, .. } = session_origin::own(&known.caller)?;
    let agents = app.records.detailed_agent(&agent.id).await.map_err(refusals::by_records)?.details;
    let inherited = details::SESSION.iter().filter(|key| key.name != "parent_session_id");
    let details = inherited.filter_map(|key| {
        let (_, value) = agents.iter().find(|(name, _)| *name == key.name)?;
        Some((key.name.to_owned(), Some(value.clone())))
    });
    let new = NewSession {
        id: SessionId::make(&*app.clock),
        project_id: agent.project_id.clone(),
        agent_id: Some(agent.id.clone()),
        name: agent.name.clone(),
        created_by: creator,
        trigger,
        details: Details::default().changed(details.collect()),
    };
    let wanted = new.id.clone();
    let key = session_credentials::exchange_key(&app).await?;
    let event = Administrative::resource("AGENT_STARTED", &context.id, &known.caller, subject(&agent), None);
    let session = recorded(&app, event, app.records.session_of_agent(new)).await?;
    let is_new = session.id == wanted;
    if session.phase == Phase::Pending {
        sessions::begin(&app, &context, &known, &session).await?;
    }
    let session = app.records.detailed_session(&session.id).await.map_err(refusals::by_records)?;
    let starting_prompt = prompt.or_else(|| agents.text("prompt").map(str::to_owned)).unwrap_or_default();
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let shown = sessions::started(&app, &known, &session.record, key.as_deref(), present::session(&session))?;
    let body = json!({ "session": shown, "starting_prompt": starting_prompt });
    Ok((status, Json(body)))
}

/// `GET /projects/{project}/agents/{id}/sessions`
pub async fn sessions_of(
    State(app): State<App>,
    known: Known,
    Path((project, id)): Path<(String, String)>,
    query: ListQuery,
) -> Answer<Json<Value>> {
    let agent = visible(&app, &known, &project, &id)?;
    let sessions = app.records.detailed_sessions(Some(&agent.project_id)).await;
    let mut sessions = sessions.map_err(refusals::by_records)?;
    sessions.retain(|session| session.record.agent_id.as_ref() == Some(&agent.id));
    super::read_index(&app, |index| {
        sessions.retain(|session| resources::sees(index, &known.caller, "session", &session.record));
    })?;
    listing::answer(&columns::SESSIONS, sessions, present::session, &query)
}

/// `GET /projects/{project}/agents/{id}/role_bindings`: those of them that the caller sees.
pub async fn bindings_of(
    State(app): State<App>,
    known: Known,
    Path((project, id)): Path<(String, String)>,
    query: ListQuery,
) -> Answer<Json<Value>> {
    let agent = visible(&app, &known, &project, &id)?;
    role_bindings::listed(&app, &known, |binding| binding.agent_id.as_ref() == Some(&agent.id), &query)
}

/// The sessions that a project's agents work in, as far as the caller sees them.
async fn current_sessions(app: &App, known: &Known, project: &ProjectId) -> Answer<HashMap<AgentId, SessionId>> {
    let mut current = app.records.current_sessions(project).await.map_err(refusals::by_records)?;
    super::read_index(app, |index| {
        current.retain(|_, session| {
            let session = index.session(project, session);
            session.is_some_and(|session| resources::sees(index, &known.caller, "session", &**session))
        });
    })?;
    Ok(current)
}

/// The agent, if the caller sees it. Under another project's path it is 403, as clients know it; to whoever does not see it, it is not there.
fn visible(app: &App, known: &Known, project: &str, id: &str) -> Answer<Arc<Agent>> {
    let found = super::read_index(app, |index| {
        let agent = AgentId::parse(id).ok().and_then(|id| index.agent(&id).cloned())?;
        resources::sees(index, &known.caller, "agent", &*agent).then_some(agent)
    })?;
    let agent = found.ok_or_else(|| Problem::not_found("Agent", &shown(id)))?;
    if agent.project_id.as_str() == project {
        Ok(agent)
    } else {
        Err(Problem::forbidden_because("agent does not belong to this project"))
    }
}

fn changeable(app: &App, known: &Known, project: &str, id: &str, actions: &[&str]) -> Answer<Arc<Agent>> {
    let agent = super::read_index(app, |index| {
        let agent = AgentId::parse(id).ok().and_then(|id| index.agent(&id).cloned());
        resources::may_change(index, &known.caller, "agent", actions, agent.as_deref()).map(|()| agent)
    })?
    .map_err(|why| refusals::refused(why, "Agent", &shown(id)))?;
    let agent = agent.ok_or_else(|| Problem::not_found("Agent", &shown(id)))?;
    if agent.project_id.as_str() == project {
        Ok(agent)
    } else {
        Err(Problem::forbidden_because("agent does not belong to this project"))
    }
}

fn subject(agent: &Agent) -> Vec<(&'static str, &str)> {
    vec![("agent", agent.id.as_str()), ("project", agent.project_id.as_str())]
}
