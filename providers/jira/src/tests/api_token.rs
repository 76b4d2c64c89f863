//! Tokens that people make by hand: where each is used.

use super::{CLOUD, GATEWAY, SITE, TOKEN, ada, host};
use crate::Jira;
use claviger_sdk::testing::{TestHost, expires_at_ms, token_text};
use claviger_sdk::{Credential, Failure, Narrowing, Provider, Token, codes};
use serde_json::json;

/// `ada@example.com` and the token, as a Basic credential.
fn basic(token: &str) -> String {
    let joined = claviger_sdk::join(
        &[claviger_sdk::Part::Text(format!("ada@example.com:{token}"))],
        claviger_sdk::Encoding::Base64,
    );
    format!("Basic {}", claviger_sdk::testing::text(&joined))
}

fn scoped(host: &TestHost, more: &[(&str, &str)]) -> Credential {
    let mut fields = vec![("token", TOKEN), ("email", "ada@example.com"), ("url", SITE)];
    fields.extend_from_slice(more);
    host.credential("scoped-api-token", &fields)
}

fn mint(host: &TestHost) -> Result<Token, Failure> {
    Jira::mint(scoped(host, &[]), &Narrowing::default())
}

fn tenant() -> String {
    json!({ "cloudId": CLOUD }).to_string()
}

const UNAUTHORISED: &str = "Client must be authenticated to access this resource.";
const NO_SCOPE: &str = r#"{"code":401,"message":"Unauthorized; scope does not match"}"#;

#[test]
fn a_classic_token_is_used_at_its_site() {
    let host = host();
    let fields = [("token", TOKEN), ("email", "ada@example.com"), ("url", SITE)];
    let token = Jira::mint(host.credential("api-token", &fields), &Narrowing::default()).unwrap();
    assert_eq!(
        host.environment(&token),
        json!({ "JIRA_URL": SITE, "JIRA_EMAIL": "ada@example.com", "JIRA_USERNAME": "ada@example.com", "JIRA_API_TOKEN": TOKEN })
    );
    assert_eq!(host.git(&token), json!({}), "Jira holds no repository");
    assert_eq!(host.sent(), []);
}

#[test]
fn a_stored_cloud_id_asks_nobody() {
    let host = host();
    let token = Jira::mint(scoped(&host, &[("cloud-id", CLOUD)]), &Narrowing::default()).unwrap();
    let body = json!({ "url": GATEWAY, "browseUrl": SITE, "cloudId": CLOUD, "email": "ada@example.com", "apiToken": TOKEN });
    assert_eq!((host.session_body(&token), host.token_body(&token)), (body.clone(), body));
    assert_eq!(
        host.environment(&token),
        json!({ "JIRA_URL": GATEWAY, "JIRA_BROWSE_URL": SITE, "JIRA_CLOUD_ID": CLOUD, "JIRA_EMAIL": "ada@example.com",
            "JIRA_USERNAME": "ada@example.com", "JIRA_API_TOKEN": TOKEN })
    );
    assert_eq!((token_text(&token), expires_at_ms(&token)), (TOKEN, None));
    assert_eq!((host.git(&token), host.sent()), (json!({}), vec![]));
}

#[test]
fn a_cloud_id_stands_in_an_address_and_is_read_strictly() {
    for id in ["../../admin", "a/b", "a b", "a?b", "%2e", "x\n"] {
        let host = host();
        let wrong = Jira::mint(scoped(&host, &[("cloud-id", id)]), &Narrowing::default()).err();
        assert_eq!(
            wrong.map(|failure| failure.code).as_deref(),
            (id != "x\n").then_some(codes::INVALID_CREDENTIAL),
            "{id:?}"
        );
    }
}

#[test]
fn the_probe_asks_the_site_then_the_gateway() {
    let host = host()
        .answers(401, &[], UNAUTHORISED)
        .answers(200, &[], &tenant())
        .answers(200, &[], &ada());
    let token = mint(&host).unwrap();
    assert_eq!(host.session_body(&token)["url"], GATEWAY);
    assert_eq!(host.session_body(&token)["browseUrl"], SITE);
    let [site, tenant, gateway] = host.sent().try_into().unwrap();
    assert_eq!(site.url, format!("{SITE}/rest/api/3/myself"));
    assert_eq!(
        (tenant.url.as_str(), tenant.header("authorization")),
        ("https://example.atlassian.net/_edge/tenant_info", None)
    );
    assert_eq!(gateway.url, format!("{GATEWAY}/rest/api/3/myself"));
    for asked in [&site, &gateway] {
        assert_eq!(asked.header("authorization"), Some(basic(TOKEN).as_str()));
    }
}

