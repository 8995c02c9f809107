-- Every statement of the registry: a name, what it is for, the statement. Parameters are :named. Where PostgreSQL
-- needs other words, they follow after a line of their own; whatever locks rows is called hold_something.

-- ── locks ────────────────────────────────────────────────────────────────────────────────────────
--
-- In PostgreSQL the row of a workspace is the lock of everything in it: sessions, the primary flag, one link for
-- each number, idempotency keys, endpoints' addresses, the stream. NO KEY: a row that only names the workspace
-- may be inserted meanwhile. Order: workspaces by id, then an endpoint, then its deliveries. SQLite's writers hold
-- the whole file.

-- name: hold_workspace
-- Nobody else changes anything of a workspace until the transaction ends.
SELECT id FROM workspaces WHERE id = :id;
-- postgres
SELECT id FROM workspaces WHERE id = :id FOR NO KEY UPDATE;

-- name: hold_workspaces_of_sessions
-- The same for the workspaces of some sessions, in an order that is the same for everybody.
SELECT value FROM json_each(:sessions) LIMIT 1;
-- postgres
SELECT id FROM workspaces
WHERE id IN (SELECT workspace_id FROM sessions WHERE id IN (SELECT value FROM json_each(:sessions)))
ORDER BY id
FOR NO KEY UPDATE;

-- name: hold_endpoint
-- Nobody else judges, switches off or is owed for an endpoint.
SELECT id FROM endpoints WHERE id = :id;
-- postgres
SELECT id FROM endpoints WHERE id = :id FOR NO KEY UPDATE;

-- name: hold_delivery
-- Nobody else settles or empties a delivery. What comes after it in the transaction sees whether its session was
-- deleted meanwhile, which the UPDATE itself would not.
SELECT id FROM deliveries WHERE id = :id;
-- postgres
SELECT id FROM deliveries WHERE id = :id FOR NO KEY UPDATE;

-- name: hold_deliveries_of_session
-- Wait for whoever settles a delivery of this session, and let nobody begin.
SELECT id FROM deliveries WHERE session_id = :session_id LIMIT 1;
-- postgres
SELECT id FROM deliveries WHERE session_id = :session_id ORDER BY position FOR NO KEY UPDATE;

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
-- One page of a workspace's sessions, newest first, deleted ones left out. Filters that are null do not filter. What
-- may be sealed is looked for in every way that it may be written.
SELECT s.*, n.url AS node_url, n.instance_index AS node_index
FROM sessions s LEFT JOIN nodes n ON n.id = s.node_id
WHERE s.workspace_id = :workspace_id
  AND s.deleted_at IS NULL
  AND (:before IS NULL OR s.id < :before)
  AND (:references IS NULL OR s.reference IN (SELECT value FROM json_each(:references)))
  AND (:phone_numbers IS NULL OR s.phone_number IN (SELECT value FROM json_each(:phone_numbers)))
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
    expected_phone, wanted, generation, start_seq, last_seq, node_id, fresh,
    status, phase, progress_percent, reason_code, reason_message, version,
    queue_position, queue_estimated_wait_ms, qr_text, qr_expires_at,
    pairing_code, pairing_phone_number, pairing_expires_at, passkey_expires_at,
    phone_number, display_name, platform, is_primary, connected_at,
    qr_generation_ms, launch_ms, load_ms, retrieval_ms, phone_extraction_ms,
    snapshot_id, snapshot_saved_at, snapshot_verified_at, snapshot_size_bytes,
    link_seq, link_token_hash, link_expires_at, link_browser_sha256, link_revoked_at, deleted_at, erased_at,
    owned_since, moving_to)
VALUES (
    :id, :workspace_id, :created_at, :last_activity_at,
    :reference, :metadata, :keep_alive, :region, :proxy, :locale, :return_url, :webhook_url, :requested_phone,
    :expected_phone, :wanted, :generation, :start_seq, :last_seq, :node_id, :fresh,
    :status, :phase, :progress_percent, :reason_code, :reason_message, :version,
    :queue_position, :queue_estimated_wait_ms, :qr_text, :qr_expires_at,
    :pairing_code, :pairing_phone_number, :pairing_expires_at, :passkey_expires_at,
    :phone_number, :display_name, :platform, :is_primary, :connected_at,
    :qr_generation_ms, :launch_ms, :load_ms, :retrieval_ms, :phone_extraction_ms,
    :snapshot_id, :snapshot_saved_at, :snapshot_verified_at, :snapshot_size_bytes,
    :link_seq, :link_token_hash, :link_expires_at, :link_browser_sha256, :link_revoked_at, :deleted_at, :erased_at,
    :owned_since, :moving_to);

-- name: save_session
-- A session after a change; no row when somebody changed it since :read_version and :read_last_seq were read.
UPDATE sessions SET
    last_activity_at = :last_activity_at,
    metadata = :metadata, proxy = :proxy, return_url = :return_url, requested_phone = :requested_phone,
    expected_phone = :expected_phone,
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
    replaced_by = :replaced_by, chats_synced_at = :chats_synced_at, chats_count = :chats_count,
    qr_generation_ms = :qr_generation_ms, launch_ms = :launch_ms, load_ms = :load_ms,
    retrieval_ms = :retrieval_ms, phone_extraction_ms = :phone_extraction_ms,
    snapshot_id = :snapshot_id, snapshot_saved_at = :snapshot_saved_at,
    snapshot_verified_at = :snapshot_verified_at, snapshot_size_bytes = :snapshot_size_bytes,
    link_seq = :link_seq, link_token_hash = :link_token_hash, link_expires_at = :link_expires_at,
    link_browser_sha256 = :link_browser_sha256, link_revoked_at = :link_revoked_at,
    deleted_at = :deleted_at, erased_at = :erased_at, owned_since = :owned_since, moving_to = :moving_to
WHERE id = :id AND version = :read_version AND last_seq = :read_last_seq;

-- name: bind_link
-- Give a link to the first browser that opens it; no row when it has one already, or is not the same link any more.
UPDATE sessions SET link_browser_sha256 = :browser
WHERE id = :id AND link_token_hash = :link_token_hash AND link_browser_sha256 IS NULL;

-- name: primary_of_workspace
-- The first account of a workspace, while it is linked.
SELECT id FROM sessions WHERE workspace_id = :workspace_id AND is_primary = 1;

