-- One schema for SQLite and PostgreSQL: TEXT and BIGINT only, times in milliseconds since the epoch, absent ids as NULL.
-- A migration that has been released is never edited: its checksum is kept in the database.

CREATE TABLE credentials (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    description TEXT,
    provider TEXT NOT NULL CHECK (provider <> ''),
    kind TEXT NOT NULL,
    url TEXT,
    email TEXT,
    labels TEXT,
    annotations TEXT,
    fields TEXT NOT NULL,
    connected_to TEXT CHECK (connected_to <> ''),
    generation BIGINT NOT NULL CHECK (generation >= 1),
    state TEXT NOT NULL CHECK (state IN ('usable', 'needs-reconnect', 'indeterminate')),
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL
);
-- One connected account per person and provider. NULLs are distinct in both databases.
CREATE UNIQUE INDEX credentials_connected ON credentials (connected_to, provider);

CREATE TABLE credential_secrets (
    credential_id TEXT NOT NULL REFERENCES credentials (id),
    field TEXT NOT NULL CHECK (field <> ''),
    envelope TEXT NOT NULL CHECK (envelope LIKE 'ck1.%'),
    generation BIGINT NOT NULL CHECK (generation >= 1),
    PRIMARY KEY (credential_id, field)
);

-- The current access token of a kind whose refresh ends the one before.
CREATE TABLE credential_tokens (
    credential_id TEXT NOT NULL PRIMARY KEY REFERENCES credentials (id),
    envelope TEXT NOT NULL CHECK (envelope LIKE 'ck1.%'),
    generation BIGINT NOT NULL CHECK (generation >= 1),
    minted_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT
);

CREATE TABLE roles (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE CHECK (name <> ''),
    display_name TEXT,
    description TEXT,
    permissions TEXT NOT NULL,
    built_in BIGINT NOT NULL CHECK (built_in IN (0, 1)),
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL
);

-- Projects and agents are not referenced: clients of the platform bind to projects that it does not know yet.
CREATE TABLE role_bindings (
    id TEXT NOT NULL PRIMARY KEY,
    role_id TEXT NOT NULL REFERENCES roles (id),
    scope TEXT NOT NULL CHECK (scope IN ('global', 'project', 'agent', 'session', 'credential')),
    user_id TEXT CHECK (user_id <> ''),
    project_id TEXT CHECK (project_id <> ''),
    agent_id TEXT CHECK (agent_id <> ''),
    session_id TEXT CHECK (session_id <> ''),
    credential_id TEXT REFERENCES credentials (id),
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL
);
-- The scope is not part of what makes a binding unique; the platform's clients count on that.
CREATE UNIQUE INDEX role_bindings_tuple ON role_bindings (
    role_id,
    (COALESCE(user_id, '')),
    (COALESCE(project_id, '')),
    (COALESCE(agent_id, '')),
    (COALESCE(session_id, '')),
    (COALESCE(credential_id, ''))
);
CREATE INDEX role_bindings_credential ON role_bindings (credential_id);
CREATE INDEX role_bindings_session ON role_bindings (session_id);

-- Which credential a project, an agent or everything ('' and '') gets for a provider. Kept in the transaction of the bindings.
CREATE TABLE injections (
    project_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    provider TEXT NOT NULL CHECK (provider <> ''),
    credential_id TEXT NOT NULL REFERENCES credentials (id),
    PRIMARY KEY (project_id, agent_id, provider)
);
CREATE INDEX injections_credential ON injections (credential_id);

CREATE TABLE projects (
    id TEXT NOT NULL PRIMARY KEY CHECK (id <> ''),
    description TEXT,
    credential_policy TEXT NOT NULL CHECK (credential_policy IN ('bindings', 'sender-only', 'owner')),
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL
);

CREATE TABLE agents (
    id TEXT NOT NULL PRIMARY KEY CHECK (id <> ''),
    project_id TEXT NOT NULL REFERENCES projects (id),
    name TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL
);

CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY CHECK (id <> ''),
    project_id TEXT NOT NULL REFERENCES projects (id),
    agent_id TEXT REFERENCES agents (id),
    name TEXT NOT NULL,
    created_by TEXT NOT NULL CHECK (created_by <> ''),
    started_by TEXT NOT NULL CHECK (started_by IN ('person', 'api-key', 'schedule')),
    phase TEXT NOT NULL CHECK (phase IN ('pending', 'creating', 'running', 'stopping', 'stopped', 'completed', 'failed')),
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL
);

CREATE TABLE turns (
    id TEXT NOT NULL PRIMARY KEY,
    project_id TEXT NOT NULL,
    session_id TEXT NOT NULL REFERENCES sessions (id),
    run_id TEXT NOT NULL CHECK (run_id <> ''),
    username TEXT NOT NULL CHECK (username <> ''),
    opened_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL CHECK (expires_at_ms > opened_at_ms)
);
CREATE INDEX turns_session ON turns (session_id);

CREATE TABLE api_keys (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    creator TEXT NOT NULL CHECK (creator <> ''),
    stands_for TEXT NOT NULL CHECK (stands_for IN ('key', 'person', 'service')),
    hash TEXT NOT NULL UNIQUE CHECK (LENGTH(hash) = 64),
    created_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT,
    revoked_at_ms BIGINT
);

CREATE TABLE users (
    username TEXT NOT NULL PRIMARY KEY CHECK (username <> ''),
    name TEXT,
    email TEXT,
    active BIGINT NOT NULL CHECK (active IN (0, 1)),
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL
);

-- "About to spend the secrets of this generation", and what became of it.
CREATE TABLE rotation_journal (
    id TEXT NOT NULL PRIMARY KEY,
    credential_id TEXT NOT NULL REFERENCES credentials (id),
    generation BIGINT NOT NULL,
    attempt TEXT NOT NULL CHECK (attempt IN ('first', 'retry')),
    holder TEXT NOT NULL CHECK (holder <> ''),
    begun_at_ms BIGINT NOT NULL,
    settled_at_ms BIGINT,
    outcome TEXT CHECK (outcome IN ('committed', 'not-sent', 'refused', 'unanswered', 'superseded')),
    status BIGINT,
    CHECK ((outcome IS NULL) = (settled_at_ms IS NULL))
);
CREATE INDEX rotation_journal_credential ON rotation_journal (credential_id, generation);
-- One open flight per credential, across all replicas.
CREATE UNIQUE INDEX rotation_journal_open ON rotation_journal (credential_id) WHERE settled_at_ms IS NULL;

-- Every write takes the next number first, which also puts all writers in one line (see database.rs).
CREATE TABLE change_sequence (
    one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    seq BIGINT NOT NULL,
    -- Changes up to this number have been forgotten.
    pruned_to BIGINT NOT NULL
);
INSERT INTO change_sequence (one, seq, pruned_to) VALUES (1, 0, 0);

CREATE TABLE changes (
    seq BIGINT NOT NULL,
    entity TEXT NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (seq, entity, id)
);

CREATE TABLE meta (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
