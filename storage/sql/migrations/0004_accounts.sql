-- One account, one link: what a workspace wants of an account that is linked twice, and the chats that the
-- last sync found.

ALTER TABLE workspaces ADD COLUMN duplicate_policy TEXT NOT NULL DEFAULT 'replace'
    CHECK (duplicate_policy IN ('replace', 'keep_both', 'refuse'));

ALTER TABLE sessions ADD COLUMN replaced_by TEXT REFERENCES sessions (id);
ALTER TABLE sessions ADD COLUMN chats_synced_at TEXT;
ALTER TABLE sessions ADD COLUMN chats_count INTEGER CHECK (chats_count >= 0);

CREATE INDEX idx_sessions_replaced ON sessions (replaced_by) WHERE replaced_by IS NOT NULL;

-- What the last sync of a session found, the newest message first. A sync replaces all of it; it goes with
-- the account's number.
CREATE TABLE chats (
    session_id TEXT NOT NULL REFERENCES sessions (id),
    position INTEGER NOT NULL CHECK (position >= 0),
    id TEXT NOT NULL,
    name TEXT,
    unread_count INTEGER NOT NULL CHECK (unread_count >= 0),
    last_message_at TEXT,
    is_group INTEGER NOT NULL CHECK (is_group IN (0, 1)),
    PRIMARY KEY (session_id, position)
) STRICT, WITHOUT ROWID;
