//! Turns: a trusted proxy says whose message is being answered, and nobody else may.

use super::caller::{self, Known};
use super::input::Input;
use super::problem::{Answer, Problem};
use super::refusals;
use super::request::RequestContext;
use super::state::App;
use crate::access::manage;
use crate::audit::Administrative;
use crate::authn::{SessionClaims, Subject};
use crate::clock::{Millis, rfc3339};
use crate::identity::FETCH_TOKEN;
use crate::ids::{ProjectId, RunId, SessionId, TurnId, Username};
use crate::records::NewTurn;
use crate::secret::Secret;
use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

/// A turn ends after four hours at the latest, in milliseconds: a proxy that dies must not leave a door open for ever.
const LONGEST_MS: Millis = 4 * 3_600_000;

/// `POST /api/claviger/v1/turns`
pub async fn open(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    mut input: Input,
) -> Answer<(StatusCode, Json<Value>)> {
    if !manage::may_open_turns(&known.caller) {
        return Err(Problem::forbidden());
    }
    let invalid = |why: crate::ids::InvalidId| Problem::validation(why.to_string());
    let project = ProjectId::parse(input.required("project")?).map_err(invalid)?;
    let session = SessionId::parse(input.required("session")?).map_err(invalid)?;
    let run_id = RunId::parse(input.required("run")?).map_err(invalid)?;
    let user = input.optional("user")?.map(Username::parse).transpose().map_err(invalid)?;
    let bearer = input.secret("bearer")?;
    input.finish()?;
    let user = sender(&app, user, bearer.as_ref()).await?;
    let may = super::read_index(&app, |index| Some(index.may_message(index.session(&project, &session)?, &user)))?;
    match may {
        None => return Err(Problem::not_found("Session", session.as_str())),
        Some(false) => {
            return Err(Problem::forbidden_because(
                "the sender may not send messages to this session: they did not make it, and no role of theirs in its project lets them",
            ));
        }
        Some(true) => {}
    }
    let now_ms = app.clock.now_ms();
    let expires_at_ms = now_ms + LONGEST_MS;
    let turn = app
        .records
        .open_turn(NewTurn {
            session_id: session,
            run_id,
            user,
            expires_at_ms,
        })
        .await
        .map_err(refusals::by_records)?;
    let opened = Administrative::turn("TURN_OPENED", &context.id, &known.caller, &turn);
    if let Err(error) = app.audit.administrative(opened).await {
        // Nobody has its id or its token yet: an unrecorded turn must not stay open.
        app.records.close_turn(&turn.id).await.map_err(refusals::by_records)?;
        return Err(refusals::unrecorded(error));
    }
    app.follower.catch_up().await.map_err(Problem::internal)?;
    let claims = SessionClaims {
        project,
        session: turn.session_id.clone(),
        subject: Subject::Turn {
            turn: turn.id.clone(),
            run: turn.run_id.clone(),
            user: turn.user.clone(),
        },
    };
    let token = app.authn.signed().issue(claims, now_ms, expires_at_ms).map_err(Problem::internal)?;
    Ok((
        StatusCode::CREATED,
        Json(json!({ "id": turn.id, "token": token.expose(), "expires_at": rfc3339(expires_at_ms) })),
    ))
}

/// Who sent the message: whom the proxy names, or whose bearer it passes on, and then both say the same.
async fn sender(app: &App, named: Option<Username>, bearer: Option<&Secret>) -> Answer<Username> {
    let Some(bearer) = bearer else {
        if app.config.sessions.require_sender_bearer {
            return Err(Problem::validation(
                "`bearer` is required here (`sessions.require_sender_bearer`): the sender's own, as it came with the message",
            ));
        }
        return named.ok_or_else(|| Problem::validation("no value given for required property user"));
    };
    let known = caller::of_authorization(app, bearer)
        .await?
        .ok_or_else(|| Problem::forbidden_because("the sender's bearer is not known, or past its end; the message has to be sent again"))?;
    // A session's or a service's bearer is nobody's; a key reads no more in a turn than it does itself.
    let sender = known.principal().filter(|_| !known.is_service());
    let sender = sender.filter(|sender| named.as_ref().is_none_or(|named| named == *sender));
    let sender = sender.ok_or_else(|| Problem::forbidden_because("the sender's bearer is not that of `user`"))?;
    if !known.scopes().allow(FETCH_TOKEN.0, FETCH_TOKEN.1) {
        return Err(Problem::forbidden_because("the sender's key may not read tokens"));
    }
    Ok(sender.clone())
}

/// `DELETE /api/claviger/v1/turns/{id}`
pub async fn close(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path(id): Path<String>,
) -> Answer<StatusCode> {
    if !manage::may_open_turns(&known.caller) {
        return Err(Problem::forbidden());
    }
    let id = TurnId::parse(id).map_err(|_| Problem::not_found("Turn", "that"))?;
    let turn = app.records.turn(&id).await.map_err(refusals::by_records)?;
    app.records.close_turn(&id).await.map_err(refusals::by_records)?;
    app.follower.catch_up().await.map_err(Problem::internal)?;
    app.audit
        .administrative(Administrative::turn("TURN_CLOSED", &context.id, &known.caller, &turn))
        .await
        .map_err(refusals::unrecorded)?;
    Ok(StatusCode::NO_CONTENT)
}
