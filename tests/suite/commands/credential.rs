//! Credentials from the command line: made, shown, changed, read, removed.

use super::Shell;
use anyhow::{Result, ensure};
use claviger_tests::Claviger;

#[tokio::test]
async fn a_credential_from_its_making_to_its_end() -> Result<()> {
    let claviger = Claviger::start().await?;
    let shell = Shell::of(&claviger, "alice")?.with("LINEAR", "lin_first");
    let made = shell.run(&[
        "credential",
        "create",
        "--name",
        "issues",
        "--provider",
        "linear",
        "--token",
        "env:LINEAR",
        "-q",
    ])?;
    let made = made.exits(0)?.without("lin_first")?;
    let id = made.out.trim().to_owned();
    assert_eq!(id.len(), 27, "{}", made.out);

    assert_eq!(
        shell.ok(&["credential", "token", "issues"])?,
        "lin_first",
        "the token and not a line break more"
    );
    assert_eq!(shell.ok(&["credential", "token", &id, "--min-ttl", "60"])?, "lin_first");
    assert_eq!(shell.json(&["credential", "token", &id])?["credential_id"], id.as_str());

    let got = shell.json(&["credential", "get", "issues"])?;
    assert_eq!(
        (got["id"].as_str(), got["provider"].as_str(), got["state"].as_str()),
        (Some(&*id), Some("linear"), Some("usable"))
    );
    let people = shell
        .run(&["credential", "list", "--provider", "linear"])?
        .exits(0)?
        .without("lin_first")?;
    let row = people.out.lines().find(|line| line.contains(&id)).unwrap_or_default();
    ensure!(
        people.out.starts_with("ID") && row.contains("issues") && row.contains("usable"),
        "{}",
        people.out
    );
    assert_eq!(shell.ok(&["credential", "list", "--provider", "linear", "-q"])?.trim(), id);
    let list = shell.json(&["credential", "list"])?;
    ensure!(list["kind"] == "CredentialList" && list["total"].as_u64() > Some(4), "{list}");

    let file = shell.file("second", "lin_second\n")?;
    shell
        .run(&[
            "credential",
            "update",
            "issues",
            "--token",
            &format!("@{file}"),
            "--description",
            "of the\nnew laptop",
        ])?
        .exits(0)?
        .without("lin_second")?;
    assert_eq!(shell.ok(&["credential", "token", "issues"])?, "lin_second");
    let shown = shell.ok(&["credential", "get", "issues"])?;
    ensure!(shown.contains("of the new laptop") && !shown.contains("lin_"), "{shown}");
    shell.ok(&["credential", "update", "issues", "--clear", "description"])?;
    ensure!(shell.json(&["credential", "get", "issues"])?.get("description").is_none());
    shell.run(&["credential", "update", "issues"])?.refuses(2, "nothing to change")?;

    shell.run(&["credential", "delete", "issues"])?.refuses(2, "--yes")?;
    shell.ok(&["credential", "delete", "issues", "--yes"])?;
    shell.run(&["credential", "get", "issues"])?.refuses(3, "no credential `issues`")?;
    let gone = shell.run(&["credential", "token", &id])?.refuses(3, "operation")?;
    ensure!(gone.err.contains("404"), "{}", gone.err);
    Ok(())
}

#[tokio::test]
async fn a_secret_given_as_an_argument_is_refused_and_not_repeated() -> Result<()> {
    let claviger = Claviger::start().await?;
    let shell = Shell::of(&claviger, "alice")?;
    let create = ["credential", "create", "--name", "new", "--provider", "github"];
    let secret = "ghp_0123456789abcdefghij";
    for given in [
        vec!["--token".to_owned(), secret.to_owned()],
        vec!["--secret".to_owned(), format!("token={secret}")],
        vec!["--secret".to_owned(), secret.to_owned()],
        vec!["--field".to_owned(), format!("token={secret}")],
        vec!["--field".to_owned(), format!("private-key={secret}")],
        vec![format!("--token={secret}")],
    ] {
        let given: Vec<&str> = given.iter().map(String::as_str).collect();
        let refused = shell.run(&[&create[..], &given].concat())?.exits(2)?.without(secret)?;
        ensure!(refused.out.is_empty(), "{}", refused.out);
    }
    shell
        .run(&["credential", "create", "--name", "new", "--provider", "github", "--token", secret])?
        .refuses(2, "`@FILE`")?;
    assert_eq!(
        shell.json(&["credential", "list", "--provider", "github"])?["items"]
            .as_array()
            .map(|items| items.iter().filter(|item| item["name"] == "new").count()),
        Some(0)
    );

    // A field that the server knows to be secret is told afterwards.
    let shown = shell.run(&[
        "credential",
        "create",
        "--name",
        "new",
        "--provider",
        "linear",
        "--field",
        "app-id=1",
    ])?;
    ensure!(shown.code != 0, "an unknown field was taken: {}", shown.out);
    Ok(())
}

