//! The google provider.
