use super::*;
use crate::config;
use crate::egress::instance::{Address, Listed};
use crate::manifest::Manifest;
use proptest::prelude::*;

fn endpoint(name: &str, method: &str, bases: &[&str], path: &str, query: &[&str]) -> Endpoint {
    serde_json::from_value(serde_json::json!({ "name": name, "method": method, "bases": bases, "path": path, "query": query })).unwrap()
}

fn manifest(instance: Option<&str>, endpoints: Vec<Endpoint>) -> Manifest {
    let mut manifest: Manifest = serde_json::from_value(serde_json::json!({
        "manifest": 1, "provider": "github", "version": "0.1.0", "title": "GitHub", "default-kind": "pat", "kinds": [],
        "consumers": { "session": {} },
    }))
    .unwrap();
    manifest.instance = instance.map(str::to_owned);
    manifest.endpoints = endpoints;
    manifest
}

fn github() -> Manifest {
    let bases = ["https://api.github.com", "{instance}/api/v3"];
    let endpoints = vec![
        endpoint("mint", "POST", &[bases[0], bases[1]], "/app/installations/{id}/access_tokens", &[]),
        endpoint("user", "GET", &[bases[0], bases[1]], "/user", &[]),
        endpoint("bot", "GET", &[bases[0]], "/users/{name}", &[]),
        endpoint("me", "GET", &[bases[0]], "/users/me", &[]),
        endpoint("repos", "GET", &[bases[0]], "/installation/repositories", &["per_page", "page"]),
        endpoint("site", "GET", &["https://*.atlassian.net"], "/rest/api/3/myself", &[]),
        endpoint("slash", "GET", &["https://slash.example.com/root"], "/end/", &[]),
    ];
    manifest(Some("https://github.com"), endpoints)
}

fn listed(entries: &[(&str, &str, bool)]) -> Listed {
    let entries: Vec<config::Instance> = entries
        .iter()
        .map(|(provider, url, plain_http)| {
            let mut entry: config::Instance = serde_json::from_value(serde_json::json!({ "provider": provider, "url": url })).unwrap();
            entry.plain_http = *plain_http;
            entry
        })
        .collect();
    Listed::new(&entries).unwrap()
}

fn at(url: Option<&str>) -> Instance {
    let list = listed(&[
        ("github", "https://ghe.example.org", false),
        ("github", "https://git.example.org:8443/root", false),
        ("github", "http://127.0.0.1:4000/github", true),
        ("gitlab", "https://gitlab.example.org", false),
    ]);
    list.allow("github", &github(), url).unwrap()
}

fn ask(url: Option<&str>, method: &str, target: &str) -> Result<String, Denied> {
    let manifest = github();
    approve(&manifest.endpoints, &at(url), method, target).map(|approved| approved.endpoint().name.clone())
}

#[test]
fn what_the_manifest_lists_is_approved() {
    for (instance, method, url, name) in [
        (None, "POST", "https://api.github.com/app/installations/42/access_tokens", "mint"),
        (None, "GET", "https://api.github.com/user", "user"),
        (None, "GET", "https://api.github.com/users/octo%5Bbot%5D", "bot"),
        (None, "GET", "https://api.github.com/users/me", "me"),
        (
            None,
            "GET",
            "https://api.github.com/installation/repositories?per_page=1&page=2",
            "repos",
        ),
        (None, "GET", "https://acme.atlassian.net/rest/api/3/myself", "site"),
        (None, "GET", "https://a.b.atlassian.net/rest/api/3/myself", "site"),
        (None, "GET", "https://slash.example.com/root/end/", "slash"),
        (
            Some("https://ghe.example.org/"),
            "GET",
            "https://ghe.example.org/api/v3/user",
            "user",
        ),
        (
            Some("https://GIT.example.org:8443/root/"),
            "GET",
            "https://git.example.org:8443/root/api/v3/user",
            "user",
        ),
        (
            Some("http://127.0.0.1:4000/github"),
            "GET",
            "http://127.0.0.1:4000/github/api/v3/user",
            "user",
        ),
    ] {
        assert_eq!(ask(instance, method, url).as_deref(), Ok(name), "{url}");
    }
}

