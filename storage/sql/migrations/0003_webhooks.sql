-- Several endpoints per session, what each wants to hear and be sent, how well it answers; two secrets while
-- one is being replaced; a log of every attempt.

-- While the previous secret is valid, webhooks carry a second signature made with it.
ALTER TABLE workspaces ADD COLUMN webhook_secret_previous TEXT;
ALTER TABLE workspaces ADD COLUMN webhook_secret_previous_until TEXT;

-- `events`: a JSON list of types, empty for all. `headers`: a JSON object that is sent along; values are secrets.
-- A deleted endpoint stays while deliveries name it, without its headers.
ALTER TABLE endpoints ADD COLUMN events TEXT NOT NULL DEFAULT '[]';
ALTER TABLE endpoints ADD COLUMN headers TEXT NOT NULL DEFAULT '{}';
ALTER TABLE endpoints ADD COLUMN deleted_at TEXT;

-- The circuit of an endpoint:
--
--   closed (failures < limit) -> open (open_until > now): nothing is sent
--                             -> half open (open_until <= now): one delivery at a time tries; an answer closes
--
-- `openings` counts how often it opened in a row, and so how long the next pause is. `quick`: the last attempt
-- was answered fast; slow and unproven endpoints get fewer senders.
ALTER TABLE endpoints ADD COLUMN failures INTEGER NOT NULL DEFAULT 0 CHECK (failures >= 0);
ALTER TABLE endpoints ADD COLUMN openings INTEGER NOT NULL DEFAULT 0 CHECK (openings >= 0);
ALTER TABLE endpoints ADD COLUMN open_until TEXT;
ALTER TABLE endpoints ADD COLUMN quick INTEGER NOT NULL DEFAULT 0 CHECK (quick IN (0, 1));

DROP INDEX idx_endpoints_workspace;
DROP INDEX idx_endpoints_session;
CREATE UNIQUE INDEX idx_endpoints_of_workspace ON endpoints (workspace_id, url)
    WHERE session_id IS NULL AND deleted_at IS NULL;
CREATE UNIQUE INDEX idx_endpoints_of_session ON endpoints (session_id, url)
    WHERE session_id IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX idx_endpoints_list ON endpoints (workspace_id, id);

-- One try to deliver. `answer` is the beginning of what the receiver said, for its developer.
CREATE TABLE delivery_attempts (
    delivery_id TEXT NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
    number INTEGER NOT NULL CHECK (number > 0),
    started_at TEXT NOT NULL,
    took_ms INTEGER NOT NULL CHECK (took_ms >= 0),
    status_code INTEGER,
    error TEXT,
    answer TEXT,
    PRIMARY KEY (delivery_id, number)
) STRICT, WITHOUT ROWID;

-- The next delivery of one endpoint, without walking over those of others; who is being sent to; what is old.
DROP INDEX idx_deliveries_due;
CREATE INDEX idx_deliveries_due_of_endpoint ON deliveries (endpoint_id, next_attempt_at, position)
    WHERE status = 'pending';
CREATE INDEX idx_deliveries_claimed ON deliveries (endpoint_id) WHERE claimed_until IS NOT NULL;
CREATE INDEX idx_deliveries_old_pending ON deliveries (created_at) WHERE status = 'pending';
CREATE INDEX idx_deliveries_old_delivered ON deliveries (created_at) WHERE status = 'delivered';
CREATE INDEX idx_deliveries_old_dead ON deliveries (created_at) WHERE status = 'dead';
CREATE INDEX idx_deliveries_event ON deliveries (event_id);
CREATE INDEX idx_events_age ON events (received_at);
