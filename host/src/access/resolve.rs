//! Which credential belongs to a project or an agent, per provider: agent beats project beats global, and on one level the
//! earliest binding wins, then the smaller id.

use super::index::{Index, Injection, Level};
use super::{Step, Verdict};
use crate::ids::{AgentId, CredentialId, ProjectId, ProviderName};
use std::collections::{BTreeMap, BTreeSet};

/// How many losers of one level a trace names. An import may have left thousands.
const TRACED_PER_LEVEL: usize = 20;

/// Which level decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// A binding for the agent.
    Agent,
    /// A binding for the project.
    Project,
    /// A binding for everybody.
    Global,
}

impl Tier {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Project => "project",
            Self::Global => "global",
        }
    }
}

/// What won, and everything that was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolution {
    /// The credential and the level that brought it.
    pub winner: Option<(CredentialId, Tier)>,
    /// The candidates in order, each with the reason.
    pub trace: Vec<Step>,
}

/// Resolves one provider, with its trace.
#[must_use]
pub fn resolve(index: &Index, project: &ProjectId, agent: Option<&AgentId>, provider: &ProviderName) -> Resolution {
    let mut resolution = Resolution::default();
    for (tier, level) in levels(project, agent) {
        let candidates = index.injections(&level, provider);
        if candidates.is_none() {
            resolution.trace.push(step(tier, Verdict::Skipped, None, "nothing-bound"));
        }
        for candidate in candidates.into_iter().flatten().take(TRACED_PER_LEVEL) {
            let (verdict, why) = match resolution.winner {
                None => (Verdict::Won, "most-specific-earliest"),
                Some((_, won)) if won == tier => (Verdict::Lost, "later-on-the-same-level"),
                Some(_) => (Verdict::Lost, "less-specific"),
            };
            if verdict == Verdict::Won {
                resolution.winner = Some((candidate.credential.clone(), tier));
            }
            resolution.trace.push(step(tier, verdict, Some(candidate), why));
        }
    }
    resolution
}

/// Resolves one provider: the winner alone, for the hot path.
#[must_use]
pub fn winner(index: &Index, project: &ProjectId, agent: Option<&AgentId>, provider: &ProviderName) -> Option<(CredentialId, Tier)> {
    levels(project, agent).find_map(|(tier, level)| {
        index
            .injections(&level, provider)?
            .first()
            .map(|first| (first.credential.clone(), tier))
    })
}

/// Resolves every provider for which something is bound: what a session is granted at its start.
#[must_use]
pub fn resolve_all(index: &Index, project: &ProjectId, agent: Option<&AgentId>) -> BTreeMap<ProviderName, CredentialId> {
    let providers: BTreeSet<ProviderName> = levels(project, agent)
        .flat_map(|(_, level)| index.providers_at(&level).cloned().collect::<Vec<_>>())
        .collect();
    providers
        .into_iter()
        .filter_map(|provider| {
            let (credential, _) = winner(index, project, agent, &provider)?;
            Some((provider, credential))
        })
        .collect()
}

fn levels(project: &ProjectId, agent: Option<&AgentId>) -> impl Iterator<Item = (Tier, Level)> {
    agent
        .map(|agent| (Tier::Agent, Level::Agent(project.clone(), agent.clone())))
        .into_iter()
        .chain([(Tier::Project, Level::Project(project.clone())), (Tier::Global, Level::Global)])
}

fn step(tier: Tier, verdict: Verdict, candidate: Option<&Injection>, why: &'static str) -> Step {
    Step {
        rule: tier.code(),
        verdict,
        credential: candidate.map(|candidate| candidate.credential.clone()),
        binding: candidate.map(|candidate| candidate.binding.clone()),
        why,
    }
}
