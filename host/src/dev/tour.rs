//! The story of one shared session, told once, with every claim checked as it is made: `claviger dev --tour`.

use super::Development;
use super::handout::SessionHandout;
use crate::audit;
use crate::clock::{Clock, SystemClock, from_rfc3339};
use crate::ids::Username;
use crate::server;
use anyhow::{Context, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// A condition is waited for this long at most.
const PATIENCE: Duration = Duration::from_secs(20);

/// Tells the story.
///
/// # Errors
/// If a step does not come out as told.
pub async fn tour(development: &Development) -> anyhow::Result<()> {
    let story = Story::new(development)?;
    story.two_people().await?;
    story.one_message().await?;
    story.narrowed().await?;
    story.cached().await?;
    story.refreshed().await?;
    story.denied().await?;
    story.recorded()?;
    say("That was the tour: every line above was checked while it was told.");
    Ok(())
}

struct Story<'a> {
    development: &'a Development,
    session: &'a SessionHandout,
    http: reqwest::Client,
}

/// An answer.
struct Answer {
    status: u16,
    body: Value,
}

impl Answer {
    fn text(&self, key: &str) -> anyhow::Result<&str> {
        let text = self.body.get(key).and_then(Value::as_str);
        text.with_context(|| {
            format!(
                "the answer (status {}) has no `{key}`: {}",
                self.status,
                self.body.get("error").unwrap_or(&Value::Null)
            )
        })
    }
}

const PROVIDERS: [(&str, &str); 4] = [
    ("github", "token"),
    ("gitlab", "token"),
    ("jira", "apiToken"),
    ("google", "accessToken"),
];

impl<'a> Story<'a> {
    fn new(development: &'a Development) -> anyhow::Result<Self> {
        let session = development.handout.sessions.first().context("no session was seeded")?;
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
        Ok(Self {
            development,
            session,
            http,
        })
    }

    async fn two_people(&self) -> anyhow::Result<()> {
        title("Two people, one session");
        say("Alice started a session in the project atlas, and Bob may write to its agent. Each has connected four accounts.");
        say("Each asks, with their own bearer, for the tokens of this session. What comes back was made by a WebAssembly component:");
        for person in ["alice", "bob"] {
            for (provider, key) in PROVIDERS {
                let answer = self.in_session(self.bearer(person)?, provider).await?;
                let token = answer.text(key)?;
                ensure!(token.contains(person), "the {provider} token is not {person}'s");
                say(&format!("  {person:<6} {provider:<7} {}", shortened(token)));
            }
        }
        Ok(())
    }

    async fn one_message(&self) -> anyhow::Result<()> {
        title("Bob sends a message");
        say("The agent itself has only the session's own bearer, which everybody who types to it can make it use. So on its own it gets");
        let alone = self.in_session(&self.session.token, "jira").await?;
        ensure!(alone.status == 404, "the session read somebody's Jira account without a turn");
        say(&format!("no person's account: {} {}", alone.status, alone.text("error")?));
        let turn = self.open_turn("bob").await?;
        say("The platform's proxy, which knows who is typing, opens a turn for Bob. Now the same bearer reads Bob's accounts:");
        let answer = self.in_session(&self.session.token, "jira").await?;
        ensure!(answer.text("apiToken")?.contains("bob"), "the turn is Bob's, the token is not");
        say(&format!("  jira   {}", shortened(answer.text("apiToken")?)));
        say(
            "Alice writes at the same moment. With two turns open the session's bearer could mean either, so it gets neither; each turn has",
        );
        let other = self.open_turn("alice").await?;
        let both = self.in_session(&self.session.token, "jira").await?;
        ensure!(
            both.status == 404,
            "with two people's turns open, the session's bearer read somebody's account"
        );
        say("a signed bearer of its own:");
        for (person, turn) in [("bob", &turn), ("alice", &other)] {
            let answer = self.in_session(turn.text("token")?, "github").await?;
            ensure!(
                answer.text("token")?.contains(person),
                "{person}'s turn did not read {person}'s token"
            );
            say(&format!("  {person:<6} {}", shortened(answer.text("token")?)));
        }
        for turn in [&turn, &other] {
            let path = format!("/api/claviger/v1/turns/{}", turn.text("id")?);
            let closed = self
                .call(Method::DELETE, &path, &self.development.handout.proxy.bearer, None)
                .await?;
            ensure!(closed.status == 204, "a turn did not close");
        }
        let over = self.in_session(turn.text("token")?, "github").await?;
        ensure!(over.status == 404, "a closed turn's bearer still reads");
        say("Both turns are over, and so are their bearers.");
        Ok(())
    }

