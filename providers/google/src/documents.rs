//! What a pasted document says about where to go. None of it is ever used; one that means another place than Google's own is refused,
//! since its keys are of no use here and its author may have meant harm.

use crate::hosts::is_googles;
use claviger_sdk::{Credential, Failure};

/// The only universe that there is a provider for.
const UNIVERSE: &str = "googleapis.com";

/// Refuses a document of another universe, or one that wants its tokens from another host.
///
/// # Errors
/// `invalid-credential`, naming the field.
pub fn check(credential: &Credential) -> Result<(), Failure> {
    if let Some(universe) = credential.text("universe-domain")
        && universe != UNIVERSE
    {
        return Err(Failure::invalid_credential(format!(
            "field `universe-domain` names another universe than `{UNIVERSE}`; its keys are not known to Google, and nothing was sent"
        )));
    }
    if let Some(address) = credential.text("token-uri")
        && !is_googles(address)
    {
        return Err(Failure::invalid_credential(
            "field `token-uri` names a host that is not Google's; it is never asked, and nothing was sent; store a document of Google's, \
             or the field `url` for an instance that the operator allows",
        ));
    }
    Ok(())
}
