//! Many turns of many people in one session, at the same time: nobody gets somebody else's token, and the trail says so read by read.
//!
//! Every person's accounts hold tokens of their own, so the text of an answer tells whose it is. Turns open and close all the while.

use anyhow::{Context, Result, ensure};
use claviger::ids::{CredentialId, ProjectId, ProviderName, SessionId};
use claviger_tests::api::V1;
use claviger_tests::audit::of_event;
use claviger_tests::server::run;
use claviger_tests::{Answer, Claviger, Client};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

const PEOPLE: [&str; 8] = ["ann", "ben", "cleo", "dan", "eve", "finn", "gil", "hana"];
const PROVIDERS: [&str; 4] = ["github", "gitlab", "jira", "linear"];

/// That many at once, eight of each person.
const TURNS: usize = 64;

const READS: usize = 10_000;

/// A turn is closed after so many, and its place taken by the next one of the same person.
const READS_IN_A_TURN: usize = 25;

struct Person {
    name: &'static str,
    client: Client,
    accounts: BTreeMap<&'static str, String>,
}

struct Crowd {
    claviger: Claviger,
    project: String,
    session: String,
    runner: Client,
    proxy: Client,
    people: Vec<Person>,
    next: AtomicUsize,
    all_open: Barrier,
}

/// A read, and what came of it.
struct Seen {
    person: usize,
    provider: &'static str,
    run: Option<String>,
    by_turn_token: bool,
    by_session_id: bool,
    answer: Answer,
}

/// What one of the places saw.
#[derive(Default)]
struct Place {
    seen: Vec<Seen>,
    /// Requests that had to be refused, by their ids, with the reason.
    refused: Vec<(String, &'static str)>,
    turns: usize,
}

/// The token that this person's account holds.
fn token_of(person: &str, provider: &str) -> String {
    let form = match provider {
        "github" => "ghp_",
        "gitlab" => "glpat-",
        "jira" => "ATATT3",
        _ => "lin_api_",
    };
    format!("{form}crowd0123456789abcdefghijABCDEF{person}")
}

async fn crowd() -> Result<Crowd> {
    let claviger = Claviger::start().await?;
    let session = claviger.dev().sessions.first().context("no session was seeded")?.clone();
    let data = claviger.data().display().to_string();
    let owner = claviger.person(&session.owner)?;
    let editor = claviger_tests::api::role(&owner, "project:editor").await?;
    let mut people = Vec::new();
    for name in PEOPLE {
        let made = claviger.command(&["api-key", "create", "--for", name, "--name", "laptop", "--data", &data])?;
        ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let client = claviger.anybody()?.with_bearer(String::from_utf8(made.stdout)?.trim());
        let binding = json!({ "role_id": editor, "scope": "project", "project_id": session.project, "user_id": name });
        owner.post(&format!("{V1}/role_bindings"), &binding).await?.expect(201)?;
        let mut accounts = BTreeMap::new();
        for provider in PROVIDERS {
            let token = token_of(name, provider);
            let mail = format!("{name}@example.test");
            let body = match provider {
                "jira" => json!({ "token": token, "email": mail, "url": format!("{}/jira", claviger.dev().upstream) }),
                "linear" => json!({ "token": token }),
                // With name and address nobody has to be asked for them.
                _ => json!({ "token": token, "email": mail, "fields": { "user-name": name } }),
            };
            let connected = client.post(&format!("/api/auth/{provider}/connect"), &body).await?.expect(200)?;
            accounts.insert(provider, connected.text_at("/credential_id")?);
        }
        people.push(Person { name, client, accounts });
    }
    Ok(Crowd {
        runner: claviger.anybody()?.with_bearer(&session.token),
        proxy: claviger.anybody()?.with_bearer(&claviger.dev().proxy.bearer),
        project: session.project,
        session: session.id,
        people,
        next: AtomicUsize::new(0),
        all_open: Barrier::new(TURNS),
        claviger,
    })
}

/// The token in an answer of either form.
fn token_in(answer: &Answer) -> Result<String> {
    answer.text_at("/token").or_else(|_| answer.text_at("/apiToken"))
}

fn request_of(answer: &Answer) -> String {
    answer.header("x-operation-id").to_owned()
}

impl Crowd {
    fn by_name(&self, provider: &str) -> String {
        format!(
            "/api/projects/{}/agentic-sessions/{}/credentials/{provider}",
            self.project, self.session
        )
    }

    fn by_id(&self, provider: &str, below_the_project: bool) -> Result<String> {
        let (project, session) = (ProjectId::parse(&self.project)?, SessionId::parse(&self.session)?);
        let id = CredentialId::of_session(&project, &session, &ProviderName::parse(provider)?);
        Ok(if below_the_project {
            format!("{V1}/projects/{project}/credentials/{id}/token")
        } else {
            format!("{V1}/credentials/{id}/token")
        })
    }

