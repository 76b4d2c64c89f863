//! Bindings of the world that every provider lives in.
#![expect(missing_docs, reason = "generated from `wit/`, which is documented")]

wit_bindgen::generate!({
    path: "../wit",
    world: "base",
    pub_export_macro: true,
    export_macro_name: "export_base",
    default_bindings_module: "claviger_sdk::guest::base",
    runtime_path: "claviger_sdk::wit_bindgen::rt",
});
