//! Another platform's database, dumped by a real PostgreSQL 15 (`tests/fixtures/acp-*.sql`), becomes records of this server.
//!
//! The tokens in it were sealed by Python's `cryptography`, as the platform seals them.

use super::{Outcome, Shell};
use anyhow::{Context, Result, ensure};
use claviger_tests::Claviger;
use claviger_tests::api::{V1, token};
use claviger_tests::audit::of_event;
use serde_json::Value;
use std::path::Path;

/// Version 2 is `bytes(range(32))`.
const KEYRING: &str = r#"{"2":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}"#;
const ISSUES: &str = "2acpcissues0000000000000000";
const ISSUES_OF_BOB: &str = "2acpcissues2000000000000000";
const SECRETS: [&str; 4] = ["lin_of_alice", "lin_of_bob", "ghp_a1B2", "AAECAwQF"];

fn fixture(name: &str) -> Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
    std::fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))
}

struct World {
    claviger: Claviger,
    shell: Shell,
    data: String,
    keyring: String,
}

/// A server with people of its own, which has stopped.
async fn world() -> Result<World> {
    let mut claviger = Claviger::start().await?;
    claviger.kill();
    let shell = Shell::new()?;
    let (data, keyring) = (claviger.data().display().to_string(), shell.file("old.json", KEYRING)?);
    Ok(World {
        claviger,
        shell,
        data,
        keyring,
    })
}

impl World {
    /// Runs an import. Whatever comes of it, no secret is in what it says.
    fn import(&self, dump: &str, more: &[&str]) -> Result<Outcome> {
        let file = self.shell.file("dump.sql", dump)?;
        let fixed = ["import", "acp", &file, "--data", &self.data, "--old-keyring", &self.keyring];
        let mut outcome = self.shell.run(&[&fixed[..], more].concat())?;
        for secret in SECRETS {
            outcome = outcome.without(secret)?;
        }
        Ok(outcome)
    }

    fn told(&self, dump: &str, more: &[&str]) -> Result<Value> {
        let out = self.import(dump, &[more, &["-o", "json"]].concat())?.exits(0)?.out;
        serde_json::from_str(&out).context(out)
    }
}

fn news(told: &Value) -> Vec<u64> {
    let kinds = ["people", "roles", "projects", "agents", "credentials", "role bindings"];
    kinds
        .iter()
        .map(|kind| told["counts"][kind]["new"].as_u64().unwrap_or(99))
        .collect()
}

/// Why that one was left out.
fn why(told: &Value, what: &str) -> String {
    let all = told["left_out"].as_array().cloned().unwrap_or_default();
    let found = all
        .iter()
        .find(|said| said["what"].as_str().is_some_and(|said| said.contains(what)));
    found.and_then(|said| said["why"].as_str()).unwrap_or("nothing is said").to_owned()
}