    /// The `number`th read, for that person, in a turn of theirs. The ways are mixed by the number, each independent of the others: two of
    /// three with the turn's token, every other one by a session's id, all providers in turn. Linear is nobody's built-in provider and was
    /// granted to nobody: the session has no id for it.
    async fn read(&self, number: usize, person: usize, run: &str, turn: &Client) -> Result<Seen> {
        let by_turn_token = !number.is_multiple_of(3);
        let provider = PROVIDERS[number / 6 % PROVIDERS.len()];
        let by_session_id = (number / 3).is_multiple_of(2) && provider != "linear";
        let path = if by_session_id {
            self.by_id(provider, (number / 24).is_multiple_of(2))?
        } else {
            self.by_name(provider)
        };
        let client = if by_turn_token { turn } else { &self.people[person].client };
        Ok(Seen {
            person,
            provider,
            run: by_turn_token.then(|| run.to_owned()),
            by_turn_token,
            by_session_id,
            answer: client.get(&path).await?,
        })
    }

    /// One turn after the other, of one person, until there is nothing left to read.
    async fn turns(&self, place: usize) -> Result<Place> {
        let person = place % self.people.len();
        let mut here = Place::default();
        loop {
            let run = format!("run-{place}-{}", here.turns);
            let body = json!({ "project": self.project, "session": self.session, "run": run, "user": self.people[person].name });
            let opened = self.proxy.post("/api/claviger/v1/turns", &body).await?.expect(201)?;
            let turn = self.claviger.anybody()?.with_bearer(&opened.text_at("/token")?);
            here.turns += 1;
            if here.turns == 1 {
                // With eight people's turns open, the session's own bearer is nobody's; here it is certain that they are.
                self.all_open.wait().await;
                let answer = self.runner.get(&self.by_name("gitlab")).await?.expect(404)?;
                here.refused.push((request_of(&answer), "not-configured"));
                self.all_open.wait().await;
            }
            let mut left = true;
            for _ in 0..READS_IN_A_TURN {
                let number = self.next.fetch_add(1, Ordering::Relaxed);
                left = number < READS;
                if !left {
                    break;
                }
                here.seen.push(self.read(number, person, &run, &turn).await?);
            }
            let path = format!("/api/claviger/v1/turns/{}", opened.text_at("/id")?);
            self.proxy.delete(&path).await?.expect(204)?;
            // Closed is closed, whoever else's turns go on, the same person's among them.
            let late = turn.get(&self.by_name("github")).await?.expect(404)?;
            here.refused.push((request_of(&late), "turn-closed"));
            if !left {
                return Ok(here);
            }
        }
    }

    /// The hash under which somebody stands in the trail.
    fn hash(&self, name: &str) -> Result<String> {
        let said = run(
            &["audit", "principal", "--data", &self.claviger.data().display().to_string(), name],
            &[],
        )?;
        let said = String::from_utf8(said.stdout)?;
        said.split_whitespace().last().map(str::to_owned).context("no hash")
    }

