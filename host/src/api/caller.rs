//! The extractor that lets nobody through whom `authn` does not know.

use super::problem::{Answer, Problem};
use super::state::App;
use crate::authn::AuthnError;
use crate::identity::{Caller, CurrentUserHeader};
use crate::secret::Secret;
use crate::telemetry;
use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use zeroize::Zeroizing;

/// A caller whose bearer was verified, with the header that may narrow for whom they read.
pub struct Known {
    /// Who.
    pub caller: Caller,
    /// `X-Runner-Current-User`.
    pub current_user: CurrentUserHeader,
}

impl FromRequestParts<App> for Known {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Answer<Self> {
        refuse_token_in_url(parts)?;
        let mut bearers = parts.headers.get_all(AUTHORIZATION).iter();
        let (first, second) = (bearers.next(), bearers.next());
        if second.is_some() {
            return Err(Problem::malformed("two `Authorization` headers; send one"));
        }
        let caller = match recognised(app, first.map(axum::http::HeaderValue::as_bytes)).await? {
            Some(caller) => caller,
            None => {
                metrics::counter!(telemetry::UNAUTHENTICATED).increment(1);
                return Err(Problem::unauthenticated());
            }
        };
        let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let current_user = CurrentUserHeader::read(text("x-runner-current-user"), text("x-runner-current-user-name"));
        Ok(Self { caller, current_user })
    }
}

/// Who presented this `Authorization` header, if it is known.
async fn recognised(app: &App, authorization: Option<&[u8]>) -> Answer<Option<Caller>> {
    let caller = match app.authn.authenticate(authorization).await {
        Ok(caller) => caller,
        Err(AuthnError::Unauthenticated) => return Ok(None),
        Err(error @ AuthnError::Unavailable) => return Err(Problem::unavailable(error.to_string(), 5)),
    };
    // Their keys end with them: what a deactivated person made is refused like an unknown bearer.
    let active = caller
        .principal()
        .is_none_or(|user| app.index.read(|index| index.is_active(user)).unwrap_or(false));
    Ok(active.then_some(caller))
}

/// Whose bearer somebody else passes on: the header's value as it came, or the bearer alone.
pub(super) async fn of_authorization(app: &App, bearer: &Secret) -> Answer<Option<Caller>> {
    let bearer = bearer.expose().trim();
    let bearer = bearer.strip_prefix("Bearer ").unwrap_or(bearer);
    let header = Zeroizing::new(format!("Bearer {bearer}"));
    recognised(app, Some(header.as_bytes())).await
}

/// A bearer in a URL ends up in logs and histories; one that arrives so is refused, even beside a good header.
fn refuse_token_in_url(parts: &Parts) -> Answer<()> {
    let query = parts.uri.query().unwrap_or("");
    if form_urlencoded::parse(query.as_bytes()).any(|(key, _)| matches!(&*key, "token" | "access_token")) {
        return Err(Problem::bad_request(
            "a token in the URL ends up in logs; send it as `Authorization: Bearer …` and replace this one",
        ));
    }
    Ok(())
}
