//! Connecting an account by consenting in a browser: the starter's bearer and the consenting browser's code together, once.

use anyhow::{Context, Result, ensure};
use claviger::dev::upstream::Seed;
use claviger_tests::api::token;
use claviger_tests::{Answer, Claviger, Client};
use serde_json::{Value, json};

const PROVIDER: &str = "/api/auth/github";

/// Somebody's consent that is under way.
struct Consent {
    id: String,
    address: String,
}

/// Sends the person to the emulated GitHub.
async fn start(claviger: &Claviger, person: &Client) -> Result<Consent> {
    let body = json!({ "kind": "github-app-user", "url": format!("{}/github", claviger.emulator()?.client().base()) });
    let started = person.post(&format!("{PROVIDER}/connect"), &body).await?.expect(201)?;
    let address = started.text_at("/url")?;
    for wanted in ["state=", "redirect_uri=", "code_challenge=", "code_challenge_method=S256"] {
        ensure!(address.contains(wanted), "the address lacks `{wanted}`: {address}");
    }
    Ok(Consent {
        id: started.text_at("/id")?,
        address,
    })
}

/// The browser of somebody who consents as `login`: where the upstream sends it back to.
async fn consent(address: &str, login: &str) -> Result<String> {
    let page = Client::new("")?.get(&format!("{address}&login={login}")).await?.expect(302)?;
    Ok(page.header("location").to_owned())
}

/// Follows the way back, and reads the code off the page.
async fn come_back(address: &str) -> Result<String> {
    let page = Client::new("")?.get(address).await?.expect(200)?;
    ensure!(page.header("content-security-policy").contains("default-src 'none'"), "{page:?}");
    ensure!(
        page.header("referrer-policy") == "no-referrer" && page.header("cache-control") == "no-store",
        "{page:?}"
    );
    let code = page.text.split("<h1>").nth(1).and_then(|rest| rest.split("</h1>").next());
    Ok(code.context("no code on the page")?.to_owned())
}

async fn complete(person: &Client, id: &str, code: &str) -> Result<Answer> {
    person
        .post(&format!("{PROVIDER}/complete"), &json!({ "id": id, "code": code }))
        .await
}

/// Whose account the person's connected credential opens.
async fn whose(claviger: &Claviger, person: &Client) -> Result<String> {
    let status = person.get(&format!("{PROVIDER}/status")).await?.expect(200)?;
    let token = token(person, &status.text_at("/credential_id")?).await?;
    claviger.emulator()?.whose("github", &json!({ "token": token })).await
}

#[tokio::test]
async fn the_starter_with_the_browsers_code_connects_and_nobody_else() -> Result<()> {
    let claviger = Claviger::start().await?;
    let (alice, bob) = (claviger.person("alice")?, claviger.person("bob")?);
    let before = alice
        .get(&format!("{PROVIDER}/status"))
        .await?
        .expect(200)?
        .text_at("/credential_id")?;

    let under_way = start(&claviger, &alice).await?;
    complete(&alice, &under_way.id, "BCDF-GHJK").await?.expect(409)?;
    let way_back = consent(&under_way.address, "carol").await?;
    let code = come_back(&way_back).await?;

    // Bob heard the code and knows the id; it is not his bearer's consent.
    complete(&bob, &under_way.id, &code).await?.expect(404)?;
    claviger
        .anybody()?
        .post(&format!("{PROVIDER}/complete"), &json!({}))
        .await?
        .expect(401)?;
    complete(&alice, &under_way.id, "BCDF-GHJK").await?.expect(403)?;
    let done = complete(&alice, &under_way.id, &code.to_lowercase()).await?.expect(200)?;
    assert_eq!(done.json()?["connected"], true);
    assert_eq!(
        done.text_at("/credential_id")?,
        before,
        "the account that was there got new secrets"
    );
    // She consented as Carol, so it is Carol's token: the upstream's word, not ours.
    assert_eq!(whose(&claviger, &alice).await?, "carol");
    assert_eq!(whose(&claviger, &bob).await?, "bob");

    complete(&alice, &under_way.id, &code).await?.expect(404)?;
    Client::new("")?.get(&way_back).await?.expect(400)?;
    Ok(())
}

/// The attack that a bare `state` does not stop: the attacker starts, and the victim's browser consents.
#[tokio::test]
async fn a_link_that_was_sent_to_somebody_else_connects_nobody() -> Result<()> {
    let claviger = Claviger::start().await?;
    let mallory = claviger.person("carol")?;
    let under_way = start(&claviger, &mallory).await?;
    let code = come_back(&consent(&under_way.address, "alice").await?).await?;
    let wrong = if code.starts_with('B') { "CCCC-CCCC" } else { "BBBB-BBBB" };
    for _ in 0..5 {
        complete(&mallory, &under_way.id, wrong).await?.expect(403)?;
    }
    // Five guesses end it: now even the right one is of no use.
    complete(&mallory, &under_way.id, &code).await?.expect(404)?;
    assert_eq!(whose(&claviger, &mallory).await?, "carol");
    Ok(())
}

