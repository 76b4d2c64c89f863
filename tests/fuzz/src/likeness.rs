//! The SDK's test host shows a provider what the host would show it: what the providers' targets find is true of the real one.

use crate::manifest::Endpoint;
use crate::scenario::Answer;
use claviger_sdk::Request;
use claviger_sdk::testing::{TestHost, text};

/// Where the instance of the comparison lives.
const INSTANCE: &str = "https://up.example";

/// The host's side of the comparison.
pub(crate) struct Shown<'a> {
    /// What it opens; nothing where the answer does not read.
    pub opened: Option<&'a str>,
    /// What it lets the provider take.
    pub taken: Vec<(&'a str, &'a str)>,
}

/// Both show the same.
///
/// # Panics
/// If not.
pub(crate) fn check(manifest: &str, endpoint: &Endpoint, answer: &Answer, shown: &Shown<'_>) {
    let method = match endpoint.method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "DELETE" => "DELETE",
        other => panic!("no manifest has the method `{other}`"),
    };
    let Some(base) = endpoint.bases.iter().find(|base| !base.contains('*')) else {
        return;
    };
    let path: Vec<&str> = endpoint
        .path
        .split('/')
        .map(|part| if part.starts_with('{') { "x" } else { part })
        .collect();
    let url = format!("{}{}", base.replace("{instance}", INSTANCE), path.join("/"));

    let headers: Vec<(&str, &str)> = answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let host = TestHost::start(manifest).answers(answer.status, &headers, &answer.body);
    let _credential = host.credential("", &[("url", INSTANCE)]);
    let response = match Request::new(method, url).send() {
        Ok(response) => response,
        Err(failure) => panic!("`{}` is not asked: {failure:?}", endpoint.name),
    };
    let opened = response.opened().ok();
    assert_eq!(opened.as_deref(), shown.opened, "what `{}` opens", endpoint.name);
    for (name, expected) in &shown.taken {
        assert_eq!(
            response.take(name).as_ref().map(text),
            Some(*expected),
            "what `{}` takes",
            endpoint.name
        );
    }
}
