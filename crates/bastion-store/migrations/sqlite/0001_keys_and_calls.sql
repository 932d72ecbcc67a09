-- Keys, their secrets and the calls that they made. Times are microseconds since 1970.
-- This file never changes once it is released: a change is a new file.

CREATE TABLE keys (
    id              TEXT   NOT NULL PRIMARY KEY,
    organization    TEXT   NOT NULL,
    environment     TEXT   NOT NULL,
    service         TEXT   NOT NULL,
    created_at_us   BIGINT NOT NULL,
    expires_at_us   BIGINT,
    revoked_at_us   BIGINT,
    last_used_at_us BIGINT,
    rpm             BIGINT,
    tpm             BIGINT,
    concurrency     BIGINT
);

-- SHA-256 of whole keys; nothing from which a key could be made again.
CREATE TABLE key_secrets (
    hash          BLOB   NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    key_id        TEXT   NOT NULL REFERENCES keys (id),
    created_at_us BIGINT NOT NULL,
    ends_at_us    BIGINT
);
CREATE INDEX key_secrets_by_key ON key_secrets (key_id, created_at_us);

-- Ids begin with their time, so their order is the order of time.
CREATE TABLE calls (
    id                  TEXT    NOT NULL PRIMARY KEY,
    at_us               BIGINT  NOT NULL,
    environment         TEXT    NOT NULL,
    service             TEXT    NOT NULL,
    key_id              TEXT    NOT NULL,
    surface             TEXT,
    endpoint            TEXT    NOT NULL,
    model               TEXT,
    upstream            TEXT,
    region              TEXT,
    status              BIGINT  NOT NULL,
    code                TEXT,
    attempts            BIGINT  NOT NULL,
    stream              TEXT    NOT NULL,
    input_tokens        BIGINT  NOT NULL,
    cached_input_tokens BIGINT  NOT NULL,
    output_tokens       BIGINT  NOT NULL,
    reasoning_tokens    BIGINT  NOT NULL,
    estimated           BOOLEAN NOT NULL,
    cost                TEXT,
    latency_ms          BIGINT  NOT NULL,
    first_event_ms      BIGINT,
    end_user            TEXT
);
CREATE INDEX calls_by_environment ON calls (environment, id);
CREATE INDEX calls_by_key ON calls (key_id, id);
CREATE INDEX calls_failed ON calls (id) WHERE status >= 400;
CREATE INDEX calls_by_time ON calls (at_us);

-- One row that '/readyz' writes, to know that the store can be written.
CREATE TABLE write_probe (
    id    BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    at_us BIGINT NOT NULL
);
INSERT INTO write_probe (id, at_us) VALUES (1, 0);
