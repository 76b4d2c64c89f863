//! Secrets that the server never saw: an upstream quotes somebody else's token in its error, and the log does not have it.

use anyhow::{Result, ensure};
use claviger_tests::Setup;
use claviger_tests::api::{create, read};
use serde_json::json;

const INSTALLATION: &str = "ghs_1234_eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJmb3JlaWduIn0.";
const ROUTABLE: &str = "SIE-glpat-Zm9yZWlnbi10b2tlbg-payload.01.0f1e2d3c4";
const ATLASSIAN: &str = "ATATT3xFfGF0ForeignForeign0123456789_-abc=4F2A91BC";

async fn log_of(setup: Setup) -> Result<String> {
    let claviger = setup.start().await?;
    let (alice, emulator) = (claviger.person("alice")?, claviger.emulator()?);
    let grants = emulator.client().post("/_grants", &json!({ "account": "alice" })).await?;
    let grant = grants.expect(201)?.text_at("/refresh_token")?;
    let url = format!("{}/gitlab", claviger.dev().upstream);
    let id = create(
        &alice,
        &json!({ "name": "g", "provider": "gitlab", "kind": "oauth", "token": grant, "url": url }),
    )
    .await?;

    let long = format!("{INSTALLATION}{}", "s1Gn-_".repeat(60));
    let (first, second) = long.split_at(300);
    let said = format!("request 77 had {first}\r\n  {second}, PRIVATE-TOKEN: {ROUTABLE}; and {ATLASSIAN}.");
    let order = json!({ "provider": "gitlab", "operation": "token", "status": 400, "body": { "error": "invalid_request", "error_description": said } });
    emulator.fault(&order).await?;
    let answer = read(&alice, &id, "").await?.expect(502)?;
    let log = claviger.log();
    for secret in ["s1Gn-_s1Gn", "eyJpc3Mi", "Zm9yZWln", "0f1e2d3c4", "ForeignForeign"] {
        ensure!(!log.contains(secret), "`{secret}` is in the log:\n{log}");
        ensure!(!answer.text.contains(secret), "{}", answer.text);
    }
    Ok(log)
}

#[tokio::test]
async fn an_upstream_that_quotes_a_token_does_not_bring_it_into_the_log() -> Result<()> {
    for config in ["", "[log]\njson = true\n"] {
        let log = log_of(Setup::default().config(config)).await?;
        let told = "request 77 had ghs_[redacted], PRIVATE-TOKEN: ";
        ensure!(log.contains(told), "the log does not say what the upstream said:\n{log}");
        ensure!(log.contains("ATATT[redacted]"), "{log}");
    }
    Ok(())
}
