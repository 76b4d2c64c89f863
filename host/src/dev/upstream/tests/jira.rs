//! Atlassian's cloud, its gateway, its grants, and a server of one's own.

use super::*;

const GATEWAY: &str = "/jira/ex/jira/11223344-a1b2-4b33-8c44-def123456789/rest/api/3/myself";
const SITE: &str = "/jira/rest/api/3/myself";
const SERVER: &str = "/jira/rest/api/2/myself";

impl Running {
    async fn basic(&self, path: &str, email: &str, token: &str) -> Got {
        let pair = STANDARD.encode(format!("{email}:{token}"));
        self.get(path, &[("authorization", format!("Basic {pair}"))]).await
    }

    async fn jira_token(&self, body: Value) -> Got {
        self.try_send(self.post_json("/jira/oauth/token", &body)).await.unwrap()
    }

    async fn jira_refresh(&self, token: &str) -> Got {
        let application = &self.seed.jira_application;
        self.jira_token(json!({ "grant_type": "refresh_token", "client_id": application.client_id,
            "client_secret": application.client_secret.expose(), "refresh_token": token }))
            .await
    }
}

#[tokio::test]
async fn each_token_is_good_in_one_place() {
    let it = running().await;
    let person = &it.seed.people[0];
    let (classic, scoped) = (person.jira_token.expose(), person.jira_scoped_token.expose());
    let (service, personal) = (person.jira_service_token.expose(), person.jira_personal_token.expose());
    for (path, email, token, status) in [
        (SITE, &person.email, classic, 200),
        (SITE, &person.email, scoped, 401),
        (SITE, &person.jira_service_email, service, 401),
        (GATEWAY, &person.email, classic, 401),
        (GATEWAY, &person.email, scoped, 200),
        (GATEWAY, &it.seed.people[1].email, scoped, 401),
        (GATEWAY, &person.jira_service_email, service, 200),
        (SERVER, &person.email, personal, 403),
    ] {
        assert_eq!(it.basic(path, email, token).await.status, status, "{path} {email}");
    }
    for (path, token, status) in [
        (GATEWAY, service, 200),
        (GATEWAY, scoped, 401),
        (SERVER, personal, 200),
        (SERVER, classic, 401),
        (SITE, classic, 401),
    ] {
        assert_eq!(it.bearer(path, token).await.status, status, "{path}");
    }
    let elsewhere = GATEWAY.replace("11223344", "00000000");
    assert_eq!(it.basic(&elsewhere, &person.email, scoped).await.status, 404);
    assert_eq!(it.bearer(SERVER, personal).await.at("/name"), "alice");
}

#[tokio::test]
async fn the_old_pair_lives_ten_minutes_and_a_later_use_ends_all() {
    let it = running().await;
    let first = it.seed.people[0].jira_refresh_token.expose();
    let one = it.jira_refresh(first).await;
    assert_eq!((one.status, one.json()["expires_in"].as_i64()), (200, Some(3600)));
    let two = it.jira_refresh(&one.at("/refresh_token")).await;
    assert_eq!(
        it.bearer(GATEWAY, &one.at("/access_token")).await.at("/displayName"),
        "alice",
        "the leeway"
    );
    it.clock.advance_ms(9 * 60_000);
    let again = it.jira_refresh(&one.at("/refresh_token")).await;
    assert_eq!(again.status, 200, "a repetition within the leeway");
    it.clock.advance_ms(2 * 60_000);
    assert_eq!(
        it.bearer(GATEWAY, &one.at("/access_token")).await.status,
        403,
        "dead before its hour, and told as forbidden"
    );
    let late = it.jira_refresh(&one.at("/refresh_token")).await;
    assert_eq!((late.status, late.at("/error").as_str()), (403, "invalid_grant"));
    for token in [&two, &again] {
        assert_eq!(
            it.jira_refresh(&token.at("/refresh_token")).await.at("/error"),
            "invalid_grant",
            "the family is gone"
        );
        assert_ne!(it.bearer(GATEWAY, &token.at("/access_token")).await.status, 200);
    }
    assert_eq!(
        it.jira_refresh(it.seed.people[1].jira_refresh_token.expose()).await.status,
        200,
        "bob's grant is his own"
    );
}

#[tokio::test]
async fn refusals_are_atlassians() {
    let it = running().await;
    let unknown = it.jira_refresh("eyJ-nobody").await;
    assert_eq!(
        (unknown.status, unknown.at("/error"), unknown.at("/error_description")),
        (403, "unauthorized_client".into(), "refresh_token is invalid".into())
    );
    let wrong = json!({ "grant_type": "refresh_token", "client_id": it.seed.jira_application.client_id, "client_secret": "wrong",
        "refresh_token": it.seed.people[0].jira_refresh_token.expose() });
    let denied = it.jira_token(wrong).await;
    assert_eq!((denied.status, denied.at("/error").as_str()), (401, "access_denied"));
    assert_eq!(
        it.jira_refresh(it.seed.people[0].jira_refresh_token.expose()).await.status,
        200,
        "nothing was spent"
    );
    assert_eq!(
        it.form("/jira/oauth/token", &[("grant_type", "refresh_token")]).await.status,
        400,
        "no form"
    );
}

#[tokio::test]
async fn a_service_accounts_client_mints_and_a_grant_lists_its_sites() {
    let it = running().await;
    let person = &it.seed.people[1];
    let minted = it
        .jira_token(json!({ "grant_type": "client_credentials", "client_id": person.jira_client_id, "client_secret": person.jira_client_secret.expose() }))
        .await;
    assert_eq!((minted.status, minted.json().get("refresh_token").is_none()), (200, true));
    assert_eq!(
        it.bearer(GATEWAY, &minted.at("/access_token")).await.at("/emailAddress"),
        person.jira_service_email
    );
    for (person, sites) in [(0, 1), (1, 2)] {
        let token = it
            .jira_refresh(it.seed.people[person].jira_refresh_token.expose())
            .await
            .at("/access_token");
        let list = it.bearer("/jira/oauth/token/accessible-resources", &token).await.json();
        assert_eq!(list.as_array().unwrap().len(), sites);
        assert_eq!(list[sites - 1]["url"], format!("{}/jira", it.url));
    }
}

#[tokio::test]
async fn a_servers_token_ends_by_its_number() {
    let it = running().await;
    let token = it.seed.people[1].jira_personal_token.expose();
    let list = it.bearer("/jira/rest/pat/latest/tokens", token).await.json();
    let end = async |id: &str| {
        let request = it
            .client
            .delete(format!("{}/jira/rest/pat/latest/tokens/{id}", it.url))
            .bearer_auth(token);
        it.try_send(request).await.unwrap().status
    };
    assert_eq!(end("99").await, 404);
    assert_eq!(end(&list[0]["id"].to_string()).await, 204);
    assert_eq!((end("2").await, it.bearer(SERVER, token).await.status), (401, 401));
}

#[tokio::test]
async fn a_limit_tells_its_end_as_a_minute() {
    let it = running().await;
    it.order(json!({ "provider": "jira", "rate_limit": {} })).await;
    let limited = it.bearer(SITE, "x").await;
    assert_eq!(
        (limited.status, limited.headers["x-ratelimit-reset"].to_str().unwrap()),
        (429, "2026-09-21T14:15Z")
    );
    it.order(json!({ "provider": "jira", "rate_limit": { "retry_after_s": 5 } })).await;
    assert_eq!(it.bearer(SITE, "x").await.headers["retry-after"].to_str().unwrap(), "5");
}
