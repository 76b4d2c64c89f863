//! Every operation of the served description × every kind of caller, by a table that was written from the rules (`rows`). The table compares itself
//! with the description, so that a route without a row fails, and a row without a route.

mod rows;
mod world;

use anyhow::{Context, Result, ensure};
use claviger_tests::Answer;
use claviger_tests::api::V1;
use reqwest::Method;
use rows::{Row, Rows};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use world::{CALLERS, Caller, World};

/// What of an answer is looked at beside its status.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Proves {
    /// That it has no secret.
    Status,
    /// That a granted answer has the target's token, and a refused one none.
    Token,
    /// Which callers find the target in the list.
    Lists([bool; 8]),
}

/// The statuses that the description knows for each operation.
type Described = BTreeMap<(String, String), BTreeSet<u16>>;

fn described(document: &Value) -> Result<Described> {
    let mut described = Described::new();
    for (path, operations) in document["paths"].as_object().context("no paths")? {
        for (method, operation) in operations.as_object().context("no operations")? {
            let statuses = operation["responses"].as_object().context("no responses")?.keys();
            let statuses = statuses.filter_map(|status| status.parse().ok()).collect();
            described.insert((method.to_uppercase(), path.clone()), statuses);
        }
    }
    Ok(described)
}

#[tokio::test]
async fn every_operation_of_the_description_has_a_row() -> Result<()> {
    let claviger = claviger_tests::Claviger::start().await?;
    let document = claviger.anybody()?.get(&format!("{V1}/openapi")).await?.expect(200)?.json()?;
    let served: BTreeSet<_> = described(&document)?.into_keys().collect();
    let all = rows::all();
    let listed: BTreeSet<_> = all.iter().map(|row| (row.method.to_owned(), row.path.to_owned())).collect();
    ensure!(listed.len() == all.len(), "an operation has two rows");
    ensure!(served.len() > 60, "the description was not understood: {served:?}");
    assert_eq!(listed, served, "rows on the left, operations on the right");
    Ok(())
}

/// Runs these rows for every caller and tells all that is wrong at once.
async fn check(rows: Rows) -> Result<()> {
    let mut world = World::start().await?;
    let described = described(&world.document().await?)?;
    let mut wrong = Vec::new();
    for row in rows {
        let documented = described.get(&(row.method.to_owned(), row.path.to_owned()));
        let documented = documented.with_context(|| format!("{} {} is not described", row.method, row.path))?;
        let mut target = None;
        for caller in CALLERS {
            // Whoever connects or disconnects does it to an account of their own.
            let own = row.needs.is_of_the_caller();
            let fresh = match target.take().filter(|_| !own) {
                Some(target) => target,
                None => world
                    .target(row.needs, caller)
                    .await
                    .with_context(|| format!("{} {}", row.method, row.path))?,
            };
            let seen = world.for_caller(&fresh, row.needs, caller);
            let (path, body) = (seen.path(&row), row.body.map(|body| seen.filled(body)));
            for client in world.clients(caller) {
                let method = Method::from_bytes(row.method.as_bytes())?;
                let body = body.clone().map(|body| ("application/json", body.into_bytes()));
                let answer = client.send(method, &path, body).await?;
                let place = format!("{} {} by {caller:?}", row.method, row.path);
                for complaint in complaints(&world, &row, caller, &seen, &answer, documented) {
                    wrong.push(format!(
                        "{place}: {complaint}\n    {}",
                        answer.text.chars().take(300).collect::<String>()
                    ));
                }
                let is_spent = answer.status < 300 && row.method != "GET";
                target = (!is_spent).then(|| fresh.clone());
            }
        }
    }
    ensure!(wrong.is_empty(), "{} cells are wrong:\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}

fn complaints(world: &World, row: &Row, caller: Caller, seen: &world::Target, answer: &Answer, documented: &BTreeSet<u16>) -> Vec<String> {
    let mut complaints = Vec::new();
    let expected = row.expected(caller);
    if answer.status != expected {
        complaints.push(format!("{} instead of {expected}", answer.status));
    }
    if !documented.contains(&answer.status) {
        complaints.push(format!("{} is not in the description", answer.status));
    }
    let is_token = matches!(row.proves, Proves::Token) && answer.status == 200;
    if is_token {
        let body = answer.json().unwrap_or_default();
        let token = body["token"].as_str().or(body["fields"]["token"].as_str()).map(str::to_owned);
        if token.as_deref() != Some(&seen.token) {
            complaints.push(format!("the token is {token:?} and not that of the credential"));
        }
        if answer.header("cache-control") != "no-store" {
            complaints.push("it may be stored on the way".to_owned());
        }
    } else if let Some(leaked) = world.secrets().find(|secret| answer.text.contains(secret.as_str())) {
        complaints.push(format!("it gives away `{leaked}`"));
    }
    if let (Proves::Lists(finds), 200) = (row.proves, answer.status) {
        let ids = answer.json().ok().and_then(|body| body["items"].as_array().cloned());
        let found = ids.unwrap_or_default().iter().any(|item| item["id"] == seen.id.as_str());
        let wanted = caller.column().is_some_and(|column| finds[column]);
        if found != wanted {
            complaints.push(format!("it is in the list: {found}"));
        }
    }
    complaints
}

#[tokio::test]
async fn credentials_and_tokens() -> Result<()> {
    check(rows::credentials()).await
}

#[tokio::test]
async fn projects_and_agents() -> Result<()> {
    check(rows::projects()).await
}

#[tokio::test]
async fn sessions() -> Result<()> {
    check(rows::sessions()).await
}

#[tokio::test]
async fn people_roles_and_bindings() -> Result<()> {
    check(rows::administration()).await
}

#[tokio::test]
async fn accounts_turns_and_the_server() -> Result<()> {
    check(rows::others()).await
}
