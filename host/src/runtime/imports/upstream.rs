//! The one door out: approve, place, send, read, in this order (a check after the sending is no check).
//!
//! A request that spends a rotating secret runs in a task of its own, from the intent to the durable outcome: neither a trap, nor a timeout, nor a caller
//! that went away may come between the upstream's answer and the disk.

use crate::clock::Millis;
use crate::manifest::{Endpoint, Kind, Take, Taken};
use crate::runtime::answer::{self, HostResponse, RawAnswer, Reading};
use crate::runtime::bind::base::claviger::provider::upstream;
use crate::runtime::bind::{Failure, Part, Request};
use crate::runtime::fault::{Cause, IncidentKind};
use crate::runtime::outbound::{self, Outgoing, Refusal};
use crate::runtime::placement::{self, Draft, Piece, Placed};
use crate::runtime::rotation::{Rotated, RotationLog};
use crate::runtime::state::{CallState, stop};
use futures::future::BoxFuture;
use std::sync::Arc;
use tokio::sync::oneshot;
use wasmtime::component::Resource;

impl upstream::HostResponse for CallState {
    fn status(&mut self, response: Resource<HostResponse>) -> wasmtime::Result<u16> {
        self.count()?;
        Ok(self.table.get(&response)?.status)
    }

    fn header(&mut self, response: Resource<HostResponse>, name: String) -> wasmtime::Result<Option<String>> {
        self.count()?;
        let headers = &self.table.get(&response)?.headers;
        Ok(headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(&name))
            .map(|(_, value)| value.clone()))
    }

    fn opened(&mut self, response: Resource<HostResponse>) -> wasmtime::Result<Result<String, Failure>> {
        self.count()?;
        Ok(match self.table.get(&response)?.opened.clone() {
            Ok(text) => Ok(text),
            Err(reason) => Err(self.fail("protocol", format!("the upstream's answer does not read: {reason}"), None)),
        })
    }

    fn take(
        &mut self,
        response: Resource<HostResponse>,
        name: String,
    ) -> wasmtime::Result<Option<Resource<crate::runtime::held::HostSecret>>> {
        self.count()?;
        let taken = &mut self.table.get_mut(&response)?.taken;
        let Some(at) = taken.iter().position(|(other, _)| *other == name) else {
            return Ok(None);
        };
        let (_, secret) = taken.swap_remove(at);
        self.hold(secret).map(Some)
    }

    fn drop(&mut self, response: Resource<HostResponse>) -> wasmtime::Result<()> {
        self.table.delete(response)?;
        Ok(())
    }
}

impl upstream::Host for CallState {
    async fn send(&mut self, request: Request) -> wasmtime::Result<Result<Resource<HostResponse>, Failure>> {
        self.count()?;
        self.used.upstream_calls += 1;
        if self.used.upstream_calls > self.limits.upstream_calls {
            return Err(stop(Cause::HostCallFlood {
                what: "upstream.send",
                limit: self.limits.upstream_calls,
            }));
        }
        let manifest = Arc::clone(&self.manifest);
        let endpoint = match self.upstream.approve(&manifest, &request.method, &request.url) {
            Ok(endpoint) => endpoint,
            Err(refusal) => return Ok(Err(self.refused(&refusal))),
        };
        let placed = match self.place(endpoint, &request)? {
            Ok(placed) => placed,
            Err(failure) => return Ok(Err(failure)),
        };
        self.used.sent_bytes = self.used.sent_bytes.saturating_add(placed.body.len());
        if self.used.sent_bytes > self.limits.sent_bytes {
            let message = format!("a call may send {} bytes", self.limits.sent_bytes);
            return Ok(Err(self.fail("too-large", message, None)));
        }
        let reading = self.exchange(endpoint, request, placed).await;
        // The guest waited for the network: the next tick of its clock is not its own.
        self.used.waited = true;
        match reading {
            Ok(reading) => self.answered(reading),
            Err(failure) => Ok(Err(failure)),
        }
    }
}

impl CallState {
    fn refused(&self, refusal: &Refusal) -> Failure {
        let incident = (refusal.code == "egress-denied").then_some(IncidentKind::EgressDenied);
        self.fail(refusal.code, refusal.message.clone(), incident)
    }

