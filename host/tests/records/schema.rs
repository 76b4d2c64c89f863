use crate::fixture::{Db, user};
use claviger::ids::{CredentialId, Generation};
use claviger::records::{Attempt, Ownership};

/// What holds even against a mistake in this program's own SQL.
pub async fn the_database_itself_refuses_nonsense(db: Db) {
    let mut new = db.new_credential("github", Ownership::ConnectedTo(user("alice")));
    new.id = CredentialId::parse("c1").unwrap();
    new.secrets = vec![db.field(&new.id, "token", "x", Generation::FIRST)];
    new.token = None;
    db.records.create_credential(new).await.unwrap();
    db.raw("INSERT INTO roles (id, name, permissions, built_in, created_at_ms, updated_at_ms) VALUES ('r1', 'own', '[]', 0, 1, 1)")
        .await
        .unwrap();
    db.raw("INSERT INTO role_bindings (id, role_id, scope, created_at_ms, updated_at_ms) VALUES ('b1', 'r1', 'global', 1, 1)")
        .await
        .unwrap();
    db.raw("INSERT INTO injections (project_id, agent_id, provider, credential_id) VALUES ('', '', 'github', 'c1')")
        .await
        .unwrap();
    db.records
        .begin_rotation(&CredentialId::parse("c1").unwrap(), Generation::FIRST, Attempt::First, "r")
        .await
        .unwrap();

    let refused = [
        // A secret in plain text.
        "UPDATE credential_secrets SET envelope = 'ghp_plain'",
        "UPDATE credential_secrets SET field = ''",
        "INSERT INTO credential_secrets (credential_id, field, envelope, generation) VALUES ('c2', 'token', 'ck1.1.x', 1)",
        "INSERT INTO credential_tokens (credential_id, envelope, generation, minted_at_ms) VALUES ('c2', 'ck1.1.x', 1, 1)",
        "INSERT INTO credential_tokens (credential_id, envelope, generation, minted_at_ms) VALUES ('c1', 'plain', 1, 1)",
        "UPDATE credentials SET state = 'fine'",
        "UPDATE credentials SET generation = 0",
        "UPDATE credentials SET connected_to = ''",
        "UPDATE credentials SET provider = ''",
        "DELETE FROM credentials",
        // A second account of the same person.
        "INSERT INTO credentials (id, name, provider, kind, fields, connected_to, generation, state, created_at_ms, updated_at_ms)
         VALUES ('c2', 'x', 'github', 'k', '{}', 'alice', 1, 'usable', 1, 1)",
        // The same tuple under another scope; NULLs are equal there.
        "INSERT INTO role_bindings (id, role_id, scope, created_at_ms, updated_at_ms) VALUES ('b2', 'r1', 'project', 1, 1)",
        "INSERT INTO role_bindings (id, role_id, scope, user_id, created_at_ms, updated_at_ms) VALUES ('b2', 'r1', 'global', '', 1, 1)",
        "INSERT INTO role_bindings (id, role_id, scope, user_id, created_at_ms, updated_at_ms) VALUES ('b2', 'r1', 'galaxy', 'a', 1, 1)",
        "INSERT INTO role_bindings (id, role_id, scope, user_id, created_at_ms, updated_at_ms) VALUES ('b2', 'r2', 'global', 'a', 1, 1)",
        "INSERT INTO role_bindings (id, role_id, scope, credential_id, created_at_ms, updated_at_ms) VALUES ('b2', 'r1', 'credential', 'c2', 1, 1)",
        "INSERT INTO injections (project_id, agent_id, provider, credential_id) VALUES ('', '', 'github', 'c1')",
        "DELETE FROM roles WHERE id = 'r1'",
        // A second open flight, an outcome without a time, an outcome that is none.
        "INSERT INTO rotation_journal (id, credential_id, generation, attempt, holder, begun_at_ms) VALUES ('j2', 'c1', 1, 'first', 'r', 1)",
        "UPDATE rotation_journal SET outcome = 'refused'",
        "UPDATE rotation_journal SET outcome = 'lost', settled_at_ms = 1",
        "INSERT INTO change_sequence (one, seq, pruned_to) VALUES (2, 0, 0)",
        "INSERT INTO api_keys (id, name, creator, stands_for, hash, created_at_ms) VALUES ('k1', 'x', 'alice', 'key', 'the bearer itself', 1)",
        "INSERT INTO sessions (id, project_id, name, created_by, started_by, phase, created_at_ms, updated_at_ms)
         VALUES ('s1', 'nowhere', 'x', 'alice', 'person', 'pending', 1, 1)",
    ];
    for statement in refused {
        let result = db.raw(statement).await;
        let shown = result.as_ref().err().map(|error| error.to_lowercase()).unwrap_or_default();
        assert!(
            ["constraint", "unique"].iter().any(|word| shown.contains(word)),
            "{statement}: {result:?}"
        );
    }
}
