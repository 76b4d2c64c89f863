//! The trail: one record for each read, checkable, silent about names and secrets.

use anyhow::{Context, Result, ensure};
use claviger_tests::Claviger;
use claviger_tests::api::{create, read};
use claviger_tests::audit::{of_event, records, segments};
use claviger_tests::server::run;
use serde_json::json;
use std::path::Path;

const SECRET: &str = "ghp_audited0123456789abcdefghijABCDEFGHIJ";

fn verify(data: &Path) -> Result<(bool, String)> {
    let output = run(&["audit", "verify", "--data", &data.display().to_string()], &[])?;
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok((output.status.success(), said))
}

async fn with_some_reads() -> Result<(Claviger, usize, String)> {
    let claviger = Claviger::start().await?;
    let (alice, bob) = (claviger.person("alice")?, claviger.person("bob")?);
    let before = of_event(&claviger.data(), "CREDENTIAL_ACCESS")?.len();
    let id = create(
        &alice,
        &json!({ "name": "pat", "provider": "github", "token": SECRET, "email": "alice@example.test", "fields": { "user-name": "Alice" } }),
    )
    .await?;
    for _ in 0..3 {
        read(&alice, &id, "").await?.expect(200)?;
    }
    read(&bob, &id, "").await?.expect(404)?;
    read(&alice, "000000000000000000000000000", "").await?.expect(404)?;
    let made = of_event(&claviger.data(), "CREDENTIAL_ACCESS")?.len() - before;
    Ok((claviger, made, id))
}

#[tokio::test]
async fn each_read_makes_exactly_one_record() -> Result<()> {
    let (claviger, made, id) = with_some_reads().await?;
    assert_eq!(
        made,
        5,
        "three reads, one denied, one of nothing: {:#?}",
        of_event(&claviger.data(), "CREDENTIAL_ACCESS")?
    );
    let about: Vec<_> = of_event(&claviger.data(), "CREDENTIAL_ACCESS")?
        .into_iter()
        .filter(|record| record["credential"] == json!(id))
        .collect();
    let granted = about.iter().filter(|record| record["outcome"] == "granted").count();
    let denied = about.iter().filter(|record| record["outcome"] == "denied").count();
    assert_eq!((granted, denied), (3, 1), "{about:#?}");
    let (sound, said) = verify(&claviger.data())?;
    ensure!(sound, "{said}");
    Ok(())
}

#[tokio::test]
async fn the_trail_names_nobody_and_holds_no_secret() -> Result<()> {
    let (claviger, _, _) = with_some_reads().await?;
    for path in segments(&claviger.data())? {
        let text = std::fs::read_to_string(path)?;
        for name in claviger.dev().people.keys().map(String::as_str).chain([SECRET]) {
            ensure!(
                !text.contains(&format!("\"{name}")) && !text.contains(SECRET),
                "the trail says `{name}`"
            );
        }
    }
    let output = run(
        &["audit", "principal", "--data", &claviger.data().display().to_string(), "alice"],
        &[],
    )?;
    let said = String::from_utf8(output.stdout)?;
    let hash = said.split_whitespace().last().unwrap_or_default();
    ensure!(hash.len() >= 22, "no hash for alice: {said}");
    ensure!(
        records(&claviger.data())?.iter().any(|record| record.to_string().contains(hash)),
        "alice's hash is nowhere in the trail"
    );
    Ok(())
}

#[tokio::test]
async fn an_edit_a_cut_and_a_swap_are_found() -> Result<()> {
    let (mut claviger, _, _) = with_some_reads().await?;
    claviger.kill();
    let data = claviger.data();
    let (sound, said) = verify(&data)?;
    ensure!(sound, "sound before anybody touched it: {said}");
    let segment = segments(&data)?.pop().expect("a segment");
    let good = std::fs::read_to_string(&segment)?;
    let lines: Vec<&str> = good.lines().collect();
    ensure!(lines.len() >= 4, "too little to play with: {good}");
    let denied = good.replacen("\"denied\"", "\"granted\"", 1);
    ensure!(denied != good, "nothing was denied: {good}");
    let mut cut = lines.clone();
    cut.remove(lines.len() / 2);
    let mut swapped = lines.clone();
    swapped.swap(1, 2);
    for (name, bad) in [
        ("an edit", denied),
        ("a cut", cut.join("\n") + "\n"),
        ("a swap", swapped.join("\n") + "\n"),
    ] {
        std::fs::write(&segment, bad)?;
        let (sound, said) = verify(&data)?;
        ensure!(!sound, "{name} was not found: {said}");
    }
    std::fs::write(&segment, &good)?;
    let (sound, said) = verify(&data)?;
    ensure!(sound, "not sound after all was put back: {said}");
    let last: serde_json::Value = serde_json::from_str(lines.last().context("no last record")?)?;
    let head = format!(
        "chain {} ends at seq {}, hash {}",
        last["chain"].as_str().unwrap_or_default(),
        last["seq"],
        last["hash"].as_str().unwrap_or_default()
    );
    ensure!(said.contains(&head), "no `{head}` in {said}");

    std::fs::rename(data.join("audit"), data.join("aside"))?;
    for emptied in [false, true] {
        if emptied {
            std::fs::create_dir(data.join("audit"))?;
        }
        let (sound, said) = verify(&data)?;
        ensure!(!sound && said.contains("there is no trail in"), "{said}");
    }
    std::fs::remove_dir(data.join("audit"))?;
    std::fs::rename(data.join("aside"), data.join("audit"))?;
    let mut claviger = claviger.restart().await?;
    ensure!(!claviger.log().contains("a new chain begins"), "{}", claviger.log());
    claviger.kill();
    std::fs::remove_dir_all(data.join("audit"))?;
    let claviger = claviger.restart().await?;
    let log = claviger.log();
    ensure!(
        log.lines()
            .any(|line| line.contains("ERROR") && line.contains("a new chain begins")),
        "a trail that is gone is not told: {log}"
    );
    Ok(())
}

#[tokio::test]
async fn a_trail_that_takes_no_records_is_told_once_and_not_ready() -> Result<()> {
    let (claviger, _, id) = with_some_reads().await?;
    let alice = claviger.person("alice")?;
    let ready = claviger.anybody()?.get("/readyz").await?.expect(200)?;
    assert_eq!(ready.json()?["audit"], true);
    for segment in segments(&claviger.data())? {
        std::fs::remove_file(segment)?;
    }
    for _ in 0..3 {
        let answer = read(&alice, &id, "").await?.expect(503)?;
        assert_eq!(answer.text_at("/reason_code")?, "audit");
        ensure!(!answer.text.contains(SECRET), "{}", answer.text);
    }
    let ready = claviger.anybody()?.get("/readyz").await?.expect(503)?.json()?;
    assert_eq!(
        (&ready["ready"], &ready["audit"], &ready["authorisation"]),
        (&json!(false), &json!(false), &json!(true))
    );
    let log = claviger.log();
    let told: Vec<_> = log.lines().filter(|line| line.contains("ERROR")).collect();
    ensure!(told.len() == 1 && told[0].contains("audit records cannot be written"), "{told:#?}");
    Ok(())
}
