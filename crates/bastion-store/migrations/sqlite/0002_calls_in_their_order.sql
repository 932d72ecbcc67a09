-- Ids begin with their time: the table itself is kept in their order, and retention goes by them.
-- That is one tree and one index less to write for every call.

CREATE TABLE calls_in_order (
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
) WITHOUT ROWID;
INSERT INTO calls_in_order SELECT * FROM calls;
DROP TABLE calls;
ALTER TABLE calls_in_order RENAME TO calls;
CREATE INDEX calls_by_environment ON calls (environment, id);
CREATE INDEX calls_by_key ON calls (key_id, id);
CREATE INDEX calls_failed ON calls (id) WHERE status >= 400;