#[tokio::test]
async fn a_way_back_that_is_not_ours_leads_nowhere() -> Result<()> {
    let claviger = Claviger::start().await?;
    let alice = claviger.person("alice")?;
    let anybody = claviger.anybody()?;
    for query in ["", "?code=x", "?state=unknown&code=x", "?state=&code=x"] {
        let page = anybody.get(&format!("/oauth2callback{query}")).await?.expect(400)?;
        ensure!(!page.text.contains("unknown"), "the page repeats what came: {}", page.text);
    }
    let under_way = start(&claviger, &alice).await?;
    let way_back = consent(&under_way.address, "alice").await?;
    let declined = way_back.replace("code=", "error=access_denied%3Cscript%3E&was=");
    let page = Client::new("")?.get(&declined).await?.expect(200)?;
    ensure!(
        page.text.contains("nothing was connected") && !page.text.contains("script>"),
        "{}",
        page.text
    );
    Client::new("")?.get(&way_back).await?.expect(400)?;
    complete(&alice, &under_way.id, "BBBB-BBBB").await?.expect(404)?;
    Ok(())
}

#[tokio::test]
async fn a_consent_outlives_the_server_and_leaves_no_secret_on_the_disk() -> Result<()> {
    let mut claviger = Claviger::start().await?;
    let alice = claviger.person("alice")?;
    let under_way = start(&claviger, &alice).await?;
    let way_back = consent(&under_way.address, "bob").await?;
    let shown = come_back(&way_back).await?;
    claviger.kill();
    let given = |name: &str| {
        let (_, rest) = way_back.split_once(&format!("{name}="))?;
        Some(rest.split('&').next().unwrap_or(rest).to_owned())
    };
    for secret in [given("code"), given("state"), Some(shown.replace('-', ""))] {
        let secret = secret.context("the way back has no code or state")?;
        for entry in walk(&claviger.data())? {
            let bytes = std::fs::read(&entry)?;
            ensure!(
                !bytes.windows(secret.len()).any(|window| window == secret.as_bytes()),
                "{} holds a secret of the consent",
                entry.display()
            );
        }
    }
    let claviger = claviger.restart().await?;
    let alice = claviger.person("alice")?;
    complete(&alice, &under_way.id, "BBBB-BBBB").await?.expect(403)?;
    // The emulated GitHub ended with the server and knows the code no more; that it was asked shows that nothing here was forgotten.
    let asked = complete(&alice, &under_way.id, &shown).await?.expect(502)?;
    ensure!(asked.text.contains("GitHub does not accept the code"), "{}", asked.text);
    complete(&alice, &under_way.id, &shown).await?.expect(404)?;
    assert_eq!(whose(&claviger, &alice).await?, "alice");
    Ok(())
}

fn walk(folder: &std::path::Path) -> Result<Vec<std::path::PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.extend(walk(&entry.path())?);
        } else if entry.file_type()?.is_file() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

#[tokio::test]
async fn of_two_that_complete_one_does() -> Result<()> {
    let claviger = Claviger::start().await?;
    let alice = claviger.person("alice")?;
    let under_way = start(&claviger, &alice).await?;
    let code = come_back(&consent(&under_way.address, "alice").await?).await?;
    let (one, two) = tokio::join!(complete(&alice, &under_way.id, &code), complete(&alice, &under_way.id, &code));
    let mut statuses = [one?.status, two?.status];
    statuses.sort_unstable();
    ensure!(statuses[0] == 200 && [404, 409].contains(&statuses[1]), "{statuses:?}");
    assert_eq!(whose(&claviger, &alice).await?, "alice");
    Ok(())
}

#[tokio::test]
async fn a_token_that_a_person_has_is_connected_at_once_and_can_be_disconnected() -> Result<()> {
    let claviger = Claviger::start().await?;
    let alice = claviger.person("alice")?;
    let pasted = "linear-token-of-alice-1234567890";
    let connect = "/api/auth/linear";
    let made = alice
        .post(&format!("{connect}/connect"), &json!({ "token": pasted }))
        .await?
        .expect(200)?;
    assert_eq!(token(&alice, &made.text_at("/credential_id")?).await?, pasted);
    // One account per person and provider: the second paste replaces the first.
    let again = alice
        .post(&format!("{connect}/connect"), &json!({ "token": "another-token-1234567890" }))
        .await?
        .expect(200)?;
    assert_eq!(again.text_at("/credential_id")?, made.text_at("/credential_id")?);
    assert_eq!(token(&alice, &again.text_at("/credential_id")?).await?, "another-token-1234567890");

    let bob = claviger.person("bob")?;
    let of_bob: Value = bob.get(&format!("{connect}/status")).await?.expect(200)?.json()?;
    assert_eq!(of_bob["connected"], false);
    bob.post(&format!("{connect}/disconnect"), &json!({})).await?.expect(404)?;
    let status = alice.get(&format!("{connect}/status")).await?.expect(200)?;
    ensure!(
        status.json()?["connected"] == true && !status.text.contains("another-token"),
        "{}",
        status.text
    );

    alice.delete(&format!("{connect}/disconnect")).await?.expect(200)?;
    let status = alice.get(&format!("{connect}/status")).await?.expect(200)?.json()?;
    assert_eq!(status["connected"], false);
    alice.delete(&format!("{connect}/disconnect")).await?.expect(404)?;
    Ok(())
}

