-- Every statement of the registry: a name, what it is for, the statement. Parameters are :named.

-- ── sessions ─────────────────────────────────────────────────────────────────────────────────────

-- name: session_by_id
-- A session for code that has checked whose it is.
SELECT s.*, n.url AS node_url, n.instance_index AS node_index
FROM sessions s LEFT JOIN nodes n ON n.id = s.node_id
WHERE s.id = :id;

-- name: session_of_workspace
-- A session for a backend: another workspace's is as absent as one that never was.
SELECT s.*, n.url AS node_url, n.instance_index AS node_index
FROM sessions s LEFT JOIN nodes n ON n.id = s.node_id
WHERE s.id = :id AND s.workspace_id = :workspace_id;

-- name: session_by_link
-- The session behind a hosted page.
SELECT s.*, n.url AS node_url, n.instance_index AS node_index
FROM sessions s LEFT JOIN nodes n ON n.id = s.node_id
WHERE s.link_token_hash = :link_token_hash;

-- name: sessions_of_workspace
-- One page of a workspace's sessions, newest first, deleted ones left out. Filters that are null do not filter.
SELECT s.*, n.url AS node_url, n.instance_index AS node_index
FROM sessions s LEFT JOIN nodes n ON n.id = s.node_id
WHERE s.workspace_id = :workspace_id
  AND s.deleted_at IS NULL
  AND (:before IS NULL OR s.id < :before)
  AND (:reference IS NULL OR s.reference = :reference)
  AND (:phone_number IS NULL OR s.phone_number = :phone_number)
  AND (:statuses IS NULL OR s.status IN (SELECT value FROM json_each(:statuses)))
ORDER BY s.id DESC
LIMIT :limit;

-- name: recent_sessions
-- The newest sessions of everybody, for the operator's command line.
SELECT s.*, n.url AS node_url, n.instance_index AS node_index
FROM sessions s LEFT JOIN nodes n ON n.id = s.node_id
WHERE (:workspace_id IS NULL OR s.workspace_id = :workspace_id)
ORDER BY s.id DESC
LIMIT :limit;

-- name: insert_session
-- A new session.
INSERT INTO sessions (
    id, workspace_id, created_at, last_activity_at,
    reference, metadata, keep_alive, region, proxy, locale, return_url, webhook_url, requested_phone,
    wanted, generation, start_seq, last_seq, node_id, fresh,
    status, phase, progress_percent, reason_code, reason_message, version,
    queue_position, queue_estimated_wait_ms, qr_text, qr_expires_at,
    pairing_code, pairing_phone_number, pairing_expires_at, passkey_expires_at,
    phone_number, display_name, platform, is_primary, connected_at,
    qr_generation_ms, launch_ms, load_ms, retrieval_ms, phone_extraction_ms,
    snapshot_id, snapshot_saved_at, snapshot_verified_at, snapshot_size_bytes,
    link_seq, link_token_hash, link_expires_at, deleted_at, erased_at)
VALUES (
    :id, :workspace_id, :created_at, :last_activity_at,
    :reference, :metadata, :keep_alive, :region, :proxy, :locale, :return_url, :webhook_url, :requested_phone,
    :wanted, :generation, :start_seq, :last_seq, :node_id, :fresh,
    :status, :phase, :progress_percent, :reason_code, :reason_message, :version,
    :queue_position, :queue_estimated_wait_ms, :qr_text, :qr_expires_at,
    :pairing_code, :pairing_phone_number, :pairing_expires_at, :passkey_expires_at,
    :phone_number, :display_name, :platform, :is_primary, :connected_at,
    :qr_generation_ms, :launch_ms, :load_ms, :retrieval_ms, :phone_extraction_ms,
    :snapshot_id, :snapshot_saved_at, :snapshot_verified_at, :snapshot_size_bytes,
    :link_seq, :link_token_hash, :link_expires_at, :deleted_at, :erased_at);

