//! The same token for different readers: a session, a process, Git. What each gets is the provider's to say, by kind.

use super::component::Component;
use super::newsroom::Newsroom;
use super::provider;
use anyhow::{Context, Result, ensure};
use claviger_tests::api::{create, read};
use claviger_tests::audit::of_event;
use claviger_tests::{Claviger, Client};
use serde_json::{Value, json};

const KEY: &str = "pbk_0123456789abcdefABCDEF";

/// A server whose drop-in has something for everyone.
async fn world(newsroom: &Newsroom) -> Result<(Claviger, Client)> {
    let claviger = newsroom.setup().start().await?;
    let component = Component::changed(|manifest| {
        manifest["consumers"]["environment"] = json!({
            "PAPER_TOKEN": "token", "PAPER_URL": { "field": { "name": "url" } }, "PAPER_KIND": { "literal": "any" },
            "PAPER_OWN": { "token-where": { "name": "url" } }, "PAPER_ENDS": "expires-at",
        });
        manifest["kinds"][0]["consumers"] = json!({ "environment": { "PAPER_KIND": { "literal": "key" } } });
        manifest["kinds"][1]["consumers"] = json!({
            "session": { "edition": { "literal": "evening" } },
            "git": { "protocol": { "literal": "https" }, "username": { "literal": "desk" }, "password": "token" },
        });
        // The manifest has to fit where the example's stood.
        for endpoint in manifest["endpoints"].as_array_mut().into_iter().flatten() {
            endpoint["open-headers"] = json!([]);
        }
    })?;
    provider(&claviger.data(), "add", &[&component.argument(), "--yes"])?.done()?;
    let alice = claviger.person("alice")?;
    Ok((claviger, alice))
}

#[tokio::test]
async fn each_reader_gets_what_the_kind_says() -> Result<()> {
    let newsroom = Newsroom::start().await?;
    let (claviger, alice) = world(&newsroom).await?;
    let minted = create(&alice, &newsroom.client_credentials()).await?;
    let fixed = create(&alice, &json!({ "name": "key", "provider": "paperboy", "token": KEY })).await?;

    let shape =
        async |id: &str, consumer: &str| -> Result<Value> { read(&alice, id, &format!("?consumer={consumer}")).await?.expect(200)?.json() };
    let whole = read(&alice, &minted, "").await?.expect(200)?.json()?;
    let ends = whole["expires_at"].as_str().context("an hour's token ends")?;

    let session = shape(&minted, "session").await?;
    let expected = json!({ "token": "pb-minted-1", "expiresAt": ends, "url": newsroom.url, "edition": "evening" });
    assert_eq!(session, expected, "the kind's own key takes the place of the provider's");

    let process = shape(&minted, "environment").await?;
    let variables = json!({ "PAPER_TOKEN": "pb-minted-1", "PAPER_URL": newsroom.url, "PAPER_KIND": "any", "PAPER_OWN": "pb-minted-1", "PAPER_ENDS": ends });
    assert_eq!(
        process,
        json!({ "environment": variables, "expires_at": ends, "generation": whole["generation"] })
    );

    let git = shape(&minted, "git").await?;
    let seconds = claviger::clock::from_rfc3339(ends).context("no time")? / 1000;
    let lines = json!({ "protocol": "https", "username": "desk", "password": "pb-minted-1", "password_expiry_utc": seconds.to_string() });
    assert_eq!(git, json!({ "git": lines, "expires_at": ends, "generation": whole["generation"] }));

    // Without an address there is no `url`, and so nothing that depends on it; a key that does not end says nothing of an end.
    let process = shape(&fixed, "environment").await?;
    assert_eq!(
        process,
        json!({ "environment": { "PAPER_TOKEN": KEY, "PAPER_KIND": "key" }, "generation": 1 })
    );
    assert_eq!(newsroom.asked().len(), 1, "one token for all of them");
    ensure!(
        of_event(&claviger.data(), "CREDENTIAL_ACCESS")?.len() >= 5,
        "a read without a record"
    );
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_had_is_refused_before_a_token_is_obtained() -> Result<()> {
    let newsroom = Newsroom::start().await?;
    let (claviger, alice) = world(&newsroom).await?;
    let fixed = create(&alice, &json!({ "name": "key", "provider": "paperboy", "token": KEY })).await?;
    let before = of_event(&claviger.data(), "CREDENTIAL_ACCESS")?.len();
    let answer = read(&alice, &fixed, "?consumer=git").await?.expect(404)?;
    assert_eq!(answer.text_at("/reason_code")?, "no-such-consumer");
    ensure!(
        answer.text.contains("opens no Git repository") && !answer.text.contains(KEY),
        "{}",
        answer.text
    );
    let records = of_event(&claviger.data(), "CREDENTIAL_ACCESS")?;
    assert_eq!(records.len(), before + 1, "{records:#?}");

    for query in ["?consumer=token", "?consumer=", "?consumer=git%20", "?consumers=git"] {
        read(&alice, &fixed, query).await?.expect(400)?;
    }
    let empty = create(&alice, &json!({ "name": "empty", "provider": "kubeconfig" })).await?;
    read(&alice, &empty, "?consumer=session").await?.expect(404)?;
    // Several lines are a token like any other, only not as a variable.
    let lines = format!("{KEY}\nexport PATH=/tmp");
    let kube = json!({ "name": "lines", "provider": "paperboy", "token": lines });
    let kube = create(&alice, &kube).await?;
    let answer = read(&alice, &kube, "?consumer=environment").await?.expect(400)?;
    assert_eq!(answer.text_at("/reason_code")?, "not-one-line");
    ensure!(
        answer.text.contains("PAPER_TOKEN") && !answer.text.contains("export PATH"),
        "{}",
        answer.text
    );
    assert_eq!(read(&alice, &kube, "").await?.expect(200)?.text_at("/token")?, lines);
    Ok(())
}
