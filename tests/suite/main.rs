//! The black-box suite: one binary, since linking wasmtime once is enough.

mod dependencies;
mod exposure;
mod layering;
mod source;
mod upstreams;
mod words;
