//! What somebody gives to connect an account, or to try it: read from the body, checked against the provider's manifest, stored nowhere yet.

use super::forms;
use crate::api::caller::Known;
use crate::api::credentials;
use crate::api::input::Input;
use crate::api::intake::{self, Given, Taken};
use crate::api::problem::{Answer, Problem};
use crate::api::state::App;
use crate::ids::{ProviderName, Username};
use crate::manifest::{Kind, Manifest};
use std::sync::Arc;

/// A name below `/api/auth` that is no provider's.
const NO_PROVIDER: &str = "integrations";

/// The person who asks. An account is a person's: a service's would be read by nobody and disconnected by nobody.
/// A key has to be one for `action` on credentials.
pub(super) fn person(known: &Known, action: &str) -> Answer<Username> {
    let allowed = !known.caller.is_service() && known.caller.scopes().allow("credential", action);
    let person = known.caller.principal().filter(|_| allowed);
    person.cloned().ok_or_else(Problem::forbidden)
}

/// The provider that a path names.
pub(super) fn provider(name: String) -> Answer<ProviderName> {
    let provider = credentials::provider(name)?;
    if provider.as_str() == NO_PROVIDER {
        return Err(Problem::validation(format!(
            "`{NO_PROVIDER}` is a path of this API, so no account of a provider of that name can be connected here"
        )));
    }
    Ok(provider)
}

/// What was given.
pub(super) struct Draft {
    pub(super) provider: ProviderName,
    pub(super) manifest: Arc<Manifest>,
    /// By its name; [`Draft::kind`] has the rest.
    kind: String,
    pub(super) url: Option<String>,
    pub(super) email: Option<String>,
    pub(super) taken: Taken,
    /// Whether it has what is stored, so that nobody has to consent to anything.
    pub(super) is_pasted: bool,
}

impl Draft {
    /// Reads a body. Without a token, and without a secret field, it is the beginning of a consent, where the kind has one; `usual` is the kind that is
    /// meant where the body names none.
    ///
    /// # Errors
    /// 400 that names what is wrong with it.
    pub(super) fn read(app: &App, provider: ProviderName, mut input: Input, usual: Option<&str>) -> Answer<Self> {
        let manifest = credentials::manifest(app, &provider)?;
        let of_form = forms::translate(&provider, &mut input)?.filter(|kind| manifest.kind(kind).is_some());
        let named = credentials::kind_name(&mut input)?.or_else(|| of_form.or(usual).map(str::to_owned));
        let given = Given {
            token: input.secret("token")?.filter(|token| !token.is_empty()),
            fields: input.texts("fields")?.unwrap_or_default(),
        };
        let (url, email) = (input.optional("url")?, input.optional("email")?.filter(|email| !email.is_empty()));
        input.finish()?;

        let has_secret = |kind: &Kind| given.fields.keys().any(|name| kind.field(name).is_some_and(|field| field.secret));
        let kind = match (&named, given.token.is_some()) {
            (Some(_), _) | (None, true) => intake::kind(&manifest, named.as_deref())?,
            (None, false) => match manifest.kinds.iter().find(|kind| kind.connect.is_some()) {
                Some(kind) if !given.fields.keys().any(|name| kind.field(name).is_none()) => kind,
                _ => intake::kind(&manifest, None)?,
            },
        };
        let url = credentials::url(app, &provider, &manifest, kind, url)?;
        let is_pasted = given.token.is_some() || has_secret(kind) || kind.connect.is_none();
        let taken = intake::take(&manifest, kind, given)?;
        if is_pasted {
            intake::complete(kind, &credentials::have(&taken, url.as_deref(), email.as_deref()))?;
        }
        let kind = kind.name.clone();
        Ok(Self {
            provider,
            manifest,
            kind,
            url,
            email,
            taken,
            is_pasted,
        })
    }

    /// Its kind.
    ///
    /// # Errors
    /// None: it was found when this was read.
    pub(super) fn kind(&self) -> Answer<&Kind> {
        intake::kind(&self.manifest, Some(&self.kind))
    }
}
