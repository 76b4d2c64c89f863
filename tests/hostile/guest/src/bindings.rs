//! The contract, from `wit/` itself.

wit_bindgen::generate!({
    path: "../../../wit",
    world: "base",
    pub_export_macro: true,
});
