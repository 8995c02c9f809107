-- One heartbeat at a time gives away the sessions of a lost node; until when it has the right to. A heartbeat that
-- dies in the middle of it holds nobody up for long.
ALTER TABLE nodes ADD COLUMN clearing_until TEXT;