#[test]
fn everything_else_is_refused_by_the_rule_that_it_breaks() {
    let ghe = Some("https://ghe.example.org");
    for (instance, method, url, rule) in [
        // Host.
        (None, "GET", "https://api.github.com.evil.test/user", "host"),
        (None, "GET", "https://evil.test/api.github.com/user", "host"),
        (None, "GET", "https://apiXgithub.com/user", "url"),
        (None, "GET", "https://github.com/user", "path"),
        (None, "GET", "https://140.82.121.6/user", "host"),
        (None, "GET", "https://[2606:50c0::1]/user", "host"),
        (None, "GET", "https://2356312582/user", "url"),
        (None, "GET", "https://0x8c.0x52.0x79.0x06/user", "url"),
        (None, "GET", "https://atlassian.net/rest/api/3/myself", "host"),
        (None, "GET", "https://evilatlassian.net/rest/api/3/myself", "host"),
        (None, "GET", "https://acme.atlassian.net.evil.test/rest/api/3/myself", "host"),
        // Another instance, also one that the operator listed for another provider.
        (ghe, "GET", "https://git.example.org:8443/root/api/v3/user", "host"),
        (ghe, "GET", "https://gitlab.example.org/api/v3/user", "host"),
        (None, "GET", "https://ghe.example.org/api/v3/user", "host"),
        // Scheme and port.
        (None, "GET", "http://api.github.com/user", "host"),
        (None, "GET", "https://api.github.com:8443/user", "host"),
        (None, "GET", "https://api.github.com:443/user", "url"),
        (ghe, "GET", "http://ghe.example.org/api/v3/user", "host"),
        (ghe, "GET", "https://ghe.example.org:444/api/v3/user", "host"),
        (None, "GET", "ftp://api.github.com/user", "url"),
        (None, "GET", "file:///etc/passwd", "url"),
        (None, "GET", "//api.github.com/user", "url"),
        (None, "GET", "/user", "url"),
        (None, "GET", "", "url"),
        // Spellings.
        (None, "GET", "https://API.github.com/user", "url"),
        (None, "GET", "HTTPS://api.github.com/user", "url"),
        (None, "GET", "https://api.github.com./user", "url"),
        (None, "GET", "https://api.github.com%2f@evil.test/user", "url"),
        (None, "GET", "https://api.github.com@evil.test/user", "url"),
        (None, "GET", "https://user:pass@api.github.com/user", "url"),
        (None, "GET", "https://@api.github.com/user", "url"),
        (None, "GET", "https://api.github.com\\@evil.test/user", "url"),
        (None, "GET", "https://api.github.com\\user", "url"),
        (None, "GET", "https:api.github.com/user", "url"),
        (None, "GET", "https:///api.github.com/user", "url"),
        (None, "GET", " https://api.github.com/user", "url"),
        (None, "GET", "https://api.github.com/user\n", "url"),
        (None, "GET", "https://api.git\thub.com/user", "url"),
        (None, "GET", "https://api.github.com/us\ner", "url"),
        (None, "GET", "https://api.github.com/user#x", "url"),
        (None, "GET", "https://api.github.com/user#", "url"),
        (None, "GET", "https://api.gíthub.com/user", "url"),
        (None, "GET", "https://xn--/user", "url"),
        (None, "GET", "https://api.github.com\u{3002}evil.test/user", "url"),
        // Paths.
        (None, "GET", "https://api.github.com", "url"),
        (None, "GET", "https://api.github.com/", "path"),
        (None, "GET", "https://api.github.com/user/", "path"),
        (None, "GET", "https://api.github.com//user", "url"),
        (None, "GET", "https://api.github.com/user//", "url"),
        (None, "GET", "https://api.github.com/x/../user", "url"),
        (None, "GET", "https://api.github.com/x/%2e%2e/user", "url"),
        (None, "GET", "https://api.github.com/./user", "url"),
        (None, "GET", "https://api.github.com/%75ser", "path"),
        (None, "GET", "https://api.github.com/User", "path"),
        (None, "GET", "https://api.github.com/user;x=1", "path"),
        (None, "GET", "https://api.github.com/users/a/b", "path"),
        (None, "GET", "https://api.github.com/users/a%2fb", "path"),
        (None, "GET", "https://api.github.com/users/a%2Fb", "path"),
        (None, "GET", "https://api.github.com/users/a%5cb", "path"),
        (None, "GET", "https://api.github.com/users/a%252fb", "path"),
        (None, "GET", "https://api.github.com/users/a%00", "path"),
        (None, "GET", "https://api.github.com/users/a%0d%0ab", "path"),
        (None, "GET", "https://api.github.com/users/%ff", "path"),
        (None, "GET", "https://api.github.com/users/%zz", "path"),
        (None, "GET", "https://api.github.com/users/%", "path"),
        (None, "GET", "https://api.github.com/users/..;", "path"),
        (None, "GET", "https://api.github.com/users/...", "path"),
        (None, "GET", "https://api.github.com/users/", "path"),
        (None, "POST", "https://api.github.com/app/installations/1%2f2/access_tokens", "path"),
        (ghe, "GET", "https://ghe.example.org/user", "path"),
        (
            Some("https://git.example.org:8443/root"),
            "GET",
            "https://git.example.org:8443/api/v3/user",
            "path",
        ),
        // Methods.
        (None, "POST", "https://api.github.com/user", "method"),
        (None, "get", "https://api.github.com/user", "method"),
        (None, "CONNECT", "https://api.github.com/user", "method"),
        (None, "GET /evil HTTP/1.1\r\n", "https://api.github.com/user", "method"),
        (None, "", "https://api.github.com/user", "method"),
        // Queries.
        (None, "GET", "https://api.github.com/user?access_token=x", "query"),
        (
            None,
            "GET",
            "https://api.github.com/installation/repositories?per_page=1&admin=1",
            "query",
        ),
        (
            None,
            "GET",
            "https://api.github.com/installation/repositories?per_page=1;admin=1",
            "url",
        ),
        (None, "GET", "https://api.github.com/installation/repositories?=1", "query"),
        (None, "GET", "https://api.github.com/installation/repositories?Per_Page=1", "query"),
    ] {
        let denied = ask(instance, method, url).err();
        assert_eq!(denied.as_ref().map(Denied::rule), Some(rule), "{method} {url:?}: {denied:?}");
    }
}

