-- Keys, their secrets and the calls that they made: what SQLite has after its step 3, so that the
-- steps of both carry the same numbers from here on. Times are microseconds since 1970.
-- Texts are compared byte by byte, whatever the database's own order is: ids are in the order of
-- time.
-- This file never changes once it is released: a change is a new file.

CREATE TABLE keys (
    id              TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    organization    TEXT   COLLATE "C" NOT NULL,
    environment     TEXT   COLLATE "C" NOT NULL,
    service         TEXT   COLLATE "C" NOT NULL,
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
    hash          BYTEA  NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    key_id        TEXT   COLLATE "C" NOT NULL REFERENCES keys (id),
    created_at_us BIGINT NOT NULL,
    ends_at_us    BIGINT
);
CREATE INDEX key_secrets_by_key ON key_secrets (key_id, created_at_us);

-- A call is one document beside the columns that reads are led by.
CREATE TABLE calls (
    id          TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    at_us       BIGINT NOT NULL,
    environment TEXT   COLLATE "C" NOT NULL,
    key_id      TEXT   COLLATE "C" NOT NULL,
    status      BIGINT NOT NULL,
    record      TEXT   NOT NULL
);
CREATE INDEX calls_by_environment ON calls (environment, id);
CREATE INDEX calls_by_key ON calls (key_id, id);
CREATE INDEX calls_failed ON calls (id) WHERE status >= 400;

-- One row that '/readyz' writes, to know that the store can be written.
CREATE TABLE write_probe (
    id    BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    at_us BIGINT NOT NULL
);
INSERT INTO write_probe (id, at_us) VALUES (1, 0);
