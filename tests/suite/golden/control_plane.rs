//! A control plane as the wire describes it: it finds a session's credentials from bindings page by page, grants them when it makes the pod, and takes
//! the grants back when the session has stopped. It decides here by what it reads, with requests as its Go SDK writes them.

use super::rules::Rules;
use anyhow::{Context, Result, ensure};
use claviger_tests::api::{V1, bind, create, read, role, token};
use claviger_tests::{Claviger, Client, raw};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const PAGE: usize = 100;

struct ControlPlane {
    base: String,
    bearer: String,
}

impl ControlPlane {
    async fn send(&self, method: &str, target: &str, body: Option<&Value>, kind: &str) -> Result<Value> {
        let host = self.base.trim_start_matches("http://");
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut request = format!(
            "{method} {V1}/{target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: ambient-go-sdk/1.0.0\r\nAccept: application/json\r\n\
             Authorization: Bearer {}\r\nX-Ambient-Project: default\r\nAccept-Encoding: gzip\r\n",
            self.bearer
        );
        if !body.is_empty() {
            request += &format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
        }
        let answer = raw::exchange(&self.base, format!("{request}\r\n{body}").as_bytes()).await?;
        let read = Rules::Go.read(method, &answer, kind);
        read.with_context(|| format!("{method} {target}"))
    }

    /// Asks for pages until one is empty.
    async fn search(&self, collection: &str, kind: &str, search: &str) -> Result<Vec<Value>> {
        let (mut found, mut page) = (Vec::new(), 1);
        loop {
            let query = [
                ("page", page.to_string()),
                ("search", search.to_owned()),
                ("size", PAGE.to_string()),
            ];
            let address = reqwest::Url::parse_with_params("http://localhost", &query)?;
            let target = format!("{collection}?{}", address.query().unwrap_or_default());
            let list = self.send("GET", &target, None, kind).await?;
            let items = list["items"].as_array().cloned().context("no items")?;
            if items.is_empty() {
                return Ok(found);
            }
            ensure!(items.len() <= PAGE && list["page"] == page, "{}", list["page"]);
            found.extend(items);
            page += 1;
        }
    }

    async fn role(&self, name: &str) -> Result<String> {
        let search = format!("roles?search=name+%3D+%27{}%27&size=1", name.replace(':', "%3A"));
        let list = self.send("GET", &search, None, "RoleList").await?;
        Ok(list["items"][0]["id"].as_str().context("no such role")?.to_owned())
    }

    /// Provider to credential, of the agent, else of the project, else of all; of several on one level the earliest.
    async fn resolve(&self, project: &str, agent: &str) -> Result<BTreeMap<String, String>> {
        let owner = self.role("credential:owner").await?;
        let mut resolved = BTreeMap::new();
        let tiers = [
            format!("scope = 'credential' and project_id = '{project}' and agent_id = '{agent}'"),
            format!("scope = 'credential' and project_id = '{project}'"),
            "scope = 'credential'".to_owned(),
        ];
        for (tier, search) in tiers.iter().enumerate() {
            let mut rows = self.search("role_bindings", "RoleBindingList", search).await?;
            rows.retain(|row| row["role_id"] != owner.as_str());
            rows.retain(|row| match tier {
                0 => true,
                1 => row["agent_id"].is_null(),
                _ => row["project_id"].is_null() && row["agent_id"].is_null(),
            });
            rows.sort_by_key(|row| row["created_at"].as_str().unwrap_or_default().to_owned());
            for row in rows {
                let id = row["credential_id"].as_str().context("a binding of no credential")?;
                let credential = self.send("GET", &format!("credentials/{id}"), None, "Credential").await?;
                let provider = credential["provider"].as_str().context("no provider")?.to_owned();
                resolved.entry(provider).or_insert_with(|| id.to_owned());
            }
        }
        Ok(resolved)
    }

