-- Keys that numbers of this registry are, or may be, sealed with; none while they are plain. The id tells nothing of
-- the key. A process that lacks one of them does not start.
CREATE TABLE number_keys (
    key_id TEXT PRIMARY KEY,
    since TEXT NOT NULL
);
