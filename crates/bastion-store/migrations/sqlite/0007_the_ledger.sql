-- The ledger. Amounts are nano-units of the deployment's currency. Entries are only ever added;
-- an account's sums are what its entries and open holds say, kept beside them so that no call
-- needs a sum over history.

CREATE TABLE ledger_accounts (
    id       TEXT   NOT NULL PRIMARY KEY,
    credited BIGINT NOT NULL,
    spent    BIGINT NOT NULL,
    held     BIGINT NOT NULL
) WITHOUT ROWID;

-- Money set aside for a call that runs. It ends with its call, or with its process's lease.
CREATE TABLE ledger_holds (
    call        TEXT   NOT NULL PRIMARY KEY,
    lease       TEXT   NOT NULL,
    amount      BIGINT NOT NULL,
    on_balance  BIGINT NOT NULL,
    day         TEXT   NOT NULL,
    environment TEXT   NOT NULL,
    key_id      TEXT,
    surface     TEXT,
    labels      TEXT   NOT NULL
) WITHOUT ROWID;

-- A charge has its call's id; what is about a call that has a charge names it in 'call_id'.
CREATE TABLE ledger_entries (
    id            TEXT   NOT NULL PRIMARY KEY,
    kind          TEXT   NOT NULL,
    at_us         BIGINT NOT NULL,
    amount        BIGINT NOT NULL,
    on_balance    BIGINT NOT NULL,
    marks         BIGINT NOT NULL,
    day           TEXT   NOT NULL,
    environment   TEXT,
    key_id        TEXT,
    surface       TEXT,
    input_tokens  BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    labels        TEXT   NOT NULL,
    call_id       TEXT,
    reference     TEXT
) WITHOUT ROWID;
CREATE UNIQUE INDEX ledger_entries_once ON ledger_entries (reference) WHERE reference IS NOT NULL;
CREATE INDEX ledger_entries_about_a_call ON ledger_entries (call_id) WHERE call_id IS NOT NULL;
CREATE INDEX ledger_entries_by_hand ON ledger_entries (day) WHERE kind <> 'charge';

-- Caps that an operator set in place of the configuration's.
CREATE TABLE ledger_caps (
    environment TEXT   NOT NULL,
    length      TEXT   NOT NULL,
    cap         BIGINT NOT NULL,
    at_us       BIGINT NOT NULL,
    PRIMARY KEY (environment, length)
);
