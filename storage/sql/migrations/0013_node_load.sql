-- What a node says of its load beside its sessions; null from a node that does not say.
-- largest_browser_mb: memory (PSS) of its largest browser, by which the seeds' thresholds go.
ALTER TABLE nodes ADD COLUMN largest_browser_mb INTEGER;
-- cpu_percent: share of all its cores in use, lately.
ALTER TABLE nodes ADD COLUMN cpu_percent INTEGER;
