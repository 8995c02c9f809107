-- Leases, placement and the breaker.

-- leased. 1: the node said that it stops by itself when its lease runs out, and was not told since that it is
-- alone; when it is silent for longer than that, others take its sessions. 0: it may trust itself for good, and
-- nothing is taken from it unless the operator says that it is lost.
ALTER TABLE nodes ADD COLUMN leased INTEGER NOT NULL DEFAULT 0 CHECK (leased IN (0, 1));
ALTER TABLE nodes ADD COLUMN lost INTEGER NOT NULL DEFAULT 0 CHECK (lost IN (0, 1));

-- The operator's: no new sessions; and the ones it has go elsewhere.
ALTER TABLE nodes ADD COLUMN cordoned INTEGER NOT NULL DEFAULT 0 CHECK (cordoned IN (0, 1));
ALTER TABLE nodes ADD COLUMN drained INTEGER NOT NULL DEFAULT 0 CHECK (drained IN (0, 1));

-- How many more sessions its memory holds, by its own measure; null from a node that does not say.
ALTER TABLE nodes ADD COLUMN room INTEGER;

-- The breaker: calls that failed in a row, and until when nobody calls.
ALTER TABLE nodes ADD COLUMN call_failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE nodes ADD COLUMN avoid_until TEXT;

-- The generation with which the present node got the session from another one. A login on its disk that is older
-- was used elsewhere since.
ALTER TABLE sessions ADD COLUMN owned_since INTEGER NOT NULL DEFAULT 0;
-- Where the operator wants it; its node saves and closes it first.
ALTER TABLE sessions ADD COLUMN moving_to TEXT REFERENCES nodes (id);

-- Since when heartbeats are heard without a pause. After an outage of the functions every node looks silent; each
-- gets a whole lease from here to say that it lives.
CREATE TABLE hearing (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    since TEXT NOT NULL
);
