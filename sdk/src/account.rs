//! What a provider says about the account behind a credential.

/// Whom the upstream takes a credential for: open keys, of which [`Identity`] knows the usual ones. What the upstream does not tell is
/// absent, and so is what is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    pub(crate) fields: Vec<(String, String)>,
}

impl Identity {
    /// Nothing known yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The account for good, where names may change.
    #[must_use]
    pub fn id(self, id: Option<impl Into<String>>) -> Self {
        self.other("id", id)
    }

    /// The name it signs in with.
    #[must_use]
    pub fn login(self, login: Option<impl Into<String>>) -> Self {
        self.other("login", login)
    }

    /// The name for people.
    #[must_use]
    pub fn display_name(self, name: Option<impl Into<String>>) -> Self {
        self.other("display-name", name)
    }

    /// The name for a commit.
    #[must_use]
    pub fn user_name(self, name: Option<impl Into<String>>) -> Self {
        self.other("user-name", name)
    }

    /// The address for a commit.
    #[must_use]
    pub fn email(self, email: Option<impl Into<String>>) -> Self {
        self.other("email", email)
    }

    /// Something else that the manifest's `consumers` use.
    #[must_use]
    pub fn other(mut self, key: &str, value: Option<impl Into<String>>) -> Self {
        if let Some(value) = value.map(Into::into).filter(|value| !value.trim().is_empty()) {
            self.fields.retain(|(name, _)| name != key);
            self.fields.push((key.to_owned(), value));
        }
        self
    }

    /// What is known under this key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.fields.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

/// Whether a text is an address of mail, as far as a commit minds: one word with something on both sides of an `@`, and no angle
/// bracket, which would end it there.
#[must_use]
pub fn is_address(text: &str) -> bool {
    let breaks = |c: char| c.is_whitespace() || c.is_control() || c == '<' || c == '>';
    let parts = text.split_once('@');
    parts.is_some_and(|(user, host)| !user.is_empty() && !host.is_empty()) && !text.contains(breaks)
}

/// One account that a person may have meant by their consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub(crate) title: String,
    pub(crate) fields: Vec<(String, String)>,
}

impl Account {
    /// An account as people know it.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            fields: Vec::new(),
        }
    }

    /// A public field that a credential for it stores.
    #[must_use]
    pub fn field(mut self, name: &str, value: impl Into<String>) -> Self {
        self.fields.push((name.to_owned(), value.into()));
        self
    }

    /// As people know it.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The public field of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::is_address;

    #[test]
    fn an_address_has_two_sides_and_no_space() {
        assert!(is_address("ada@example.com") && is_address("583231+octo-app[bot]@users.noreply.github.com"));
        for text in [
            "",
            "@",
            "ada",
            "ada@",
            "@example.com",
            "ada @example.com",
            "a@b\n",
            "<a@b>",
            "a@b\u{2028}c",
        ] {
            assert!(!is_address(text), "{text:?}");
        }
    }
}