-- name: oldest_linked_session
-- Who becomes primary when the primary ends: connected before merely linked, then the oldest.
SELECT id FROM sessions
WHERE workspace_id = :workspace_id AND is_primary = 0 AND status IN ('connected', 'reconnecting', 'hibernated')
ORDER BY status = 'connected' DESC, connected_at, id
LIMIT 1;

-- name: linked_to_number
-- The linked sessions of one account in one workspace, oldest link first; by idx_cleanup. :phone_numbers are the ways
-- in which its number may be written: plain, and sealed with each key.
SELECT s.*, n.url AS node_url, n.instance_index AS node_index
FROM sessions s LEFT JOIN nodes n ON n.id = s.node_id
WHERE s.workspace_id = :workspace_id AND s.deleted_at IS NULL
  AND s.phone_number IN (SELECT value FROM json_each(:phone_numbers))
  AND s.status IN ('connected', 'reconnecting', 'hibernated')
  AND s.id <> :without
ORDER BY s.connected_at, s.id;

-- name: devices_to_remove
-- Sessions that ended because this one was linked, it may be this one itself, and that are still logged in.
SELECT s.*, n.url AS node_url, n.instance_index AS node_index
FROM sessions s LEFT JOIN nodes n ON n.id = s.node_id
WHERE s.wanted = 'logged_out' AND s.status IN ('replaced', 'failed')
  AND (s.id = :arrived OR s.replaced_by = :arrived);

-- name: set_primary
-- Give or take the primary flag.
UPDATE sessions SET is_primary = :is_primary, version = version + 1
WHERE id = :id AND is_primary <> :is_primary;

-- name: sessions_for_node
-- What a node may have to do something about: its own, and whatever it reports. The ids first, each kind by its
-- index: with OR between them PostgreSQL reads every session there is, 17 ms for each heartbeat among 50,000.
SELECT s.*, n.url AS node_url, n.instance_index AS node_index
FROM sessions s LEFT JOIN nodes n ON n.id = s.node_id
WHERE s.id IN (
    SELECT id FROM sessions
    WHERE node_id = :node_id
      AND (wanted IN ('open', 'logged_out') OR (wanted = 'erased' AND erased_at IS NULL))
    UNION SELECT value FROM json_each(:reported));

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
    ) AS latest) AS qr_generation_ms,
    (SELECT avg(phone_extraction_ms) FROM (
        SELECT phone_extraction_ms FROM sessions WHERE phone_extraction_ms IS NOT NULL ORDER BY id DESC LIMIT :recent
    ) AS latest) AS phone_extraction_ms;

-- ── chats ────────────────────────────────────────────────────────────────────────────────────────

-- name: insert_chats
-- What a sync found: a JSON array of chats, in the order in which they are shown.
INSERT INTO chats (session_id, position, id, name, unread_count, last_message_at, is_group)
SELECT :session_id, key,
       json_extract(value, '$.id'), json_extract(value, '$.name'), json_extract(value, '$.unread_count'),
       json_extract(value, '$.last_message_at'), json_extract(value, '$.is_group')
FROM json_each(:chats);
-- postgres: json_each gives no order there
INSERT INTO chats (session_id, position, id, name, unread_count, last_message_at, is_group)
SELECT :session_id, place - 1,
       value->>'id', value->>'name', CAST(value->>'unread_count' AS BIGINT),
       value->>'last_message_at', CASE value->>'is_group' WHEN 'true' THEN 1 ELSE 0 END
FROM json_array_elements(CAST(:chats AS json)) WITH ORDINALITY AS each (value, place);

-- name: delete_chats
-- Forget what an earlier sync of a session found.
DELETE FROM chats WHERE session_id = :session_id;

-- name: chats_of_session
-- One page of a session's chats, newest message first.
SELECT * FROM chats WHERE session_id = :session_id AND position >= :first ORDER BY position LIMIT :limit;

-- ── events ───────────────────────────────────────────────────────────────────────────────────────

-- name: event_exists
-- Whether this event was heard before.
SELECT 1 FROM events WHERE id = :id;

-- name: event_told_before
-- When the functions last heard one of two facts of a session, by idx_events_session.
SELECT max(received_at) AS told_at FROM events
WHERE session_id = :session_id AND received_at <= :before AND type IN (:first, :second) AND outcome = 'applied';

-- name: insert_event
-- Record an event and what came of it.
INSERT INTO events (id, session_id, workspace_id, node_id, generation, seq, type, occurred_at, received_at, data,
                    outcome)
VALUES (:id, :session_id, (SELECT workspace_id FROM sessions WHERE id = :session_id), :node_id, :generation, :seq, :type,
        :occurred_at, :received_at, :data, :outcome)
ON CONFLICT (id) DO NOTHING;

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
WHERE workspace_id = :workspace_id AND key IN (SELECT value FROM json_each(:keys)) AND created_at > :oldest;

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
INSERT INTO workspaces (id, name, webhook_secret, created_at, duplicate_policy)
VALUES (:id, :name, :webhook_secret, :created_at, :duplicate_policy);

-- name: save_workspace
-- A workspace after a change of what it is called, wants and looks like.
UPDATE workspaces SET name = :name, duplicate_policy = :duplicate_policy, accent_color = :accent_color,
    logo_url = :logo_url, logo_origins = :logo_origins, allowed_origins = :allowed_origins,
    events_keep_days = :events_keep_days, ended_keep_days = :ended_keep_days
WHERE id = :id;

-- name: workspace_by_id
-- A workspace.
SELECT * FROM workspaces WHERE id = :id;

-- name: rotate_webhook_secret
-- A new secret; the one before signs too until its time is over.
UPDATE workspaces SET webhook_secret_previous = CASE WHEN :previous_until IS NOT NULL THEN webhook_secret END,
    webhook_secret_previous_until = :previous_until, webhook_secret = :secret
WHERE id = :id;

-- name: workspaces
-- Every workspace, oldest first.
SELECT * FROM workspaces ORDER BY id;

-- name: insert_api_key
-- A new key; only the hash of its secret.
INSERT INTO api_keys (prefix, workspace_id, secret_sha256, created_at, name, scopes, expires_at)
VALUES (:prefix, :workspace_id, :secret_sha256, :created_at, :name, :scopes, :expires_at);

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

-- name: replace_api_key
-- Another key takes the place of this one, which works until then.
UPDATE api_keys SET replaced_by = :replaced_by, expires_at = :expires_at WHERE prefix = :prefix;

