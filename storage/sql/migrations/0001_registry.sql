-- The registry. Times are RFC 3339 UTC with milliseconds, so that they sort as text. JSON is text.
-- Only functions write here; nodes report events and the functions apply them.

-- One customer of the backend. The webhook secret is kept readable: it signs.
CREATE TABLE workspaces (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL CHECK (name <> ''),
    webhook_secret TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT;

-- lp_<prefix>_<secret>: the prefix finds the row, the secret is kept as SHA-256 only.
CREATE TABLE api_keys (
    prefix TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id),
    secret_sha256 TEXT NOT NULL,
    created_at TEXT NOT NULL,
    last_used_at TEXT,
    revoked_at TEXT
) STRICT;

-- One machine's browser pool. Its row is made by its first heartbeat and never removed, so that
-- instance_index keeps meaning the same machine.
CREATE TABLE nodes (
    id TEXT PRIMARY KEY,
    instance_index INTEGER NOT NULL UNIQUE,
    url TEXT NOT NULL,
    region TEXT,
    capacity INTEGER NOT NULL,
    live INTEGER NOT NULL,
    warm INTEGER NOT NULL,
    queued INTEGER NOT NULL,
    draining INTEGER NOT NULL CHECK (draining IN (0, 1)),
    sandbox INTEGER CHECK (sandbox IN (0, 1)),
    first_seen_at TEXT NOT NULL,
    last_seen_at TEXT NOT NULL
) STRICT;

-- Nonces of signed requests; a second use within the signature's life is a replay.
CREATE TABLE nonces (
    node_id TEXT NOT NULL,
    nonce TEXT NOT NULL,
    used_at TEXT NOT NULL,
    PRIMARY KEY (node_id, nonce)
) STRICT, WITHOUT ROWID;
CREATE INDEX idx_nonces_used ON nonces (used_at);

-- One link between a workspace and one WhatsApp account.
--
--   created -> queued -> starting -> qr_scanning -> authenticated -> connected <-> reconnecting
--                                    <-> passkey_required            connected <-> hibernated
--   ends: expired, logged_out, failed (all three can be restarted), replaced, deleted
--
-- `wanted` is the backend's wish, `status` the node's facts; storage.models holds the transitions.
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id),
    created_at TEXT NOT NULL,
    last_activity_at TEXT NOT NULL,

    reference TEXT,
    metadata TEXT NOT NULL,
    keep_alive INTEGER NOT NULL CHECK (keep_alive IN (0, 1)),
    region TEXT,
    proxy TEXT,
    locale TEXT,
    return_url TEXT,
    webhook_url TEXT,
    requested_phone TEXT,

    wanted TEXT NOT NULL CHECK (wanted IN ('open', 'closed', 'logged_out', 'erased')),
    generation INTEGER NOT NULL CHECK (generation >= 0),
    start_seq INTEGER NOT NULL CHECK (start_seq >= 0),
    last_seq INTEGER NOT NULL,
    node_id TEXT REFERENCES nodes (id),
    fresh INTEGER NOT NULL CHECK (fresh IN (0, 1)),

    status TEXT NOT NULL CHECK (status IN (
        'created', 'queued', 'starting', 'qr_scanning', 'passkey_required', 'authenticated',
        'connected', 'reconnecting', 'hibernated',
        'expired', 'logged_out', 'failed', 'replaced', 'deleted')),
    phase TEXT,
    progress_percent INTEGER CHECK (progress_percent BETWEEN 0 AND 100),
    reason_code TEXT,
    reason_message TEXT,
    version INTEGER NOT NULL CHECK (version > 0),
    queue_position INTEGER,
    queue_estimated_wait_ms INTEGER,
    qr_text TEXT,
    qr_expires_at TEXT,
    pairing_code TEXT,
    pairing_phone_number TEXT,
    pairing_expires_at TEXT,
    passkey_expires_at TEXT,

    phone_number TEXT,
    display_name TEXT,
    platform TEXT,
    is_primary INTEGER NOT NULL CHECK (is_primary IN (0, 1)),
    connected_at TEXT,

    qr_generation_ms INTEGER,
    launch_ms INTEGER,
    load_ms INTEGER,
    retrieval_ms INTEGER,
    phone_extraction_ms INTEGER,

    link_seq INTEGER NOT NULL,
    link_token_hash TEXT UNIQUE,
    link_expires_at TEXT,

    deleted_at TEXT,
    erased_at TEXT,

    CONSTRAINT qr_only_while_scanning CHECK (status = 'qr_scanning' OR (qr_text IS NULL AND pairing_code IS NULL)),
    CONSTRAINT position_only_in_queue CHECK (status = 'queued' OR queue_position IS NULL),
    CONSTRAINT primary_is_linked CHECK (is_primary = 0 OR status IN ('connected', 'reconnecting', 'hibernated')),
    CONSTRAINT deleted_is_erased CHECK (
        (status = 'deleted') = (deleted_at IS NOT NULL) AND (status <> 'deleted' OR wanted = 'erased')),
    CONSTRAINT ended_is_not_wanted CHECK (
        wanted <> 'open' OR status NOT IN ('expired', 'logged_out', 'failed', 'replaced', 'deleted'))
) STRICT;
CREATE INDEX idx_sessions_workspace ON sessions (workspace_id, id);
CREATE INDEX idx_sessions_reference ON sessions (workspace_id, reference) WHERE reference IS NOT NULL;
CREATE INDEX idx_cleanup ON sessions (workspace_id, phone_number, deleted_at);
CREATE INDEX idx_sessions_node ON sessions (node_id, wanted);
CREATE INDEX idx_sessions_status ON sessions (status);
CREATE UNIQUE INDEX idx_sessions_one_primary ON sessions (workspace_id) WHERE is_primary = 1;

