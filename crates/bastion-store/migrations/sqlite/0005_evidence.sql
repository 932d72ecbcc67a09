-- What the launch gate goes by: runs of drills, and from where each key was used. Times are
-- microseconds since 1970.

-- Ids begin with their time, so their order is the order of time.
CREATE TABLE drill_runs (
    id            TEXT   NOT NULL PRIMARY KEY,
    drill         TEXT   NOT NULL,
    environment   TEXT   NOT NULL,
    started_at_us BIGINT NOT NULL,
    until_us      BIGINT NOT NULL,
    ended_at_us   BIGINT,
    outcome       TEXT   NOT NULL,
    policy_hash   TEXT   NOT NULL,
    version       TEXT   NOT NULL,
    reason        TEXT   NOT NULL,
    figures       TEXT   NOT NULL
);
CREATE INDEX drill_runs_by_environment ON drill_runs (environment, drill, id);

-- A program and a network, never a whole address.
CREATE TABLE key_sightings (
    key_id           TEXT   NOT NULL,
    agent            TEXT   NOT NULL,
    network          TEXT   NOT NULL,
    first_seen_at_us BIGINT NOT NULL,
    last_seen_at_us  BIGINT NOT NULL,
    PRIMARY KEY (key_id, agent, network)
);
CREATE INDEX key_sightings_by_time ON key_sightings (last_seen_at_us);