#[tokio::test]
async fn secrets_come_from_input_files_and_the_environment() -> Result<()> {
    let claviger = Claviger::start().await?;
    let shell = Shell::of(&claviger, "alice")?.with("HOOK", "from-the-environment");
    let file = shell.file("token", "from-a-file\n")?;
    for (source, input, expected) in [
        ("-", "from-input\n", "from-input"),
        (&*format!("@{file}"), "", "from-a-file"),
        ("env:HOOK", "", "from-the-environment"),
    ] {
        let field = format!("token={source}");
        let arguments = [
            "credential",
            "create",
            "--name",
            expected,
            "--provider",
            "vault",
            "--secret",
            &field,
        ];
        shell
            .run_with(&arguments, input)?
            .exits(0)?
            .without(expected.get(5..).unwrap_or(expected))
            .err();
        assert_eq!(shell.ok(&["credential", "token", expected])?, expected);
    }
    for (source, why) in [
        ("@/nowhere/at/all", "cannot be read"),
        ("env:NOT_SET_AT_ALL", "is not set"),
        ("-", "is empty"),
    ] {
        shell
            .run(&["credential", "create", "--name", "n", "--provider", "vault", "--token", source])?
            .refuses(2, why)?;
    }
    // Nothing secret at all is a credential to be filled later.
    let empty = shell
        .run(&["credential", "create", "--name", "later", "--provider", "vault"])?
        .exits(0)?;
    ensure!(empty.err.contains("nothing secret"), "{}", empty.err);
    shell.run(&["credential", "token", "later"])?.refuses(1, "nothing is stored")?;
    Ok(())
}

#[tokio::test]
async fn a_name_that_two_have_is_refused_with_their_ids() -> Result<()> {
    let claviger = Claviger::start().await?;
    let shell = Shell::of(&claviger, "alice")?.with("T", "two");
    let mut ids = Vec::new();
    for _ in 0..2 {
        let made = shell.ok(&[
            "credential",
            "create",
            "--name",
            "twice",
            "--provider",
            "vault",
            "--token",
            "env:T",
            "-q",
        ])?;
        ids.push(made.trim().to_owned());
    }
    for command in ["get", "token", "delete", "update", "identity"] {
        let mut arguments = vec!["credential", command, "twice"];
        arguments.extend(match command {
            "delete" => vec!["--yes"],
            "update" => vec!["--description", "x"],
            _ => vec![],
        });
        let refused = shell.run(&arguments)?.refuses(1, "2 credentials are named `twice`")?;
        ensure!(ids.iter().all(|id| refused.err.contains(id)), "{}", refused.err);
    }
    assert_eq!(
        shell.ok(&["credential", "list", "--provider", "vault", "-q"])?.lines().count(),
        2,
        "one was deleted"
    );
    Ok(())
}

#[tokio::test]
async fn what_one_may_not_see_is_not_there() -> Result<()> {
    let claviger = Claviger::start().await?;
    let bob = Shell::of(&claviger, "bob")?;
    let id = claviger.credential("alice-github")?;
    for command in ["get", "token", "identity"] {
        bob.run(&["credential", command, id])?.exits(3)?;
    }
    bob.run(&["credential", "get", "alice-github"])?.exits(3)?;
    let stranger = Shell::new()?
        .with("CLAVIGER_URL", &claviger.dev().url)
        .with("CLAVIGER_TOKEN", "cvk_nobody");
    stranger
        .run(&["credential", "list"])?
        .refuses(4, "sign in again")?
        .without("cvk_nobody")?;
    stranger.run(&["credential"])?.exits(2)?;
    let alice = Shell::of(&claviger, "alice")?;
    let seen = alice.json(&["credential", "identity", "alice-github"])?;
    ensure!(seen["login"].as_str().is_some_and(|login| login.contains("alice")), "{seen}");
    let token = alice.ok(&["credential", "token", "team-github-app", "--permission", "contents:read"])?;
    ensure!(token.starts_with("ghs_") && !token.ends_with('\n'), "{token}");
    alice
        .run(&["credential", "token", "team-github-app", "--consumer", "nobody"])?
        .refuses(1, "consumer")?;
    let git = alice.json(&["credential", "token", "team-github-app", "--consumer", "git"])?;
    ensure!(
        git["git"]["password"].as_str().is_some_and(|password| password.starts_with("ghs_")),
        "{git}"
    );
    Ok(())
}
