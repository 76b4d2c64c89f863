//! Who gets which token: the rulings about reads and shared sessions, over the rows.

use super::{Asked, Who, bindings_of, covers, credential, granted, holds, project, resolves, role_of, role_permits, session};
use crate::access::Snapshot;
use crate::clock::Millis;
use crate::records::model::{Credential, CredentialPolicy, Phase, Scope, Session, Trigger, Turn};

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    Flat(&'static str),
    InProject(&'static str, &'static str),
    InSession(&'static str, &'static str, &'static str),
}

/// The credential whose token this caller gets, if any. The operator allows no `owner` policy and no old fallback.
pub(crate) fn token(world: &Snapshot, who: &Who, read: Read, now: Millis) -> Option<String> {
    let rows = Rows { world, now };
    if !who.bearer_allows("credential", "fetch_token") {
        return None;
    }
    match who {
        Who::Person(name) | Who::Key(name, _) => rows.person(name, read),
        Who::Service(name, _) => rows.service(name, read),
        Who::Session(project, own) => rows.session(project, own, None, read),
        Who::Turn(turn, project, own, user) => rows.session(project, own, Some((turn, user)), read),
    }
}

struct Rows<'a> {
    world: &'a Snapshot,
    now: Millis,
}

impl<'a> Rows<'a> {
    fn active(&self, name: &str) -> bool {
        !self.world.deactivated.iter().any(|user| user.as_str() == name)
    }

