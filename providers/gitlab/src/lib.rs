//! The gitlab provider.