-- name: api_keys_of_workspace
-- One page of a workspace's keys, the newest first, ended ones as well.
SELECT * FROM api_keys
WHERE workspace_id = :workspace_id
  AND (:created_at IS NULL OR created_at < :created_at OR (created_at = :created_at AND prefix < :prefix))
ORDER BY created_at DESC, prefix DESC
LIMIT :limit;

-- name: active_api_keys
-- The keys of a workspace that open something.
SELECT * FROM api_keys
WHERE workspace_id = :workspace_id AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > :now);

-- ── nodes ────────────────────────────────────────────────────────────────────────────────────────

-- name: upsert_node
-- What a node says of itself; the first time it gets the smallest free index.
INSERT INTO nodes (id, instance_index, url, region, capacity, live, warm, queued, draining, sandbox, room,
                   leased, largest_browser_mb, cpu_percent, first_seen_at, last_seen_at)
VALUES (:id,
        (SELECT coalesce(min(candidate), 0) FROM (
            SELECT 0 AS candidate UNION ALL SELECT instance_index + 1 FROM nodes) AS candidates
         WHERE candidate NOT IN (SELECT instance_index FROM nodes)),
        :url, :region, :capacity, :live, :warm, :queued, :draining, :sandbox, :room,
        :leased, :largest_browser_mb, :cpu_percent, :now, :now)
ON CONFLICT (id) DO UPDATE SET
    url = excluded.url, region = excluded.region, capacity = excluded.capacity, live = excluded.live,
    warm = excluded.warm, queued = excluded.queued, draining = excluded.draining, sandbox = excluded.sandbox,
    room = excluded.room, leased = excluded.leased, largest_browser_mb = excluded.largest_browser_mb,
    cpu_percent = excluded.cpu_percent, lost = 0, last_seen_at = excluded.last_seen_at;

-- name: nodes
-- Every node that ever reported.
SELECT * FROM nodes ORDER BY instance_index;

-- name: node_by_id
-- One node.
SELECT * FROM nodes WHERE id = :id;

-- name: registry_now
-- The one clock by which leases are judged. On a server it is the server's, whatever machine asks.
SELECT :now AS now;
-- postgres
SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS now;

-- name: other_live_node
-- Whether anybody else could take over this node's sessions.
SELECT 1 FROM nodes WHERE id <> :id AND last_seen_at > :oldest LIMIT 1;

-- name: nodes_that_held
-- The nodes that told something of a session, the last one first; by idx_events_session.
SELECT n.* FROM nodes n
JOIN (
    SELECT node_id, max(received_at) AS told_at FROM events WHERE session_id = :session_id GROUP BY node_id
) AS told ON told.node_id = n.id
ORDER BY told.told_at DESC
LIMIT :limit;

-- name: living_nodes
-- Nodes that were heard within a lease.
SELECT * FROM nodes WHERE last_seen_at > :oldest ORDER BY instance_index;

-- name: expect_one_more
-- A session was placed on this node, which has not said so itself yet.
UPDATE nodes SET live = live + 1, room = CASE WHEN room > 0 THEN room - 1 ELSE room END WHERE id = :id;

-- name: claim_lost_node
-- One heartbeat at a time gives away the sessions of a lost node; no row while another one does.
UPDATE nodes SET clearing_until = :until WHERE id = :id AND (clearing_until IS NULL OR clearing_until <= :now);

-- name: release_lost_node
-- It has done what it could in its time.
UPDATE nodes SET clearing_until = NULL WHERE id = :id AND clearing_until = :claim;

-- name: lost_nodes
-- Nodes whose lease has run out, or that the operator gave up, and that have sessions that want a browser, if
-- only to be logged out.
SELECT * FROM nodes
WHERE ((leased = 1 AND last_seen_at <= :oldest AND coalesce((SELECT max(since) FROM hearing), '') <= :oldest) OR lost = 1)
  AND EXISTS (
    SELECT 1 FROM sessions s
    WHERE s.node_id = nodes.id AND (s.wanted = 'open' OR (s.wanted = 'logged_out' AND s.status IN ('authenticated', 'connected', 'reconnecting', 'hibernated'))));

-- name: heard_lately
-- Whether any node was heard since.
SELECT 1 FROM nodes WHERE last_seen_at > :since LIMIT 1;

-- name: hear_since
-- Heartbeats are heard again after a pause.
INSERT INTO hearing (id, since) VALUES (1, :now) ON CONFLICT (id) DO UPDATE SET since = excluded.since;

-- name: hearing
-- Since when they are heard.
SELECT since FROM hearing;

-- name: hold_node
-- Nobody renews or takes from this node until the transaction ends.
SELECT * FROM nodes WHERE id = :id;
-- postgres
SELECT * FROM nodes WHERE id = :id FOR NO KEY UPDATE;

-- name: open_sessions_of_node
-- What a lost or drained node has to give away, linked ones first.
SELECT s.*, n.url AS node_url, n.instance_index AS node_index
FROM sessions s LEFT JOIN nodes n ON n.id = s.node_id
WHERE s.node_id = :node_id AND (s.wanted = 'open' OR (s.wanted = 'logged_out' AND s.status IN ('authenticated', 'connected', 'reconnecting', 'hibernated')))
ORDER BY s.connected_at IS NULL, s.id
LIMIT :limit;

-- name: sessions_per_node
-- How a workspace's sessions are spread.
SELECT node_id, count(*) AS sessions FROM sessions
WHERE workspace_id = :workspace_id AND wanted = 'open' AND node_id IS NOT NULL
GROUP BY node_id;

-- name: mark_node
-- What the operator wants of a node. Null leaves a flag as it is.
UPDATE nodes SET cordoned = coalesce(:cordoned, cordoned), drained = coalesce(:drained, drained),
    lost = coalesce(:lost, lost)
WHERE id = :id;

-- name: node_failed
-- A call to it got no answer: nobody calls for a while, for longer each time.
UPDATE nodes SET call_failures = call_failures + 1, avoid_until = :avoid_until WHERE id = :id;

-- name: try_node_again
-- The pause is over and somebody has to be first; no row when somebody else was.
UPDATE nodes SET avoid_until = :avoid_until WHERE id = :id AND avoid_until <= :now;

-- name: node_answered
-- A node that answers is called by everybody.
UPDATE nodes SET call_failures = 0, avoid_until = NULL WHERE id = :id;