    /// Checks and fills the request. The outer error ends the guest: a handle that is none.
    fn place(&mut self, endpoint: &Endpoint, request: &Request) -> wasmtime::Result<Result<Placed, Failure>> {
        let denied = |state: &Self, reason| Ok(Err(state.fail("placement-denied", reason, Some(IncidentKind::PlacementDenied))));
        if self.record.reveals() > 0 && self.text_holds_a_secret(request) {
            return denied(self, "a secret stands in the request as text; place its handle".to_owned());
        }
        let url = match outbound::parse(&request.url) {
            Ok(url) => url,
            Err(refusal) => return Ok(Err(self.refused(&refusal))),
        };
        let headers = request
            .headers
            .iter()
            .map(|header| Ok((header.name.as_str(), self.pieces(&header.value)?)))
            .collect::<wasmtime::Result<Vec<_>>>()?;
        let draft = Draft {
            headers,
            body: self.pieces(&request.body)?,
        };
        match placement::place(endpoint, &url, &draft, &mut marker) {
            Ok(placed) => Ok(Ok(placed)),
            Err(reason) => denied(self, reason),
        }
    }

    fn pieces<'a>(&'a self, parts: &'a [Part]) -> wasmtime::Result<Vec<Piece<'a>>> {
        parts
            .iter()
            .map(|part| {
                Ok(match part {
                    Part::Text(text) => Piece::Text(text),
                    Part::Secret((secret, encoding)) => Piece::Secret(self.table.get(secret)?, *encoding),
                })
            })
            .collect()
    }

    /// After a reveal the guest knows a secret's text and could write it anywhere, the address included.
    fn text_holds_a_secret(&mut self, request: &Request) -> bool {
        let literal = |parts: &[Part]| -> String {
            parts
                .iter()
                .map(|part| if let Part::Text(text) = part { text.as_str() } else { "\u{0}" })
                .collect()
        };
        let mut texts = vec![request.url.clone(), literal(&request.body)];
        texts.extend(
            request
                .headers
                .iter()
                .map(|header| format!("{}: {}", header.name, literal(&header.value))),
        );
        let finder = self.finder();
        texts.iter().any(|text| finder.finds(text))
    }

    async fn exchange(&mut self, endpoint: &Endpoint, request: Request, placed: Placed) -> Result<Reading, Failure> {
        let rotates = self.kind.as_ref().is_some_and(|kind| spends(endpoint, kind, &placed.fields));
        let asked_at_ms = self.clock.now_ms();
        let outgoing = Outgoing {
            method: request.method,
            url: request.url,
            headers: placed.headers,
            body: placed.body,
            within: self.limits.call,
        };
        let sending = Arc::clone(&self.upstream).send(Arc::clone(&self.manifest), outgoing);
        if rotates {
            return self.rotate(endpoint, sending, asked_at_ms).await;
        }
        self.record.leaving();
        let answer = sending.await;
        self.record.returned(answer.as_ref().is_err_and(|refusal| refusal.may_have_acted));
        let answer = answer.map_err(|refusal| self.refused(&refusal))?;
        self.received(&answer)?;
        let mut reading = self.read(endpoint, answer, asked_at_ms);
        if let Some(gathered) = &mut self.gathered {
            gathered.fields.append(&mut reading.replaces);
            if let Some((token, expires_at_ms)) = reading.token.take() {
                (gathered.token, gathered.expires_at_ms) = (Some(token), expires_at_ms);
            }
        }
        Ok(reading)
    }

    fn received(&mut self, answer: &RawAnswer) -> Result<(), Failure> {
        self.used.received_bytes = self.used.received_bytes.saturating_add(answer.body.len());
        if self.used.received_bytes > self.limits.received_bytes {
            let message = format!("the answers of one call may have {} bytes", self.limits.received_bytes);
            return Err(self.fail("too-large", message, None));
        }
        Ok(())
    }

    fn read(&self, endpoint: &Endpoint, answer: RawAnswer, asked_at_ms: Millis) -> Reading {
        // A send outside a mint or a revocation has been refused before.
        match &self.kind {
            Some(kind) => answer::read(endpoint, kind, answer, asked_at_ms),
            None => Reading::empty(answer.status),
        }
    }

