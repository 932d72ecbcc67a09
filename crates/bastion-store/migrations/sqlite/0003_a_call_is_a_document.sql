-- A call is one document beside the columns that reads are led by: a fifth of the values to hand
-- over for every call, and what a later version records needs no new column.

CREATE TABLE call_documents (
    id          TEXT   NOT NULL PRIMARY KEY,
    at_us       BIGINT NOT NULL,
    environment TEXT   NOT NULL,
    key_id      TEXT   NOT NULL,
    status      BIGINT NOT NULL,
    record      TEXT   NOT NULL
) WITHOUT ROWID;
INSERT INTO call_documents SELECT id, at_us, environment, key_id, status, json_object(
    'service', service,
    'surface', surface,
    'endpoint', endpoint,
    'model', model,
    'upstream', upstream,
    'region', region,
    'code', code,
    'attempts', attempts,
    'stream', stream,
    'usage', json_object(
        'input_tokens', input_tokens,
        'cached_input_tokens', cached_input_tokens,
        'output_tokens', output_tokens,
        'reasoning_tokens', reasoning_tokens,
        'estimated', json(CASE estimated WHEN 0 THEN 'false' ELSE 'true' END)
    ),
    'cost', cost,
    'latency_ms', latency_ms,
    'first_event_ms', first_event_ms,
    'user', end_user
) FROM calls;
DROP TABLE calls;
ALTER TABLE call_documents RENAME TO calls;
CREATE INDEX calls_by_environment ON calls (environment, id);
CREATE INDEX calls_by_key ON calls (key_id, id);
CREATE INDEX calls_failed ON calls (id) WHERE status >= 400;
