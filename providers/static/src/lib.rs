//! The static provider.
