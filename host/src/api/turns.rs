//! Turns: a trusted proxy says whose message is being answered, and nobody else may.

use super::caller::Known;
use super::input::Input;
use super::problem::{Answer, Problem};
use super::refusals;
use super::request::RequestContext;
use super::state::App;
use crate::access::manage;
use crate::audit::Administrative;
use crate::authn::{SessionClaims, Subject};
use crate::clock::{Millis, rfc3339};
use crate::ids::{ProjectId, RunId, SessionId, TurnId, Username};
use crate::records::NewTurn;
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
    let user = Username::parse(input.required("user")?).map_err(invalid)?;
    input.finish()?;
    if super::read_index(&app, |index| index.session(&project, &session).is_none())? {
        return Err(Problem::not_found("Session", session.as_str()));
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
