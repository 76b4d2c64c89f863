-- What an API key may be used for (a JSON list of permissions; NULL: all that its person may), and when it last was, to the minute.
ALTER TABLE api_keys ADD COLUMN scopes TEXT;
ALTER TABLE api_keys ADD COLUMN last_used_at_ms BIGINT;

-- As which Kubernetes service account a session's pod calls: the issuer and the subject of its tokens.
ALTER TABLE sessions ADD COLUMN workload_issuer TEXT CHECK (workload_issuer <> '');
ALTER TABLE sessions ADD COLUMN workload_subject TEXT CHECK (workload_subject <> '');
