//! The repositories of an installation.

use super::people::{Holder, holder};
use super::{message, shapes};
use crate::clock::Millis;
use crate::dev::upstream::call::Call;
use crate::dev::upstream::reply::Reply;
use crate::dev::upstream::world::World;
use serde_json::{Value, json};

/// Every account's.
pub(super) const REPOSITORIES: &[(u64, &str)] = &[(101, "widgets"), (102, "gadgets")];

pub(super) fn list(world: &World, call: &Call, now_ms: Millis) -> Reply {
    let token = call.authorization(&["bearer", "token"]).unwrap_or_default();
    match holder(world, call, now_ms) {
        Err(refusal) => refusal,
        Ok((Holder::Person(account, _), kind)) => message(
            403,
            "You must authenticate with an installation access token in order to list repositories for an installation.",
        )
        .to(kind, token, Some(&account)),
        Ok((Holder::Installation(live), kind)) => {
            let list: Vec<Value> = REPOSITORIES
                .iter()
                .filter(|(_, name)| live.scopes.iter().any(|scope| scope == name))
                .map(|(id, name)| repository(call, world, *id, &live.account, name))
                .collect();
            let selection = if list.len() == REPOSITORIES.len() { "all" } else { "selected" };
            let body = json!({ "total_count": list.len(), "repository_selection": selection, "repositories": list });
            Reply::json(200, body).to(kind, token, Some(&live.account))
        }
    }
}

fn repository(call: &Call, world: &World, id: u64, account: &str, name: &str) -> Value {
    let (site, full_name) = (shapes::site(call), format!("{account}/{name}"));
    let url = format!("{site}/api/v3/repos/{full_name}");
    let mut body = json!({
        "id": id, "node_id": format!("R_{id}"), "name": name, "full_name": full_name,
        "owner": shapes::simple(&site, account, shapes::number(world, account), "User"),
        "private": true, "fork": false, "archived": false, "disabled": false, "visibility": "private", "description": null, "homepage": null,
        "language": null, "license": null, "mirror_url": null, "default_branch": "main", "url": url,
        "html_url": format!("{site}/{full_name}"), "clone_url": format!("{site}/{full_name}.git"), "svn_url": format!("{site}/{full_name}"),
        "git_url": format!("git://{full_name}.git"), "ssh_url": format!("git@{full_name}.git"),
        "created_at": "2024-01-02T03:04:05Z", "updated_at": "2024-01-02T03:04:05Z", "pushed_at": "2024-01-02T03:04:05Z",
    });
    for (member, path) in PLACES {
        body[*member] = json!(format!("{url}/{path}"));
    }
    for member in COUNTS {
        body[*member] = json!(0);
    }
    for member in ["has_issues", "has_projects", "has_wiki"] {
        body[member] = json!(true);
    }
    for member in ["has_pages", "has_downloads", "has_discussions"] {
        body[member] = json!(false);
    }
    body
}

const COUNTS: &[&str] = &[
    "size",
    "forks",
    "forks_count",
    "open_issues",
    "open_issues_count",
    "stargazers_count",
    "watchers",
    "watchers_count",
];

const PLACES: &[(&str, &str)] = &[
    ("archive_url", "{archive_format}{/ref}"),
    ("assignees_url", "assignees{/user}"),
    ("blobs_url", "git/blobs{/sha}"),
    ("branches_url", "branches{/branch}"),
    ("collaborators_url", "collaborators{/collaborator}"),
    ("comments_url", "comments{/number}"),
    ("commits_url", "commits{/sha}"),
    ("compare_url", "compare/{base}...{head}"),
    ("contents_url", "contents/{+path}"),
    ("contributors_url", "contributors"),
    ("deployments_url", "deployments"),
    ("downloads_url", "downloads"),
    ("events_url", "events"),
    ("forks_url", "forks"),
    ("git_commits_url", "git/commits{/sha}"),
    ("git_refs_url", "git/refs{/sha}"),
    ("git_tags_url", "git/tags{/sha}"),
    ("hooks_url", "hooks"),
    ("issue_comment_url", "issues/comments{/number}"),
    ("issue_events_url", "issues/events{/number}"),
    ("issues_url", "issues{/number}"),
    ("keys_url", "keys{/key_id}"),
    ("labels_url", "labels{/name}"),
    ("languages_url", "languages"),
    ("merges_url", "merges"),
    ("milestones_url", "milestones{/number}"),
    ("notifications_url", "notifications{?since,all,participating}"),
    ("pulls_url", "pulls{/number}"),
    ("releases_url", "releases{/id}"),
    ("stargazers_url", "stargazers"),
    ("statuses_url", "statuses/{sha}"),
    ("subscribers_url", "subscribers"),
    ("subscription_url", "subscription"),
    ("tags_url", "tags"),
    ("teams_url", "teams"),
    ("trees_url", "git/trees{/sha}"),
];
