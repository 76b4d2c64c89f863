//! Claviger: the token of the person who asked, through sandboxed providers, on the record.
//!
//! One read, from left to right; each value can be made only by the module on its left:
//!
//! ```text
//! request ─► authn ─► audit::begin ─► identity ─► access ─► cache ─► broker ─► audit::finish ─► response
//!            Caller   Pending         Effective   Permit    hit       mint        Receipt
//!                                     User                            (one flight:
//!                                                                     runtime ─► provider ─► egress ─► upstream)
//! ```
//!
//! Modules are declared from the top of the house to its floor. A module uses those below it, never one above
//! (`docs/ARCHITECTURE.md`; a test reads the imports).

pub mod cli;
pub mod dev;
pub mod server;

pub mod api;

pub mod broker;
pub mod exchange;
pub mod follow;

pub mod cache;
pub mod runtime;

pub mod audit;

pub mod access;

pub mod authn;
pub mod identity;

pub mod egress;
pub mod manifest;

pub mod records;

pub mod clock;
pub mod config;
pub mod ids;
pub mod json;
pub mod seal;
pub mod secret;
pub mod telemetry;
