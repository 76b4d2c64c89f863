//! The contract as this SDK's types: nothing but conversions. A mistake here does not compile, for the bindings come from
//! `wit/` itself.

pub mod base;
pub mod connecting;
pub mod identifying;
pub mod revoking;

use crate::{
    Account, Connect, Credential, Encoding, Failure, Identify, Level, Narrowing, Part, Provider, Request, Retry, Revoke, Secret, Token,
    Value,
};
use base::claviger::provider::{clock, failures, log as logs, secrets, types, upstream};

pub use base::exports::claviger::provider::provider::Guest as ProviderGuest;
pub use connecting::exports::claviger::provider::connect::{Account as WireAccount, Guest as ConnectGuest};
pub use failures::Failure as WireFailure;
pub use identifying::exports::claviger::provider::identify::Guest as IdentifyGuest;
pub use revoking::exports::claviger::provider::revoke::Guest as RevokeGuest;
pub use types::{Credential as WireCredential, Token as WireToken};

pub(crate) type Handle = secrets::Secret;
pub(crate) type Answer = upstream::Response;

/// One exported call of [`Provider`].
///
/// # Errors
/// The provider's.
pub fn mint<P: Provider>(credential: WireCredential, request: Vec<(String, String)>) -> Result<WireToken, WireFailure> {
    report_panics();
    P::mint(credential.into(), &Narrowing::new(request))
        .map(Into::into)
        .map_err(Into::into)
}

/// One exported call of [`Revoke`].
///
/// # Errors
/// The provider's.
pub fn revoke<P: Revoke>(credential: WireCredential) -> Result<Option<String>, WireFailure> {
    report_panics();
    P::revoke(credential.into()).map_err(Into::into)
}

/// One exported call of [`Identify`].
///
/// # Errors
/// The provider's.
pub fn identify<P: Identify>(credential: WireCredential) -> Result<Vec<(String, String)>, WireFailure> {
    report_panics();
    P::identify(credential.into()).map(|identity| identity.fields).map_err(Into::into)
}

/// One exported call of [`Connect`].
///
/// # Errors
/// The provider's.
pub fn authorise<P: Connect>(credential: WireCredential) -> Result<String, WireFailure> {
    report_panics();
    P::authorise(credential.into()).map_err(Into::into)
}

/// One exported call of [`Connect`].
///
/// # Errors
/// The provider's.
pub fn exchange<P: Connect>(credential: WireCredential) -> Result<Vec<WireAccount>, WireFailure> {
    report_panics();
    let accounts = P::exchange(credential.into()).map_err(WireFailure::from)?;
    Ok(accounts.into_iter().map(Into::into).collect())
}

/// A panic is a trap without words; this sends its words ahead.
fn report_panics() {
    std::panic::set_hook(Box::new(|info| logs::write(Level::Error.as_str(), &info.to_string())));
}

pub(crate) fn now_ms() -> u64 {
    clock::now_ms()
}

pub(crate) fn log(level: &str, message: &str) {
    logs::write(level, message);
}

pub(crate) fn sign_jwt(key: &Handle, algorithm: &str, header: &str, claims: &str) -> Result<Handle, Failure> {
    key.sign_jwt(algorithm, header, claims).map_err(Into::into)
}

pub(crate) fn reveal(secret: &Handle) -> Result<String, Failure> {
    secret.reveal().map_err(Into::into)
}

pub(crate) fn join(parts: &[Part<'_>], encoding: Encoding) -> Handle {
    let parts: Vec<_> = parts.iter().map(borrowed).collect();
    secrets::join(&parts, encoding.into())
}

pub(crate) fn send(request: Request<'_>) -> Result<Answer, Failure> {
    let headers = request.headers.iter().map(|(name, value)| upstream::Header {
        name: name.clone(),
        value: value.iter().map(borrowed).collect(),
    });
    upstream::send(&upstream::Request {
        method: request.method.to_owned(),
        url: request.url.clone(),
        headers: headers.collect(),
        body: request.body.iter().map(borrowed).collect(),
    })
    .map_err(Into::into)
}

pub(crate) fn status(answer: &Answer) -> u16 {
    answer.status()
}

pub(crate) fn header(answer: &Answer, name: &str) -> Option<String> {
    answer.header(name)
}

pub(crate) fn opened(answer: &Answer) -> Result<String, Failure> {
    answer.opened().map_err(Into::into)
}

pub(crate) fn take(answer: &Answer, name: &str) -> Option<Handle> {
    answer.take(name)
}

fn borrowed<'a>(part: &'a Part<'_>) -> secrets::Part<'a> {
    match part {
        Part::Text(text) => secrets::Part::Text(text.clone()),
        Part::Secret(secret, encoding) => secrets::Part::Secret((&secret.0, (*encoding).into())),
    }
}

impl From<Encoding> for secrets::Encoding {
    fn from(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Plain => Self::Plain,
            Encoding::Base64 => Self::Base64,
            Encoding::Base64Url => Self::Base64url,
            Encoding::FormUrlencoded => Self::FormUrlencoded,
            Encoding::JsonString => Self::JsonString,
        }
    }
}

impl From<WireCredential> for Credential {
    fn from(wire: WireCredential) -> Self {
        let fields = wire.fields.into_iter().map(|(name, value)| match value {
            types::Value::Text(text) => (name, Value::Text(text)),
            types::Value::Secret(secret) => (name, Value::Secret(Secret(secret))),
        });
        Self::new(wire.kind, fields.collect())
    }
}

impl From<Account> for WireAccount {
    fn from(account: Account) -> Self {
        Self {
            title: account.title,
            fields: account.fields,
        }
    }
}

impl From<Token> for WireToken {
    fn from(token: Token) -> Self {
        let fields = token.fields.into_iter().map(|(name, value)| match value {
            Value::Text(text) => (name, types::Value::Text(text)),
            Value::Secret(secret) => (name, types::Value::Secret(secret.0)),
        });
        Self {
            value: token.value.0,
            expires_at_ms: token.expires_at_ms,
            fields: fields.collect(),
        }
    }
}

impl From<WireFailure> for Failure {
    fn from(wire: WireFailure) -> Self {
        let retry = match wire.retry {
            failures::Retry::Never => Retry::Never,
            failures::Retry::Later(after) => Retry::Later(after),
            failures::Retry::Reauthorise => Retry::Reauthorise,
        };
        Self {
            code: wire.code,
            message: wire.message,
            retry,
            upstream_may_have_acted: wire.upstream_may_have_acted,
            details: wire.details,
        }
    }
}

impl From<Failure> for WireFailure {
    fn from(failure: Failure) -> Self {
        let retry = match failure.retry {
            Retry::Never => failures::Retry::Never,
            Retry::Later(after) => failures::Retry::Later(after),
            Retry::Reauthorise => failures::Retry::Reauthorise,
        };
        Self {
            code: failure.code,
            message: failure.message,
            retry,
            upstream_may_have_acted: failure.upstream_may_have_acted,
            details: failure.details,
        }
    }
}
