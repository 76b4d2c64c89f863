//! The served description, taken at its word by schemathesis: every operation succeeds when it is asked well, none fails in a way that the description
//! does not know, and every answer is as described.

use crate::source;
use anyhow::{Context, Result, ensure};
use claviger_tests::api::{V1, role};
use claviger_tests::issuer::SigningKey;
use claviger_tests::{Issuer, Setup, full, python};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Operations that schemathesis cannot bring to succeed, with the reason, and the test that does.
const OTHERWISE: [(&str, &str, &str, &str); 3] = [
    (
        "returnFromGithub",
        "somebody consents at GitHub before it, in a browser",
        "connect_forms.rs",
        "githubs_own_paths_are_the_same_consent",
    ),
    (
        "returnFromConsent",
        "somebody consents at an upstream before it, in a browser",
        "connect.rs",
        "the_starter_with_the_browsers_code_connects_and_nobody_else",
    ),
    (
        "completeConsent",
        "the code it takes is shown to that browser alone",
        "connect.rs",
        "the_starter_with_the_browsers_code_connects_and_nobody_else",
    ),
];

/// Cases of each kind that an operation gets: with 4 a run takes half a minute on a busy machine, with 60 it makes more than five thousand.
const FEW: u32 = 4;
const MANY: u32 = 60;
/// What the long run has to reach.
const AT_LEAST: u64 = 5_000;

fn succeeded(statuses: &Value) -> bool {
    let statuses = statuses.as_object().into_iter().flat_map(|statuses| statuses.keys());
    statuses.into_iter().any(|status| status.starts_with('2'))
}

#[tokio::test]
async fn every_operation_does_what_its_description_says() -> Result<()> {
    let cluster = Issuer::start(&[&SigningKey::new("k")?]).await?;
    let claviger = Setup::default().config(&cluster.config("kind = \"kubernetes\"")).start().await?;
    let service = claviger.anybody()?.with_bearer(&claviger.dev().proxy.bearer);
    let administers = json!({ "role_id": role(&service, "platform:admin").await?, "scope": "global", "user_id": "alice" });
    service.post(&format!("{V1}/role_bindings"), &administers).await?.expect(201)?;
    let session = claviger.dev().sessions.first().context("no session was seeded")?;
    // Seeded, so that whoever sees a failure sees it again.
    let given = json!({
        "url": claviger.dev().url,
        "bearer": claviger.dev().people.get("alice").context("no Alice")?.bearer,
        "bob": claviger.dev().people.get("bob").context("no Bob")?.bearer,
        "upstream": claviger.dev().upstream,
        "service": claviger.dev().proxy.bearer,
        "project": session.project,
        "session": session.id,
        "account": claviger.credential("alice-github")?,
        "cluster": cluster.url,
        "cases": if full() { MANY } else { FEW },
        "seed": 7,
    });
    let told = python::schemathesis(&given).await?;

    let failures: Vec<&str> = told["failures"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    ensure!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n\n"));
    let document = claviger.anybody()?.get(&format!("{V1}/openapi")).await?.expect(200)?.json()?;
    let operations = document["paths"].as_object().into_iter().flatten();
    let operations = operations.flat_map(|(_, methods)| methods.as_object().into_iter().flatten());
    let served: BTreeSet<&str> = operations.filter_map(|(_, operation)| operation["operationId"].as_str()).collect();
    let reached = told["reached"].as_object().context("it tells of no operation")?;
    let asked: BTreeSet<&str> = reached.keys().map(String::as_str).collect();
    assert_eq!(asked, served, "asked on the left, served on the right");
    let failed: BTreeMap<&str, &Value> = reached
        .iter()
        .filter(|(_, seen)| !succeeded(seen))
        .map(|(name, seen)| (name.as_str(), seen))
        .collect();
    let otherwise: BTreeSet<&str> = OTHERWISE.iter().map(|(operation, ..)| *operation).collect();
    ensure!(
        failed.keys().copied().eq(otherwise.iter().copied()),
        "never succeeded: {failed:?}; expected: {otherwise:?}"
    );
    let cases = told["cases"].as_u64().unwrap_or_default();
    let wanted = if full() { AT_LEAST } else { u64::try_from(served.len() * 4)? };
    ensure!(cases >= wanted, "only {cases} cases, not {wanted}");
    Ok(())
}

#[test]
fn what_succeeds_otherwise_is_tested_otherwise() -> Result<()> {
    for (operation, why, file, test) in OTHERWISE {
        let text = std::fs::read_to_string(source::root().join("tests/suite").join(file))?;
        ensure!(
            !why.is_empty() && text.contains(&format!("fn {test}(")),
            "`{operation}`: no `{test}` in `{file}`"
        );
    }
    Ok(())
}
