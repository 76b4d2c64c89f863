//! Names for which no provider is loaded (`kubeconfig`, `anthropic`): what is stored is what is read, and nobody is asked for anything.

use anyhow::{Result, ensure};
use claviger_tests::Claviger;
use claviger_tests::api::{V1, create, read};
use serde_json::json;

const KUBECONFIG: &str = "apiVersion: v1\nkind: Config\nusers: [{ name: ci, user: { token: hunter2hunter2 } }]\n";

#[tokio::test]
async fn what_is_stored_is_what_is_read_and_no_more_is_promised() -> Result<()> {
    let claviger = Claviger::start().await?;
    let alice = claviger.person("alice")?;
    let url = "https://k8s.example.com";
    let body = json!({ "name": "k", "provider": "kubeconfig", "token": KUBECONFIG, "url": url, "email": "ci@example.com" });
    let id = create(&alice, &body).await?;

    let plain = read(&alice, &id, "").await?.expect(200)?;
    assert_eq!(plain.text_at("/token")?, KUBECONFIG, "letter by letter, line breaks and all");
    let session = read(&alice, &id, "?consumer=session").await?.expect(200)?.json()?;
    assert_eq!(
        session,
        json!({ "token": KUBECONFIG, "apiKey": KUBECONFIG, "url": url, "email": "ci@example.com" })
    );
    for (query, status) in [
        ("?consumer=environment", 404),
        ("?consumer=git", 404),
        ("?scope=read", 400),
        ("?repository=x", 400),
    ] {
        let refused = read(&alice, &id, query).await?.expect(status)?;
        ensure!(!refused.text.contains("hunter2"), "{query}: {}", refused.text);
        ensure!(
            status != 404 || refused.text_at("/reason_code")? == "no-such-consumer",
            "{}",
            refused.text
        );
    }
    for (fields, named) in [
        (json!({ "token": "hunter2", "user": "x" }), "fields.user"),
        (json!({ "token": 7 }), "fields"),
    ] {
        let body = json!({ "name": "w", "provider": "kubeconfig", "fields": fields });
        let refused = alice.post(&format!("{V1}/credentials"), &body).await?.expect(400)?;
        ensure!(
            refused.text.contains(named) && !refused.text.contains("hunter2"),
            "{fields}: {}",
            refused.text
        );
    }
    let asked = claviger.emulator()?.requests().await?;
    ensure!(asked.is_empty() && !claviger.log().contains("hunter2"), "{asked:#?}");
    Ok(())
}
