//! Secrets behind handles: joined, signed with, and, by the operator's grant alone, read.

use crate::runtime::bind::base::claviger::provider::secrets;
use crate::runtime::bind::{Encoding, Failure, Part};
use crate::runtime::fault::{Cause, IncidentKind};
use crate::runtime::held::HostSecret;
use crate::runtime::limits::{SECRET_BYTES, SIGNATURES};
use crate::runtime::state::{CallState, stop};
use crate::seal::jws;
use crate::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use wasmtime::component::Resource;
use zeroize::Zeroizing;

/// The algorithm that `sign-jwt` knows. GitHub and Google want this one.
const RS256: &str = "RS256";

impl secrets::HostSecret for CallState {
    fn sign_jwt(
        &mut self,
        secret: Resource<HostSecret>,
        algorithm: String,
        header: String,
        claims: String,
    ) -> wasmtime::Result<Result<Resource<HostSecret>, Failure>> {
        self.count()?;
        self.used.signatures += 1;
        if self.used.signatures > SIGNATURES {
            return Err(stop(Cause::HostCallFlood {
                what: "sign-jwt",
                limit: SIGNATURES,
            }));
        }
        if algorithm != RS256 {
            let message = "this host signs with `RS256` alone".to_owned();
            return Ok(Err(self.fail("misconfigured", message, None)));
        }
        let held = self.table.get(&secret)?;
        let signed = match jws::sign_rs256(&held.value, &header, &claims) {
            Ok(signature) => held.signed(signature),
            Err(error) => return Ok(Err(self.fail("misconfigured", error.to_string(), None))),
        };
        self.hold(signed).map(Ok)
    }

    fn reveal(&mut self, secret: Resource<HostSecret>) -> wasmtime::Result<Result<String, Failure>> {
        self.count()?;
        let held = self.table.get(&secret)?;
        if !self.may_reveal {
            let field = held.origins.first().map_or("a secret", |origin| origin.field.as_str());
            let message = format!("reading `{field}` as text needs the operator's grant of `reveal`");
            return Ok(Err(self.fail("reveal-denied", message, Some(IncidentKind::RevealDenied))));
        }
        self.record.revealed();
        Ok(Ok(held.value.expose().to_owned()))
    }

    fn drop(&mut self, secret: Resource<HostSecret>) -> wasmtime::Result<()> {
        self.table.delete(secret)?;
        Ok(())
    }
}

impl secrets::Host for CallState {
    fn join(&mut self, parts: Vec<Part>, encoding: Encoding) -> wasmtime::Result<Resource<HostSecret>> {
        self.count()?;
        if let [Part::Secret((only, Encoding::Plain))] = parts.as_slice()
            && encoding == Encoding::Plain
        {
            let copy = self.table.get(only)?.clone();
            return self.hold(copy);
        }
        let mut text = Zeroizing::new(String::new());
        let mut held = Vec::new();
        for part in &parts {
            let piece = match part {
                Part::Text(literal) => Zeroizing::new(literal.clone()),
                Part::Secret((secret, encoding)) => {
                    let secret = self.table.get(secret)?;
                    held.push(secret);
                    encode(secret.value.expose(), *encoding)
                }
            };
            if text.len() + piece.len() > SECRET_BYTES {
                return Err(stop(Cause::HostCallData { limit_bytes: SECRET_BYTES }));
            }
            // Grown by hand: a reallocation would leave the old bytes behind.
            let mut longer = Zeroizing::new(String::with_capacity(text.len() + piece.len()));
            longer.push_str(&text);
            longer.push_str(&piece);
            text = longer;
        }
        let mut text = encode(&text, encoding);
        if text.len() > SECRET_BYTES {
            return Err(stop(Cause::HostCallData { limit_bytes: SECRET_BYTES }));
        }
        let joined = HostSecret::joined(Secret::new(std::mem::take(&mut *text)), &held);
        self.hold(joined)
    }
}

fn encode(text: &str, encoding: Encoding) -> Zeroizing<String> {
    Zeroizing::new(match encoding {
        Encoding::Plain => text.to_owned(),
        Encoding::Base64 => STANDARD.encode(text),
        Encoding::Base64url => URL_SAFE_NO_PAD.encode(text),
        Encoding::FormUrlencoded => form_urlencoded::byte_serialize(text.as_bytes()).collect(),
        Encoding::JsonString => serde_json::Value::from(text).to_string(),
    })
}
