//! The contract, from `wit/` itself, with every ability that it knows.

wit_bindgen::generate!({
    path: "../../../wit",
    inline: "package hostile:guest; world everything {
        include claviger:provider/base@0.1.0;
        export claviger:provider/identify@0.1.0;
        export claviger:provider/revoke@0.1.0;
        export claviger:provider/connect@0.1.0;
    }",
    world: "hostile:guest/everything",
    pub_export_macro: true,
    generate_all,
});
