//! The development server, and the upstream that it brings along.

pub mod upstream;
