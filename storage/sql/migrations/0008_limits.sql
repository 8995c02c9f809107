-- What a workspace may have at a time (NULL: no limit), and who asked how often where no file can be shared.

-- Sessions that are not deleted; those between a start and a link (queued, starting, showing a QR, linking);
-- those that are linked or on their way to it.
ALTER TABLE workspaces ADD COLUMN max_sessions INTEGER CHECK (max_sessions >= 0);
ALTER TABLE workspaces ADD COLUMN max_starting INTEGER CHECK (max_starting >= 0);
ALTER TABLE workspaces ADD COLUMN max_linked INTEGER CHECK (max_linked >= 0);

-- One caller of one rate limit, by a hash; when everything he took is refilled. Used with LIMITS_STATE=registry.
CREATE TABLE rate_limits (
    who TEXT PRIMARY KEY,
    full_at_us INTEGER NOT NULL,
    refused INTEGER NOT NULL
);
CREATE INDEX idx_rate_limits_full ON rate_limits (full_at_us);
