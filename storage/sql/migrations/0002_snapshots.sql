-- The newest snapshot of a session that is known to be good. What it holds stays in the object store.
ALTER TABLE sessions ADD COLUMN snapshot_id TEXT;
ALTER TABLE sessions ADD COLUMN snapshot_saved_at TEXT;
ALTER TABLE sessions ADD COLUMN snapshot_verified_at TEXT;
ALTER TABLE sessions ADD COLUMN snapshot_size_bytes INTEGER;