-- name: save_session
-- A session after a change; no row when somebody changed it since :read_version and :read_last_seq were read.
UPDATE sessions SET
    last_activity_at = :last_activity_at,
    metadata = :metadata, proxy = :proxy, return_url = :return_url, requested_phone = :requested_phone,
    wanted = :wanted, generation = :generation, start_seq = :start_seq, last_seq = :last_seq,
    node_id = :node_id, fresh = :fresh,
    status = :status, phase = :phase, progress_percent = :progress_percent,
    reason_code = :reason_code, reason_message = :reason_message, version = :version,
    queue_position = :queue_position, queue_estimated_wait_ms = :queue_estimated_wait_ms,
    qr_text = :qr_text, qr_expires_at = :qr_expires_at,
    pairing_code = :pairing_code, pairing_phone_number = :pairing_phone_number,
    pairing_expires_at = :pairing_expires_at, passkey_expires_at = :passkey_expires_at,
    phone_number = :phone_number, display_name = :display_name, platform = :platform,
    is_primary = :is_primary, connected_at = :connected_at,
    qr_generation_ms = :qr_generation_ms, launch_ms = :launch_ms, load_ms = :load_ms,
    retrieval_ms = :retrieval_ms, phone_extraction_ms = :phone_extraction_ms,
    snapshot_id = :snapshot_id, snapshot_saved_at = :snapshot_saved_at,
    snapshot_verified_at = :snapshot_verified_at, snapshot_size_bytes = :snapshot_size_bytes,
    link_seq = :link_seq, link_token_hash = :link_token_hash, link_expires_at = :link_expires_at,
    deleted_at = :deleted_at, erased_at = :erased_at
WHERE id = :id AND version = :read_version AND last_seq = :read_last_seq;

-- name: primary_of_workspace
-- The first account of a workspace, while it is linked.
SELECT id FROM sessions WHERE workspace_id = :workspace_id AND is_primary = 1;

-- name: oldest_linked_session
-- Who becomes primary when the primary ends: connected before merely linked, then the oldest.
SELECT id FROM sessions
WHERE workspace_id = :workspace_id AND is_primary = 0 AND status IN ('connected', 'reconnecting', 'hibernated')
ORDER BY status = 'connected' DESC, connected_at, id
LIMIT 1;

-- name: set_primary
-- Give or take the primary flag.
UPDATE sessions SET is_primary = :is_primary, version = version + 1
WHERE id = :id AND is_primary <> :is_primary;

-- name: sessions_for_node
-- What a node may have to do something about: its own, and whatever it reports.
SELECT s.*, n.url AS node_url, n.instance_index AS node_index
FROM sessions s LEFT JOIN nodes n ON n.id = s.node_id
WHERE (s.node_id = :node_id
       AND (s.wanted IN ('open', 'logged_out') OR (s.wanted = 'erased' AND s.erased_at IS NULL)))
   OR s.id IN (SELECT value FROM json_each(:reported));

-- name: unplaced_sessions
-- Sessions that want a browser and have no node yet, oldest first.
SELECT s.*, n.url AS node_url, n.instance_index AS node_index
FROM sessions s LEFT JOIN nodes n ON n.id = s.node_id
WHERE s.node_id IS NULL AND s.wanted = 'open'
ORDER BY s.id
LIMIT :limit;

-- name: ping
-- Whether the registry can be read at all.
SELECT 1 FROM sessions LIMIT 1;

-- name: count_sessions
-- How many sessions stand where, for health.
SELECT status, count(*) AS sessions FROM sessions GROUP BY status;

-- name: average_timings
-- How long QR and number took lately, for health.
SELECT
    (SELECT avg(qr_generation_ms) FROM (
        SELECT qr_generation_ms FROM sessions WHERE qr_generation_ms IS NOT NULL ORDER BY id DESC LIMIT :recent
    )) AS qr_generation_ms,
    (SELECT avg(phone_extraction_ms) FROM (
        SELECT phone_extraction_ms FROM sessions WHERE phone_extraction_ms IS NOT NULL ORDER BY id DESC LIMIT :recent
    )) AS phone_extraction_ms;