    async fn narrowed(&self) -> anyhow::Result<()> {
        title("A GitHub App, and less than all of it");
        say(
            "The team's GitHub App is bound to the project. The host signs its JWT; the component never sees the key. Its owner reads a token",
        );
        let path = self.token_path("team-github-app")?;
        let answer = self.read(&format!("{path}?permission=contents:read"), "alice").await?;
        let (token, ends) = (answer.text("token")?, answer.text("expires_at")?);
        let left_s = (from_rfc3339(ends).unwrap_or(0) - SystemClock.now_ms()) / 1000;
        ensure!(
            token.starts_with("ghs_") && left_s > 3000,
            "no installation token of an hour came back"
        );
        say(&format!(
            "that can only read contents, for {} minutes: {}",
            left_s / 60,
            shortened(token)
        ));
        let misspelt = self.read(&format!("{path}?permissions=contents:read"), "alice").await?;
        ensure!(misspelt.status == 400, "a misspelt parameter was ignored");
        say("A misspelt parameter is refused (400), for ignoring it would hand out a wider token.");
        Ok(())
    }

    async fn cached(&self) -> anyhow::Result<()> {
        title("The same read again");
        let path = self.token_path("bob-gitlab")?;
        let first = self.read(&path, "bob").await?;
        let second = self.read(&path, "bob").await?;
        ensure!(first.text("token")? == second.text("token")?, "two reads in a row gave two tokens");
        let record = self.last_access()?;
        ensure!(
            record.get("source") == Some(&json!("cache")),
            "the second read was not from the cache"
        );
        say("Bob's GitLab token comes from the cache the second time; the audit record says so:");
        say(&format!(
            "  outcome={} reason={} source={} token={}",
            field(&record, "outcome"),
            field(&record, "reason"),
            field(&record, "source"),
            field(&record, "token")
        ));
        Ok(())
    }

