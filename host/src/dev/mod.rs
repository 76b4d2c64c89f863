//! To come.

pub mod upstream;