-- ── events ───────────────────────────────────────────────────────────────────────────────────────

-- name: event_exists
-- Whether this event was heard before.
SELECT 1 FROM events WHERE id = :id;

-- name: insert_event
-- Record an event and what came of it.
INSERT INTO events (id, session_id, node_id, generation, seq, type, occurred_at, received_at, data, outcome)
VALUES (:id, :session_id, :node_id, :generation, :seq, :type, :occurred_at, :received_at, :data, :outcome);

-- name: empty_events_of_session
-- A deleted session's history keeps its shape and loses its content.
UPDATE events SET data = '{}' WHERE session_id = :session_id;

-- ── the stream ───────────────────────────────────────────────────────────────────────────────────

-- name: advance_stream
-- Take the next position of a workspace's stream; nobody else gets one until the transaction ends.
UPDATE workspaces SET stream_position = stream_position + 1 WHERE id = :workspace_id;

-- name: insert_into_stream
-- A public event at the position that was just taken.
INSERT INTO stream (workspace_id, position, session_id, event_id, type, occurred_at, data)
SELECT id, stream_position, :session_id, :event_id, :type, :occurred_at, :data
FROM workspaces WHERE id = :workspace_id;

-- name: stream_position
-- How far a workspace's stream has come.
SELECT stream_position FROM workspaces WHERE id = :workspace_id;

-- name: stream_of_workspace
-- A stretch of a workspace's stream, oldest first. Filters that are null do not filter.
SELECT * FROM stream
WHERE workspace_id = :workspace_id AND position > :after AND position <= :until
  AND (:session_id IS NULL OR session_id = :session_id)
  AND (:types IS NULL OR type IN (SELECT value FROM json_each(:types)))
ORDER BY position
LIMIT :limit;

-- name: empty_stream_of_session
-- A deleted session's events keep their place and lose their content.
UPDATE stream SET data = '{}' WHERE session_id = :session_id;

-- ── idempotency ──────────────────────────────────────────────────────────────────────────────────

-- name: idempotent_answer
-- The session an earlier request with this key made.
SELECT request_sha256, session_id FROM idempotency_keys
WHERE workspace_id = :workspace_id AND key = :key AND created_at > :oldest;

-- name: insert_idempotency_key
-- Remember a request; a key older than a day may be used anew.
INSERT INTO idempotency_keys (workspace_id, key, request_sha256, session_id, created_at)
VALUES (:workspace_id, :key, :request_sha256, :session_id, :created_at);

-- name: prune_idempotency_keys
-- Forget requests older than a day.
DELETE FROM idempotency_keys WHERE created_at <= :oldest;

-- ── workspaces and keys ──────────────────────────────────────────────────────────────────────────

-- name: insert_workspace
-- A new workspace.
INSERT INTO workspaces (id, name, webhook_secret, created_at) VALUES (:id, :name, :webhook_secret, :created_at);

-- name: workspace_by_id
-- A workspace.
SELECT * FROM workspaces WHERE id = :id;

-- name: workspaces
-- Every workspace, oldest first.
SELECT * FROM workspaces ORDER BY id;

-- name: insert_api_key
-- A new key; only the hash of its secret.
INSERT INTO api_keys (prefix, workspace_id, secret_sha256, created_at)
VALUES (:prefix, :workspace_id, :secret_sha256, :created_at);

-- name: api_key
-- A key by its readable part.
SELECT * FROM api_keys WHERE prefix = :prefix;

-- name: touch_api_key
-- When a key was last used, at most once a minute: a read must not become a write.
UPDATE api_keys SET last_used_at = :now
WHERE prefix = :prefix AND (last_used_at IS NULL OR last_used_at < :stale_before);

