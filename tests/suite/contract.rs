//! The promise of `wit/`: what the examples in other languages may use, and what may never change.

mod frozen;
mod guests;
mod interfaces;
mod manifest;
mod widening;
