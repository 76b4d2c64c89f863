-- Who has been at a session since its start, so that nobody stands in for them: whether it was started by hand, by somebody for whom the schedule or
-- the key that made it does not speak, and whether somebody else than its creator has had a turn there.
ALTER TABLE sessions ADD COLUMN attended BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN joined BIGINT NOT NULL DEFAULT 0;
