-- How long a workspace wants what happened to be remembered, and its ended sessions (NULL: as the environment says).
-- 0 for ended sessions: until somebody deletes them.
ALTER TABLE workspaces ADD COLUMN events_keep_days INTEGER CHECK (events_keep_days BETWEEN 1 AND 3650);
ALTER TABLE workspaces ADD COLUMN ended_keep_days INTEGER CHECK (ended_keep_days BETWEEN 0 AND 3650);

-- Whose an event is; null for a session that nobody knew.
ALTER TABLE events ADD COLUMN workspace_id TEXT;
UPDATE events SET workspace_id = (SELECT s.workspace_id FROM sessions s WHERE s.id = events.session_id);

-- What is old, workspace by workspace: what one of them keeps for years is not walked over for the others.
DROP INDEX idx_events_age;
DROP INDEX idx_deliveries_old_delivered;
CREATE INDEX idx_events_old ON events (workspace_id, received_at);
CREATE INDEX idx_deliveries_delivered ON deliveries (workspace_id, created_at) WHERE status = 'delivered';
CREATE INDEX idx_deliveries_given_up ON deliveries (workspace_id, created_at) WHERE status = 'dead';
CREATE INDEX idx_sessions_ended ON sessions (workspace_id, last_activity_at)
    WHERE status IN ('expired', 'logged_out', 'failed', 'replaced');
CREATE INDEX idx_sessions_deleted ON sessions (deleted_at) WHERE deleted_at IS NOT NULL;
