//! What upstreams give out today is stored without a word; what looks otherwise is stored with one, and never quoted.

use anyhow::{Result, ensure};
use claviger_tests::Claviger;
use claviger_tests::api::V1;
use serde_json::{Value, json};

/// 36 letters and digits, as most tokens have.
const TAIL: &str = "0123456789abcdefghijABCDEFGHIJ012345";
const PKCS1: &str = include_str!("../../host/src/dev/upstream/keys/github-app.pkcs1.pem");
const PKCS8: &str = include_str!("../../host/src/dev/upstream/keys/stranger.pkcs8.pem");
const ODD: &str = "looks!like!nothing!7";

/// Provider, kind, field, what it looks like, and what else the kind needs.
fn forms() -> Vec<(&'static str, &'static str, &'static str, Vec<String>, Value)> {
    let jws = format!("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiI3In0.{TAIL}-_{TAIL}");
    let hex = "3f786850e387550fdab836ed7e6dc881de23001b";
    let of = |heads: &[&str]| heads.iter().map(|head| format!("{head}{TAIL}")).collect::<Vec<_>>();
    let mut personal = of(&["ghp_", "github_pat_11ABCDEFG0_", "ghs_", "gho_"]);
    // The form of 2026, and the one from before 2021.
    personal.extend([format!("ghs_123456_{jws}"), hex.to_owned()]);
    // Routable, and with an instance's own prefix.
    let mut gitlab = of(&["glpat-", "SIE-glpat-"]);
    gitlab.push(format!("glpat-{TAIL}{TAIL}.01.0f1e2d3c4"));
    let atlassian = |head: &str| vec![format!("{head}3xFfGF0{TAIL}{TAIL}_-=4F2A91BC")];
    let site = json!({ "email": "ada@example.com" });
    vec![
        ("github", "personal-access-token", "token", personal, json!({})),
        ("github", "oauth-user-token", "token", of(&["gho_", "ghu_"]), json!({})),
        ("github", "oauth-app-user", "refresh-token", of(&["ghr_"]), json!({})),
        ("github", "github-app-user", "refresh-token", of(&["ghr_"]), json!({})),
        (
            "github",
            "app-installation",
            "app-id",
            vec![
                "123456".to_owned(),
                "Iv1.0123456789abcdef".to_owned(),
                "Iv23liABCDEFghij".to_owned(),
            ],
            json!({ "private-key": PKCS1 }),
        ),
        (
            "github",
            "app-installation",
            "owner",
            vec!["octo-org".to_owned(), "octo-org/hello.world".to_owned(), "ada_acme".to_owned()],
            json!({ "app-id": "1", "private-key": PKCS8 }),
        ),
        ("gitlab", "personal-access-token", "token", gitlab.clone(), json!({})),
        ("gitlab", "rotating-access-token", "token", gitlab, json!({})),
        (
            "gitlab",
            "deploy-token",
            "token",
            of(&["gldt-", "SIE-gldt-"]),
            json!({ "username": "gitlab+deploy-token-7" }),
        ),
        ("jira", "api-token", "token", atlassian("ATATT"), site.clone()),
        ("jira", "scoped-api-token", "token", atlassian("ATATT"), site.clone()),
        ("jira", "service-account-token", "token", atlassian("ATSTT"), site),
        ("google", "authorised-user", "refresh-token", of(&["1//0", "1//03"]), json!({})),
        (
            "google",
            "authorised-user",
            "client-secret",
            of(&["GOCSPX-"]),
            json!({ "refresh-token": format!("1//0{TAIL}") }),
        ),
    ]
}

#[tokio::test]
async fn what_upstreams_give_out_today_is_stored_without_a_word() -> Result<()> {
    let claviger = Claviger::start().await?;
    let alice = claviger.person("alice")?;
    for (provider, kind, field, usual, more) in forms() {
        let body = |value: &str| {
            let mut body = json!({ "name": "x", "provider": provider, "kind": kind, "fields": more });
            if provider == "jira" {
                body["url"] = json!("https://example.atlassian.net");
            }
            body["fields"][field] = json!(value);
            body
        };
        for value in usual {
            let made = alice.post(&format!("{V1}/credentials"), &body(&value)).await?.expect(201)?;
            ensure!(
                made.json()?.get("warnings").is_none(),
                "{provider} {kind} {field} `{value}`: {}",
                made.text
            );
        }
        let made = alice.post(&format!("{V1}/credentials"), &body(ODD)).await?.expect(201)?;
        let (warning, name) = (made.text_at("/warnings/0")?, format!("`fields.{field}`"));
        ensure!(
            warning.contains(&name) && !warning.contains(ODD),
            "{provider} {kind}: {}",
            made.text
        );
    }
    Ok(())
}