    /// One use of a secret that can be used once.
    async fn rotate(
        &mut self,
        endpoint: &Endpoint,
        sending: BoxFuture<'static, Result<RawAnswer, Refusal>>,
        asked_at_ms: Millis,
    ) -> Result<Reading, Failure> {
        self.used.rotations += 1;
        if self.used.rotations > 1 {
            let message = "a rotating secret is sent once in a call".to_owned();
            return Err(self.fail("placement-denied", message, Some(IncidentKind::SecondRotation)));
        }
        let (Some(log), Some(kind)) = (self.rotation.clone(), self.kind.clone()) else {
            return Err(self.fail("storage", "this call may not spend a rotating secret".to_owned(), None));
        };
        let (done, outcome) = oneshot::channel();
        let (settle, settled) = oneshot::channel();
        self.record.settling(settled);
        let (record, endpoint) = (Arc::clone(&self.record), endpoint.clone());
        tokio::spawn(async move {
            let spent = Spending {
                log: &*log,
                record: &record,
                endpoint: &endpoint,
                kind: &kind,
                asked_at_ms,
            };
            let outcome = spent.run(sending).await;
            // Nobody may be listening any more; the outcome is stored all the same.
            let _gone = done.send(outcome);
            let _gone = settle.send(());
        });
        match outcome.await {
            Ok(Ok(reading)) => Ok(reading),
            Ok(Err(refusal)) => Err(self.refused(&refusal)),
            Err(_) => Err(self.fail(
                "storage",
                "the rotation was cut short; what is known of it is in the journal".to_owned(),
                None,
            )),
        }
    }

    /// Searches what is about to be opened, and gives the handle.
    fn answered(&mut self, reading: Reading) -> wasmtime::Result<Result<Resource<HostResponse>, Failure>> {
        for (_, taken) in &reading.response.taken {
            self.know(&taken.value)?;
        }
        let finder = self.finder();
        let echoed = reading
            .response
            .opened
            .as_ref()
            .is_ok_and(|text| answer::texts(text).iter().any(|text| finder.finds(text)))
            || reading.response.headers.iter().any(|(_, value)| finder.finds(value));
        if echoed {
            let message = "the answer repeats a secret of this call in a field that is open".to_owned();
            return Ok(Err(self.fail("echoed-secret", message, Some(IncidentKind::EchoedSecret))));
        }
        let limit = self.limits.handles;
        self.table
            .push(reading.response)
            .map(Ok)
            .map_err(|_| stop(Cause::HandleFlood { limit }))
    }
}

/// Whether this request uses up a secret that can be used once: it carries the rotating field to where its successor comes from. Elsewhere, at a
/// revocation say, it is a secret like any other.
fn spends(endpoint: &Endpoint, kind: &Kind, placed: &[String]) -> bool {
    kind.rotation.as_ref().is_some_and(|rotation| {
        let replaced = |take: &Take| matches!(&take.what, Taken::Replaces { field, .. } if *field == rotation.field);
        placed.contains(&rotation.field) && endpoint.takes.iter().any(replaced)
    })
}

/// A rotation under way, on its own task.
struct Spending<'a> {
    log: &'a dyn RotationLog,
    record: &'a crate::runtime::record::Record,
    endpoint: &'a Endpoint,
    kind: &'a Kind,
    asked_at_ms: Millis,
}

impl Spending<'_> {
    async fn run(&self, sending: BoxFuture<'static, Result<RawAnswer, Refusal>>) -> Result<Reading, Refusal> {
        let storage = |message: String| Refusal {
            code: "storage",
            message,
            may_have_acted: false,
        };
        if let Err(error) = self.log.intend().await {
            return Err(storage(format!("{error}; nothing was sent")));
        }
        self.record.leaving();
        let answer = sending.await;
        self.record.returned(answer.as_ref().is_err_and(|refusal| refusal.may_have_acted));
        let answer = match answer {
            Ok(answer) => answer,
            Err(refusal) => {
                if refusal.may_have_acted {
                    self.log.unanswered().await
                } else {
                    self.log.not_sent().await
                }
                return Err(refusal);
            }
        };
        let status = answer.status;
        let mut reading = answer::read(self.endpoint, self.kind, answer, self.asked_at_ms);
        if reading.unreadable {
            self.record.returned(true);
            self.log.unanswered().await;
        } else if reading.token.is_none() && reading.replaces.is_empty() {
            self.log.refused(status).await;
        } else {
            let (token, expires_at_ms) = reading.token.take().map_or((None, None), |(token, expires)| (Some(token), expires));
            let rotated = Rotated {
                fields: std::mem::take(&mut reading.replaces),
                token,
                expires_at_ms,
            };
            if let Err(error) = self.log.rotated(rotated).await {
                self.record.incident(IncidentKind::RotationNotStored, error.to_string());
                return Err(storage(error.to_string()));
            }
        }
        Ok(reading)
    }
}

/// 128 random bits in letters: no guest guesses one.
fn marker() -> String {
    let mut bytes = [0; 16];
    crate::clock::fill_random(&mut bytes);
    format!("m{}", hex::encode(bytes))
}
