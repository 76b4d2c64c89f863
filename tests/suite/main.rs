//! The black-box suite: one binary, since linking wasmtime once is enough.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "clippy knows a test by its attribute, and not the functions that tests call"
)]

mod abilities;
mod account;
mod audit;
mod bad_input;
mod canary;
mod cases;
mod commands;
mod connect;
mod connect_forms;
mod contract;
mod crowd;
mod dependencies;
mod deployed;
mod documented;
mod dropin;
mod edge;
mod exchange;
mod explain;
mod exposure;
mod fallback;
mod foreign;
mod forms;
mod github;
mod gitlab;
mod golden;
mod google;
mod holes;
mod identities;
mod issuer;
mod jira;
mod layering;
mod limits;
mod people;
mod people_let_in;
mod prism;
mod proven;
mod replicas;
mod resources;
mod restart;
mod rotation_oidc;
mod routes;
mod runner;
mod schemathesis;
mod search;
mod session_bodies;
mod session_ids;
mod session_starts;
mod source;
mod turns;
mod upstreams;
mod words;