-- name: use_nonce
-- Remember a nonce; no row when it was used before.
INSERT INTO nonces (node_id, nonce, used_at) VALUES (:node_id, :nonce, :now) ON CONFLICT DO NOTHING;

-- name: prune_nonces
-- Forget nonces whose signatures are dead anyway.
DELETE FROM nonces WHERE used_at < :oldest;

-- ── endpoints and deliveries ─────────────────────────────────────────────────────────────────────

-- name: insert_endpoint
-- Where a workspace, or one session of it, wants its events.
INSERT INTO endpoints (id, workspace_id, session_id, url, events, headers, created_at)
VALUES (:id, :workspace_id, :session_id, :url, :events, :headers, :created_at);

-- name: endpoints_of_session
-- Who hears of this event: one address once, even when workspace and session name the same.
SELECT min(id) AS id FROM endpoints
WHERE workspace_id = :workspace_id AND disabled_at IS NULL AND deleted_at IS NULL
  AND (session_id IS NULL OR session_id = :session_id)
  AND (events = '[]' OR EXISTS (SELECT 1 FROM json_each(endpoints.events) WHERE value = :type))
GROUP BY url;

-- name: endpoint_of_workspace
-- An endpoint; another workspace's is as absent as one that never was.
SELECT * FROM endpoints WHERE id = :id AND workspace_id = :workspace_id AND deleted_at IS NULL;

-- name: endpoint_by_url
-- The endpoint of a workspace, or of one session, that has this address already.
SELECT id FROM endpoints
WHERE workspace_id = :workspace_id AND url = :url AND deleted_at IS NULL
  AND (session_id = :session_id OR (session_id IS NULL AND :session_id IS NULL));

-- name: endpoints
-- One page of endpoints, newest first. Filters that are null do not filter.
SELECT * FROM endpoints
WHERE deleted_at IS NULL
  AND (:workspace_id IS NULL OR workspace_id = :workspace_id)
  AND (:session_id IS NULL OR session_id = :session_id)
  AND (:before IS NULL OR id < :before)
ORDER BY id DESC
LIMIT :limit;

-- name: change_endpoint
-- Another address, other events, other headers.
UPDATE endpoints SET url = :url, events = :events, headers = :headers WHERE id = :id AND deleted_at IS NULL;

-- name: disable_endpoint
-- The receiver said 410 Gone, or the workspace switched it off.
UPDATE endpoints SET disabled_at = :now, disabled_reason = :reason WHERE id = :id AND disabled_at IS NULL;

-- name: enable_endpoint
-- Somebody knows that the receiver is back.
UPDATE endpoints SET disabled_at = NULL, disabled_reason = NULL WHERE id = :id AND deleted_at IS NULL
RETURNING workspace_id;

-- name: delete_endpoint
-- Its line stays for the log; its headers are secrets and go.
UPDATE endpoints SET deleted_at = :now, headers = '{}' WHERE id = :id;

-- name: try_endpoint_now
-- Somebody asks for another try: the pause of an open circuit ends, and one delivery at a time tries.
UPDATE endpoints SET open_until = :now WHERE id = :id AND open_until > :now;

-- name: circuit_of_endpoint
-- How an endpoint did lately.
SELECT failures, openings, open_until, quick FROM endpoints WHERE id = :id;

-- name: save_circuit
-- How an endpoint does now.
UPDATE endpoints SET failures = :failures, openings = :openings, open_until = :open_until, quick = :quick
WHERE id = :id;

-- name: insert_delivery
-- Owe a webhook; owing it twice is owing it once.
INSERT INTO deliveries (id, endpoint_id, workspace_id, session_id, event_id, type, occurred_at, data,
                        created_at, status, attempts, next_attempt_at)
VALUES (:id, :endpoint_id, :workspace_id, :session_id, :event_id, :type, :occurred_at, :data,
        :now, 'pending', 0, :now)
ON CONFLICT (endpoint_id, event_id) DO NOTHING;

-- name: claimable_deliveries
-- What may be sent now: of each session and endpoint the oldest pending delivery, if it is due (what was never
-- tried is, so that the clock of whoever owed it delays nothing); nothing of an
-- endpoint that is off or whose circuit is open; one at a time where it is half open, else :slow_turns or
-- :quick_turns. Endpoints take turns: nobody's second goes before another's first. Of slow and unproven
-- endpoints no more than :slow_limit in all. Endpoints are found by skipping through an index, so that a dead
-- one with a hundred thousand deliveries costs one step.
WITH RECURSIVE waiting (endpoint_id) AS (
    SELECT min(endpoint_id) FROM deliveries WHERE status = 'pending'
    UNION ALL
    SELECT (SELECT min(d.endpoint_id) FROM deliveries d
            WHERE d.status = 'pending' AND d.endpoint_id > waiting.endpoint_id)
    FROM waiting WHERE waiting.endpoint_id IS NOT NULL),
ready AS (
    SELECT e.id, e.quick,
        CASE WHEN e.failures >= :failures_to_open THEN 1 WHEN e.quick = 1 THEN :quick_turns ELSE :slow_turns END
            AS turns,
        (SELECT count(*) FROM deliveries c
         WHERE c.endpoint_id = e.id AND c.claimed_until IS NOT NULL AND c.claimed_until > :now) AS busy
    FROM waiting w JOIN endpoints e ON e.id = w.endpoint_id
    WHERE e.disabled_at IS NULL AND e.deleted_at IS NULL AND (e.open_until IS NULL OR e.open_until <= :now)),
heads AS (
    SELECT d.position, d.next_attempt_at, r.quick, r.turns,
        r.busy + row_number() OVER (PARTITION BY r.id ORDER BY d.next_attempt_at, d.position) AS turn
    FROM ready r JOIN deliveries d ON d.position IN (
        SELECT x.position FROM deliveries x
        WHERE x.status = 'pending' AND x.endpoint_id = r.id AND (x.attempts = 0 OR x.next_attempt_at <= :now)
          AND (x.claimed_until IS NULL OR x.claimed_until <= :now)
          AND NOT EXISTS (
              SELECT 1 FROM deliveries older
              WHERE older.status = 'pending' AND older.endpoint_id = x.endpoint_id
                AND older.session_id = x.session_id AND older.position < x.position)
        ORDER BY x.next_attempt_at, x.position
        LIMIT :quick_turns)
    WHERE r.busy < r.turns),
