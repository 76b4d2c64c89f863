//! What is recorded of reads and mints: the fields of each event. Never a name, never a secret.

use super::Audit;
use super::keys::{AuditKeys, Principals};
use super::line::Line;
use crate::access::{Denial, Permit, Target, TokenRequest};
use crate::identity::Caller;
use crate::ids::{Generation, RequestId, Username};
use crate::records::model::Credential;
use std::cell::Cell;

/// A token read that begins.
#[derive(Clone, Copy)]
pub struct Access<'a> {
    /// The request.
    pub request_id: &'a RequestId,
    /// Who asked.
    pub caller: &'a Caller,
    /// For what.
    pub request: &'a TokenRequest,
}

/// A read without an outcome. It has to be given one; one that is dropped without (its client went away) is recorded as abandoned.
#[must_use = "a read ends with exactly one record"]
pub struct Pending<'a> {
    audit: Audit,
    access: Access<'a>,
    ended: Cell<bool>,
}

/// A read that brought no token, ready to be written.
#[must_use = "a read ends with exactly one record"]
pub struct Refused<'a> {
    access: Access<'a>,
    why: Why<'a>,
}

enum Why<'a> {
    Denied(Denial),
    Failed(&'a Permit, &'static str),
}

/// A read that brings a token, ready to be written. Only this kind of record yields a [`super::Receipt`].
#[must_use = "a read ends with exactly one record"]
pub struct Granted<'a> {
    access: Access<'a>,
    permit: &'a Permit,
    released: Released<'a>,
}

/// What is released, as the trail recognises it.
#[derive(Clone, Copy)]
pub struct Released<'a> {
    /// `cache` or `minted`.
    pub source: &'static str,
    /// The credential's generation.
    pub generation: Generation,
    /// The mint that brought it.
    pub mint: Option<&'a str>,
    /// Keyed hash of the token.
    pub fingerprint: &'a str,
}

/// How a mint ended.
pub struct MintOutcome<'a> {
    /// `minted`, or the fault's code.
    pub code: &'a str,
    /// The generation that it led to, if it rotated.
    pub generation: Option<Generation>,
    /// How many secrets the provider read as text.
    pub reveals: u32,
}

impl<'a> Pending<'a> {
    pub(super) const fn new(audit: Audit, access: Access<'a>) -> Self {
        Self {
            audit,
            access,
            ended: Cell::new(false),
        }
    }

    /// Nobody may have it.
    pub fn denied(&self, denial: Denial) -> Refused<'a> {
        self.ended.set(true);
        Refused {
            access: self.access,
            why: Why::Denied(denial),
        }
    }

    /// It was allowed and did not come about.
    pub fn failed(&self, permit: &'a Permit, code: &'static str) -> Refused<'a> {
        self.ended.set(true);
        Refused {
            access: self.access,
            why: Why::Failed(permit, code),
        }
    }

    /// It leaves, once this record is durable.
    pub fn granted(&self, permit: &'a Permit, released: Released<'a>) -> Granted<'a> {
        self.ended.set(true);
        Granted {
            access: self.access,
            permit,
            released,
        }
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if self.ended.get() {
            return;
        }
        let mut line = Line::new();
        line.put("event", "CREDENTIAL_ACCESS");
        line.put("outcome", "abandoned");
        write_target(&mut line, &self.access.request.target);
        self.access.write_caller(&mut line, &mut self.audit.keys().principals());
        // Nobody is left to tell. A trail that takes no records says so to every other reader.
        let _ = self.audit.sink().append_unwatched(&line);
    }
}

impl<'a> Access<'a> {
    fn write_caller(&self, line: &mut Line, principals: &mut Principals<'a>) {
        line.put("auth", self.caller.method());
        line.put("caller", principals.caller(self.caller).as_str());
        line.put("request", self.request_id.as_str());
    }
}

impl<'a> Refused<'a> {
    pub(super) fn write(&self, line: &mut Line, keys: &'a AuditKeys) {
        let mut principals = keys.principals();
        line.put("event", "CREDENTIAL_ACCESS");
        match &self.why {
            Why::Denied(denial) => {
                line.put("outcome", "denied");
                line.put("reason", denial.code());
                write_target(line, &self.access.request.target);
            }
            Why::Failed(permit, code) => {
                line.put("outcome", "failed");
                line.put("reason", code);
                write_permit(line, &mut principals, permit, &self.access.request.target);
            }
        }
        self.access.write_caller(line, &mut principals);
    }
}

