//! The files that may turn a `Secret` into text. Adding one is a decision; this test makes it one.

use crate::source::{code_of, files, is_test_file, without_tests};
use std::collections::BTreeMap;

/// File, and why it has to.
const MAY_EXPOSE: &[(&str, &str)] = &[
    (
        "host/src/api/connect/code.rs",
        "compares a code that was shown with the one that was typed",
    ),
    ("host/src/api/consumers.rs", "the answer to a token read, and the only one"),
    (
        "host/src/api/documents.rs",
        "reads and writes what is several values in one text; those of a read go into its answer",
    ),
    ("host/src/api/exchange.rs", "a session's bearer, to whoever has its address"),
    ("host/src/api/intake.rs", "splits a pasted document and checks what a field must be"),
    (
        "host/src/api/caller.rs",
        "a sender's bearer, that a trusted proxy passes on to be recognised",
    ),
    (
        "host/src/api/session_credentials.rs",
        "where a session gets its bearer, to whoever starts its runner",
    ),
    ("host/src/api/turns.rs", "a turn's bearer, to the proxy that opened it"),
    (
        "host/src/authn/issuer/source.rs",
        "the bearer that an issuer wants to be asked for its keys with",
    ),
    ("host/src/broker/tools.rs", "a token's keyed fingerprint, for the audit trail"),
    ("host/src/cache/mod.rs", "seals what it keeps"),
    ("host/src/cli/client/mod.rs", "a person's own bearer, into the request's header"),
    ("host/src/cli/contexts.rs", "a token that its person asked to keep"),
    (
        "host/src/cli/edge/reading.rs",
        "hands a token on: to Git, to the program that asked, to the child that works with it",
    ),
    (
        "host/src/cli/import/envelope.rs",
        "reads the keyring of the platform that is imported",
    ),
    (
        "host/src/cli/openid/authorization.rs",
        "a sign-in's state, into its address; the digest of its verifier",
    ),
    (
        "host/src/cli/openid/callback.rs",
        "the digest of a sign-in's state, to compare with",
    ),
    (
        "host/src/cli/openid/issuer.rs",
        "a code, a verifier or a client's secret, into the request for a token",
    ),
    ("host/src/cli/secret_input.rs", "what a person stores, into the request's body"),
    ("host/src/dev/seed.rs", "the development server hands out the bearers that it made"),
    (
        "host/src/dev/upstream/world.rs",
        "the emulated upstream knows its accounts by digest",
    ),
    ("host/src/exchange/key.rs", "reads the private key that was opened"),
    ("host/src/exchange/mod.rs", "puts a session's secret behind the exchange's address"),
    ("host/src/records/mod.rs", "the database's address, which may hold a password"),
    ("host/src/runtime/echo.rs", "searches what came back for what was sent"),
    (
        "host/src/runtime/imports/secrets.rs",
        "joins secrets; `reveal`, where the operator granted it",
    ),
    ("host/src/runtime/placement.rs", "puts a secret where the manifest lets it stand"),
    ("host/src/runtime/state.rs", "tells whether this call knows a secret already"),
    ("host/src/runtime/way_out.rs", "writes the request that leaves"),
    ("host/src/seal/envelope.rs", "seals"),
    ("host/src/seal/jws/rs256.rs", "reads the key that signs"),
    ("host/src/seal/keyring.rs", "reads the keyring's document, writes a new one"),
    ("host/src/server/admin.rs", "a new API key, shown once, and its hash"),
    ("host/src/server/keyring.rs", "a development server's own keyring, into its folder"),
];

#[test]
fn secrets_are_exposed_in_few_places() {
    let mut found = BTreeMap::new();
    for file in files("host/src", &[".rs"]) {
        if is_test_file(&file.path) {
            continue;
        }
        let calls = without_tests(&code_of(&file.text)).matches(".expose()").count();
        if calls > 0 {
            found.insert(file.path, calls);
        }
    }
    let listed: Vec<&str> = MAY_EXPOSE.iter().map(|(path, _)| *path).collect();
    let new: Vec<_> = found.iter().filter(|(path, _)| !listed.contains(&path.as_str())).collect();
    assert!(
        new.is_empty(),
        "files that expose a secret and are not on the list of those that may: {new:?}"
    );
    let stale: Vec<_> = listed.iter().filter(|path| !found.contains_key(**path)).collect();
    assert!(
        stale.is_empty(),
        "files on the list that expose nothing any more; take them off: {stale:?}"
    );
}
