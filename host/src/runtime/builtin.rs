//! The providers that come with this program. Being compiled in is their approval.

/// A component embedded by `build.rs`.
#[derive(Debug, Clone, Copy)]
pub struct BuiltIn {
    /// The provider's name.
    pub name: &'static str,
    /// The component.
    pub component: &'static [u8],
}

/// All of them; empty if the program was built before `cargo xtask providers` had run.
pub const ALL: &[BuiltIn] = include!(concat!(env!("OUT_DIR"), "/builtin.rs"));

/// The one that serves every provider name for which nothing else is loaded.
pub const STATIC: &str = "static";

/// Whether a provider of this name comes with this program.
#[must_use]
pub fn has(name: &str) -> bool {
    ALL.iter().any(|built_in| built_in.name == name)
}
