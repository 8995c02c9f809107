-- Whose link it is: the number that the workspace waits for, the browser that opened the link first, and the
-- moment at which the workspace ended it.

-- E.164. Another number that links is logged out again at once.
ALTER TABLE sessions ADD COLUMN expected_phone TEXT;

-- SHA-256 of the cookie of the browser that the link belongs to; null until one opens it.
ALTER TABLE sessions ADD COLUMN link_browser_sha256 TEXT;

ALTER TABLE sessions ADD COLUMN link_revoked_at TEXT;
