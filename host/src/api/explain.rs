//! `GET /api/ambient/v1/projects/{project}/explain`: why this credential, why not that one, who is refused by which rule.

use super::caller::Known;
use super::present;
use super::problem::{Answer, Problem};
use super::refusals;
use super::state::App;
use crate::access::Step;
use crate::access::explain::{Question, Supposed, explain};
use crate::access::manage::Refused;
use crate::ids::{AgentId, ProjectId, ProviderName, SessionId, Username};
use axum::Json;
use axum::extract::{Path, RawQuery, State};
use serde_json::{Map, Value, json};

/// The handler.
pub async fn of_project(
    State(app): State<App>,
    known: Known,
    Path(project): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer<Json<Value>> {
    let nowhere = || Problem::not_found("Project", "that");
    let principal = known.caller.principal().ok_or_else(nowhere)?;
    let project = ProjectId::parse(project).map_err(|_| nowhere())?;
    let question = asked(project, principal, query.as_deref().unwrap_or(""))?;
    let now_ms = app.clock.now_ms();
    let explained: Result<_, Refused> = super::read_index(&app, |index| {
        let explanation = explain(index, &known.caller, &question, &app.config.sessions, now_ms)?;
        let won = explanation.winner.as_ref().and_then(|(id, _)| index.credential(id.as_ref()?));
        let state = won.map(|credential| present::state(credential));
        Ok((explanation, state))
    })?;
    let (explanation, state) = explained.map_err(|refused| refusals::refused(refused, "Project", question.project.as_str()))?;
    let (credential, tier) = explanation.winner.unzip();
    Ok(Json(json!({
        "kind": "Explanation",
        "project_id": question.project,
        "provider": question.provider,
        "agent_id": explanation.agent,
        "session_id": question.session,
        "user": question.user,
        "resolution": {
            "credential_id": credential,
            "tier": tier.map(|tier| tier.code()),
            "state": state,
            "steps": steps(&explanation.candidates),
        },
        "reads": explanation.reads.iter().map(read).collect::<Vec<_>>(),
    })))
}

/// A key that is not known is refused: an answer to another question would mislead.
fn asked(project: ProjectId, principal: &Username, query: &str) -> Answer<Question> {
    let (mut provider, mut agent, mut session, mut user) = (None, None, None, None);
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        let place = match &*key {
            "provider" => &mut provider,
            "agent" => &mut agent,
            "session" => &mut session,
            "user" => &mut user,
            _ => {
                return Err(Problem::bad_request(
                    "unknown parameter; `explain` knows `provider`, `agent`, `session` and `user`",
                ));
            }
        };
        if place.replace(value.into_owned()).is_some() {
            return Err(Problem::bad_request(format!("`{key}` is there twice")));
        }
    }
    let unreadable = |key: &str| Problem::bad_request(format!("`{key}` is not readable as one"));
    let provider = provider.ok_or_else(|| Problem::bad_request("say which `provider`"))?;
    Ok(Question {
        project,
        provider: ProviderName::parse(provider).map_err(|_| unreadable("provider"))?,
        agent: agent.map(AgentId::parse).transpose().map_err(|_| unreadable("agent"))?,
        session: session.map(SessionId::parse).transpose().map_err(|_| unreadable("session"))?,
        user: match user {
            Some(user) => Username::parse(user).map_err(|_| unreadable("user"))?,
            None => principal.clone(),
        },
    })
}

fn read(read: &Supposed) -> Value {
    let mut body = Map::new();
    let mut put = |key: &str, value: Value| body.insert(key.to_owned(), value);
    put("bearer", json!(read.bearer));
    if let Some((person, ground)) = &read.on_behalf_of {
        put("on_behalf_of", json!(person));
        put("ground", json!(ground));
    }
    match &read.outcome {
        Ok((credential, rule)) => {
            put("outcome", json!("granted"));
            put("credential_id", json!(credential));
            put("rule", json!(rule.code()));
        }
        Err((code, words)) => {
            put("outcome", json!("refused"));
            put("reason_code", json!(code));
            put("reason", json!(words));
        }
    }
    put("steps", json!(steps(&read.trace)));
    Value::Object(body)
}

fn steps(steps: &[Step]) -> Vec<Value> {
    let step = |step: &Step| {
        json!({
            "rule": step.rule, "verdict": step.verdict.code(), "why": step.why, "credential_id": step.credential, "binding_id": step.binding,
        })
    };
    steps.iter().map(step).collect()
}
