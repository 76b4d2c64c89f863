//! OAuth: refreshes that rotate, client credentials, and the site that a token is for.

use super::{CLOUD, GATEWAY, NOW_MS, SITE, host};
use crate::Jira;
use claviger_sdk::testing::{TestHost, expires_at_ms, token_text};
use claviger_sdk::{Credential, Failure, Narrowing, Provider, Retry, codes};
use serde_json::{Value, json};

fn grant(host: &TestHost, more: &[(&str, &str)]) -> Credential {
    let mut fields = vec![("refresh-token", "r1"), ("client-id", "app"), ("client-secret", "s\"1")];
    fields.extend_from_slice(more);
    host.credential("oauth", &fields)
}

fn pair() -> String {
    json!({ "access_token": "a2", "refresh_token": "r2", "expires_in": 3600, "scope": "read:jira-work offline_access", "token_type": "Bearer" })
        .to_string()
}

fn two_sites() -> Value {
    json!([
        { "id": "c-1", "name": "first", "url": "https://first.atlassian.net", "scopes": ["read:jira-work"], "avatarUrl": "x" },
        { "id": CLOUD, "name": "example", "url": SITE, "scopes": ["read:jira-work"] },
    ])
}

#[test]
fn a_refresh_is_json_and_names_no_scope() {
    let host = host().answers(200, &[], &pair());
    let token = Jira::mint(grant(&host, &[("cloud-id", CLOUD), ("site", SITE)]), &Narrowing::default()).unwrap();
    assert_eq!((token_text(&token), expires_at_ms(&token)), ("a2", Some(NOW_MS + 3_600_000)));
    let [sent] = host.sent().try_into().unwrap();
    assert_eq!(
        (sent.method.as_str(), sent.url.as_str()),
        ("POST", "https://auth.atlassian.com/oauth/token")
    );
    assert_eq!(
        sent.json(),
        json!({ "grant_type": "refresh_token", "client_id": "app", "client_secret": "s\"1", "refresh_token": "r1" })
    );
    let body = json!({ "url": GATEWAY, "browseUrl": SITE, "cloudId": CLOUD, "email": "", "apiToken": "a2", "authorization": "bearer" });
    assert_eq!((host.session_body(&token), host.token_body(&token)), (body.clone(), body));
    assert!(!host.session_body(&token).to_string().contains("r2"));
}

#[test]
fn a_bearer_is_not_offered_as_half_of_a_basic_credential() {
    let host = host().answers(200, &[], &pair());
    let token = Jira::mint(grant(&host, &[("cloud-id", CLOUD)]), &Narrowing::default()).unwrap();
    assert_eq!(
        host.environment(&token),
        json!({ "JIRA_URL": GATEWAY, "JIRA_CLOUD_ID": CLOUD, "ATLASSIAN_OAUTH_CLOUD_ID": CLOUD, "ATLASSIAN_OAUTH_ACCESS_TOKEN": "a2" })
    );
    assert_eq!(host.git(&token), json!({}));
}

#[test]
fn a_token_that_is_still_good_is_not_made_anew() {
    let host = host();
    let good = [
        ("current-token", "a1"),
        ("current-token-expires-at-ms", "1786964400000"),
        ("cloud-id", CLOUD),
    ];
    let token = Jira::mint(grant(&host, &good), &Narrowing::default()).unwrap();
    assert_eq!((token_text(&token), expires_at_ms(&token)), ("a1", Some(1_786_964_400_000)));
    assert_eq!(host.sent(), []);
}

#[test]
fn the_only_site_is_meant_and_of_several_the_stored_one() {
    for (sites, stored, cloud) in [
        (json!([two_sites()[1]]), vec![], CLOUD),
        (two_sites(), vec![("site", "https://EXAMPLE.atlassian.net/")], CLOUD),
        (two_sites(), vec![("site", "https://first.atlassian.net")], "c-1"),
        (two_sites(), vec![("url", "https://first.atlassian.net")], "c-1"),
    ] {
        let host = host().answers(200, &[], &pair()).answers(200, &[], &sites.to_string());
        let token = Jira::mint(grant(&host, &stored), &Narrowing::default()).unwrap();
        assert_eq!(host.session_body(&token)["cloudId"], cloud, "{stored:?}");
        let [_, asked] = host.sent().try_into().unwrap();
        assert_eq!(asked.url, "https://api.atlassian.com/oauth/token/accessible-resources");
        assert_eq!(asked.header("authorization"), Some("Bearer a2"));
    }
}

