//! `dev.json`, in which the development server says what it has seeded.

use serde::Deserialize;
use std::collections::BTreeMap;

/// What `claviger dev` writes into its data folder when it is ready.
#[derive(Debug, Clone, Deserialize)]
pub struct DevFile {
    /// Where the API answers.
    pub url: String,
    /// Where its metrics are.
    pub metrics: String,
    /// Where the token exchange answers.
    pub exchange: String,
    /// Where the emulated upstream answers.
    pub upstream: String,
    /// By name.
    pub people: BTreeMap<String, Person>,
    /// A service that may open turns.
    pub proxy: Person,
    /// Their names.
    pub projects: Vec<String>,
    /// In the order in which they were made.
    pub sessions: Vec<Session>,
    /// Name to id.
    pub credentials: BTreeMap<String, String>,
}

/// Somebody who can call.
#[derive(Debug, Clone, Deserialize)]
pub struct Person {
    /// Their bearer.
    pub bearer: String,
}

/// A session that is running.
#[derive(Debug, Clone, Deserialize)]
pub struct Session {
    /// Its id.
    pub id: String,
    /// Where it runs.
    pub project: String,
    /// Who made it.
    pub owner: String,
    /// The bearer that its runner has.
    pub token: String,
    /// Where its runner gets another one.
    pub token_url: String,
}
