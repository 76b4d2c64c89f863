//! Less than all that a token could do: what a read asks for beside whose it is. A provider that cannot narrow so refuses; a wider token never comes instead.

/// What the token may reach.
#[derive(Debug, Default, Clone, clap::Args)]
pub(super) struct Narrowing {
    /// The token reaches this repository alone, where the provider can do that. May be repeated.
    #[arg(long, value_name = "NAME")]
    repository: Vec<String>,
    /// It has this permission alone. May be repeated.
    #[arg(long, value_name = "NAME:LEVEL", value_parser = permission)]
    permission: Vec<String>,
    /// It has this scope alone. May be repeated.
    #[arg(long, value_name = "NAME")]
    scope: Vec<String>,
}

impl Narrowing {
    /// The read's parameters.
    pub(super) fn query(&self) -> impl Iterator<Item = (&str, &str)> {
        let each = [
            ("repository", &self.repository),
            ("permission", &self.permission),
            ("scope", &self.scope),
        ];
        each.into_iter()
            .flat_map(|(key, values)| values.iter().map(move |value| (key, value.as_str())))
    }
}

/// Reads `NAME:LEVEL`.
fn permission(text: &str) -> Result<String, String> {
    match text.split_once(':') {
        Some((name, level)) if !name.is_empty() && !level.is_empty() => Ok(text.to_owned()),
        _ => Err("looks like `contents:read`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_passed_on_as_it_was_said() {
        let narrowing = Narrowing {
            repository: vec!["widgets".to_owned(), "gadgets".to_owned()],
            permission: vec![permission("contents:read").unwrap()],
            scope: Vec::new(),
        };
        let expected = [
            ("repository", "widgets"),
            ("repository", "gadgets"),
            ("permission", "contents:read"),
        ];
        assert!(narrowing.query().eq(expected));
        assert!(Narrowing::default().query().next().is_none());
        for text in ["", "contents", "contents:", ":read"] {
            assert!(permission(text).is_err(), "{text}");
        }
    }
}
