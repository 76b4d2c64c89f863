//! Addresses: the cloud's hosts by the site's, and never by what merely looks like them.

use crate::place::{Cloud, Site, choose, read_sites};
use claviger_sdk::codes;
use proptest::prelude::*;
use serde_json::{Value, json};

#[test]
fn only_atlassians_own_hosts_lead_to_atlassians_services() {
    for url in [
        None,
        Some("https://x.atlassian.net"),
        Some("https://X.ATLASSIAN.NET/"),
        Some("https://auth.atlassian.com"),
        Some("https://api.atlassian.com/ex/jira/1"),
    ] {
        let cloud = Cloud::of(url);
        assert_eq!(
            (cloud.auth.as_str(), cloud.api.as_str()),
            ("https://auth.atlassian.com", "https://api.atlassian.com"),
            "{url:?}"
        );
    }
    let government = Cloud::of(Some("https://x.atlassian-us-gov-mod.net"));
    assert_eq!(government.auth, "https://auth.atlassian-us-gov-mod.com");
    for url in [
        "https://x.atlassian.net.evil.example",
        "https://atlassian.net",
        "https://evilatlassian.net",
        "https://evil.example/.atlassian.net",
        "https://evil.example:443/x.atlassian.net",
        "http://127.0.0.1:9/jira",
        "x.atlassian.net",
    ] {
        let cloud = Cloud::of(Some(url));
        assert_eq!(
            (cloud.auth.as_str(), cloud.api.as_str()),
            (url, url),
            "these are for the operator to allow, as they stand"
        );
    }
}

#[test]
fn a_site_is_a_page_with_a_name_of_one_line() {
    for url in [
        "javascript:alert(1)",
        "example.atlassian.net",
        "https://",
        "https:///x",
        "https://a b",
        "/browse",
        "https://a<b>",
    ] {
        assert_eq!(read_sites(&json!([{ "id": "1", "url": url, "name": "n" }])), [], "{url}");
    }
    let [site] = read_sites(&json!([{ "id": "1", "url": "https://a.atlassian.net/", "name": "a\nb" }]))
        .try_into()
        .unwrap();
    assert_eq!(
        (site.name.as_str(), site.url.as_str()),
        ("https://a.atlassian.net", "https://a.atlassian.net")
    );
}

fn site(id: &str) -> Site {
    Site {
        id: id.to_owned(),
        url: format!("https://{id}.atlassian.net"),
        name: id.to_owned(),
    }
}

#[test]
fn a_stored_site_that_is_not_among_them_is_named_with_those_that_are() {
    let failure = choose(vec![site("a"), site("b")], Some("https://c.atlassian.net")).err().unwrap();
    assert_eq!(failure.code, codes::MISCONFIGURED);
    for word in [
        "`https://a.atlassian.net`",
        "`https://b.atlassian.net`",
        "`https://c.atlassian.net`",
    ] {
        assert!(failure.message.contains(word), "{}", failure.message);
    }
    assert_eq!(choose(vec![], None).err().unwrap().code, codes::REAUTH_REQUIRED);
    assert_eq!(
        choose(vec![], Some("https://a.atlassian.net")).err().unwrap().code,
        codes::REAUTH_REQUIRED
    );
}

fn any_list() -> impl Strategy<Value = Value> {
    let text = || prop_oneof![Just("c-1".to_owned()), Just("https://a.atlassian.net".to_owned()), ".{0,24}"];
    let entry = (text(), text(), text()).prop_map(|(id, url, name)| json!({ "id": id, "url": url, "name": name }));
    prop_oneof![
        proptest::collection::vec(
            prop_oneof![entry, Just(Value::Null), Just(json!({ "id": 7 })), Just(json!("x"))],
            0..6
        )
        .prop_map(Value::from),
        Just(Value::Null),
        Just(json!({ "message": "no" })),
    ]
}

proptest! {
    #[test]
    fn every_site_that_is_read_can_stand_in_an_address_and_is_there_once(list in any_list()) {
        let sites = read_sites(&list);
        for (index, site) in sites.iter().enumerate() {
            prop_assert!(crate::place::is_cloud_id(&site.id) && !site.name.is_empty());
            prop_assert!(!site.url.is_empty() && !site.url.contains(char::is_whitespace));
            prop_assert!(!sites[..index].iter().any(|other| other.id == site.id));
        }
    }

    #[test]
    fn one_is_chosen_only_if_one_is_meant(ids in proptest::collection::btree_set("[a-z]{1,3}", 0..5), wanted in proptest::option::of("[a-z]{1,3}")) {
        let sites: Vec<Site> = ids.iter().map(|id| site(id)).collect();
        let url = wanted.as_ref().map(|id| format!("https://{id}.atlassian.net"));
        match choose(sites, url.as_deref()) {
            Ok(chosen) => match &wanted {
                Some(id) => prop_assert_eq!(&chosen.id, id),
                None => prop_assert_eq!(ids.len(), 1),
            },
            Err(_) => prop_assert!(wanted.is_none_or(|id| !ids.contains(&id)) || ids.is_empty()),
        }
    }
}