placed AS (
    SELECT h.position, h.next_attempt_at, h.quick, h.turn,
        row_number() OVER (PARTITION BY h.quick ORDER BY h.turn, h.next_attempt_at, h.position) AS place
    FROM heads h WHERE h.turn <= h.turns)
SELECT position FROM placed
WHERE quick = 1 OR place <= :slow_limit
ORDER BY turn, next_attempt_at, position
LIMIT :limit;

-- name: claim_delivery
-- Take one of them; no row when another deliverer was faster. What made it claimable is asked again.
UPDATE deliveries SET claimed_by = :claim, claimed_until = :claimed_until
WHERE position = :position
  AND status = 'pending' AND (attempts = 0 OR next_attempt_at <= :now)
  AND (claimed_until IS NULL OR claimed_until <= :now)
  AND NOT EXISTS (
      SELECT 1 FROM deliveries older
      WHERE older.status = 'pending' AND older.endpoint_id = deliveries.endpoint_id
        AND older.session_id = deliveries.session_id AND older.position < deliveries.position)
  AND EXISTS (
      SELECT 1 FROM endpoints e
      WHERE e.id = deliveries.endpoint_id AND e.disabled_at IS NULL AND e.deleted_at IS NULL
        AND (e.open_until IS NULL OR e.open_until <= :now));
-- postgres: what somebody is settling or claiming is waited for by nobody
UPDATE deliveries SET claimed_by = :claim, claimed_until = :claimed_until
WHERE position IN (SELECT position FROM deliveries WHERE position = :position FOR UPDATE SKIP LOCKED)
  AND status = 'pending' AND (attempts = 0 OR next_attempt_at <= :now)
  AND (claimed_until IS NULL OR claimed_until <= :now)
  AND NOT EXISTS (
      SELECT 1 FROM deliveries older
      WHERE older.status = 'pending' AND older.endpoint_id = deliveries.endpoint_id
        AND older.session_id = deliveries.session_id AND older.position < deliveries.position)
  AND EXISTS (
      SELECT 1 FROM endpoints e
      WHERE e.id = deliveries.endpoint_id AND e.disabled_at IS NULL AND e.deleted_at IS NULL
        AND (e.open_until IS NULL OR e.open_until <= :now));

-- name: claimed_delivery
-- What a claim took, with what sending needs. The previous secret signs beside the new one while it is valid.
SELECT d.*, e.url AS endpoint_url, e.headers, e.quick, w.webhook_secret,
    CASE WHEN w.webhook_secret_previous_until > :now THEN w.webhook_secret_previous END AS webhook_secret_previous
FROM deliveries d JOIN endpoints e ON e.id = d.endpoint_id JOIN workspaces w ON w.id = d.workspace_id
WHERE d.position = :position;

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
    last_error = :reason,
    data = CASE
        WHEN EXISTS (SELECT 1 FROM sessions s WHERE s.id = session_id AND s.deleted_at IS NOT NULL) THEN '{}'
        ELSE data END
WHERE endpoint_id = :endpoint_id AND status = 'pending';

-- name: deliveries_of_workspace
-- One page of a workspace's webhook log, newest first. Filters that are null do not filter.
SELECT d.*, e.url AS endpoint_url
FROM deliveries d JOIN endpoints e ON e.id = d.endpoint_id
WHERE d.workspace_id = :workspace_id
  AND (:before IS NULL OR d.position < (
    SELECT b.position FROM deliveries b WHERE b.id = :before AND b.workspace_id = :workspace_id))
  AND (:session_id IS NULL OR d.session_id = :session_id)
  AND (:endpoint_id IS NULL OR d.endpoint_id = :endpoint_id)
  AND (:type IS NULL OR d.type = :type)
  AND (:status IS NULL OR d.status = :status)
ORDER BY d.position DESC
LIMIT :limit;

-- name: delivery_of_workspace
-- One delivery; another workspace's is as absent as one that never was.
SELECT d.*, e.url AS endpoint_url, e.disabled_at AS endpoint_disabled_at, e.deleted_at AS endpoint_deleted_at
FROM deliveries d JOIN endpoints e ON e.id = d.endpoint_id
WHERE d.id = :id AND d.workspace_id = :workspace_id;

-- name: retry_delivery
-- Owe it again, now. One that is being sent this moment is left to that attempt.
UPDATE deliveries SET status = 'pending', next_attempt_at = :now, delivered_at = NULL,
    attempts = CASE status WHEN 'pending' THEN attempts ELSE 0 END,
    claimed_by = NULL, claimed_until = NULL
WHERE id = :id AND (claimed_until IS NULL OR claimed_until <= :now);

-- name: replay_deliveries
-- Owe what is dead again, with all its attempts: of one endpoint, since a time, or both. What an endpoint that
-- is off was owed stays dead, and so does what was emptied with its session.
UPDATE deliveries SET status = 'pending', next_attempt_at = :now, attempts = 0
WHERE workspace_id = :workspace_id AND status = 'dead' AND data <> '{}'
  AND (:endpoint_id IS NULL OR endpoint_id = :endpoint_id)
  AND (:since IS NULL OR created_at >= :since)
  AND EXISTS (SELECT 1 FROM endpoints e
              WHERE e.id = deliveries.endpoint_id AND e.disabled_at IS NULL AND e.deleted_at IS NULL);

-- name: insert_attempt
-- What one attempt came to. Numbers go on when a dead delivery is owed again. Of a deleted session no receiver's
-- words are kept.
INSERT INTO delivery_attempts (delivery_id, number, started_at, took_ms, status_code, error, answer)
SELECT d.id, 1 + coalesce((SELECT max(number) FROM delivery_attempts WHERE delivery_id = d.id), 0),
    :started_at, :took_ms, :status_code, :error, CASE WHEN s.deleted_at IS NULL THEN :answer END
FROM deliveries d JOIN sessions s ON s.id = d.session_id
WHERE d.id = :delivery_id;

-- name: attempts_of_delivery
-- Every attempt of one delivery.
SELECT * FROM delivery_attempts WHERE delivery_id = :delivery_id ORDER BY number;

-- name: empty_attempts_of_session
-- What receivers said of a deleted session may name its account.
UPDATE delivery_attempts SET answer = NULL
WHERE answer IS NOT NULL AND delivery_id IN (SELECT id FROM deliveries WHERE session_id = :session_id);