#[test]
fn an_address_beyond_the_bound_is_refused() {
    let long = format!("https://api.github.com/users/{}", "a".repeat(9000));
    assert_eq!(ask(None, "GET", &long).unwrap_err().rule(), "url");
}

#[test]
fn a_credentials_instance_must_be_one_that_the_operator_allows() {
    let list = listed(&[
        ("github", "https://ghe.example.org/", false),
        ("gitlab", "https://gitlab.example.org", false),
    ]);
    let allow = |url| list.allow("github", &github(), Some(url));
    for url in [
        "https://github.com",
        "https://github.com/",
        "https://GitHub.com:443",
        "https://ghe.example.org",
        "https://acme.atlassian.net",
    ] {
        assert!(allow(url).is_ok(), "{url}");
    }
    for url in [
        "https://ghe.example.org/api",
        "https://ghe.example.org:8443",
        "https://gitlab.example.org",
        "https://evil.test",
        "https://github.com.evil.test",
        "http://github.com",
        "http://ghe.example.org",
        "http://169.254.169.254",
        "https://10.0.0.1",
        "http://acme.atlassian.net",
        "https://acme.atlassian.net:8443",
        "https://atlassian.net",
    ] {
        assert!(matches!(allow(url), Err(Denied::Instance { .. })), "{url}");
    }
    for url in [
        "",
        "github.com",
        "https://",
        "https://u@github.com",
        "https://github.com@evil.test",
        "https://github.com/?x",
        "https://github.com/#x",
        "https://github.com/a//b",
        "https://github.com/%2e",
        "https://github.com/a/..",
        "https://github.com\\evil.test",
        "https://git hub.com",
        "https://github.com.",
        "javascript:alert(1)",
        "https://github.com:0",
    ] {
        assert!(matches!(allow(url), Err(Denied::InstanceUrl { .. })), "{url}");
    }
}

