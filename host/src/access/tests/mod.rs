//! Resolution and decision: acceptance cases by table, hostile cases by name, and properties over random worlds.

mod decisions;
mod manage;
mod matrix;
mod naive;
mod properties;
mod resolution;
mod resources;
mod sequences;
mod world;
