//! The contract in `wit/`, as Rust sees it.
//!
//! What every provider exports is one world; each optional interface is another, which reuses the first one's types, so a handle is the same thing in all.

/// What every provider imports and exports.
pub mod base {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "base",
        imports: {
            "claviger:provider/upstream@0.1.0.send": async | trappable,
            default: trappable,
        },
        exports: { default: async },
        with: {
            "claviger:provider/secrets@0.1.0.secret": crate::runtime::held::HostSecret,
            "claviger:provider/upstream@0.1.0.response": crate::runtime::answer::HostResponse,
        },
    });
}

/// The optional ability to say whom the upstream takes a credential for.
pub mod identifying {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "identifying",
        exports: { default: async },
        with: {
            "claviger:provider/failures@0.1.0": crate::runtime::bind::base::claviger::provider::failures,
            "claviger:provider/secrets@0.1.0": crate::runtime::bind::base::claviger::provider::secrets,
            "claviger:provider/types@0.1.0": crate::runtime::bind::base::claviger::provider::types,
        },
    });
}

/// The optional ability to end a credential.
pub mod revoking {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "revoking",
        exports: { default: async },
        with: {
            "claviger:provider/failures@0.1.0": crate::runtime::bind::base::claviger::provider::failures,
            "claviger:provider/secrets@0.1.0": crate::runtime::bind::base::claviger::provider::secrets,
            "claviger:provider/types@0.1.0": crate::runtime::bind::base::claviger::provider::types,
        },
    });
}

/// The optional ability to let a person consent in a browser.
pub mod connecting {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "connecting",
        exports: { default: async },
        with: {
            "claviger:provider/failures@0.1.0": crate::runtime::bind::base::claviger::provider::failures,
            "claviger:provider/secrets@0.1.0": crate::runtime::bind::base::claviger::provider::secrets,
            "claviger:provider/types@0.1.0": crate::runtime::bind::base::claviger::provider::types,
        },
    });
}

pub(super) use base::claviger::provider::failures::{Failure, Retry};
pub(super) use base::claviger::provider::secrets::{Encoding, Part};
pub(super) use base::claviger::provider::types::{Credential, Token, Value};
pub(super) use base::claviger::provider::upstream::Request;

/// The interfaces of ours that a component may import; the two with types alone appear as imports of every component.
pub(super) const OURS: [&str; 6] = [
    "claviger:provider/failures",
    "claviger:provider/types",
    "claviger:provider/secrets",
    "claviger:provider/upstream",
    "claviger:provider/clock",
    "claviger:provider/log",
];

/// The export that makes a component a provider.
pub(super) const PROVIDER: &str = "claviger:provider/provider@0.1.0";

/// The exports that give a provider its optional abilities.
pub(super) const IDENTIFY: &str = "claviger:provider/identify@0.1.0";
pub(super) const REVOKE: &str = "claviger:provider/revoke@0.1.0";
pub(super) const CONNECT: &str = "claviger:provider/connect@0.1.0";
