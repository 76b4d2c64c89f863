//! A person's account that is one JSON text of several values: opened to change one of them, or to tell their names.

use super::account::{self, New};
use crate::api::problem::{Answer, Problem};
use crate::api::refusals;
use crate::api::state::App;
use crate::ids::{ProviderName, Username};
use crate::records::model::Credential;
use crate::records::sealing;
use crate::secret::Secret;
use std::collections::BTreeMap;

/// The field of the component that serves every other name.
const TOKEN: &str = "token";

/// What is stored for a person: the account, and its text unless it is empty.
pub(super) async fn of(app: &App, person: &Username, provider: &ProviderName) -> Answer<Option<(Credential, Option<Secret>)>> {
    let Some(account) = account::find(app, person, provider).await? else {
        return Ok(None);
    };
    let material = match app.records.material(&account.id).await {
        Err(crate::records::RecordsError::NotFound { .. }) => return Ok(None),
        material => material.map_err(refusals::by_records)?,
    };
    let sealed = material.secrets.iter().find(|sealed| sealed.field == TOKEN);
    let open = |sealed| sealing::open_field(&app.keyring, &account.id, sealed).map_err(Problem::internal);
    let text = sealed.map(open).transpose()?;
    Ok(Some((material.credential, text)))
}

/// A text, as an account is stored with it.
pub(super) fn new(provider: ProviderName, kind: String, text: Secret) -> New {
    New {
        provider,
        kind,
        url: None,
        email: None,
        fields: BTreeMap::new(),
        secrets: vec![(TOKEN.to_owned(), text)],
        token: None,
    }
}