-- name: revoke_api_key
-- End a key.
UPDATE api_keys SET revoked_at = :now WHERE prefix = :prefix AND revoked_at IS NULL;

-- ── nodes ────────────────────────────────────────────────────────────────────────────────────────

-- name: upsert_node
-- What a node says of itself; the first time it gets the smallest free index.
INSERT INTO nodes (id, instance_index, url, region, capacity, live, warm, queued, draining, sandbox,
                   first_seen_at, last_seen_at)
VALUES (:id,
        (SELECT coalesce(min(candidate), 0) FROM (
            SELECT 0 AS candidate UNION ALL SELECT instance_index + 1 FROM nodes)
         WHERE candidate NOT IN (SELECT instance_index FROM nodes)),
        :url, :region, :capacity, :live, :warm, :queued, :draining, :sandbox, :now, :now)
ON CONFLICT (id) DO UPDATE SET
    url = excluded.url, region = excluded.region, capacity = excluded.capacity, live = excluded.live,
    warm = excluded.warm, queued = excluded.queued, draining = excluded.draining, sandbox = excluded.sandbox,
    last_seen_at = excluded.last_seen_at;

-- name: nodes
-- Every node that ever reported.
SELECT * FROM nodes ORDER BY instance_index;

-- name: use_nonce
-- Remember a nonce; no row when it was used before.
INSERT INTO nonces (node_id, nonce, used_at) VALUES (:node_id, :nonce, :now) ON CONFLICT DO NOTHING;

-- name: prune_nonces
-- Forget nonces whose signatures are dead anyway.
DELETE FROM nonces WHERE used_at < :oldest;

-- ── endpoints and deliveries ─────────────────────────────────────────────────────────────────────

-- name: insert_endpoint
-- Where a workspace, or one session of it, wants its events.
INSERT INTO endpoints (id, workspace_id, session_id, url, created_at)
VALUES (:id, :workspace_id, :session_id, :url, :created_at);

-- name: endpoints_of_session
-- Who hears of a session's events: one address once, even when workspace and session name the same.
SELECT min(id) AS id FROM endpoints
WHERE workspace_id = :workspace_id AND disabled_at IS NULL AND (session_id IS NULL OR session_id = :session_id)
GROUP BY url;

-- name: disable_endpoint
-- The receiver said 410 Gone.
UPDATE endpoints SET disabled_at = :now, disabled_reason = :reason WHERE id = :id AND disabled_at IS NULL;

-- name: enable_endpoint
-- The operator knows that the receiver is back.
UPDATE endpoints SET disabled_at = NULL, disabled_reason = NULL WHERE id = :id;

-- name: endpoints
-- Every endpoint, for the operator.
SELECT * FROM endpoints WHERE :workspace_id IS NULL OR workspace_id = :workspace_id ORDER BY id;

-- name: insert_delivery
-- Owe a webhook; owing it twice is owing it once.
INSERT INTO deliveries (id, endpoint_id, workspace_id, session_id, event_id, type, occurred_at, data,
                        created_at, status, attempts, next_attempt_at)
VALUES (:id, :endpoint_id, :workspace_id, :session_id, :event_id, :type, :occurred_at, :data,
        :now, 'pending', 0, :now)
ON CONFLICT (endpoint_id, event_id) DO NOTHING;

-- name: claim_deliveries
-- Take due deliveries: only the oldest pending one of a session and endpoint, and none that is claimed.
-- The predicate is repeated outside the subselect, so that two claimers never share a row.
UPDATE deliveries SET claimed_by = :claim, claimed_until = :claimed_until
WHERE position IN (
    SELECT d.position FROM deliveries d
    WHERE d.status = 'pending' AND d.next_attempt_at <= :now
      AND (d.claimed_until IS NULL OR d.claimed_until <= :now)
      AND NOT EXISTS (
          SELECT 1 FROM deliveries older
          WHERE older.status = 'pending' AND older.endpoint_id = d.endpoint_id
            AND older.session_id = d.session_id AND older.position < d.position)
    ORDER BY d.next_attempt_at, d.position
    LIMIT :limit)
  AND status = 'pending' AND next_attempt_at <= :now AND (claimed_until IS NULL OR claimed_until <= :now);

