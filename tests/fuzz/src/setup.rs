//! The credentials that calls are made with: one for each way a provider takes. What an operator stores is fixed here; only what an upstream
//! answers is the fuzzer's.

use serde_json::Value;

/// Stands in every stored secret and in no word of the dictionary: where it turns up, a secret has leaked.
pub const CANARY: &str = "CaNaRy";

/// What may be done with a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// A token of it.
    Mint,
    /// Whose it is.
    Identify,
    /// Its end.
    Revoke,
    /// The first tokens, for the code of a consent.
    Exchange,
}

impl Call {
    /// As scenarios write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mint => "mint",
            Self::Identify => "identify",
            Self::Revoke => "revoke",
            Self::Exchange => "exchange",
        }
    }
}

/// A name and a text.
pub type Pair = (&'static str, &'static str);

/// A credential, what is asked of it, and how scenarios name that.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    /// `mint installation` is `Call::Mint` of `installation`.
    pub name: &'static str,
    /// The manifest's.
    pub kind: &'static str,
    /// What is stored.
    pub fields: &'static [Pair],
    /// What the reader narrows a token to.
    pub narrowing: &'static [Pair],
    /// What can be done with it.
    pub calls: &'static [Call],
}

/// The setup and the call that a scenario's first line names. One that names none means one all the same.
///
/// # Panics
/// If there are no setups.
#[must_use]
pub fn named<'s>(head: &str, setups: &'s [Setup]) -> (&'s Setup, Call) {
    let (call, name) = head.split_once(' ').unwrap_or((head, ""));
    let sum = head
        .bytes()
        .fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
    let found = setups.iter().find(|setup| setup.name == name.trim());
    let setup = found.or_else(|| setups.get(sum % setups.len().max(1)));
    #[expect(clippy::expect_used, reason = "a target without credentials is a mistake in this package")]
    let setup = setup.expect("a target has setups");
    let called = setup.calls.iter().find(|known| known.name() == call);
    let any = setup.calls.get(sum % setup.calls.len().max(1));
    (setup, called.or(any).copied().unwrap_or(Call::Mint))
}

/// The kind's description in the manifest.
#[must_use]
pub fn kind_of<'m>(manifest: &'m Value, kind: &str) -> &'m Value {
    let kinds = manifest.get("kinds").and_then(Value::as_array);
    let found = kinds
        .into_iter()
        .flatten()
        .find(|entry| entry.get("name").and_then(Value::as_str) == Some(kind));
    found.unwrap_or(&Value::Null)
}
