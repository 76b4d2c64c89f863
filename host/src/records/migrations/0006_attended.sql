-- Whether a session was last started by hand: then a schedule or a key that made it does not speak for its creator.
ALTER TABLE sessions ADD COLUMN attended BIGINT NOT NULL DEFAULT 0;
