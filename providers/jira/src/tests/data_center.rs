//! Servers of one's own.

use super::host;
use crate::Jira;
use crate::data_center::only;
use claviger_sdk::testing::TestHost;
use claviger_sdk::{Credential, Narrowing, Provider, Revoke, codes};
use proptest::prelude::*;
use serde_json::{Value, json};

const BASE: &str = "https://jira.example.com:8443/jira";

fn stored(host: &TestHost, more: &[(&str, &str)]) -> Credential {
    let mut fields = vec![("token", "MDM0"), ("url", BASE)];
    fields.extend_from_slice(more);
    host.credential("data-center-token", &fields)
}

#[test]
fn consumers_learn_that_it_is_a_bearer() {
    let host = host();
    let token = Jira::mint(stored(&host, &[]), &Narrowing::default()).unwrap();
    let body = json!({ "url": BASE, "email": "", "apiToken": "MDM0", "personalToken": "MDM0", "authorization": "bearer" });
    assert_eq!((host.session_body(&token), host.token_body(&token)), (body.clone(), body));
    assert_eq!(host.environment(&token), json!({ "JIRA_URL": BASE, "JIRA_PERSONAL_TOKEN": "MDM0" }));
    assert_eq!((host.git(&token), host.sent()), (json!({}), vec![]));
}

#[test]
fn a_server_has_an_address() {
    let host = host();
    let failure = Jira::mint(host.credential("data-center-token", &[("token", "MDM0")]), &Narrowing::default())
        .err()
        .unwrap();
    assert_eq!(failure.code, codes::INVALID_CREDENTIAL);
}

#[test]
fn a_token_is_ended_by_its_number() {
    for status in [204, 200, 401, 404] {
        let host = host().answers(status, &[], "");
        assert_eq!(Jira::revoke(stored(&host, &[("token-id", "42")])), Ok(None), "{status}");
        let [sent] = host.sent().try_into().unwrap();
        assert_eq!(
            (sent.method.as_str(), sent.url.as_str(), sent.header("authorization")),
            (
                "DELETE",
                "https://jira.example.com:8443/jira/rest/pat/latest/tokens/42",
                Some("Bearer MDM0")
            )
        );
    }
    let host = host();
    let wrong = Jira::revoke(stored(&host, &[("token-id", "4/2")])).err().unwrap();
    assert_eq!(wrong.code, codes::INVALID_CREDENTIAL);
}

#[test]
fn the_only_token_of_an_account_is_this_one_and_of_several_none_is_taken() {
    let one = host()
        .answers(200, &[], &json!([{ "id": 7, "name": "claviger" }]).to_string())
        .answers(204, &[], "");
    assert_eq!(Jira::revoke(stored(&one, &[])), Ok(None));
    assert!(one.sent()[1].url.ends_with("/tokens/7"));
    drop(one);
    for list in [json!([{ "id": 7 }, { "id": 8 }]), json!([]), json!({})] {
        let host = host().answers(200, &[], &list.to_string());
        let failure = Jira::revoke(stored(&host, &[])).err().unwrap();
        assert_eq!(failure.code, codes::UNSUPPORTED, "{list}");
        assert!(failure.message.contains("`token-id`"));
        assert_eq!(host.sent().len(), 1);
    }
}

#[test]
fn what_has_ended_has_ended_and_an_outage_has_not() {
    let gone = host().answers(401, &[], "");
    assert_eq!(Jira::revoke(stored(&gone, &[])), Ok(None));
    drop(gone);
    for (status, code) in [(500, codes::TRANSIENT), (403, codes::INSUFFICIENT_SCOPE)] {
        let host = host().answers(status, &[], "");
        assert_eq!(Jira::revoke(stored(&host, &[("token-id", "1")])).err().unwrap().code, code);
    }
}

proptest! {
    #[test]
    fn a_number_is_all_that_is_taken_from_a_list(ids in proptest::collection::vec(prop_oneof![any::<u64>().prop_map(Value::from), ".{0,8}".prop_map(Value::from), Just(Value::Null)], 0..4)) {
        let list: Value = ids.iter().map(|id| json!({ "id": id })).collect();
        match only(&list) {
            Some(id) => {
                prop_assert_eq!(ids.len(), 1);
                prop_assert!(id.bytes().all(|byte| byte.is_ascii_digit()));
            }
            None => prop_assert!(ids.len() != 1 || !ids[0].is_u64()),
        }
    }
}
