-- Processes that use this database, each with the lease under which it works: what it holds is
-- held under the lease, and when that has ended, others deal with what was left, once.

CREATE TABLE nodes (
    lease           TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    -- Leases are taken one after another: 1, 2, 3.
    epoch           BIGINT NOT NULL UNIQUE,
    host            TEXT   NOT NULL,
    process         BIGINT NOT NULL,
    version         TEXT   NOT NULL,
    began_at_us     BIGINT NOT NULL,
    heartbeat_at_us BIGINT NOT NULL,
    ended_at_us     BIGINT,
    -- closed, lapsed or replaced
    ending          TEXT,
    settled_at_us   BIGINT
);
CREATE INDEX nodes_alive ON nodes (heartbeat_at_us) WHERE ended_at_us IS NULL;
CREATE INDEX nodes_unsettled ON nodes (epoch) WHERE ended_at_us IS NOT NULL AND settled_at_us IS NULL;

-- How often something that every process keeps in memory has changed: whoever sees another number
-- than its own reads what is new.
CREATE TABLE changes (
    topic  TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL
);
INSERT INTO changes (topic, number) VALUES ('keys', 0);

-- The number that the last change of a key had.
ALTER TABLE keys ADD COLUMN change_number BIGINT NOT NULL DEFAULT 0;
CREATE INDEX keys_by_change ON keys (change_number);