/// What an upstream has no consent for, its person pastes; it is their account then, like any other.
#[tokio::test]
async fn a_kind_without_a_consent_is_connected_by_pasting_it() -> Result<()> {
    let claviger = Claviger::start().await?;
    let alice = claviger.person("alice")?;
    let seed = Seed::people(["alice"]);
    let (person, app) = (&seed.people[0], &seed.github_app);
    let at = |provider: &str| format!("{}/{provider}", claviger.dev().upstream);
    let (pat, gitlab, jira) = (person.github_pat.expose(), person.gitlab_pat.expose(), person.jira_token.expose());
    let (bot, client, personal) = (
        person.jira_service_token.expose(),
        person.jira_client_secret.expose(),
        person.jira_personal_token.expose(),
    );
    let key: Value = serde_json::from_str(person.google_key_file.expose())?;
    let (key, robot) = (key["private_key"].as_str().context("no key")?.to_owned(), &person.google_account);
    for (provider, kind, secret, fields, begins) in [
        ("github", "personal-access-token", pat, json!({}), pat),
        (
            "github",
            "app-installation",
            app.private_key.expose(),
            json!({ "app-id": app.app_id, "owner": "alice" }),
            "ghs_",
        ),
        ("gitlab", "personal-access-token", gitlab, json!({}), gitlab),
        ("gitlab", "rotating-access-token", gitlab, json!({}), ""),
        (
            "gitlab",
            "deploy-token",
            "gldt-abcdefghijklmnopqrst",
            json!({ "username": "gitlab+deploy-token-7" }),
            "gldt-abcdefghijklmnopqrst",
        ),
        ("jira", "api-token", jira, json!({ "email": person.email }), jira),
        ("jira", "scoped-api-token", jira, json!({ "email": person.email }), jira),
        (
            "jira",
            "service-account-token",
            bot,
            json!({ "email": person.jira_service_email }),
            bot,
        ),
        (
            "jira",
            "oauth-client",
            client,
            json!({ "client-id": person.jira_client_id, "site": at("jira") }),
            "eyJ",
        ),
        ("jira", "data-center-token", personal, json!({}), personal),
        ("google", "service-account", key.as_str(), json!({ "client-email": robot }), "ya29."),
    ] {
        let body = json!({ "kind": kind, "url": at(provider), "token": secret, "fields": fields });
        let made = alice.post(&format!("/api/auth/{provider}/connect"), &body).await?.expect(200)?;
        let status = alice.get(&format!("/api/auth/{provider}/status")).await?.expect(200)?;
        let shown = status.json()?;
        assert_eq!(
            (&shown["connected"], &shown["kind"]),
            (&json!(true), &json!(kind)),
            "{}",
            status.text
        );
        ensure!(!status.text.contains(secret), "{kind}: {}", status.text);
        ensure!(!made.text.contains(secret), "{kind}: {}", made.text);
        let read = token(&alice, &made.text_at("/credential_id")?).await?;
        ensure!(!read.is_empty() && read.starts_with(begins), "{provider} {kind}: {read}");
    }
    Ok(())
}

#[tokio::test]
async fn nobody_but_a_person_connects() -> Result<()> {
    let claviger = Claviger::start().await?;
    let session = claviger.dev().sessions.first().context("no session")?.token.clone();
    let runner = claviger.anybody()?.with_bearer(&session);
    for (method, path) in [("POST", "connect"), ("GET", "status"), ("POST", "disconnect")] {
        let path = format!("{PROVIDER}/{path}");
        let answer = match method {
            "GET" => runner.get(&path).await?,
            _ => runner.post(&path, &json!({})).await?,
        };
        ensure!(answer.status == 403, "{}", answer.text);
    }
    let alice = claviger.person("alice")?;
    let refused = alice
        .post(
            &format!("{PROVIDER}/connect"),
            &json!({ "kind": "github-app-user", "url": "https://evil.example" }),
        )
        .await?
        .expect(400)?;
    ensure!(refused.text.contains("url"), "{}", refused.text);
    Ok(())
}
