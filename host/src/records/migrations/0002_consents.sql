-- People who are connecting an account: from the start until they are done, at most ten minutes.

CREATE TABLE consents (
    id TEXT NOT NULL PRIMARY KEY,
    -- SHA-256 of the `state` that the browser carries.
    state_hash TEXT NOT NULL UNIQUE CHECK (LENGTH(state_hash) = 64),
    username TEXT NOT NULL CHECK (username <> ''),
    provider TEXT NOT NULL CHECK (provider <> ''),
    kind TEXT NOT NULL,
    url TEXT,
    fields TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    stage TEXT NOT NULL CHECK (stage IN ('started', 'returned', 'exchanging', 'choosing')),
    -- What there is to choose from, with the fields that each choice stores.
    accounts TEXT NOT NULL,
    token_expires_at_ms BIGINT,
    misses BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL CHECK (expires_at_ms > created_at_ms)
);
CREATE INDEX consents_username ON consents (username, created_at_ms);

CREATE TABLE consent_secrets (
    consent_id TEXT NOT NULL REFERENCES consents (id),
    field TEXT NOT NULL CHECK (field <> ''),
    envelope TEXT NOT NULL CHECK (envelope LIKE 'ck1.%'),
    PRIMARY KEY (consent_id, field)
);
