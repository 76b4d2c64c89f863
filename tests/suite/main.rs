//! The black-box suite: one binary, since linking wasmtime once is enough.

mod exposure;
mod layering;
mod source;
mod upstreams;
mod words;
