//! The rule of shared sessions: a table read aloud, the hostile cases by name, and every combination against a second, naive
//! implementation.

mod every_case;
mod named;
mod world;
