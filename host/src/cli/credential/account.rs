//! The account behind a credential: whose it is, and its end.

use super::Which;
use crate::cli::answers::{Output, line, plain};
use crate::cli::client::{Failure, OWN, below, text};
use serde_json::{Value, json};

pub(super) async fn identity(which: &Which, output: Output) -> Result<(), Failure> {
    let (client, id) = which.client_and_id().await?;
    output.one(&client.get(&below(OWN, &["credentials", &id, "identity"]), &[]).await?)
}

pub(super) async fn revoke(which: &Which, yes: bool) -> Result<(), Failure> {
    let client = which.connection.client().await?;
    let found = client.credential(&which.credential).await?;
    let id = text(&found, "id");
    let question = format!(
        "End {id} (`{}`) at its upstream, with every token that is out?",
        plain(text(&found, "name"))
    );
    if !crate::cli::agreed(yes, &question)? {
        return Err(Failure::Refused("not revoked".to_owned()));
    }
    let answer: Value = client.post(&below(OWN, &["credentials", id, "revoke"]), &json!({})).await?;
    line(&plain(&format!("{} {id}", text(&answer, "outcome"))))?;
    if !text(&answer, "remaining").is_empty() {
        crate::cli::note(&format!("left to do: {}", plain(text(&answer, "remaining"))));
    }
    Ok(())
}
