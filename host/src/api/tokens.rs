//! The token read. Read this file first: everything else exists for it.
//!
//! ```text
//! authn ─► audit::begin ─► identity ─► access ─► cache, broker ─► audit::finish ─► response
//! ```
//!
//! This is the one handler that answers a token, and it can do so only with the [`Receipt`](crate::audit::Receipt) of a durable record.

use super::caller::Known;
use super::consumers::{self, Body, NO_SUCH_CONSUMER, NOT_ONE_LINE, Shape};
use super::documents;
use super::problem::{Answer, Problem};
use super::refusals;
use super::request::RequestContext;
use super::session_credentials;
use super::state::App;
use crate::access::{self, Denial, Permit, Target, TokenRequest};
use crate::audit::{Access, Pending, Released};
use crate::broker::{Lease, Narrow, Origin, Wish};
use crate::identity::{CallerKind, effective_user};
use crate::ids::{CredentialId, Generation, ProjectId, ProviderName, SessionId};
use crate::manifest::Narrowing;
use crate::telemetry;
use axum::Json;
use axum::extract::{Extension, Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use metrics::Counter;
use std::sync::LazyLock;

/// `GET /credentials/{id}/token`
pub async fn flat(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer<Response> {
    let id = credential(&id)?;
    let request = session_credentials::request(&app, &id, None)?.unwrap_or_else(|| TokenRequest::of(Target::Flat(id)));
    let (wish, shape) = asked(query.as_deref())?;
    read(&app, &context, &known, request, &wish, shape).await
}

/// `GET /projects/{project}/credentials/{id}/token`
pub async fn in_project(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path((project, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Answer<Response> {
    let (project, id) = (self::project(&project)?, credential(&id)?);
    let request = session_credentials::request(&app, &id, Some(&project))?;
    let request = request.unwrap_or_else(|| TokenRequest::of(Target::InProject(project, id)));
    let (wish, shape) = asked(query.as_deref())?;
    read(&app, &context, &known, request, &wish, shape).await
}

/// `GET /projects/{project}/agentic-sessions/{session}/credentials/{provider}`
pub async fn in_session(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path((project, session, provider)): Path<(String, String, String)>,
    RawQuery(query): RawQuery,
) -> Answer<Response> {
    let provider = ProviderName::parse(provider).map_err(|_| Problem::nothing_there("credentials not configured"))?;
    let request = of_session(&project, session, provider)?;
    read(&app, &context, &known, request, &own_form(query.as_deref())?, Shape::Session).await
}

/// `GET /projects/{project}/agentic-sessions/{session}/credentials/mcp/{server}`: as for every other provider, of whoever is being answered.
pub async fn of_server(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path((project, session, server)): Path<(String, String, String)>,
    RawQuery(query): RawQuery,
) -> Answer<Response> {
    let provider = documents::of_server(&server).ok_or_else(|| Problem::validation("Invalid server name"))?;
    let request = of_session(&project, session, provider)?;
    read(&app, &context, &known, request, &own_form(query.as_deref())?, Shape::Server).await
}

/// `POST /projects/{project}/agentic-sessions/{session}/github/token`: the same read in the oldest runners' form.
pub async fn of_github(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path((project, session)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Answer<Response> {
    let github = ProviderName::parse("github").map_err(Problem::internal)?;
    let request = of_session(&project, session, github)?;
    read(&app, &context, &known, request, &own_form(query.as_deref())?, Shape::Bare).await
}

/// What a path below a session asks for.
fn of_session(project: &str, session: String, provider: ProviderName) -> Answer<TokenRequest> {
    let project = ProjectId::parse(project).map_err(|_| Problem::validation("Invalid project name format"))?;
    let session = SessionId::parse(session).map_err(|_| Problem::nothing_there("Session not found"))?;
    Ok(TokenRequest::of(Target::InSession(project, session, provider)))
}

/// The parameters of an endpoint that answers in one form.
fn own_form(query: Option<&str>) -> Answer<Wish> {
    match asked(query)? {
        (wish, Shape::Token) => Ok(wish),
        _ => Err(Problem::bad_request(
            "this endpoint has one consumer; `consumer` belongs to the read of a credential's token",
        )),
    }
}

async fn read(app: &App, context: &RequestContext, known: &Known, request: TokenRequest, wish: &Wish, shape: Shape) -> Answer<Response> {
    follow_other_replicas(app, known).await?;
    let pending = app.audit.begin(Access {
        request_id: &context.id,
        caller: &known.caller,
        request: &request,
    });

    let permit = match permit(app, known, &request) {
        Ok(permit) => permit,
        Err(denial) => {
            counted("denied", denial.code());
            app.audit.refuse(pending.denied(denial)).await.map_err(refusals::unrecorded)?;
            return Err(refusals::denied(app, &request, denial));
        }
    };

    if shape != Shape::Token
        && let Ok(provider) = app.catalog.get(permit.credential().provider.as_str())
        && let Some(refusal) = consumers::unknown(shape, provider.manifest(), permit.credential())
    {
        return Err(unfit(app, pending, &permit, NO_SUCH_CONSUMER, refusal).await);
    }

    let lease = match app.broker.read(&permit, wish).await {
        Ok(lease) => lease,
        Err(failure) => {
            counted("failed", failure.code());
            app.audit
                .refuse(pending.failed(&permit, failure.code()))
                .await
                .map_err(refusals::unrecorded)?;
            return Err(refusals::failed(permit.credential(), failure));
        }
    };

    if lease.is_empty() && shape != Shape::Token {
        // The wire's token read answers an empty token for an empty credential; the other shapes have no such answer.
        let refusal = match &request.target {
            Target::InSession(..) => refusals::denied(app, &request, Denial::NotConfigured),
            Target::Flat(_) | Target::InProject(..) => Problem::nothing_there("nothing is stored in this credential"),
        };
        return Err(unfit(app, pending, &permit, "nothing-stored", refusal).await);
    }
    if let Some(refusal) = consumers::misfit(shape, permit.credential(), &lease) {
        return Err(unfit(app, pending, &permit, NOT_ONE_LINE, refusal).await);
    }

    // A flight takes seconds, in which a binding may have gone, a turn ended, a session stopped, or an owner put new secrets in the
    // place of leaked ones: then what the flight brought is of the old ones.
    let permit = if lease.waited() {
        match self::permit(app, known, &request) {
            Ok(again) if again.credential().id == permit.credential().id && again.credential().generation == lease.generation() => again,
            Ok(_) => {
                app.audit
                    .refuse(pending.failed(&permit, "changed-while-waiting"))
                    .await
                    .map_err(refusals::unrecorded)?;
                return Err(Problem::unavailable(
                    "what resolves here changed while the token was obtained; ask again",
                    1,
                ));
            }
            Err(denial) => {
                app.audit.refuse(pending.denied(denial)).await.map_err(refusals::unrecorded)?;
                return Err(refusals::denied(app, &request, denial));
            }
        }
    } else {
        permit
    };

    let receipt = app
        .audit
        .finish(pending.granted(&permit, released(&lease)))
        .await
        .map_err(refusals::unrecorded)?;
    match lease.source() {
        Origin::Cache => FROM_CACHE.increment(1),
        Origin::Minted => counted("granted", Origin::Minted.code()),
    }
    let body = Body {
        shape,
        id: request.named.as_ref().unwrap_or(&permit.credential().id),
        credential: permit.credential(),
        token: lease.release(&receipt),
    };
    Ok(Json(body).into_response())
}

/// Whose turn it is may have been said to another replica a moment ago. A person's own bearer reads for that person whatever was said; a session's reads
/// for whoever's turn it is, so it is asked first: a query of the changes since the last one, shared by all who wait. On a database of this process alone
/// everything is known already.
pub(super) async fn follow_other_replicas(app: &App, known: &Known) -> Answer<()> {
    if !app.records.is_shared() {
        return Ok(());
    }
    let asks = match known.caller.kind() {
        CallerKind::Session { .. } => true,
        CallerKind::Turn { .. } => !super::read_index(app, |index| index.still_speaks(&known.caller))?,
        CallerKind::Person { .. } | CallerKind::ApiKey { .. } | CallerKind::Service { .. } => false,
    };
    if !asks {
        return Ok(());
    }
    let followed = app.follower.catch_up().await;
    followed.map_err(|error| Problem::unavailable("authorisation data is not current; no token is handed out", 1).because(error))
}

/// A permitted read whose token cannot be had in this shape.
async fn unfit(app: &App, pending: Pending<'_>, permit: &Permit, code: &'static str, refusal: Problem) -> Problem {
    counted("failed", code);
    match app.audit.refuse(pending.failed(permit, code)).await {
        Ok(()) => refusal,
        Err(error) => refusals::unrecorded(error),
    }
}

/// From caller to permit: facts, effective user and decision are taken from one state of the index.
pub(super) fn permit(app: &App, known: &Known, request: &TokenRequest) -> Result<Permit, Denial> {
    let now_ms = app.clock.now_ms();
    let place = request.place();
    app.index
        .read(|index| {
            let facts = index.facts(&known.caller, &place, now_ms);
            let effective = effective_user(&known.caller, &place, &facts, &known.current_user, &app.config.sessions)?;
            access::permit(effective, request, index, now_ms)
        })
        .unwrap_or(Err(Denial::IndexBehind))
}

fn released(lease: &Lease) -> Released<'_> {
    Released {
        source: lease.source().code(),
        generation: lease.generation(),
        mint: lease.mint(),
        fingerprint: lease.fingerprint(),
    }
}

/// The counter of cached reads, looked up once: to find it by its labels takes two allocations and a lock.
static FROM_CACHE: LazyLock<Counter> =
    LazyLock::new(|| metrics::counter!(telemetry::READS, "outcome" => "granted", "code" => Origin::Cache.code()));

fn counted(outcome: &'static str, code: &'static str) {
    metrics::counter!(telemetry::READS, "outcome" => outcome, "code" => code).increment(1);
}

fn credential(id: &str) -> Answer<CredentialId> {
    CredentialId::parse(id).map_err(|_| Problem::not_found("Credential", "that"))
}

fn project(id: &str) -> Answer<ProjectId> {
    ProjectId::parse(id).map_err(|_| Problem::nothing_there("Project not found"))
}

/// The parameters of a read. A key that is not known is refused: a misspelt `permission` would widen the token.
fn asked(query: Option<&str>) -> Answer<(Wish, Shape)> {
    let mut wish = Wish::default();
    let mut shape = Shape::Token;
    let mut narrow = Narrow::default();
    for (key, value) in form_urlencoded::parse(query.unwrap_or("").as_bytes()) {
        let narrowing = match &*key {
            "min_ttl" => {
                let seconds: u32 = value
                    .parse()
                    .map_err(|_| Problem::bad_request("`min_ttl` must be a whole number of seconds"))?;
                wish.min_ttl_ms = i64::from(seconds) * 1000;
                continue;
            }
            "rejected" => {
                let generation = value
                    .parse()
                    .map_err(|_| Problem::bad_request("`rejected` must be a generation, as an answer named it"))?;
                wish.rejected = Some(Generation(generation));
                continue;
            }
            "consumer" => {
                shape = Shape::named(&value).ok_or_else(|| Problem::bad_request("`consumer` must be `session`, `environment` or `git`"))?;
                continue;
            }
            "repository" => Narrowing::Repository,
            "permission" => Narrowing::Permission,
            "scope" => Narrowing::Scope,
            _ => {
                return Err(Problem::bad_request(
                    "unknown parameter; a token read knows `consumer`, `min_ttl`, `rejected`, `repository`, `permission`, `scope`",
                ));
            }
        };
        if value.is_empty() || value.len() > 1024 || value.chars().any(char::is_control) {
            return Err(Problem::bad_request(format!("`{key}` must have 1 to 1024 characters")));
        }
        narrow.add(narrowing, value.into_owned());
    }
    wish.narrow = narrow;
    Ok((wish, shape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_parameter_is_refused_and_never_ignored() {
        assert!(asked(Some("permissions=contents:read")).is_err());
        assert!(asked(Some("min_ttl=-1")).is_err());
        assert!(asked(Some("repository=")).is_err());
        for consumer in ["token", "", "GIT", "git "] {
            assert!(asked(Some(&format!("consumer={consumer}"))).is_err(), "{consumer}");
        }
        assert_eq!(asked(None).unwrap(), (Wish::default(), Shape::Token));
        let (wish, shape) = asked(Some("min_ttl=90&repository=b&repository=a&rejected=4&consumer=git")).unwrap();
        assert_eq!((wish.min_ttl_ms, wish.rejected, shape), (90_000, Some(Generation(4)), Shape::Git));
        assert_eq!(wish.narrow.canonical(), "repository=a&repository=b");
    }
}
