//! To come.
pub mod flight;
pub mod freshness;