    fn turns(&self, session: &Session) -> Vec<&'a Turn> {
        let open = self.world.turns.iter().filter(|turn| turn.expires_at_ms > self.now);
        open.filter(|turn| turn.session_id == session.id && turn.project_id == session.project_id)
            .collect()
    }

    /// What the session may hand out: nothing once it is over, and nothing where the project lends nothing.
    fn lends(&self, session: &Session) -> Vec<&'a Credential> {
        let policy = project(self.world, session.project_id.as_str()).map(|project| project.credential_policy);
        match policy {
            None | Some(CredentialPolicy::SenderOnly) => Vec::new(),
            Some(_) if !runs(session) => Vec::new(),
            Some(_) => granted(self.world, session),
        }
    }

    fn account(&self, name: &str, provider: &str) -> Option<String> {
        let own =
            |row: &&Credential| row.connected_to.as_ref().is_some_and(|user| user.as_str() == name) && row.provider.as_str() == provider;
        let accounts = self.world.credentials.iter().filter(own);
        accounts.min_by_key(|row| (row.created_at_ms, row.id.clone())).map(id_of)
    }

    /// A binding of the reader's own that fetches this credential's token: scope credential, and no other scope.
    fn fetches(&self, name: &str, id: &str) -> bool {
        bindings_of(self.world, name).iter().any(|(binding, role)| {
            binding.scope == Scope::Credential && covers(binding, Asked::credential(id)) && role_permits(role, "credential", "fetch_token")
        })
    }

    /// A person's own bearer or key: it reads for that person.
    fn person(&self, name: &str, read: Read) -> Option<String> {
        if !self.active(name) {
            return None;
        }
        let in_open_turn = |id: &str, below: Option<&str>| {
            let sessions = self.world.sessions.iter().filter(|session| {
                let mine = self.turns(session).iter().any(|turn| turn.user.as_str() == name);
                mine && below.is_none_or(|project| session.project_id.as_str() == project)
            });
            sessions.flat_map(|session| self.lends(session)).any(|lent| lent.id.as_str() == id)
        };
        match read {
            Read::Flat(id) => {
                let row = credential(self.world, id)?;
                let may = match &row.connected_to {
                    Some(person) => person.as_str() == name,
                    None => in_open_turn(id, None) || self.fetches(name, id),
                };
                may.then(|| id.to_owned())
            }
            Read::InProject(below, id) => {
                let row = credential(self.world, id).filter(|row| row.connected_to.is_none())?;
                let resolved = || resolves(self.world, below, None, row.provider.as_str()).as_deref() == Some(id);
                (in_open_turn(id, Some(below)) || (self.fetches(name, id) && resolved())).then(|| id.to_owned())
            }
            Read::InSession(below, id, provider) => {
                let session = session(self.world, Some(below), id)?;
                project(self.world, below)?;
                let in_turn = self.turns(session).iter().any(|turn| turn.user.as_str() == name);
                let visible = session.created_by.as_str() == name || in_turn || self.reads(name, session);
                if !visible {
                    return None;
                }
                self.account(name, provider)
                    .or_else(|| self.lent(session, provider, if in_turn { None } else { Some(name) }))
            }
        }
    }

    /// The session's credential for a provider; for whoever has no turn open there, only by a binding of their own.
    fn lent(&self, session: &Session, provider: &str, by_binding_of: Option<&str>) -> Option<String> {
        let lent = self.lends(session).into_iter().find(|lent| lent.provider.as_str() == provider)?;
        by_binding_of
            .is_none_or(|name| self.fetches(name, lent.id.as_str()))
            .then(|| id_of(lent))
    }

    fn reads(&self, name: &str, session: &Session) -> bool {
        let asked = Asked {
            project: Some(session.project_id.as_str()),
            agent: session.agent_id.as_ref().map(|agent| agent.as_str()),
            session: Some(session.id.as_str()),
            credential: None,
        };
        holds(self.world, name, "session", "read", asked)
    }

    /// A service: nobody's accounts, and no more than its bindings name.
    fn service(&self, name: &str, read: Read) -> Option<String> {
        match read {
            Read::Flat(id) | Read::InProject(_, id) => {
                let row = credential(self.world, id).filter(|row| row.connected_to.is_none())?;
                let here = match read {
                    Read::InProject(below, _) => resolves(self.world, below, None, row.provider.as_str()).as_deref() == Some(id),
                    _ => true,
                };
                (here && self.fetches(name, id)).then(|| id.to_owned())
            }
            Read::InSession(below, id, provider) => {
                let session = session(self.world, Some(below), id).filter(|session| self.reads(name, session))?;
                self.lent(session, provider, Some(name))
            }
        }
    }

    /// A session's own bearer, or the bearer of one of its turns: what the session was granted, turn or not; accounts by provider alone, and
    /// of the one person who is behind it.
    fn session(&self, below: &str, id: &str, turn: Option<(&str, &str)>, read: Read) -> Option<String> {
        let session = session(self.world, Some(below), id).filter(|session| runs(session))?;
        project(self.world, below)?;
        let turns = self.turns(session);
        let behind = match turn {
            Some((turn, user)) => {
                turns.iter().find(|open| open.id.as_str() == turn && open.user.as_str() == user)?;
                Some(user.to_owned())
            }
            None => self.behind(session, &turns)?,
        };
        if behind.as_deref().is_some_and(|person| !self.active(person)) {
            return None;
        }
        match read {
            Read::Flat(wanted) => self.lends(session).into_iter().find(|lent| lent.id.as_str() == wanted).map(id_of),
            Read::InProject(asked, wanted) if asked == below => self.session(below, id, turn, Read::Flat(wanted)),
            Read::InSession(asked, own, provider) if asked == below && own == id => {
                let account = behind.as_deref().and_then(|person| self.account(person, provider));
                account.or_else(|| self.lent(session, provider, None))
            }
            Read::InProject(..) | Read::InSession(..) => None,
        }
    }

    /// Who is behind a session's own bearer: `Some(None)` is nobody, `None` refuses the read.
    #[expect(clippy::option_option, reason = "nobody and a refusal are two things here")]
    fn behind(&self, session: &Session, turns: &[&Turn]) -> Option<Option<String>> {
        let creator = session.created_by.as_str();
        if let Some(first) = turns.first() {
            let alone = turns.iter().all(|turn| turn.user == first.user);
            return Some(alone.then(|| first.user.as_str().to_owned()));
        }
        let automatic = session.trigger != Trigger::Person;
        match (automatic, self.active(creator)) {
            (true, true) => Some(Some(creator.to_owned())),
            (true, false) => None,
            (false, active) => Some((active && !self.others_message(session)).then(|| creator.to_owned())),
        }
    }

    /// Whether a project, agent or session binding lets anyone but the creator message the session.
    fn others_message(&self, session: &Session) -> bool {
        let asked = Asked {
            project: Some(session.project_id.as_str()),
            agent: session.agent_id.as_ref().map(|agent| agent.as_str()),
            session: Some(session.id.as_str()),
            credential: None,
        };
        self.world.bindings.iter().any(|binding| {
            matches!(binding.scope, Scope::Project | Scope::Agent | Scope::Session)
                && covers(binding, asked)
                && binding.user_id.as_ref().is_some_and(|user| *user != session.created_by)
                && role_of(self.world, binding).is_some_and(|role| role_permits(role, "session_message", "create"))
        })
    }
}

const fn runs(session: &Session) -> bool {
    matches!(session.phase, Phase::Creating | Phase::Running)
}

fn id_of(row: &Credential) -> String {
    row.id.as_str().to_owned()
}
