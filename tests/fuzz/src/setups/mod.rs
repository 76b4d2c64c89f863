//! The setups of each provider.

pub mod github;
pub mod gitlab;
pub mod google;
pub mod jira;

use crate::setup::Pair;

/// What an exchange is given beside what is stored.
pub const CONSENT: [Pair; 3] = [
    ("code", "code-CaNaRy-1"),
    ("code-verifier", "verifier-CaNaRy-1"),
    ("redirect-uri", "https://claviger.example/callback"),
];
