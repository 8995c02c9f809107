-- What a workspace can read of its events at any time, also without an endpoint.

-- The newest position of the workspace's stream. Raising it takes the workspace's row until the commit, so
-- positions become visible in the order of their numbers: whoever has read up to one has missed none below.
-- Ids are no such order: they are made when a node sees something, not when it is committed here.
ALTER TABLE workspaces ADD COLUMN stream_position INTEGER NOT NULL DEFAULT 0;

-- Public events that were applied. Refs and codes are left out of `data`; a deleted session's is emptied.
-- A line goes when its event is forgotten.
CREATE TABLE stream (
    workspace_id TEXT NOT NULL REFERENCES workspaces (id),
    position INTEGER NOT NULL CHECK (position > 0),
    session_id TEXT NOT NULL REFERENCES sessions (id),
    event_id TEXT NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    type TEXT NOT NULL,
    occurred_at TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (workspace_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX idx_stream_session ON stream (session_id);
CREATE INDEX idx_stream_event ON stream (event_id);
