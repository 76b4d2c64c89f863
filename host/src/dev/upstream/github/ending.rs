//! The ways to end a token.

use super::people::{Holder, holder};
use super::{message, segment};
use crate::clock::Millis;
use crate::dev::upstream::call::Call;
use crate::dev::upstream::reply::Reply;
use crate::dev::upstream::world::World;
use serde_json::{Value, json};

/// `DELETE /installation/token`, with the token itself.
pub(super) fn installation_token(world: &mut World, call: &Call, now_ms: Millis) -> Reply {
    let token = call.authorization(&["bearer", "token"]).unwrap_or_default();
    match holder(world, call, now_ms) {
        Err(refusal) => refusal,
        Ok((Holder::Person(account, _), kind)) => {
            message(403, "Resource not accessible by personal access token").to(kind, token, Some(&account))
        }
        Ok((Holder::Installation(live), kind)) => {
            world.revoke(token);
            Reply::empty(204).to(kind, token, Some(&live.account))
        }
    }
}

/// `DELETE /applications/{client_id}/grant`, with the client's id and secret: everything that the person granted to it.
pub(super) fn grant(world: &mut World, path: &str, call: &Call) -> Reply {
    let client_id = segment(path, 1);
    let (user, password) = call.basic().unwrap_or_default();
    if user != client_id || !world.github.is_client(&user, &password) {
        return message(401, "Bad credentials").to("client", &password, None);
    }
    let token = call.field("access_token").unwrap_or_default();
    if token.is_empty() {
        return message(422, "Validation Failed").to("client", &password, None);
    }
    match world.github.end_grant(&client_id, &token) {
        Some(account) => Reply::empty(204).to("client", &password, Some(&account)),
        None => message(404, "Not Found").to("client", &password, None),
    }
}

/// `POST /credentials/revoke`, by anybody who holds it: unknown ones are accepted like known ones, an installation's are not taken.
pub(super) fn credentials(world: &mut World, call: &Call) -> Reply {
    if call.header("authorization").is_some() {
        return message(403, "This endpoint does not support authenticated requests");
    }
    let listed = call.value("credentials").and_then(Value::as_array).cloned().unwrap_or_default();
    let texts: Vec<&str> = listed.iter().filter_map(Value::as_str).collect();
    let known = ["ghp_", "github_pat_", "gho_", "ghu_", "ghr_"];
    let fits = |text: &&str| known.iter().any(|prefix| text.starts_with(prefix));
    if texts.is_empty() || texts.len() != listed.len() || texts.len() > 1000 || !texts.iter().all(fits) {
        return message(422, "Validation Failed");
    }
    for text in &texts {
        world.github.end_leaked(text);
    }
    Reply::json(202, json!({})).to("leaked", texts.first().copied().unwrap_or_default(), None)
}