#[test]
fn an_instance_under_an_approved_base_does_not_stand_for_the_placeholder() {
    let endpoints = vec![
        endpoint(
            "myself",
            "GET",
            &["https://*.atlassian.net", "{instance}"],
            "/rest/api/3/myself",
            &[],
        ),
        endpoint("admin", "GET", &["{instance}"], "/rest/api/3/serverInfo", &[]),
    ];
    let jira = manifest(None, endpoints);
    let instance = Listed::default().allow("jira", &jira, Some("https://acme.atlassian.net")).unwrap();
    assert!(approve(&jira.endpoints, &instance, "GET", "https://acme.atlassian.net/rest/api/3/myself").is_ok());
    let denied = approve(
        &jira.endpoints,
        &instance,
        "GET",
        "https://acme.atlassian.net/rest/api/3/serverInfo",
    )
    .unwrap_err();
    assert_eq!(denied.rule(), "path");
    assert_eq!(
        Listed::default()
            .allow("jira", &jira, Some("https://jira.corp"))
            .unwrap_err()
            .rule(),
        "instance"
    );
    let nowhere = Listed::default()
        .allow("jira", &manifest(None, vec![jira.endpoints[1].clone()]), None)
        .unwrap();
    let denied = approve(&jira.endpoints[1..], &nowhere, "GET", "https://jira.corp/rest/api/3/serverInfo").unwrap_err();
    assert!(denied.to_string().contains("names no `url`"), "{denied}");
}

#[test]
fn a_manifest_with_a_base_that_means_too_much_is_refused() {
    let good = endpoint(
        "a",
        "GET",
        &["https://*.example.com/api", "{instance}", "{instance}/x", "https://api.github.com"],
        "/a/{b}/c",
        &[],
    );
    assert_eq!(validate(&[good]), Ok(()));
    for base in [
        "https://*",
        "https://*.com",
        "https://*.*.com",
        "https://a.*.com",
        "https://*api.com",
        "http://api.github.com",
        "https://API.com",
        "https://api.github.com:8443",
        "https://u@api.github.com",
        "https://10.0.0.1",
        "https://[::1]",
        "https://localhost",
        "https://api.github.com/",
        "https://api.github.com/{x}",
        "https://api.github.com?x",
        "{instance}x",
        "{instance}/",
        "{other}",
        "",
        "https://api.github.com.",
        "https://api.github.com/a/../b",
    ] {
        assert!(validate(&[endpoint("a", "GET", &[base], "/a", &[])]).is_err(), "{base}");
    }
    for path in ["", "a", "/a/{b}c", "/{}", "/a//b", "/../a", "/a?b", "/a%2f", "/{a}{b}", "/a#"] {
        assert!(validate(&[endpoint("a", "GET", &["{instance}"], path, &[])]).is_err(), "{path}");
    }
    for method in ["get", "CONNECT", "TRACE", "OPTIONS", "", "GET "] {
        assert!(validate(&[endpoint("a", method, &["{instance}"], "/a", &[])]).is_err(), "{method}");
    }
    let twice = endpoint("a", "GET", &["{instance}"], "/a", &[]);
    assert!(validate(&[twice.clone(), twice]).is_err());
    assert!(validate(&[endpoint("a", "GET", &[], "/a", &[])]).is_err());
}

proptest! {
    /// Whatever is approved at an exact host goes to that host over https, with the path's literals where they belong.
    #[test]
    fn an_approved_request_goes_where_it_was_approved(url in "(https?://)?[a-z.@:/\\\\%2ef#?;A]{0,40}(api\\.github\\.com)?[a-z0-9./@%2efu#?;\\\\:]{0,40}") {
        if ask(None, "GET", &url).is_ok() {
            let parsed = Url::parse(&url).unwrap();
            prop_assert!(parsed.host_str() == Some("api.github.com") || parsed.host_str().unwrap().ends_with(".atlassian.net"));
            prop_assert_eq!(parsed.scheme(), "https");
            prop_assert_eq!(parsed.port(), None);
            prop_assert_eq!(parsed.username(), "");
        }
    }

    /// What stands for `{x}` is one segment, also after decoding as often as anyone may.
    #[test]
    fn a_placeholder_never_spans_segments(segment in "[a-z0-9%/\\\\.;2fFeE5cC]{0,12}") {
        if ask(None, "GET", &format!("https://api.github.com/users/{segment}")).is_ok() {
            let mut text = segment.clone();
            for _ in 0..4 {
                prop_assert!(!text.contains('/') && !text.contains('\\') && !text.contains(';') && text != "." && text != "..", "{}", text);
                text = form_urlencoded::parse(format!("k={text}").as_bytes()).next().unwrap().1.into_owned();
            }
        }
    }

    #[test]
    fn nothing_makes_it_panic(url in ".{0,80}", method in ".{0,8}") {
        let _ = ask(None, &method, &url);
        let _ = Address::parse(&url);
    }
}