#[test]
fn several_sites_are_never_guessed_among() {
    let host = host().answers(200, &[], &pair()).answers(200, &[], &two_sites().to_string());
    let failure = Jira::mint(grant(&host, &[]), &Narrowing::default()).err().unwrap();
    assert_eq!(failure.code, codes::MISCONFIGURED);
    assert!(
        failure
            .message
            .contains("`https://first.atlassian.net`, `https://example.atlassian.net`"),
        "{}",
        failure.message
    );
}

#[test]
fn a_client_mints_from_its_own_secret() {
    let answer = json!({ "access_token": "a1", "expires_in": 3600, "token_type": "Bearer" }).to_string();
    let host = host()
        .answers(200, &[], &answer)
        .answers(200, &[], &json!({ "cloudId": CLOUD }).to_string());
    let fields = [
        ("client-id", "c1"),
        ("client-secret", "s1"),
        ("site", SITE),
        ("email", "bot@serviceaccount.atlassian.com"),
    ];
    let token = Jira::mint(host.credential("oauth-client", &fields), &Narrowing::default()).unwrap();
    assert_eq!((token_text(&token), expires_at_ms(&token)), ("a1", Some(NOW_MS + 3_600_000)));
    assert_eq!(host.session_body(&token)["url"], GATEWAY);
    assert_eq!(host.environment(&token)["JIRA_EMAIL"], "bot@serviceaccount.atlassian.com");
    let [bought, tenant] = host.sent().try_into().unwrap();
    assert_eq!(
        bought.json(),
        json!({ "grant_type": "client_credentials", "client_id": "c1", "client_secret": "s1" })
    );
    assert_eq!(
        (tenant.url.as_str(), tenant.header("authorization")),
        ("https://example.atlassian.net/_edge/tenant_info", None)
    );
}

#[test]
fn a_client_says_for_which_site() {
    let answer = json!({ "access_token": "a1", "expires_in": 3600 }).to_string();
    let host = host().answers(200, &[], &answer);
    let fields = [("client-id", "c1"), ("client-secret", "s1")];
    let failure = Jira::mint(host.credential("oauth-client", &fields), &Narrowing::default())
        .err()
        .unwrap();
    assert_eq!(failure.code, codes::INVALID_CREDENTIAL);
}

#[test]
fn a_refusal_as_it_comes() {
    let refused = |status, body: Value| {
        let host = host().answers(status, &[], &body.to_string());
        Jira::mint(grant(&host, &[("cloud-id", CLOUD)]), &Narrowing::default())
            .err()
            .unwrap()
    };
    let dead = refused(
        403,
        json!({ "error": "invalid_grant", "error_description": "Unknown or invalid refresh token." }),
    );
    assert_eq!((dead.code.as_str(), dead.retry), (codes::REAUTH_REQUIRED, Retry::Reauthorise));
    let secret = refused(401, json!({ "error": "access_denied", "error_description": "Unauthorized" }));
    assert_eq!((secret.code.as_str(), secret.retry), (codes::MISCONFIGURED, Retry::Never));
    assert_eq!(refused(200, json!({})).code, codes::UPSTREAM_PROTOCOL);
}

#[test]
fn a_failure_of_the_host_is_passed_on_as_it_is() {
    let mut lost = Failure::new("timeout", "no answer within 10 s", Retry::Later(None));
    lost.upstream_may_have_acted = true;
    let host = host().fails(lost.clone());
    assert_eq!(Jira::mint(grant(&host, &[]), &Narrowing::default()).err().unwrap(), lost);
    assert_eq!(host.sent().len(), 1);
}

#[test]
fn nobody_said_which_application() {
    let host = host();
    let failure = Jira::mint(host.credential("oauth", &[("refresh-token", "r1")]), &Narrowing::default())
        .err()
        .unwrap();
    assert_eq!(failure.code, codes::MISCONFIGURED);
    assert!(failure.message.contains("`https://auth.atlassian.com`"), "{}", failure.message);
    assert_eq!(host.sent(), []);
}

#[test]
fn an_instance_of_another_name_has_everything_below_it() {
    let host = host()
        .answers(200, &[], &pair())
        .answers(200, &[], &json!([{ "id": "c-1", "url": "http://127.0.0.1:9/jira" }]).to_string());
    let token = Jira::mint(grant(&host, &[("url", "http://127.0.0.1:9/jira")]), &Narrowing::default()).unwrap();
    assert_eq!(host.session_body(&token)["url"], "http://127.0.0.1:9/jira/ex/jira/c-1");
    let [refreshed, listed] = host.sent().try_into().unwrap();
    assert_eq!(
        (refreshed.url.as_str(), listed.url.as_str()),
        (
            "http://127.0.0.1:9/jira/oauth/token",
            "http://127.0.0.1:9/jira/oauth/token/accessible-resources"
        )
    );
}
