//! A kept token that nears its end: the next one, without the person if that is possible.
//!
//! Two commands at once would spend one refresh token twice, which ends the whole grant at issuers that rotate. So the configuration is
//! locked, read again, and what came is stored before it is used.

use super::issuer::{Granted, Issuer};
use crate::cli::client::Failure;
use crate::cli::contexts::{Context, Contexts, SignIn};
use crate::cli::secret_input::{from_environment, from_file};
use crate::clock::{Clock, Millis, from_rfc3339, rfc3339};
use crate::secret::Secret;

/// A command may take this long, and the server's clock be as far ahead.
const MARGIN_MS: Millis = 30_000;

/// The context, with a token that has not ended.
pub(in crate::cli) async fn current(name: &str, context: Context, clock: &dyn Clock) -> Result<Context, Failure> {
    if !has_ended(&context, clock) {
        return Ok(context);
    }
    let _lock = Contexts::lock().await?;
    let mut contexts = Contexts::load()?;
    let Some(mut context) = contexts.contexts.remove(name) else {
        return Err(Failure::NotSignedIn(format!("`{name}` was signed out meanwhile")));
    };
    // Another command may have been faster.
    if !has_ended(&context, clock) {
        return Ok(context);
    }
    let Some(sign_in) = context.sign_in.clone() else {
        return Ok(context);
    };
    let Some(form) = grant(&sign_in)? else {
        let at = sign_in.expires_at.unwrap_or_default();
        return Err(Failure::NotSignedIn(format!(
            "the sign-in `{name}` ended at {at}; sign in again with `claviger login {} --issuer {} --client-id {}`",
            context.url, sign_in.issuer, sign_in.client_id
        )));
    };
    let issuer = Issuer::discover(&sign_in.issuer, context.ca_file.as_ref()).await?;
    let granted = issuer.token(&form, clock).await?;
    take(&mut context, granted);
    contexts.contexts.insert(name.to_owned(), context);
    contexts.store()?;
    contexts
        .contexts
        .remove(name)
        .ok_or_else(|| Failure::NotSignedIn(format!("`{name}` is not signed in")))
}

/// Whether an issuer gave the token, and said that it is over by now.
fn has_ended(context: &Context, clock: &dyn Clock) -> bool {
    let end = context.sign_in.as_ref().and_then(|sign_in| sign_in.expires_at.as_deref());
    let end_ms = end.map(|end| from_rfc3339(end).unwrap_or(0));
    end_ms.is_some_and(|end_ms| end_ms <= clock.now_ms().saturating_add(MARGIN_MS))
}

/// What the issuer is asked with, if there is something.
fn grant(sign_in: &SignIn) -> Result<Option<Vec<(&'static str, Secret)>>, Failure> {
    let secret = match (&sign_in.client_secret_file, &sign_in.client_secret_env) {
        (Some(path), _) => Some(from_file(path)?),
        (_, Some(name)) => Some(from_environment(name)?),
        _ => None,
    };
    let text = |text: &str| Secret::new(text.to_owned());
    let mut form = match (&sign_in.refresh_token, secret) {
        (Some(refresh), _) => vec![("grant_type", text("refresh_token")), ("refresh_token", refresh.clone())],
        (None, Some(secret)) => vec![("grant_type", text("client_credentials")), ("client_secret", secret)],
        (None, None) => return Ok(None),
    };
    form.push(("client_id", text(&sign_in.client_id)));
    // A refresh asks for what was granted unless it says less; leaving the scope out is the same (RFC 6749, 6).
    let scope = sign_in.scope.as_deref().filter(|_| sign_in.refresh_token.is_none());
    form.extend(scope.map(|scope| ("scope", text(scope))));
    form.extend(sign_in.resource.as_deref().map(|resource| ("resource", text(resource))));
    Ok(Some(form))
}

/// Puts what came into the context. An issuer that does not rotate sends no new refresh token, and the old one stays.
pub(super) fn take(context: &mut Context, granted: Granted) {
    context.token = Some(granted.access);
    if let Some(sign_in) = &mut context.sign_in {
        sign_in.expires_at = granted.expires_at_ms.map(rfc3339);
        if sign_in.refresh_token.is_some()
            && let Some(next) = granted.refresh
        {
            sign_in.refresh_token = Some(next);
        }
    }
}
