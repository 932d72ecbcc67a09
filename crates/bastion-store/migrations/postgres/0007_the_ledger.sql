-- The ledger. Amounts are nano-units of the deployment's currency. Entries are only ever added;
-- an account's sums are what its entries and open holds say, kept beside them so that no call
-- needs a sum over history.

CREATE TABLE ledger_accounts (
    id       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    credited BIGINT NOT NULL,
    spent    BIGINT NOT NULL,
    held     BIGINT NOT NULL
);

-- Money set aside for a call that runs. It ends with its call, or with its process's lease.
CREATE TABLE ledger_holds (
    call        TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    lease       TEXT COLLATE "C" NOT NULL,
    amount      BIGINT NOT NULL,
    on_balance  BIGINT NOT NULL,
    day         TEXT COLLATE "C" NOT NULL,
    environment TEXT COLLATE "C" NOT NULL,
    key_id      TEXT COLLATE "C",
    surface     TEXT COLLATE "C",
    labels      TEXT COLLATE "C" NOT NULL
);

-- A charge has its call's id; what is about a call that has a charge names it in 'call_id'.
CREATE TABLE ledger_entries (
    id            TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind          TEXT COLLATE "C" NOT NULL,
    at_us         BIGINT NOT NULL,
    amount        BIGINT NOT NULL,
    on_balance    BIGINT NOT NULL,
    marks         BIGINT NOT NULL,
    day           TEXT COLLATE "C" NOT NULL,
    environment   TEXT COLLATE "C",
    key_id        TEXT COLLATE "C",
    surface       TEXT COLLATE "C",
    input_tokens  BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    labels        TEXT COLLATE "C" NOT NULL,
    call_id       TEXT COLLATE "C",
    reference     TEXT
);
CREATE UNIQUE INDEX ledger_entries_once ON ledger_entries (reference) WHERE reference IS NOT NULL;
CREATE INDEX ledger_entries_about_a_call ON ledger_entries (call_id) WHERE call_id IS NOT NULL;
CREATE INDEX ledger_entries_by_hand ON ledger_entries (day) WHERE kind <> 'charge';

-- Caps that an operator set in place of the configuration's.
CREATE TABLE ledger_caps (
    environment TEXT COLLATE "C" NOT NULL,
    length      TEXT COLLATE "C" NOT NULL,
    cap         BIGINT NOT NULL,
    at_us       BIGINT NOT NULL,
    PRIMARY KEY (environment, length)
);