-- ── retention ────────────────────────────────────────────────────────────────────────────────────
--
-- :days is what a group of workspaces has chosen, 0 for those that follow the environment. What is to go is looked
-- for without a lock, a workspace at a time by an index (SQLite keeps the order of a CROSS JOIN), and then removed by
-- its keys.

-- name: events_keep_days
-- What workspaces have chosen for their events and webhooks.
SELECT DISTINCT coalesce(events_keep_days, 0) AS days FROM workspaces;

-- name: bury_old_deliveries
-- Nobody waits for a month: what an endpoint that never answered is owed is dead.
UPDATE deliveries SET status = 'dead', next_attempt_at = NULL, claimed_by = NULL, claimed_until = NULL,
    last_error = :reason,
    data = CASE
        WHEN EXISTS (SELECT 1 FROM sessions s WHERE s.id = session_id AND s.deleted_at IS NOT NULL) THEN '{}'
        ELSE data END
WHERE position IN (
    SELECT position FROM deliveries WHERE status = 'pending' AND created_at < :before
      AND (claimed_until IS NULL OR claimed_until <= :now)
      AND workspace_id IN (SELECT id FROM workspaces WHERE coalesce(events_keep_days, 0) = :days)
    ORDER BY created_at LIMIT :limit)
  AND status = 'pending' AND (claimed_until IS NULL OR claimed_until <= :now);

-- name: old_delivered
-- Delivered and old.
SELECT d.position FROM workspaces w CROSS JOIN deliveries d
WHERE coalesce(w.events_keep_days, 0) = :days
  AND d.workspace_id = w.id AND d.status = 'delivered' AND d.created_at < :before
LIMIT :limit;

-- name: old_dead
-- The same for what was given up.
SELECT d.position FROM workspaces w CROSS JOIN deliveries d
WHERE coalesce(w.events_keep_days, 0) = :days
  AND d.workspace_id = w.id AND d.status = 'dead' AND d.created_at < :before
LIMIT :limit;

-- name: prune_deliveries
-- Forget deliveries and, by the foreign key, their attempts; not what is owed again since.
DELETE FROM deliveries
WHERE position IN (SELECT CAST(value AS INTEGER) FROM json_each(:positions)) AND status <> 'pending';
-- postgres: an INTEGER has 32 bits there
DELETE FROM deliveries
WHERE position IN (SELECT CAST(value AS BIGINT) FROM json_each(:positions)) AND status <> 'pending';

-- name: old_events
-- Old events that no delivery names any more.
SELECT e.id FROM workspaces w CROSS JOIN events e
WHERE coalesce(w.events_keep_days, 0) = :days AND e.workspace_id = w.id AND e.received_at < :before
  AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event_id = e.id)
LIMIT :limit;

-- name: old_events_of_nobody
-- The same of sessions that nobody knew.
SELECT id FROM events WHERE workspace_id IS NULL AND received_at < :before
  AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event_id = events.id)
LIMIT :limit;

-- name: prune_events
-- Forget events and, by the foreign key, their lines in the stream.
DELETE FROM events WHERE id IN (SELECT value FROM json_each(:ids))
  AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event_id = events.id);

-- name: prune_endpoints
-- Forget endpoints that were deleted, themselves or with their session, and that no delivery names any more.
DELETE FROM endpoints WHERE id IN (
    SELECT e.id FROM endpoints e LEFT JOIN sessions s ON s.id = e.session_id
    WHERE (e.deleted_at < :before OR s.deleted_at < :before)
      AND e.workspace_id IN (SELECT id FROM workspaces WHERE coalesce(events_keep_days, 0) = :days)
      AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.endpoint_id = e.id)
    LIMIT :limit)
  AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.endpoint_id = endpoints.id);

-- name: prune_sessions
-- Forget sessions that were deleted and erased long ago, when nothing names them any more.
DELETE FROM sessions WHERE id IN (
    SELECT s.id FROM sessions s
    WHERE s.deleted_at < :before AND s.erased_at < :before
      AND s.workspace_id IN (SELECT id FROM workspaces WHERE coalesce(events_keep_days, 0) = :days)
      AND NOT EXISTS (SELECT 1 FROM events e WHERE e.session_id = s.id)
      AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.session_id = s.id)
      AND NOT EXISTS (SELECT 1 FROM stream t WHERE t.session_id = s.id)
      AND NOT EXISTS (SELECT 1 FROM endpoints p WHERE p.session_id = s.id)
      AND NOT EXISTS (SELECT 1 FROM chats c WHERE c.session_id = s.id)
      AND NOT EXISTS (SELECT 1 FROM idempotency_keys k WHERE k.session_id = s.id)
      AND NOT EXISTS (SELECT 1 FROM sessions r WHERE r.replaced_by = s.id)
    LIMIT :limit);

-- name: ended_keep_days
-- What workspaces have chosen for their ended sessions; -1 for those that follow the environment.
SELECT DISTINCT coalesce(ended_keep_days, -1) AS days FROM workspaces;

-- name: ended_sessions
-- Sessions that ended long ago and that nobody has deleted.
SELECT s.id FROM workspaces w CROSS JOIN sessions s
WHERE coalesce(w.ended_keep_days, -1) = :days AND s.workspace_id = w.id AND s.last_activity_at < :before
  AND s.status IN ('expired', 'logged_out', 'failed', 'replaced')
LIMIT :limit;

-- ── audit ────────────────────────────────────────────────────────────────────────────────────────

-- name: insert_audit
-- Who did what.
INSERT INTO audit (id, at, workspace_id, actor_kind, actor, action, subjects, outcome, code, request_id, address)
VALUES (:id, :at, :workspace_id, :actor_kind, :actor, :action, :subjects, :outcome, :code, :request_id, :address);

-- name: correct_audit
-- It was begun and went wrong.
UPDATE audit SET outcome = :outcome, code = :code WHERE id = :id;

-- name: audit_of_workspace
-- One page of a workspace's audit log, newest first. Filters that are null do not filter.
SELECT * FROM audit
WHERE workspace_id = :workspace_id
  AND (:before IS NULL OR id < :before)
  AND (:actor IS NULL OR actor = :actor)
  AND (:action IS NULL OR action = :action)
  AND (:since IS NULL OR at >= :since)
  AND (:until IS NULL OR at < :until)
ORDER BY id DESC
LIMIT :limit;

