//! Bindings of the optional ability to say whom the upstream takes a credential for. A component that exports it belongs to both worlds.
#![expect(missing_docs, reason = "generated from `wit/`, which is documented")]

wit_bindgen::generate!({
    path: "../wit",
    world: "identifying",
    pub_export_macro: true,
    export_macro_name: "export_identifying",
    default_bindings_module: "claviger_sdk::guest::identifying",
    runtime_path: "claviger_sdk::wit_bindgen::rt",
    with: {
        "claviger:provider/failures@0.1.0": claviger_sdk::guest::base::claviger::provider::failures,
        "claviger:provider/secrets@0.1.0": claviger_sdk::guest::base::claviger::provider::secrets,
        "claviger:provider/types@0.1.0": claviger_sdk::guest::base::claviger::provider::types,
    },
});
