//! The github provider.
