//! A folder, keys, and reads to record.

use crate::access::{self, Change, Denial, Index, Permit, Target, TokenRequest};
use crate::audit::{Access, Audit, AuditError, AuditKeys, Released};
use crate::clock::ManualClock;
use crate::config::{self, Durability};
use crate::identity::{Caller, CallerKind, CurrentUserHeader, PersonBearer, effective_user};
use crate::ids::{
    AgentId, BindingId, CredentialId, Generation, ProjectId, ProviderName, RequestId, RoleId, RunId, SessionId, TurnId, Username,
};
use crate::records::model::{Binding, Credential, CredentialPolicy, CredentialState, Phase, Project, Role, Scope, Session, Trigger, Turn};
use ring::hmac;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// 2026-08-17T10:00:00.123Z
pub(super) const NOW: i64 = 1_786_960_800_123;

pub(super) fn keys_writing(writes: u32) -> AuditKeys {
    let key = |seed: u8| hmac::Key::new(hmac::HMAC_SHA256, &[seed; 32]);
    AuditKeys::new(writes).with(1, key(1), key(2)).with(2, key(3), key(4))
}

pub(super) fn keys() -> AuditKeys {
    keys_writing(1)
}

pub(super) fn settings(durability: Durability) -> config::Audit {
    config::Audit {
        durability,
        segment_bytes: 64 * 1024 * 1024,
    }
}

pub(super) fn open(folder: &Path, config: &config::Audit) -> Result<Audit, AuditError> {
    Audit::open(folder, config, keys(), Arc::new(ManualClock::at(NOW)))
}

/// The segment files, in order.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// All lines of all segments.
pub(super) fn lines(folder: &Path) -> Vec<String> {
    files(folder)
        .iter()
        .flat_map(|file| {
            std::fs::read_to_string(file)
                .unwrap()
                .lines()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect()
}

pub(super) fn user(name: &str) -> Username {
    Username::parse(name).unwrap()
}

pub(super) fn credential() -> Credential {
    Credential {
        id: CredentialId::parse("2mCredentialOfBobAtGitHub00").unwrap(),
        name: "bobs".to_owned(),
        description: None,
        provider: ProviderName::parse("github").unwrap(),
        kind: "personal-access-token".to_owned(),
        url: None,
        email: None,
        labels: None,
        annotations: None,
        fields: Default::default(),
        connected_to: Some(user("bob@example.org")),
        generation: Generation(3),
        state: CredentialState::Usable,
        created_at_ms: 0,
        updated_at_ms: 0,
    }
}

pub(super) fn turn() -> Turn {
    Turn {
        id: TurnId::parse("2mTurnOfBobBeingAnswered000").unwrap(),
        project_id: ProjectId::parse("research").unwrap(),
        session_id: SessionId::parse("2mSessionOfAliceAndOthers00").unwrap(),
        run_id: RunId::parse("0b6d4d1e-8a55-4a4f-9c9c-0d7f0c5b7f10").unwrap(),
        user: user("bob@example.org"),
        opened_at_ms: 0,
        expires_at_ms: NOW * 2,
    }
}

/// Alice's session with an agent, in which Bob's turn is open; everything has ids of full length.
pub(super) fn index() -> Index {
    let project = ProjectId::parse("research").unwrap();
    let session = SessionId::parse("2mSessionOfAliceAndOthers00").unwrap();
    let mut index = Index::default();
    for change in [
        Change::PutProject(Project {
            id: project.clone(),
            description: None,
            credential_policy: CredentialPolicy::Bindings,
            created_at_ms: 0,
            updated_at_ms: 0,
        }),
        Change::PutSession(Session {
            id: session.clone(),
            project_id: project.clone(),
            agent_id: Some(AgentId::parse("2mAgentOfTheResearchTeam000").unwrap()),
            name: "shared".to_owned(),
            created_by: user("alice@example.org"),
            trigger: Trigger::Person,
            phase: Phase::Running,
            workload: None,
            starts: 1,
            attended: false,
            joined: false,
            created_at_ms: 0,
            updated_at_ms: 0,
        }),
        Change::PutTurn(turn()),
        Change::PutRole(Role {
            id: RoleId::parse("reader").unwrap(),
            name: "credential:token-reader".to_owned(),
            display_name: None,
            description: None,
            permissions: vec!["credential:fetch_token".to_owned()],
            built_in: true,
            created_at_ms: 0,
            updated_at_ms: 0,
        }),
        Change::PutCredential(credential()),
        Change::PutCredential(Credential {
            id: CredentialId::parse("2mCredentialSharedByOwner00").unwrap(),
            connected_to: None,
            ..credential()
        }),
        Change::PutBinding(Binding {
            id: BindingId::parse("b").unwrap(),
            role_id: RoleId::parse("reader").unwrap(),
            scope: Scope::Credential,
            user_id: Some(user("bob@example.org")),
            project_id: None,
            agent_id: None,
            session_id: None,
            credential_id: Some(CredentialId::parse("2mCredentialSharedByOwner00").unwrap()),
            created_at_ms: 0,
            updated_at_ms: 0,
        }),
    ] {
        index.apply(change);
    }
    index.synced(NOW);
    index
}

pub(super) fn person(name: &str) -> Caller {
    Caller::authenticated(CallerKind::Person {
        user: user(name),
        via: PersonBearer::Issuer,
    })
}

pub(super) fn session_token() -> Caller {
    let session = SessionId::parse("2mSessionOfAliceAndOthers00").unwrap();
    Caller::authenticated(CallerKind::Session {
        session,
        project: ProjectId::parse("research").unwrap(),
        start: Some(1),
    })
}

pub(super) fn in_session() -> TokenRequest {
    let session = SessionId::parse("2mSessionOfAliceAndOthers00").unwrap();
    TokenRequest::of(Target::InSession(
        ProjectId::parse("research").unwrap(),
        session,
        ProviderName::parse("github").unwrap(),
    ))
}

pub(super) fn flat() -> TokenRequest {
    TokenRequest::of(Target::Flat(CredentialId::parse("2mCredentialSharedByOwner00").unwrap()))
}

pub(super) fn permit(caller: &Caller, request: &TokenRequest) -> Permit {
    let index = index();
    let facts = index.facts(caller, &request.place(), NOW);
    let effective = effective_user(
        caller,
        &request.place(),
        &facts,
        &CurrentUserHeader::ABSENT,
        &config::Sessions::default(),
    )
    .unwrap();
    access::permit(effective, request, &index, NOW).unwrap()
}

pub(super) fn request_id(n: usize) -> RequestId {
    RequestId::parse(format!("2mRequestNumber{n:012}")).unwrap()
}

pub(super) const RELEASED: Released<'static> = Released {
    source: "cache",
    generation: Generation(3),
    mint: None,
    fingerprint: "00112233aabbccdd",
};

/// One granted read of Bob's account in Alice's session.
pub(super) async fn grant(audit: &Audit, n: usize) -> Result<(), AuditError> {
    let (caller, request, id) = (session_token(), in_session(), request_id(n));
    let permit = permit(&caller, &request);
    let pending = audit.begin(Access {
        request_id: &id,
        caller: &caller,
        request: &request,
    });
    audit.finish(pending.granted(&permit, RELEASED)).await.map(drop)
}

/// One denied read.
pub(super) async fn deny(audit: &Audit, n: usize) -> Result<(), AuditError> {
    let (caller, request, id) = (person("eve@example.org"), flat(), request_id(n));
    let pending = audit.begin(Access {
        request_id: &id,
        caller: &caller,
        request: &request,
    });
    audit.refuse(pending.denied(Denial::NotPermitted)).await
}
