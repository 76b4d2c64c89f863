//! Ending a grant. Google ends a person's whole consent to a client with any token of it; a service account's tokens end by themselves.

use crate::failures::token::{Revoked, check_revoked};
use crate::hosts::Hosts;
use crate::{authorised_user, external_account, impersonation, service_account, unknown};
use claviger_sdk::{Credential, Failure, Form, Reply, Request, Secret, now_ms};

/// What ends with a grant, for the person who ends it.
const ENDED_TOO: &str = "Google ended everything that this client held of this account, in other sessions and other credentials too; \
                         connect again what is still needed";

/// Ends the credential. What Google no longer knows has ended.
///
/// # Errors
/// Google's refusal; `unsupported` with what to do instead.
pub fn revoke(credential: &Credential) -> Result<Option<String>, Failure> {
    match credential.kind() {
        authorised_user::KIND => end(credential, credential.require_secret("refresh-token")?),
        impersonation::KIND => match credential.secret("refresh-token") {
            Some(grant) => {
                let ended = end(credential, grant)?;
                let target = "tokens of the impersonated account that are out live on, for an hour at most";
                Ok(Some(ended.map_or_else(|| target.to_owned(), |ended| format!("{ended}; {target}"))))
            }
            None => Err(key()),
        },
        service_account::KIND => Err(key()),
        external_account::KIND => Err(Failure::unsupported(
            "Google does not end tokens of other issuers' identities, which live for an hour at most; take the identity's role away, or \
             disable the workload identity provider, instead",
        )),
        other => Err(unknown(other)),
    }
}

fn key() -> Failure {
    Failure::unsupported(
        "Google does not end tokens of service accounts, which live for an hour at most; delete the key, or disable the account, \
         instead (gcloud iam service-accounts keys delete)",
    )
}

fn end(credential: &Credential, grant: &Secret) -> Result<Option<String>, Failure> {
    let response = Request::post(Hosts::of(credential).revocation())
        .header("accept", "application/json")
        .header("user-agent", "claviger")
        .body(Form::new().secret("token", grant))
        .send()?;
    match check_revoked(&Reply::read(&response)?, now_ms())? {
        Revoked::Now => Ok(Some(ENDED_TOO.to_owned())),
        Revoked::Before => Ok(None),
    }
}