    async fn refreshed(&self) -> anyhow::Result<()> {
        title("A token that ends");
        say(
            "GitLab's refresh ends both the refresh token and the access token before it. The emulated GitLab now gives tokens that live two",
        );
        say("seconds. Bob says that his present one was rejected, gets a short one, and reads until it has ended:");
        let upstream = &self.development.handout.upstream;
        let order = json!({ "provider": "gitlab", "expires_in": 2 });
        let ordered = self
            .http
            .post(format!("{upstream}/_faults"))
            .header("content-type", "application/json")
            .body(order.to_string())
            .send()
            .await?;
        ensure!(ordered.status().is_success(), "the emulated upstream did not take the order");
        let path = self.token_path("bob-gitlab")?;
        let old = self.read(&path, "bob").await?;
        let generation = |answer: &Answer| answer.body.get("generation").and_then(Value::as_i64).unwrap_or(0);
        let short = self.read(&format!("{path}?rejected={}", generation(&old)), "bob").await?;
        ensure!(
            short.text("token")? != old.text("token")? && generation(&short) > generation(&old),
            "the rejected token was not replaced"
        );
        say(&format!("  generation {}: {}", generation(&old), shortened(old.text("token")?)));
        say(&format!("  generation {}: {}", generation(&short), shortened(short.text("token")?)));
        let deadline = SystemClock.now_ms() + i64::try_from(PATIENCE.as_millis())?;
        let fresh = loop {
            let answer = self.read(&path, "bob").await?;
            if answer.text("token")? != short.text("token")? {
                break answer;
            }
            ensure!(SystemClock.now_ms() < deadline, "the token ended and was not refreshed");
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        say(&format!("  generation {}: {}", generation(&fresh), shortened(fresh.text("token")?)));
        ensure!(fresh.text("token")?.contains("bob"), "the refreshed token is not Bob's");
        let reset = self.http.post(format!("{upstream}/_reset")).send().await?;
        ensure!(reset.status().is_success(), "the emulated upstream did not reset");
        say("Each refresh was journalled before the old secret was spent, and stored before anyone saw the new token.");
        Ok(())
    }

    async fn denied(&self) -> anyhow::Result<()> {
        title("Somebody else's token");
        let denied = self.read(&self.token_path("alice-github")?, "bob").await?;
        let absent = self
            .read("/api/ambient/v1/credentials/000000000000000000000000000/token", "bob")
            .await?;
        ensure!(denied.status == 404 && absent.status == 404, "Bob was not refused alike");
        say(&format!(
            "Bob asks for Alice's credential by its id: {} {}",
            denied.status,
            denied.text("reason")?
        ));
        say("An id that does not exist answers the same. The trail knows the difference:");
        let record = self.access_before(1)?;
        ensure!(
            record.get("reason") == Some(&json!("not-your-account")),
            "the refusal was not recorded with its reason"
        );
        say(&format!(
            "  outcome={} reason={} caller={}",
            field(&record, "outcome"),
            field(&record, "reason"),
            field(&record, "caller")
        ));
        Ok(())
    }

    fn recorded(&self) -> anyhow::Result<()> {
        title("The trail");
        let config = &self.development.server.app.config;
        let keys = server::audit_keys(&self.development.server.app.keyring)?;
        let report = audit::verify(&server::audit_folder(config), &keys)?;
        ensure!(report.is_sound(), "{report}");
        say(&format!("{report}."));
        let hashes = audit::principal_hashes(&Username::parse("bob")?, &keys);
        let (_, bob) = hashes.last().context("no key epoch")?;
        let text = self.trail()?;
        let about_bob = text.lines().filter(|line| line.contains(bob.as_str())).count();
        ensure!(
            about_bob > 0 && !text.contains("\"bob\""),
            "the trail does not know Bob by his hash alone"
        );
        say(&format!(
            "Bob's name is not in it. Who has the keys knows him as {bob}: {about_bob} records."
        ));
        Ok(())
    }

    async fn open_turn(&self, person: &str) -> anyhow::Result<Answer> {
        let body =
            json!({ "project": self.session.project, "session": self.session.id, "run": format!("run-of-{person}"), "user": person });
        let turn = self
            .call(
                Method::POST,
                "/api/claviger/v1/turns",
                &self.development.handout.proxy.bearer,
                Some(body),
            )
            .await?;
        ensure!(turn.status == 201, "a turn did not open: {}", turn.status);
        Ok(turn)
    }

    async fn in_session(&self, bearer: &str, provider: &str) -> anyhow::Result<Answer> {
        let SessionHandout { project, id, .. } = self.session;
        self.call(
            Method::GET,
            &format!("/api/projects/{project}/agentic-sessions/{id}/credentials/{provider}"),
            bearer,
            None,
        )
        .await
    }

    async fn read(&self, path: &str, person: &str) -> anyhow::Result<Answer> {
        self.call(Method::GET, path, self.bearer(person)?, None).await
    }

    async fn call(&self, method: Method, path: &str, bearer: &str, body: Option<Value>) -> anyhow::Result<Answer> {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.development.handout.url))
            .header("authorization", format!("Bearer {bearer}"));
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let bytes = response.bytes().await?;
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).context("an answer is not JSON")?
        };
        Ok(Answer { status, body })
    }

    fn bearer(&self, person: &str) -> anyhow::Result<&str> {
        self.development
            .handout
            .people
            .get(person)
            .map(|person| person.bearer.as_str())
            .with_context(|| format!("{person} was not seeded"))
    }

    fn token_path(&self, credential: &str) -> anyhow::Result<String> {
        let id = self
            .development
            .handout
            .credentials
            .get(credential)
            .with_context(|| format!("{credential} was not seeded"))?;
        Ok(format!("/api/ambient/v1/credentials/{id}/token"))
    }

    fn trail(&self) -> anyhow::Result<String> {
        let mut files: Vec<_> = std::fs::read_dir(server::audit_folder(&self.development.server.app.config))?.collect::<Result<_, _>>()?;
        files.sort_by_key(std::fs::DirEntry::path);
        files.iter().map(|file| Ok(std::fs::read_to_string(file.path())?)).collect()
    }

    fn last_access(&self) -> anyhow::Result<Value> {
        self.access_before(0)
    }

    /// The record of a read, counted back from the newest.
    fn access_before(&self, back: usize) -> anyhow::Result<Value> {
        let trail = self.trail()?;
        let line = trail
            .lines()
            .rev()
            .filter(|line| line.contains("CREDENTIAL_ACCESS"))
            .nth(back)
            .context("the trail has no such record")?;
        Ok(serde_json::from_str(line)?)
    }
}

fn field(record: &Value, key: &str) -> String {
    record.get(key).and_then(Value::as_str).unwrap_or("-").to_owned()
}

/// Enough of an emulated token to see whose it is.
fn shortened(token: &str) -> String {
    let person = ["alice", "bob"].iter().find_map(|name| token.find(name)).unwrap_or(0);
    let start: String = token.chars().take(12).collect();
    if person < 12 {
        return format!("{}…", token.chars().take(18).collect::<String>());
    }
    let around: String = token.chars().skip(person).take(12).collect();
    format!("{start}…{around}…")
}

#[expect(clippy::print_stdout, reason = "the tour is told on standard output")]
fn title(text: &str) {
    println!("\n== {text}");
}

#[expect(clippy::print_stdout, reason = "the tour is told on standard output")]
fn say(text: &str) {
    println!("{text}");
}
