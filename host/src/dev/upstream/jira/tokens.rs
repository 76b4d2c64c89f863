//! Tokens that people and administrators make by hand, and where each is good.

use super::super::seed::Seed;
use super::super::world::{digest, digest_of};
use std::collections::HashMap;

/// Where a token is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Site,
    Gateway,
    Server,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Made {
    Classic,
    Scoped,
    Service,
    Personal,
    /// Given out by [`super::grants`].
    Granted,
}

/// Who holds a token.
#[derive(Debug, Clone)]
pub(super) struct Holder {
    /// The person that it leads back to.
    pub(super) account: String,
    /// The address of the account that it acts as.
    pub(super) email: String,
    pub(super) number: u64,
    made: Made,
}

impl Holder {
    /// Of a token that a grant gave.
    pub(super) fn granted(account: &str, email: &str) -> Self {
        Self {
            account: account.to_owned(),
            email: email.to_owned(),
            number: 0,
            made: Made::Granted,
        }
    }

    /// Whether it is good there; `email` if it was shown as half of a Basic credential.
    pub(super) fn works(&self, at: Use, email: Option<&str>) -> bool {
        let own = email.is_some_and(|email| self.email.eq_ignore_ascii_case(email));
        match (self.made, at) {
            (Made::Classic, Use::Site) | (Made::Scoped, Use::Gateway) => own,
            (Made::Service, Use::Gateway) => own || email.is_none(),
            (Made::Personal, Use::Server) => email.is_none(),
            _ => false,
        }
    }

    pub(super) fn kind(&self) -> &'static str {
        if self.is_service() { "app" } else { "atlassian" }
    }

    pub(super) fn display_name(&self) -> String {
        if self.is_service() {
            format!("{}'s service account", self.account)
        } else {
            self.account.clone()
        }
    }

    fn is_service(&self) -> bool {
        self.email.ends_with("@serviceaccount.atlassian.com")
    }
}

/// By digest.
pub(super) struct Tokens(HashMap<String, Holder>);

impl Tokens {
    pub(super) fn new(seed: &Seed) -> Self {
        let mut tokens = HashMap::new();
        for (person, number) in seed.people.iter().zip(1..) {
            for (token, email, made) in [
                (&person.jira_token, &person.email, Made::Classic),
                (&person.jira_scoped_token, &person.email, Made::Scoped),
                (&person.jira_service_token, &person.jira_service_email, Made::Service),
                (&person.jira_personal_token, &person.email, Made::Personal),
            ] {
                let holder = Holder {
                    account: person.name.clone(),
                    email: email.clone(),
                    number,
                    made,
                };
                tokens.insert(digest_of(token), holder);
            }
        }
        Self(tokens)
    }

    pub(super) fn holder(&self, token: &str) -> Option<&Holder> {
        self.0.get(&digest(token))
    }

    pub(super) fn forget(&mut self, token: &str) {
        self.0.remove(&digest(token));
    }
}
