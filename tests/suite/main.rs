//! The black-box suite: one binary, since linking wasmtime once is enough.

mod audit;
mod bad_input;
mod canary;
mod dependencies;
mod exposure;
mod layering;
mod people;
mod prism;
mod restart;
mod rotation_oidc;
mod source;
mod upstreams;
mod words;