#[test]
fn a_classic_token_stored_as_scoped_is_found_out() {
    let host = host().answers(200, &[], &ada());
    let token = mint(&host).unwrap();
    let body = host.session_body(&token);
    assert_eq!(
        (&body["url"], body.get("cloudId"), body.get("browseUrl")),
        (&json!(SITE), None, None)
    );
    assert_eq!(host.sent().len(), 1);
}

#[test]
fn a_token_without_the_scope_for_its_account_is_known_at_the_gateway_all_the_same() {
    let host = host()
        .answers(401, &[], UNAUTHORISED)
        .answers(200, &[], &tenant())
        .answers(401, &[], NO_SCOPE);
    assert_eq!(host.session_body(&mint(&host).unwrap())["url"], GATEWAY);
}

#[test]
fn a_token_that_neither_accepts_gets_the_sites_refusal() {
    let gone = r#"{"code":401,"message":"Unauthorized"}"#;
    let host = host()
        .answers(401, &[], UNAUTHORISED)
        .answers(200, &[], &tenant())
        .answers(401, &[], gone);
    let failure = mint(&host).err().unwrap();
    assert_eq!(failure.code, codes::REAUTH_REQUIRED);
    assert!(
        failure.message.starts_with("the site does not accept the token"),
        "{}",
        failure.message
    );
}

#[test]
fn an_outage_on_the_way_is_no_refusal() {
    for (answers, code) in [
        (vec![(503, "")], codes::TRANSIENT),
        (vec![(429, "")], codes::RATE_LIMITED),
        (vec![(401, UNAUTHORISED), (502, "")], codes::TRANSIENT),
        (
            vec![(401, UNAUTHORISED), (200, r#"{"cloudId":"c-1"}"#), (500, "")],
            codes::TRANSIENT,
        ),
    ] {
        let mut host = host();
        for (status, body) in &answers {
            host = host.answers(*status, &[], body);
        }
        assert_eq!(mint(&host).err().unwrap().code, code, "{answers:?}");
    }
}

#[test]
fn a_site_that_is_none_is_named() {
    for (status, body) in [
        (200, "{}"),
        (200, r#"{"cloudId":"a/b"}"#),
        (404, "<html>"),
        (200, r#"{"cloudId":7}"#),
    ] {
        let host = host().answers(401, &[], UNAUTHORISED).answers(status, &[], body);
        let failure = mint(&host).err().unwrap();
        assert_eq!(failure.code, codes::MISCONFIGURED, "{status} {body}");
        assert!(failure.message.contains(SITE), "{}", failure.message);
    }
}

#[test]
fn a_service_accounts_token_goes_to_the_gateway_at_once() {
    let host = host().answers(200, &[], &tenant());
    let fields = [("token", "ATSTT3xFfGN0abc=1A2B3C4D"), ("url", SITE)];
    let token = Jira::mint(host.credential("service-account-token", &fields), &Narrowing::default()).unwrap();
    assert_eq!(
        host.session_body(&token),
        json!({ "url": GATEWAY, "browseUrl": SITE, "cloudId": CLOUD, "email": "", "apiToken": "ATSTT3xFfGN0abc=1A2B3C4D" })
    );
    assert_eq!(host.sent().len(), 1, "the site never accepts one");
}

#[test]
fn a_government_site_has_its_own_gateway() {
    let host = host();
    let fields = [
        ("token", TOKEN),
        ("email", "ada@example.com"),
        ("url", "https://x.atlassian-us-gov-mod.net"),
        ("cloud-id", "c-1"),
    ];
    let token = Jira::mint(host.credential("scoped-api-token", &fields), &Narrowing::default()).unwrap();
    assert_eq!(host.session_body(&token)["url"], "https://api.atlassian-us-gov-mod.com/ex/jira/c-1");
}

#[test]
fn nothing_is_narrowed() {
    for kind in [
        "api-token",
        "scoped-api-token",
        "service-account-token",
        "oauth",
        "oauth-client",
        "data-center-token",
    ] {
        let host = host();
        let narrowing = Narrowing::new(vec![("scope".to_owned(), "read:jira-work".to_owned())]);
        let failure = Jira::mint(host.credential(kind, &[("token", TOKEN)]), &narrowing).err().unwrap();
        assert_eq!(failure.code, codes::UNSUPPORTED, "{kind}");
        assert_eq!(host.sent(), []);
    }
}
