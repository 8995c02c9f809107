-- What a key may do and for how long, how a workspace's pages look and who may frame them, who did what.

-- `scopes`: words with spaces between. Keys of before could do everything, and still can.
-- A key that was rotated names its successor; `expires_at` then says until when both are valid.
ALTER TABLE api_keys ADD COLUMN name TEXT;
ALTER TABLE api_keys ADD COLUMN scopes TEXT NOT NULL DEFAULT 'admin';
ALTER TABLE api_keys ADD COLUMN expires_at TEXT;
ALTER TABLE api_keys ADD COLUMN replaced_by TEXT;
CREATE INDEX idx_api_keys_workspace ON api_keys (workspace_id, created_at, prefix);

-- Origins are JSON lists. The operator lists the origins that a logo may come from.
ALTER TABLE workspaces ADD COLUMN accent_color TEXT;
ALTER TABLE workspaces ADD COLUMN logo_url TEXT;
ALTER TABLE workspaces ADD COLUMN logo_origins TEXT NOT NULL DEFAULT '[]';
ALTER TABLE workspaces ADD COLUMN allowed_origins TEXT NOT NULL DEFAULT '[]';

-- Who did what. Ids only: no number, no name of a person, no secret, and of an address its network alone.
-- `workspace_id` is null for what concerns none. Nothing refers to other tables: a line outlives its subjects.
CREATE TABLE audit (
    id TEXT PRIMARY KEY,
    at TEXT NOT NULL,
    workspace_id TEXT,
    actor_kind TEXT NOT NULL CHECK (actor_kind IN ('key', 'operator', 'node', 'link')),
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subjects TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('done', 'refused', 'failed')),
    code TEXT,
    request_id TEXT,
    address TEXT
);
CREATE INDEX idx_audit_workspace ON audit (workspace_id, id);
CREATE INDEX idx_audit_age ON audit (at);