-- name: audit_export
-- A stretch of everybody's audit log, or of one workspace's, oldest first.
SELECT * FROM audit
WHERE id > :after
  AND (:workspace_id IS NULL OR workspace_id = :workspace_id)
  AND (:since IS NULL OR at >= :since)
  AND (:until IS NULL OR at < :until)
ORDER BY id
LIMIT :limit;

-- name: prune_audit
-- Forget what is older than audits are kept.
DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < :before ORDER BY at LIMIT :limit);

-- ── limits ───────────────────────────────────────────────────────────────────────────────────────

-- name: take_limit
-- Take one request of a caller's quota, if one is there.
INSERT INTO rate_limits (who, full_at_us, refused) VALUES (:who, :fresh_us, 0)
ON CONFLICT (who) DO UPDATE SET
    full_at_us = CASE
        WHEN rate_limits.full_at_us <= :now_us THEN :fresh_us
        WHEN rate_limits.full_at_us <= :last_us THEN rate_limits.full_at_us + :interval_us
        WHEN rate_limits.full_at_us > :window_us THEN :window_us
        ELSE rate_limits.full_at_us
    END,
    refused = CASE WHEN rate_limits.full_at_us <= :now_us OR rate_limits.full_at_us <= :last_us THEN 0 ELSE 1 END
RETURNING full_at_us, refused;

-- name: look_limit
-- When a caller's quota is whole again.
SELECT full_at_us FROM rate_limits WHERE who = :who;

-- name: forget_limits
-- Callers whose quota is whole again are like any other.
DELETE FROM rate_limits WHERE full_at_us < :now_us;

-- name: quotas_of_workspace
-- What a workspace may have at a time.
SELECT max_sessions, max_starting, max_linked FROM workspaces WHERE id = :id;

-- name: set_quotas
-- Change what a workspace may have at a time.
UPDATE workspaces SET max_sessions = :max_sessions, max_starting = :max_starting, max_linked = :max_linked
WHERE id = :id;

-- name: count_of_workspace
-- How many sessions of a workspace stand where; those that were asked to start are told apart.
SELECT status, wanted, count(*) AS sessions FROM sessions
WHERE workspace_id = :workspace_id AND status <> 'deleted' GROUP BY status, wanted;
-- ── a workspace that leaves ──────────────────────────────────────────────────────────────────────

-- name: remains_of_workspace
-- What there is of a workspace, and what nodes and the object store still hold of it.
SELECT (SELECT count(*) FROM sessions WHERE workspace_id = :id) AS sessions,
  (SELECT count(*) FROM sessions WHERE workspace_id = :id AND erased_at IS NULL) AS held,
  (SELECT count(*) FROM sessions WHERE workspace_id = :id AND snapshot_id IS NOT NULL) AS with_snapshots,
  (SELECT count(*) FROM chats WHERE session_id IN (SELECT id FROM sessions WHERE workspace_id = :id)) AS chats,
  (SELECT count(*) FROM events WHERE session_id IN (SELECT id FROM sessions WHERE workspace_id = :id)) AS events,
  (SELECT count(*) FROM deliveries WHERE workspace_id = :id) AS deliveries,
  (SELECT count(*) FROM endpoints WHERE workspace_id = :id) AS endpoints,
  (SELECT count(*) FROM api_keys WHERE workspace_id = :id) AS api_keys;

-- name: sessions_to_delete
-- Those of a leaving workspace that nobody has deleted yet.
SELECT id FROM sessions WHERE workspace_id = :id AND status <> 'deleted' ORDER BY id;

-- name: revoke_keys_of_workspace
-- Nobody may begin anything for it any more.
UPDATE api_keys SET revoked_at = :now WHERE workspace_id = :id AND revoked_at IS NULL;

-- name: erase_stream
-- Its stream.
DELETE FROM stream WHERE workspace_id = :id;

-- name: erase_deliveries
-- Its webhooks, and with them their attempts.
DELETE FROM deliveries WHERE workspace_id = :id;

-- name: erase_endpoints
-- Where they went.
DELETE FROM endpoints WHERE workspace_id = :id;

-- name: erase_chats
-- Its chats.
DELETE FROM chats WHERE session_id IN (SELECT id FROM sessions WHERE workspace_id = :id);

-- name: erase_events
-- Its events.
DELETE FROM events WHERE session_id IN (SELECT id FROM sessions WHERE workspace_id = :id);

-- name: erase_idempotency_keys
-- What it asked for.
DELETE FROM idempotency_keys WHERE workspace_id = :id;

-- name: part_replaced_sessions
-- Sessions name those that replaced them.
UPDATE sessions SET replaced_by = NULL WHERE workspace_id = :id;

-- name: erase_sessions
-- Its sessions.
DELETE FROM sessions WHERE workspace_id = :id;

-- name: erase_api_keys
-- Its keys.
DELETE FROM api_keys WHERE workspace_id = :id;

-- name: erase_workspace
-- Itself.
DELETE FROM workspaces WHERE id = :id;
-- ── numbers for the operator ─────────────────────────────────────────────────────────────────────

-- name: delivery_trouble
-- What is owed and what was given up, by partial indexes; delivered ones are never counted.
SELECT
    (SELECT count(*) FROM deliveries WHERE status = 'pending') AS pending,
    (SELECT count(*) FROM deliveries WHERE status = 'dead') AS dead,
    (SELECT min(created_at) FROM deliveries WHERE status = 'pending') AS oldest_pending;

-- name: wanted_by_node
-- How many sessions each node should be running; by idx_sessions_node.
SELECT node_id, count(*) AS sessions FROM sessions
WHERE node_id IS NOT NULL AND wanted = 'open' GROUP BY node_id;

-- name: failing_endpoints
-- Endpoints to which nothing is sent for now.
SELECT count(*) AS endpoints FROM endpoints
WHERE deleted_at IS NULL AND disabled_at IS NULL AND open_until > :now;

-- name: snapshot_state
-- How well linked sessions are covered by snapshots; by idx_sessions_status.
SELECT count(snapshot_id) AS saved,
    sum(CASE WHEN snapshot_id IS NULL AND connected_at < :before THEN 1 ELSE 0 END) AS missing,
    sum(snapshot_size_bytes) AS bytes,
    min(snapshot_saved_at) AS oldest
FROM sessions WHERE status IN ('connected', 'reconnecting', 'hibernated');

