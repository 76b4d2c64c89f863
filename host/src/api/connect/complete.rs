//! The end: the starter's bearer, and the code that the consenting browser was shown.

use super::{account, code, kept};
use crate::api::caller::Known;
use crate::api::credentials;
use crate::api::input::Input;
use crate::api::intake;
use crate::api::problem::{Answer, Problem};
use crate::api::refusals;
use crate::api::request::RequestContext;
use crate::api::state::App;
use crate::broker::Draft;
use crate::clock::Millis;
use crate::ids::{ConsentId, Username};
use crate::manifest::Manifest;
use crate::records::model::{Consent, ConsentStage};
use crate::records::{Step, sealing};
use crate::runtime::{Consented, Rotated};
use crate::secret::Secret;
use axum::Json;
use axum::extract::{Extension, Path, State};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// `POST /api/auth/{provider}/complete`
pub async fn complete(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    known: Known,
    Path(provider): Path<String>,
    mut input: Input,
) -> Answer<Json<Value>> {
    let id = input.required("id")?;
    let typed = input.required("code")?;
    let chosen = input.optional("account")?;
    input.finish()?;
    let unknown = || Problem::nothing_there("no such consent is under way for you; start again");
    let person = known.caller.principal().ok_or_else(unknown)?.clone();
    let id = ConsentId::parse(id).map_err(|_| unknown())?;
    let consent = match app.records.consent(&id).await {
        Err(crate::records::RecordsError::NotFound { .. }) => return Err(unknown()),
        found => found.map_err(refusals::by_records)?,
    };
    if consent.username != person || consent.provider.as_str() != provider {
        return Err(unknown());
    }
    match consent.stage {
        ConsentStage::Started => return Err(Problem::conflict("the browser has not come back yet")),
        ConsentStage::Exchanging => {
            return Err(Problem::conflict(
                "this is being completed by another request; if that was cut short, start again",
            ));
        }
        ConsentStage::Returned | ConsentStage::Choosing => {}
    }
    let kept = Kept::of(&app, &consent).await?;
    if !kept.get(kept::CONFIRMATION)?.is_some_and(|shown| code::is(&shown, &typed)) {
        app.records.miss_consent(&id).await.map_err(refusals::by_records)?;
        return Err(Problem::forbidden_because(
            "that is not the code the browser shows; after five wrong ones, start again",
        ));
    }
    let manifest = credentials::manifest(&app, &consent.provider)?;
    let ready = Ready {
        app: &app,
        context: &context,
        known: &known,
        person: &person,
        manifest: &manifest,
        consent: &consent,
    };
    match consent.stage {
        ConsentStage::Choosing => ready.choose(&kept, chosen.as_deref()).await,
        _ => ready.exchange(&kept, chosen.as_deref()).await,
    }
}

/// What a spent code led to.
enum Spent {
    /// An account, and the consent is over.
    Stored(Json<Value>),
    /// A question: the consent goes on.
    Choosing(Json<Value>),
}

/// Whoever started it has shown the code.
struct Ready<'a> {
    app: &'a App,
    context: &'a RequestContext,
    known: &'a Known,
    person: &'a Username,
    manifest: &'a Manifest,
    consent: &'a Consent,
}

