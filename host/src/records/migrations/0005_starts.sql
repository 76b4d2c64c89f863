-- How often a session was started: what it is given at one start is not worth anything after the next.
ALTER TABLE sessions ADD COLUMN starts BIGINT NOT NULL DEFAULT 0;