#[tokio::test]
async fn people_read_their_own_tokens_after_the_move() -> Result<()> {
    let mut world = world().await?;
    let dump = fixture("acp-copy.sql")?;

    // First it is only shown, as often as one likes.
    let dry = world.told(&dump, &[])?;
    assert_eq!(news(&dry)[1..], [1, 2, 1, 4, 10], "{dry:#}");
    assert_eq!((dry["written"].as_bool(), dry["sessions"].as_u64()), (Some(false), Some(1)));
    assert_eq!(world.told(&dump, &[])?, dry, "a dry run wrote something");
    for (what, word) in [
        ("blate", "an earlier binding gives its place"),
        ("bgrant", "about a session"),
        ("bgonec", "its credential was deleted"),
        ("bgonep", "its project does not come along"),
        ("bhole1", "for everything a role that is for one thing"),
        ("bhole2", "no part in its project"),
        ("bhole3", "names no credential"),
        ("bcpadmin", "[[service]]"),
        ("beve", "its person was deleted"),
        ("cold", "was deleted"),
        ("uservice", "[[service]]"),
    ] {
        let said = why(&dry, what);
        ensure!(said.contains(word), "{what}: {said}");
    }
    let shown = world.import(&dump, &[])?.exits(0)?.out;
    ensure!(
        shown.contains("nothing was written. `--write` does it") && shown.contains("credentials    4 new"),
        "{shown}"
    );

    // Then it is done, and a second time there is nothing to do.
    let done = world.told(&dump, &["--write"])?;
    assert_eq!((news(&done), done["written"].as_bool()), (news(&dry), Some(true)));
    let again = world.import(&dump, &["--write"])?.exits(0)?.out;
    ensure!(again.contains("nothing to import"), "{again}");
    assert_eq!(of_event(&world.claviger.data(), "RECORDS_IMPORTED")?.len(), 1);
    for entry in std::fs::read_dir(world.claviger.data())?
        .flatten()
        .filter(|entry| entry.path().is_file())
    {
        let bytes = std::fs::read(entry.path())?;
        let found = bytes.windows(12).any(|window| window == b"lin_of_alice");
        ensure!(!found, "`{}` has a token unsealed", entry.path().display());
    }

    world.claviger = world.claviger.restart().await?;
    let (alice, bob) = (world.claviger.person("alice")?, world.claviger.person("bob")?);
    assert_eq!(token(&alice, ISSUES).await?, "lin_of_alice");
    assert_eq!(token(&bob, ISSUES_OF_BOB).await?, "lin_of_bob");
    bob.get(&format!("{V1}/credentials/{ISSUES}/token")).await?.expect(404)?;
    let credential = alice.get(&format!("{V1}/credentials/{ISSUES}")).await?.expect(200)?;
    assert_eq!(credential.text_at("/created_at")?, "2025-03-01T11:01:00.000000Z");
    assert_eq!(credential.text_at("/description")?, "a 'quoted'\ntext");
    let project = alice.get(&format!("{V1}/projects/acp-atlas")).await?.expect(200)?;
    assert_eq!(project.text_at("/description")?, "maps;\n-- of 'things'\twith \\ tabs");
    let agent = alice
        .get(&format!("{V1}/projects/acp-atlas/agents/2acpapilot00000000000000000"))
        .await?
        .expect(200)?;
    assert_eq!(agent.json()?["llm_temperature"], 0.25);
    // The earlier of two bindings decides what the project gets.
    let explained = alice
        .get(&format!("{V1}/projects/acp-atlas/explain?provider=linear&user=alice"))
        .await?
        .expect(200)?;
    ensure!(
        explained.text.contains(ISSUES) && !explained.text.contains(ISSUES_OF_BOB),
        "{}",
        explained.text
    );
    ensure!(
        alice.get(&format!("{V1}/users")).await?.expect(200)?.text.contains("\"bob\""),
        "alice is an administrator there, and not here"
    );

    // While the server runs nobody else writes its records.
    world.import(&dump, &[])?.refuses(1, "is in use")?;
    Ok(())
}

#[tokio::test]
async fn both_forms_of_a_dump_are_one() -> Result<()> {
    let world = world().await?;
    let copies = world.told(&fixture("acp-copy.sql")?, &[])?;
    assert_eq!(world.told(&fixture("acp-inserts.sql")?, &[])?, copies);
    Ok(())
}

#[tokio::test]
async fn what_does_not_open_ends_the_import_and_nothing_is_there() -> Result<()> {
    let world = world().await?;
    let dump = fixture("acp-copy.sql")?;
    let sealed = |line: &str| line.split('\t').find(|value| value.starts_with("enc:v2:")).map(str::to_owned);
    let of = |id: &str| {
        dump.lines()
            .find(|line| line.starts_with(id))
            .and_then(sealed)
            .context("a sealed token")
    };
    let (alice, bob) = (of(ISSUES)?, of(ISSUES_OF_BOB)?);

    for (broken, word) in [
        (dump.replace(&bob, &alice), "does not open"),
        (dump.replace(&bob, &bob.replace("v2", "v3")), "key version 3"),
        (dump.replace(&bob, "lin_of_bob"), "--allow-plaintext"),
        (dump.replace(&bob, "enc:v2:AAAA"), "does not open"),
    ] {
        let refused = world.import(&broken, &["--write"])?.refuses(1, word)?;
        ensure!(refused.err.contains(ISSUES_OF_BOB), "{}", refused.err);
    }
    for (broken, word) in [
        (dump[..dump.len() / 2].to_owned(), "is the file whole"),
        ("PGDMP\u{1}\u{2}".to_owned(), "pg_restore"),
        ("SELECT 1;\n".to_owned(), "none of the platform's tables"),
        (dump.replace("provider, token,", "provider, tokn,"), "no column `token`"),
    ] {
        world.import(&broken, &["--write"])?.refuses(1, word)?;
    }
    world.import(&dump, &["--schema", "other"])?.refuses(1, "--schema")?;
    let without = world.shell.file("dump.sql", &dump)?;
    world
        .shell
        .run(&["import", "acp", &without, "--data", &world.data])?
        .refuses(1, "key version 2")?;
    // None of that left anything: all is still new. And plain text is taken when the operator says so.
    let plain = world.told(&dump.replace(&bob, "lin_of_bob"), &["--allow-plaintext", "--write"])?;
    assert_eq!(news(&plain)[1..], [1, 2, 1, 4, 10]);
    let claviger = world.claviger.restart().await?;
    assert_eq!(token(&claviger.person("bob")?, ISSUES_OF_BOB).await?, "lin_of_bob");
    assert_eq!(token(&claviger.person("alice")?, ISSUES).await?, "lin_of_alice");
    Ok(())
}