-- name: claimed_deliveries
-- What a claim took, with what sending needs.
SELECT d.*, e.url AS endpoint_url, w.webhook_secret
FROM deliveries d JOIN endpoints e ON e.id = d.endpoint_id JOIN workspaces w ON w.id = d.workspace_id
WHERE d.claimed_by = :claim AND d.status = 'pending'
ORDER BY d.position;

-- name: next_delivery_at
-- When the deliverer has to wake up: the next attempt or the end of somebody's claim.
SELECT min(max(d.next_attempt_at, coalesce(d.claimed_until, d.next_attempt_at))) AS at
FROM deliveries d
WHERE d.status = 'pending'
  AND NOT EXISTS (
      SELECT 1 FROM deliveries older
      WHERE older.status = 'pending' AND older.endpoint_id = d.endpoint_id
        AND older.session_id = d.session_id AND older.position < d.position);

-- name: settle_delivery
-- What an attempt came to; no row when the claim had ended and is somebody else's. Of a deleted session
-- nothing is kept beyond that.
UPDATE deliveries SET
    status = :status, attempts = attempts + 1, next_attempt_at = :next_attempt_at,
    claimed_by = NULL, claimed_until = NULL,
    last_attempt_at = :now, last_status_code = :status_code, last_error = :error,
    delivered_at = CASE :status WHEN 'delivered' THEN :now END,
    data = CASE
        WHEN :status <> 'pending'
         AND EXISTS (SELECT 1 FROM sessions s WHERE s.id = session_id AND s.deleted_at IS NOT NULL) THEN '{}'
        ELSE data END
WHERE id = :id AND claimed_by = :claim AND status = 'pending';

-- name: empty_deliveries_of_session
-- A deleted session's webhooks keep their line in the log and lose their content. Those still owed lose it
-- when they are settled.
UPDATE deliveries SET data = '{}' WHERE session_id = :session_id AND status <> 'pending';

-- name: bury_deliveries_of_endpoint
-- An endpoint that is gone is owed nothing more; a retry can still revive each one.
UPDATE deliveries SET status = 'dead', next_attempt_at = NULL, claimed_by = NULL, claimed_until = NULL,
    last_error = :reason
WHERE endpoint_id = :endpoint_id AND status = 'pending';

-- name: deliveries_of_workspace
-- One page of a workspace's webhook log, newest first. Filters that are null do not filter.
SELECT d.*, e.url AS endpoint_url, NULL AS webhook_secret
FROM deliveries d JOIN endpoints e ON e.id = d.endpoint_id
WHERE d.workspace_id = :workspace_id
  AND (:before IS NULL OR d.position < :before)
  AND (:session_id IS NULL OR d.session_id = :session_id)
  AND (:status IS NULL OR d.status = :status)
ORDER BY d.position DESC
LIMIT :limit;

-- name: delivery_of_workspace
-- One delivery; another workspace's is as absent as one that never was.
SELECT d.*, e.url AS endpoint_url, NULL AS webhook_secret, e.disabled_at AS endpoint_disabled_at
FROM deliveries d JOIN endpoints e ON e.id = d.endpoint_id
WHERE d.id = :id AND d.workspace_id = :workspace_id;

-- name: retry_delivery
-- Owe it again, now. One that is being sent this moment is left to that attempt.
UPDATE deliveries SET status = 'pending', next_attempt_at = :now, delivered_at = NULL,
    attempts = CASE status WHEN 'pending' THEN attempts ELSE 0 END,
    claimed_by = NULL, claimed_until = NULL
WHERE id = :id AND (claimed_until IS NULL OR claimed_until <= :now);
