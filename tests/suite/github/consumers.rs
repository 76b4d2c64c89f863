//! What each kind's token looks like to those who read it: the session endpoint's body, the plain answer, a process, Git.

use super::world;
use anyhow::{Result, ensure};
use claviger_tests::api::{create, read};
use serde_json::json;

/// In the form of a fine-grained token, which the emulated GitHub does not give; none of these readings asks it.
const FINE_GRAINED: &str = "github_pat_11ABCDEFG0a1b2c3d4e5f6_g7h8i9j0k1l2m3n4o5p6q7r8s9t0u1v2w3x4y5z6A7B8C9D0E1F2G3";

#[tokio::test]
async fn each_kind_reaches_each_consumer_under_its_own_names() -> Result<()> {
    let world = world().await?;
    let host = world.url.trim_start_matches("http://").trim_end_matches("/github").to_owned();
    let classic = world.seed.people[0].github_pat.expose();
    for (mut body, begins, ends) in [
        (
            world.credential("personal-access-token", &json!({ "token": classic })),
            "ghp_",
            false,
        ),
        (
            world.credential("personal-access-token", &json!({ "token": FINE_GRAINED })),
            "github_pat_",
            false,
        ),
        (world.oauth_user(false).await?.0, "gho_", false),
        (world.oauth_user(true).await?.0, "gho_", true),
        (world.app_user().await?.0, "ghu_", true),
        (world.installation(), "ghs_", true),
        (world.installed(&json!({ "owner": "alice/widgets" })), "ghs_", true),
    ] {
        let kind = body["kind"].clone();
        body["fields"]["user-name"] = json!("Alice");
        body["fields"]["email"] = json!("alice@example.org");
        let id = create(&world.alice, &body).await?;

        let plain = read(&world.alice, &id, "").await?.expect(200)?.json()?;
        let held = plain["token"].as_str().unwrap_or_default().to_owned();
        ensure!(held.starts_with(begins), "{kind}: {plain}");
        assert_eq!(
            (&plain["userName"], &plain["email"]),
            (&json!("Alice"), &json!("alice@example.org")),
            "{kind}"
        );
        assert_eq!(
            (plain["expiresAt"].is_string(), plain["expires_at"].is_string()),
            (ends, ends),
            "{kind}"
        );

        let session = read(&world.alice, &id, "?consumer=session").await?.expect(200)?.json()?;
        let mut expected =
            json!({ "token": held, "userName": "Alice", "email": "alice@example.org", "provider": "github", "instanceUrl": world.url });
        if ends {
            expected["expiresAt"] = plain["expiresAt"].clone();
        }
        assert_eq!(session, expected, "{kind}");

        let environment = read(&world.alice, &id, "?consumer=environment").await?.expect(200)?.json()?["environment"].clone();
        let expected = json!({
            "GITHUB_TOKEN": held, "GH_TOKEN": held, "GITHUB_PERSONAL_ACCESS_TOKEN": held, "GH_ENTERPRISE_TOKEN": held,
            "GH_HOST": host, "GITHUB_API_URL": format!("{}/api/v3", world.url),
            "GIT_AUTHOR_NAME": "Alice", "GIT_AUTHOR_EMAIL": "alice@example.org",
            "GIT_COMMITTER_NAME": "Alice", "GIT_COMMITTER_EMAIL": "alice@example.org",
        });
        assert_eq!(environment, expected, "{kind}");

        let git = read(&world.alice, &id, "?consumer=git").await?.expect(200)?.json()?["git"].clone();
        for (key, value) in [
            ("protocol", "http"),
            ("host", host.as_str()),
            ("path", "github"),
            ("username", "x-access-token"),
            ("password", held.as_str()),
        ] {
            assert_eq!(git[key], value, "{kind}: {git}");
        }
        // Git drops a token that has ended instead of trying it.
        assert_eq!(git["password_expiry_utc"].is_string(), ends, "{kind}: {git}");
        assert_eq!(
            git.as_object().map_or(0, serde_json::Map::len),
            if ends { 6 } else { 5 },
            "{kind}: {git}"
        );
    }
    Ok(())
}
