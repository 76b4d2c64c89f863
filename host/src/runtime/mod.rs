//! Providers in their sandbox: WebAssembly components that hold handles instead of secrets and reach the outside through one door.
//!
//! [`Catalog`] has them by name; [`Provider::mint`] is the call. Around it stand four judgements, each a pure module that reads without wasmtime: where a
//! secret may stand (`placement`), what of an answer may be seen (`answer`), whether a secret hides in a text (`echo`), and what may leave as the
//! token (`result`). `limits` has every number, `call` applies them, `fault` names what went wrong.
//!
//! On failure: the store of a call is dropped, the fault names provider, version and cause, and the next call finds nothing of it. This is the only
//! module that names wasmtime.

mod abilities;
mod account;
mod answer;
mod aot;
mod bind;
mod builtin;
mod call;
mod catalog;
mod compile;
mod consent;
mod difference;
mod echo;
mod engine;
mod fault;
mod headers;
mod held;
mod imports;
mod limits;
mod load;
mod lock;
mod mint;
mod outbound;
mod placement;
mod pointer;
mod provider;
mod record;
mod result;
mod rotation;
mod sandbox;
mod state;
mod way_out;

pub use account::{Identified, Revoked};
pub use answer::RawAnswer;
pub use aot::Cache;
pub use builtin::{ALL as BUILT_INS, BuiltIn, has as is_built_in};
pub use catalog::{Catalog, CatalogError, Unavailable};
pub use compile::in_this_process as compile;
pub use consent::{Account, Consented, Exchanged};
pub use difference::{Change, Line, view as difference};
pub use echo::Finder;
pub use engine::{Allocation, EngineError};
pub use fault::{Cause, Incident, IncidentKind, ProviderFailure, ProviderFault, RetryAdvice};
pub use limits::Limits;
pub use load::{Approval, Inspected, LoadError, digest, read as read_component};
pub use lock::{Approved, Entry, Folder, Granted, LockError};
pub use mint::{MintInput, Minted};
pub use outbound::{Door, Outgoing, Refusal, Upstream};
pub use provider::{CallContext, CredentialInput, CurrentToken, Input, Notes, Provider};
pub use rotation::{Rotated, RotationError, RotationLog};
pub use sandbox::{Options, Sandbox};