-- name: events_of_session
-- The newest events of one session, newest first, for its story.
SELECT id, node_id, generation, type, occurred_at, data, outcome FROM events
WHERE session_id = :session_id
ORDER BY received_at DESC, seq DESC
LIMIT :limit;

-- name: webhooks_of_session
-- The newest webhooks of one session, for its story.
SELECT id, type, status, attempts, created_at, delivered_at, last_attempt_at, last_status_code, last_error
FROM deliveries WHERE session_id = :session_id
ORDER BY position DESC
LIMIT :limit;

-- name: links_since
-- How the links that were asked for lately went, newest first; by the primary key, which is in time's order.
SELECT id, workspace_id, created_at, status, reason_code, phase,
    qr_generation_ms, launch_ms, load_ms, retrieval_ms, phone_extraction_ms
FROM sessions WHERE id >= :first ORDER BY id DESC LIMIT :limit;

-- name: dead_deliveries
-- The newest webhooks that were given up, for the operator.
SELECT d.id, d.workspace_id, d.session_id, d.type, d.status, d.attempts, d.created_at, d.last_error,
    d.last_status_code, d.next_attempt_at
FROM deliveries d WHERE d.status = 'dead' ORDER BY d.created_at DESC LIMIT :limit;

-- name: failing_deliveries
-- The oldest webhooks that were tried in vain, or that nobody has tried in a minute, for the operator.
SELECT d.id, d.workspace_id, d.session_id, d.type, d.status, d.attempts, d.created_at, d.last_error,
    d.last_status_code, d.next_attempt_at
FROM deliveries d WHERE d.status = 'pending' AND (d.attempts > 0 OR d.created_at < :before)
ORDER BY d.created_at LIMIT :limit;

-- name: workspace_of_delivery
-- Whose a delivery is.
SELECT workspace_id FROM deliveries WHERE id = :id;

-- name: oldest_snapshots
-- Linked sessions that a lost disk would cost most: without a snapshot first, then the oldest.
SELECT id, workspace_id, status, node_id, connected_at, snapshot_saved_at, snapshot_size_bytes
FROM sessions WHERE status IN ('connected', 'reconnecting', 'hibernated')
ORDER BY CASE WHEN snapshot_saved_at IS NULL THEN 0 ELSE 1 END, snapshot_saved_at, id
LIMIT :limit;

-- ── numbers that are sealed ──────────────────────────────────────────────────────────────────────

-- name: number_keys
-- Keys that numbers may be sealed with.
SELECT key_id FROM number_keys ORDER BY since, key_id;

-- name: insert_number_key
-- From now on numbers may be sealed with it.
INSERT INTO number_keys (key_id, since) VALUES (:key_id, :since) ON CONFLICT DO NOTHING;

-- name: delete_other_number_keys
-- Nothing is sealed with them any more. With null nothing is sealed at all.
DELETE FROM number_keys WHERE :key_id IS NULL OR key_id <> :key_id;

-- name: yield_to_others
-- Whoever seals what is there already must never be what somebody else's lock is waited for at.
SELECT 1;
-- postgres: a lock that is not free at once is asked for again later; nobody runs into a deadlock with us
SELECT set_config('lock_timeout', '50ms', true);

-- name: sessions_to_seal
-- The next sessions, by id.
SELECT id, workspace_id, phone_number, requested_phone, expected_phone, pairing_phone_number, display_name,
    reason_message, reference, metadata, return_url
FROM sessions WHERE id > :after ORDER BY id LIMIT :limit;

-- name: reseal_session
-- The same in another form; its workspace is held.
UPDATE sessions SET phone_number = :phone_number, requested_phone = :requested_phone,
    expected_phone = :expected_phone, pairing_phone_number = :pairing_phone_number, display_name = :display_name,
    reason_message = :reason_message, reference = :reference, metadata = :metadata, return_url = :return_url
WHERE id = :id;

-- name: events_to_seal
-- The next events, by id.
SELECT id, data FROM events WHERE id > :after ORDER BY id LIMIT :limit;

-- name: reseal_event
-- The same in another form, unless it was emptied meanwhile.
UPDATE events SET data = :data WHERE id = :id AND data = :data_before;

-- name: stream_to_seal
-- The next lines of the stream, by workspace and position.
SELECT workspace_id, position, event_id, data FROM stream
WHERE (workspace_id, position) > (:after, :after_second) ORDER BY workspace_id, position LIMIT :limit;

-- name: reseal_streamed
-- The same in another form, unless it was emptied meanwhile.
UPDATE stream SET data = :data
WHERE workspace_id = :workspace_id AND position = :position AND data = :data_before;

-- name: deliveries_to_seal
-- The next deliveries, by id.
SELECT id, data FROM deliveries WHERE id > :after ORDER BY id LIMIT :limit;

-- name: reseal_delivery
-- The same in another form, unless it was emptied meanwhile.
UPDATE deliveries SET data = :data WHERE id = :id AND data = :data_before;

-- name: attempts_to_seal
-- The next attempts, by delivery and number.
SELECT delivery_id, number, answer FROM delivery_attempts
WHERE (delivery_id, number) > (:after, :after_second) AND answer IS NOT NULL
ORDER BY delivery_id, number LIMIT :limit;

-- name: reseal_attempt
-- The same in another form, unless it was emptied meanwhile.
UPDATE delivery_attempts SET answer = :answer
WHERE delivery_id = :delivery_id AND number = :number AND answer = :answer_before;

-- name: chats_to_seal
-- The next chats, by session and position.
SELECT session_id, position, id, name FROM chats
WHERE (session_id, position) > (:after, :after_second) ORDER BY session_id, position LIMIT :limit;

-- name: reseal_chat
-- The same in another form, unless another sync has replaced it.
UPDATE chats SET id = :id, name = :name
WHERE session_id = :session_id AND position = :position AND id = :id_before;

-- name: requests_to_seal
-- The next idempotency keys, by workspace and key.
SELECT workspace_id, key, session_id, request_sha256 FROM idempotency_keys
WHERE (workspace_id, key) > (:after, :after_second) ORDER BY workspace_id, key LIMIT :limit;

-- name: reseal_request
-- The same in another form.
UPDATE idempotency_keys SET request_sha256 = :request_sha256, key = :key
WHERE workspace_id = :workspace_id AND key = :key_before AND request_sha256 = :request_sha256_before;