    /// Lets the session read them. What is refused is left out, as by the wire's own: provider to grant.
    async fn grant(&self, session: &str, credentials: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>> {
        let reader = self.role("credential:token-reader").await?;
        let mut grants = BTreeMap::new();
        for (provider, credential) in credentials {
            let body = json!({ "credential_id": credential, "role_id": reader, "scope": "credential", "session_id": session,
                "user_id": "service-account-control-plane" });
            let Ok(grant) = self.send("POST", "role_bindings", Some(&body), "RoleBinding").await else {
                continue;
            };
            assert_eq!(
                (&grant["credential_id"], &grant["session_id"]),
                (&json!(credential), &json!(session))
            );
            grants.insert(provider.clone(), grant["id"].as_str().context("no id")?.to_owned());
        }
        Ok(grants)
    }

    async fn revoke(&self, session: &str) -> Result<usize> {
        let search = format!("scope = 'credential' and session_id = '{session}'");
        let rows = self.search("role_bindings", "RoleBindingList", &search).await?;
        for row in &rows {
            let target = format!("role_bindings/{}", row["id"].as_str().context("no id")?);
            self.send("DELETE", &target, None, "nothing").await?;
        }
        Ok(rows.len())
    }
}

/// Alice's project with an agent, a credential on each level, and more bindings than a page has.
struct World {
    claviger: Claviger,
    alice: Client,
    plane: ControlPlane,
    agent: String,
    session: String,
}

async fn world() -> Result<World> {
    let claviger = Claviger::start().await?;
    let alice = claviger.person("alice")?;
    alice
        .post(&format!("{V1}/projects"), &json!({ "name": "planned" }))
        .await?
        .expect(201)?;
    let body = json!({ "project_id": "planned", "name": "pilot" });
    let agent = alice
        .post(&format!("{V1}/projects/planned/agents"), &body)
        .await?
        .expect(201)?
        .text_at("/id")?;
    let body = json!({ "project_id": "planned", "agent_id": agent, "name": "planned" });
    let session = alice.post(&format!("{V1}/sessions"), &body).await?.expect(201)?.text_at("/id")?;
    let plane = ControlPlane {
        base: claviger.dev().url.clone(),
        bearer: claviger.dev().proxy.bearer.clone(),
    };
    Ok(World {
        claviger,
        alice,
        plane,
        agent,
        session,
    })
}

async fn stored(client: &Client, name: &str, provider: &str) -> Result<String> {
    create(
        client,
        &json!({ "name": name, "provider": provider, "token": format!("token-of-{name}-0123456789") }),
    )
    .await
}

#[tokio::test]
async fn a_control_plane_resolves_grants_and_takes_back() -> Result<()> {
    let world = world().await?;
    let (alice, plane) = (&world.alice, &world.plane);
    // It takes the grants of the seeded session for everybody's, as it does there; and is refused them here.
    let strangers = plane.resolve("planned", &world.agent).await?;
    assert_eq!(strangers.keys().collect::<Vec<_>>(), ["github", "kubeconfig"]);
    assert_eq!(plane.grant(&world.session, &strangers).await?, BTreeMap::new());

    let carol = world.claviger.person("carol")?;
    let service = world.claviger.anybody()?.with_bearer(&plane.bearer);
    let admin = json!({ "role_id": role(alice, "platform:admin").await?, "scope": "global", "user_id": "carol" });
    service.post(&format!("{V1}/role_bindings"), &admin).await?.expect(201)?;
    let of_all = stored(&carol, "of-all", "linear").await?;
    let everybodys = json!({ "role_id": "credential:viewer", "scope": "credential", "credential_id": of_all });
    carol.post(&format!("{V1}/role_bindings"), &everybodys).await?.expect(201)?;
    let (hers, of_agent) = (
        stored(alice, "of-project", "asana").await?,
        stored(alice, "of-agent", "asana").await?,
    );
    bind(alice, &hers, "credential:viewer", "planned", "alice").await?.expect(201)?;
    let body = json!({ "role_id": "credential:viewer", "scope": "credential", "credential_id": of_agent, "project_id": "planned",
        "agent_id": world.agent });
    alice.post(&format!("{V1}/role_bindings"), &body).await?.expect(201)?;
    // Over a page of bindings of the same credential: more people see it.
    let viewer = role(alice, "credential:viewer").await?;
    for number in 0..PAGE {
        let body = json!({ "role_id": viewer, "scope": "credential", "credential_id": hers, "project_id": "planned",
            "user_id": format!("colleague-{number}") });
        alice.post(&format!("{V1}/role_bindings"), &body).await?.expect(201)?;
    }
    let mut expected = strangers.clone();
    expected.extend([("asana".to_owned(), of_agent), ("linear".to_owned(), of_all)]);
    let resolved = plane.resolve("planned", &world.agent).await?;
    assert_eq!(resolved, expected);
    let elsewhere = plane.resolve("planned", "no-agent-of-this-name").await?;
    assert_eq!(elsewhere.get("asana"), Some(&hers));

    let grants = plane.grant(&world.session, &resolved).await?;
    assert_eq!(grants.keys().collect::<Vec<_>>(), ["asana", "linear"]);
    // Provisioned again with a grant left over: the same grants, and no conflict.
    assert_eq!(plane.grant(&world.session, &resolved).await?, grants);
    assert_eq!(plane.revoke(&world.session).await?, 2);
    assert_eq!(plane.revoke(&world.session).await?, 0);
    // What does not resolve for the session is not granted.
    let outside = BTreeMap::from([("asana".to_owned(), hers)]);
    assert_eq!(
        plane.grant(&world.session, &outside).await?,
        BTreeMap::new(),
        "another one displaces it"
    );
    Ok(())
}

/// The seeded session's own bearer, which a pod would have, before and after.
#[tokio::test]
async fn a_grant_is_what_the_pod_reads_by() -> Result<()> {
    let world = world().await?;
    let seeded = world.claviger.dev().sessions.first().context("a session")?.clone();
    let pod = world.claviger.anybody()?.with_bearer(&seeded.token);
    let id = stored(&world.alice, "late", "linear").await?;
    bind(&world.alice, &id, "credential:viewer", &seeded.project, "alice")
        .await?
        .expect(201)?;
    read(&pod, &id, "").await?.expect(404)?;
    let resolved = world.plane.resolve(&seeded.project, "").await?;
    assert_eq!(resolved.get("linear"), Some(&id), "{resolved:?}");
    world
        .plane
        .grant(&seeded.id, &BTreeMap::from([("linear".to_owned(), id.clone())]))
        .await?;
    assert_eq!(token(&pod, &id).await?, "token-of-late-0123456789");
    let nested = format!("{V1}/projects/{}/credentials/{id}/token", seeded.project);
    assert_eq!(pod.get(&nested).await?.expect(200)?.text_at("/token")?, "token-of-late-0123456789");
    ensure!(world.plane.revoke(&seeded.id).await? >= 3);
    read(&pod, &id, "").await?.expect(404)?;
    Ok(())
}
