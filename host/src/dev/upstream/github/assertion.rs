//! The App's assertion: times first, then who, then the signature, as GitHub's texts tell them apart.

use super::message;
use crate::clock::Millis;
use crate::dev::upstream::call::Call;
use crate::dev::upstream::jwt::Unverified;
use crate::dev::upstream::reply::Reply;
use crate::dev::upstream::world::World;

pub(super) fn check(world: &World, call: &Call, now_ms: Millis) -> Result<(), Reply> {
    let undecodable = || message(401, "A JSON web token could not be decoded");
    let token = call.authorization(&["bearer"]).ok_or_else(undecodable)?;
    let refuse = |reply: Reply| reply.to("app-assertion", token, None);
    let assertion = Unverified::parse(token).ok_or_else(|| refuse(undecodable()))?;
    let now = now_ms / 1000;
    match assertion.seconds("exp") {
        Some(exp) if exp > now + 600 => {
            return Err(refuse(message(401, "'Expiration time' claim ('exp') is too far in the future")));
        }
        Some(exp) if exp > now => {}
        _ => {
            let text =
                "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires";
            return Err(refuse(message(401, text)));
        }
    }
    if assertion.seconds("iat").is_none_or(|iat| iat > now) {
        let text = "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued";
        return Err(refuse(message(401, text)));
    }
    let issuer = assertion
        .claims
        .get("iss")
        .map(|iss| iss.as_str().map_or_else(|| iss.to_string(), str::to_owned))
        .unwrap_or_default();
    if issuer != world.app.app_id && issuer != world.app.client_id {
        return Err(refuse(message(404, "Integration not found")));
    }
    if assertion.is_signed_by(&world.app.key) {
        Ok(())
    } else {
        Err(refuse(undecodable()))
    }
}
