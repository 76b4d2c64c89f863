-- What clients store beside what decides (labels, prompts, models): a JSON object of texts and numbers. And people get an id of their own.

ALTER TABLE projects ADD COLUMN details TEXT NOT NULL DEFAULT '{}';
ALTER TABLE agents ADD COLUMN details TEXT NOT NULL DEFAULT '{}';
ALTER TABLE sessions ADD COLUMN details TEXT NOT NULL DEFAULT '{}';
-- For people who were met before this: given when the server starts.
ALTER TABLE users ADD COLUMN id TEXT;
CREATE UNIQUE INDEX users_id ON users (id);
CREATE INDEX sessions_agent ON sessions (agent_id);