impl Ready<'_> {
    /// Spends the code. From here on only one request goes on, and a failure ends the consent: a code is good once (RFC 6749, 4.1.2).
    async fn exchange(&self, kept: &Kept<'_>, chosen: Option<&str>) -> Answer<Json<Value>> {
        let (records, id) = (&self.app.records, &self.consent.id);
        let mine = records
            .step_consent(id, ConsentStage::Returned, ConsentStage::Exchanging, Step::default())
            .await
            .map_err(refusals::by_records)?;
        if !mine {
            return Err(Problem::conflict("this is being completed by another request"));
        }
        let outcome = self.exchanged(kept, chosen).await;
        if !matches!(&outcome, Ok(Spent::Choosing(_)))
            && let Err(error) = records.end_consent(id).await
        {
            tracing::warn!(%error, "a consent that is over stays until its time ends");
        }
        let (Spent::Stored(answer) | Spent::Choosing(answer)) = outcome?;
        Ok(answer)
    }

    async fn exchanged(&self, kept: &Kept<'_>, chosen: Option<&str>) -> Answer<Spent> {
        let draft = Draft {
            provider: self.consent.provider.clone(),
            kind: self.consent.kind.clone(),
            url: self.consent.url.clone(),
            fields: self.consent.fields.clone(),
        };
        let consented = Consented {
            code: kept
                .get(kept::CODE)?
                .ok_or_else(|| Problem::internal("a returned consent has no code"))?,
            verifier: kept.get(kept::VERIFIER)?,
            redirect_uri: self.consent.redirect_uri.clone(),
        };
        let exchanged = self
            .app
            .broker
            .exchange(&draft, consented)
            .await
            .map_err(|failure| refusals::of_consent(&self.manifest.title, failure))?;
        let accounts: Vec<_> = exchanged
            .accounts
            .into_iter()
            .map(|account| (account.title, account.fields))
            .collect();
        let one = match (accounts.as_slice(), chosen) {
            ([(_, only)], _) => Some(only.clone()),
            (several, Some(title)) => several.iter().find(|(other, _)| other == title).map(|(_, fields)| fields.clone()),
            (_, None) => None,
        };
        match one {
            Some(fields) => self.store(fields, exchanged.secrets).await.map(Spent::Stored),
            None => self.ask(accounts, &exchanged.secrets).await.map(Spent::Choosing),
        }
    }

    /// Keeps what the exchange brought until the person has chosen.
    async fn ask(&self, accounts: Vec<(String, BTreeMap<String, String>)>, secrets: &Rotated) -> Answer<Json<Value>> {
        let seal = |field: &str, value: &Secret| sealing::seal_of_consent(&self.app.keyring, &self.consent.id, field, value);
        let mut sealed: Vec<_> = secrets
            .fields
            .iter()
            .map(|(field, value)| seal(&format!("{}{field}", kept::FIELD), value))
            .collect();
        sealed.extend(secrets.token.as_ref().map(|token| seal(kept::TOKEN, token)));
        let answer = choices(&accounts);
        let step = Step {
            secrets: sealed,
            accounts,
            token_expires_at_ms: secrets.expires_at_ms,
        };
        let stepped = self
            .app
            .records
            .step_consent(&self.consent.id, ConsentStage::Exchanging, ConsentStage::Choosing, step)
            .await
            .map_err(refusals::by_records)?;
        if stepped {
            Ok(answer)
        } else {
            Err(Problem::conflict("the time of this consent is over; start again"))
        }
    }

    async fn choose(&self, kept: &Kept<'_>, chosen: Option<&str>) -> Answer<Json<Value>> {
        let found = chosen.and_then(|title| self.consent.accounts.iter().find(|(other, _)| other == title));
        let Some((_, fields)) = found else {
            return Ok(choices(&self.consent.accounts));
        };
        let secrets = kept.exchanged(self.consent.token_expires_at_ms)?;
        // Of two requests one ends it, and that one stores.
        if !self.app.records.end_consent(&self.consent.id).await.map_err(refusals::by_records)? {
            return Err(Problem::conflict("this has been completed by another request"));
        }
        self.store(fields.clone(), secrets).await
    }

    async fn store(&self, account: BTreeMap<String, String>, secrets: Rotated) -> Answer<Json<Value>> {
        let kind = intake::kind(self.manifest, Some(&self.consent.kind))?;
        let (mut fields, mut email) = (self.consent.fields.clone(), None);
        for (name, text) in account {
            match kind.field(&name) {
                Some(_) if name == "email" => email = Some(text),
                Some(field) if !field.secret && name != "url" => drop(fields.insert(name, text)),
                _ => {
                    let cause = format!("an account has the field `{name}`, which no credential of this kind stores");
                    return Err(Problem::bad_gateway("the provider component failed")
                        .coded("provider-broken")
                        .because(cause));
                }
            }
        }
        if kind.field("redirect-uri").is_some() {
            // The upstream compares it at every refresh (GitLab does).
            fields.insert("redirect-uri".to_owned(), self.consent.redirect_uri.clone());
        }
        let have: BTreeSet<&str> = fields
            .keys()
            .map(String::as_str)
            .chain(secrets.fields.iter().map(|(name, _)| name.as_str()))
            .chain(self.consent.url.as_ref().map(|_| "url"))
            .chain(email.as_ref().map(|_| "email"))
            .collect();
        intake::complete(kind, &have).map_err(|missing| {
            let title = &self.manifest.title;
            Problem::bad_gateway(format!(
                "{title} did not give what an account needs; ask the operator to look at its application there"
            ))
            .because(format!("{missing:?}"))
        })?;
        let new = account::New {
            provider: self.consent.provider.clone(),
            kind: self.consent.kind.clone(),
            url: self.consent.url.clone(),
            email,
            fields,
            secrets: secrets.fields,
            token: kind
                .rotation
                .as_ref()
                .and(secrets.token)
                .map(|token| (token, secrets.expires_at_ms)),
        };
        let credential = account::store(self.app, self.context, &self.known.caller, self.person, new).await?;
        Ok(Json(account::connected(self.manifest, &credential)))
    }
}

fn choices(accounts: &[(String, BTreeMap<String, String>)]) -> Json<Value> {
    let titles: Vec<&str> = accounts.iter().map(|(title, _)| title.as_str()).collect();
    Json(json!({ "connected": false, "choose": titles }))
}

/// What a consent keeps.
struct Kept<'a> {
    app: &'a App,
    id: &'a ConsentId,
    sealed: BTreeMap<String, String>,
}

impl<'a> Kept<'a> {
    async fn of(app: &'a App, consent: &'a Consent) -> Answer<Self> {
        let sealed = app.records.consent_secrets(&consent.id).await.map_err(refusals::by_records)?;
        Ok(Self {
            app,
            id: &consent.id,
            sealed,
        })
    }

    fn get(&self, field: &str) -> Answer<Option<Secret>> {
        let Some(envelope) = self.sealed.get(field) else { return Ok(None) };
        let opened = sealing::open_of_consent(&self.app.keyring, self.id, field, envelope);
        opened.map(Some).map_err(Problem::internal)
    }

    fn exchanged(&self, token_expires_at_ms: Option<Millis>) -> Answer<Rotated> {
        let mut rotated = Rotated {
            token: self.get(kept::TOKEN)?,
            expires_at_ms: token_expires_at_ms,
            ..Rotated::default()
        };
        for field in self.sealed.keys() {
            if let (Some(name), Some(value)) = (field.strip_prefix(kept::FIELD), self.get(field)?) {
                rotated.fields.push((name.to_owned(), value));
            }
        }
        Ok(rotated)
    }
}