    /// The trail, read back: which records there are is decided by what was asked, not by what stands there.
    fn is_on_record(&self, places: &[Place]) -> Result<()> {
        let mut records: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for record in of_event(&self.claviger.data(), "CREDENTIAL_ACCESS")? {
            let request = record["request"].as_str().context("a record without a request")?.to_owned();
            records.entry(request).or_default().push(record);
        }
        let mut the_one = |request: &str| -> Result<Value> {
            let mut of_it = records.remove(request).with_context(|| format!("{request} is not on record"))?;
            ensure!(of_it.len() == 1, "{request} is on record {} times", of_it.len());
            of_it.pop().context("it is")
        };
        let hashes: Vec<String> = self.people.iter().map(|person| self.hash(person.name)).collect::<Result<_>>()?;
        assert_eq!(hashes.iter().collect::<BTreeSet<_>>().len(), PEOPLE.len());
        let mut runs: Vec<BTreeSet<String>> = vec![BTreeSet::new(); PEOPLE.len()];
        for seen in places.iter().flat_map(|place| &place.seen) {
            runs[seen.person].extend(seen.run.clone());
        }
        let mut fingerprints: BTreeMap<(usize, &str), BTreeSet<String>> = BTreeMap::new();
        for seen in places.iter().flat_map(|place| &place.seen) {
            let record = the_one(&request_of(&seen.answer))?;
            let text = |key: &str| record[key].as_str();
            let person = &self.people[seen.person];
            let outcome = if seen.answer.status == 200 { "granted" } else { "failed" };
            assert_eq!(text("outcome"), Some(outcome), "{record:#}");
            assert_eq!(text("user"), Some(hashes[seen.person].as_str()), "for {}: {record:#}", person.name);
            match (text("run"), &seen.run) {
                // With their own bearer it is said only while one of their turns is the last one open.
                (run, None) => ensure!(run.is_none_or(|run| runs[seen.person].contains(run)), "{record:#}"),
                (run, Some(of_turn)) => assert_eq!(run, Some(of_turn.as_str()), "{record:#}"),
            }
            assert_eq!(
                text("credential"),
                person.accounts.get(seen.provider).map(String::as_str),
                "{record:#}"
            );
            assert_eq!(
                (text("session"), text("provider"), text("ground")),
                (
                    Some(self.session.as_str()),
                    Some(seen.provider),
                    Some(if seen.by_turn_token { "turn-token" } else { "own-key" })
                ),
                "{record:#}"
            );
            if let Some(token) = text("token") {
                let of_it = fingerprints.entry((seen.person, seen.provider)).or_default();
                of_it.insert(token.to_owned());
            }
        }
        ensure!(fingerprints.values().all(|all| all.len() == 1), "one account, several tokens");
        let different: BTreeSet<&String> = fingerprints.values().flatten().collect();
        assert_eq!(
            different.len(),
            PEOPLE.len() * PROVIDERS.len(),
            "each account has a token of its own"
        );
        for (request, reason) in places.iter().flat_map(|place| &place.refused) {
            let record = the_one(request)?;
            let told = ["outcome", "reason", "user", "token"].map(|key| &record[key]);
            assert_eq!(told, [&json!("denied"), &json!(reason), &Value::Null, &Value::Null], "{record:#}");
        }
        ensure!(
            records.is_empty(),
            "{} records of what nobody asked: {:?}",
            records.len(),
            records.first_key_value()
        );
        let verified = run(&["audit", "verify", "--data", &self.claviger.data().display().to_string()], &[])?;
        ensure!(verified.status.success(), "the trail does not verify: {verified:?}");
        Ok(())
    }
}

#[expect(clippy::print_stdout, reason = "the numbers are the result")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_reads_in_sixty_four_turns_and_not_one_with_somebody_elses_token() -> Result<()> {
    let crowd = Arc::new(crowd().await?);
    let mut running = JoinSet::new();
    for place in 0..TURNS {
        let crowd = Arc::clone(&crowd);
        running.spawn(async move { crowd.turns(place).await });
    }
    let mut places = Vec::new();
    while let Some(place) = running.join_next().await {
        places.push(place??);
    }

    let seen = || places.iter().flat_map(|place| &place.seen);
    let whose: BTreeMap<String, (&str, &str)> = PEOPLE
        .iter()
        .flat_map(|person| PROVIDERS.map(|provider| (token_of(person, provider), (*person, provider))))
        .collect();
    let (mut answered, mut wrong) = (0_usize, Vec::new());
    for read in seen().filter(|read| read.answer.status == 200) {
        let token = token_in(&read.answer)?;
        answered += 1;
        let expected = (PEOPLE[read.person], read.provider);
        if whose.get(&token) != Some(&expected) {
            wrong.push((expected, whose.get(&token).copied()));
        }
    }
    let count = |which: fn(&Seen) -> bool| seen().filter(|read| which(read)).count();
    let (by_turn, by_id) = (count(|read| read.by_turn_token), count(|read| read.by_session_id));
    let by_both = count(|read| read.by_turn_token && read.by_session_id);
    let turns: usize = places.iter().map(|place| place.turns).sum();
    println!(
        "{} reads in {turns} turns, {TURNS} at once, of {} people: {answered} answered, {} wrong; {by_turn} with turn tokens, {by_id} by a session's ids, {by_both} both",
        seen().count(),
        PEOPLE.len(),
        wrong.len(),
    );
    ensure!(wrong.is_empty(), "somebody else's token, of {answered} answers: {wrong:?}");
    assert_eq!(seen().count(), READS);
    ensure!(by_turn * 2 >= READS && by_id * 3 >= READS, "{by_turn} and {by_id} of {READS}");
    for (person, name) in PEOPLE.iter().enumerate() {
        ensure!(seen().filter(|read| read.person == person).count() > READS / 100, "{name}");
    }
    let other: BTreeMap<u16, usize> = seen().fold(BTreeMap::new(), |mut other, read| {
        *other.entry(read.answer.status).or_default() += 1;
        other
    });
    ensure!(answered * 100 >= READS * 99, "by status: {other:?}");
    crowd.is_on_record(&places)
}