impl<'a> Granted<'a> {
    pub(super) fn write(&self, line: &mut Line, keys: &'a AuditKeys) {
        let mut principals = keys.principals();
        line.put("event", "CREDENTIAL_ACCESS");
        line.put("outcome", "granted");
        line.put("reason", self.permit.reason().code());
        write_permit(line, &mut principals, self.permit, &self.access.request.target);
        line.put("source", self.released.source);
        line.put_number("generation", self.released.generation.0);
        line.put("token", self.released.fingerprint);
        line.put_some("mint", self.released.mint);
        self.access.write_caller(line, &mut principals);
    }
}

fn write_target(line: &mut Line, target: &Target) {
    match target {
        Target::Flat(credential) => line.put("credential", credential.as_str()),
        Target::InProject(project, credential) => {
            line.put("credential", credential.as_str());
            line.put("project", project.as_str());
        }
        Target::InSession(project, session, provider) => {
            line.put("provider", provider.as_str());
            line.put("project", project.as_str());
            line.put("session", session.as_str());
        }
    }
}

fn write_permit<'a>(line: &mut Line, principals: &mut Principals<'a>, permit: &'a Permit, target: &Target) {
    let (credential, effective) = (permit.credential(), permit.effective());
    line.put("credential", credential.id.as_str());
    line.put("provider", credential.provider.as_str());
    match (effective.session(), target) {
        (Some(session), _) => {
            line.put("project", session.project_id.as_str());
            line.put_some("agent", session.agent_id.as_ref().map(AsRef::as_ref));
            line.put("session", session.id.as_str());
            line.put_some("run", effective.run().map(AsRef::as_ref));
        }
        (None, Target::InProject(project, _)) => line.put("project", project.as_str()),
        (None, _) => {}
    }
    line.put("ground", effective.ground().code());
    let user = effective.person();
    let mut put = |key, person: Option<&'a Username>| {
        if let Some(person) = person {
            line.put(key, principals.person(person).as_str());
        }
    };
    put("user", user);
    put("owner", permit.owner());
    line.put_bool("same_as_owner", user.is_some() && user == permit.owner());
    if effective.owner_policy() {
        line.put_bool("owner_policy", true);
    }
}

pub(super) fn write_mint_begin(line: &mut Line, mint: &str, credential: &Credential) {
    line.put("event", "CREDENTIAL_MINT");
    line.put("outcome", "begun");
    write_mint(line, mint, credential);
}

pub(super) fn write_mint_finish(line: &mut Line, mint: &str, credential: &Credential, outcome: &MintOutcome<'_>) {
    line.put("event", "CREDENTIAL_MINT");
    line.put("outcome", if outcome.code == "minted" { "minted" } else { "failed" });
    line.put("reason", plain_code(outcome.code));
    write_mint(line, mint, credential);
    if let Some(generation) = outcome.generation {
        line.put_number("generation", generation.0);
    }
    if outcome.reveals > 0 {
        line.put_number("reveals", i64::from(outcome.reveals));
    }
}

/// A code as it may stand in the trail. A provider chooses some of them, so a long or strange one is not taken over.
fn plain_code(code: &str) -> &str {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !code.is_empty() && code.len() <= 48 && code.bytes().all(plain) {
        code
    } else {
        "other"
    }
}

pub(super) fn write_recovered(line: &mut Line, torn_bytes: u64) {
    line.put("event", "AUDIT_RECOVERED");
    line.put_number("torn_bytes", i64::try_from(torn_bytes).unwrap_or(i64::MAX));
}

/// Records could not be written for a while, and can be again.
pub(super) fn write_resumed(line: &mut Line) {
    line.put("event", "AUDIT_RESUMED");
}

fn write_mint(line: &mut Line, mint: &str, credential: &Credential) {
    line.put("mint", mint);
    line.put("credential", credential.id.as_str());
    line.put("provider", credential.provider.as_str());
}