-- Everything a node or a backend's call ever said about a session, and what came of it. Refs and codes
-- are left out of `data`; a deleted session's data is emptied.
CREATE TABLE events (
    id TEXT PRIMARY KEY,
    session_id TEXT NOT NULL,
    node_id TEXT,
    generation INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    type TEXT NOT NULL,
    occurred_at TEXT NOT NULL,
    received_at TEXT NOT NULL,
    data TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('applied', 'stale', 'stale_generation', 'does_not_fit', 'unknown_session'))
) STRICT;
CREATE INDEX idx_events_session ON events (session_id, received_at);

-- Answers to creations with an Idempotency-Key, for a day.
CREATE TABLE idempotency_keys (
    workspace_id TEXT NOT NULL REFERENCES workspaces (id),
    key TEXT NOT NULL,
    request_sha256 TEXT NOT NULL,
    session_id TEXT NOT NULL REFERENCES sessions (id),
    created_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, key)
) STRICT;
CREATE INDEX idx_idempotency_created ON idempotency_keys (created_at);

-- Where a workspace hears of events: of all its sessions, or of one.
CREATE TABLE endpoints (
    id TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id),
    session_id TEXT REFERENCES sessions (id),
    url TEXT NOT NULL,
    created_at TEXT NOT NULL,
    disabled_at TEXT,
    disabled_reason TEXT
) STRICT;
CREATE UNIQUE INDEX idx_endpoints_workspace ON endpoints (workspace_id, url) WHERE session_id IS NULL;
CREATE UNIQUE INDEX idx_endpoints_session ON endpoints (session_id) WHERE session_id IS NOT NULL;

-- One webhook owed to a workspace.
--
--   pending -> delivered (2xx)
--           -> dead (attempts used up, or endpoint gone); a retry makes it pending again
--
-- `position` orders the deliveries of a session; only the oldest pending one of a session and endpoint
-- may be claimed. A claim ends by itself, so a killed deliverer holds nothing up for long.
CREATE TABLE deliveries (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    endpoint_id TEXT NOT NULL REFERENCES endpoints (id),
    workspace_id TEXT NOT NULL REFERENCES workspaces (id),
    session_id TEXT NOT NULL REFERENCES sessions (id),
    event_id TEXT NOT NULL REFERENCES events (id),
    type TEXT NOT NULL,
    occurred_at TEXT NOT NULL,
    data TEXT NOT NULL,
    created_at TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'delivered', 'dead')),
    attempts INTEGER NOT NULL CHECK (attempts >= 0),
    next_attempt_at TEXT CHECK ((status = 'pending') = (next_attempt_at IS NOT NULL)),
    claimed_by TEXT,
    claimed_until TEXT,
    last_attempt_at TEXT,
    last_status_code INTEGER,
    last_error TEXT,
    delivered_at TEXT,
    UNIQUE (endpoint_id, event_id)
) STRICT;
CREATE INDEX idx_deliveries_due ON deliveries (next_attempt_at) WHERE status = 'pending';
CREATE INDEX idx_deliveries_order ON deliveries (endpoint_id, session_id, position) WHERE status = 'pending';
CREATE INDEX idx_deliveries_workspace ON deliveries (workspace_id, position);
CREATE INDEX idx_deliveries_session ON deliveries (session_id);
