-- What a teller has decided, in one message. It decided by sums that may be a moment old, so what it
-- decided on is looked at again under the accounts' locks: the caps, the room of every account on
-- which money is set aside, the holds that end, the lease. Amounts are differences: what others have
-- written in the meantime stays. 'again' and 'lease' mean that nothing was written.
--
-- {"lease": text | null, "caps": text,
--  "accounts": [[id, spent, held, most | "credited" | null, has credit: true | false | null]],
--  "begun": [a hold's columns without its lease], "ended": [[call, amount, on_balance]],
--  "entries": [an entry's columns]}
CREATE FUNCTION bastion_ledger_batch(batch jsonb) RETURNS text LANGUAGE plpgsql
    -- Holds come and go, so what the planner knows of them is never true: everything is by key. That
    -- makes its costs look huge, for which it would compile each plan: two hundred milliseconds.
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $body$
DECLARE
    counted bigint;
    told    text;
BEGIN
    -- Everyone locks in the same order: balance, environments, surfaces, keys.
    PERFORM 1 FROM ledger_accounts
        WHERE id IN (SELECT value ->> 0 FROM jsonb_array_elements(batch -> 'accounts'))
        ORDER BY CASE WHEN id LIKE 'key/%' THEN 1 ELSE 0 END, id FOR UPDATE;
    GET DIAGNOSTICS counted = ROW_COUNT;
    IF counted <> jsonb_array_length(batch -> 'accounts') THEN
        RETURN 'again';
    END IF;

    SELECT string_agg(environment || ' ' || length || ' ' || cap, ',' ORDER BY environment, length)
        INTO told FROM ledger_caps;
    IF coalesce(told, '') <> batch ->> 'caps' THEN
        RETURN 'again';
    END IF;

    PERFORM 1 FROM jsonb_array_elements(batch -> 'accounts') AS asked(value)
        JOIN ledger_accounts a ON a.id = value ->> 0
        WHERE (a.credited <> 0) <> CAST(value ->> 4 AS boolean)
        OR a.spent + a.held + CAST(value ->> 1 AS bigint) + CAST(value ->> 2 AS bigint)
            > CASE value ->> 3 WHEN 'credited' THEN a.credited ELSE CAST(value ->> 3 AS bigint) END;
    IF FOUND THEN
        RETURN 'again';
    END IF;

    SELECT COUNT(*) INTO counted FROM jsonb_array_elements(batch -> 'ended') AS asked(value)
        JOIN ledger_holds h ON h.call = value ->> 0
        WHERE h.amount = CAST(value ->> 1 AS bigint)
        AND h.on_balance = CAST(value ->> 2 AS bigint);
    IF counted <> jsonb_array_length(batch -> 'ended') THEN
        RETURN 'again';
    END IF;

    IF jsonb_array_length(batch -> 'begun') > 0 THEN
        -- Whoever ends the lease waits until this is written, and then finds it.
        PERFORM 1 FROM nodes WHERE lease = batch ->> 'lease' AND ended_at_us IS NULL FOR SHARE;
        IF NOT FOUND THEN
            RETURN 'lease';
        END IF;
        INSERT INTO ledger_holds (call, lease, amount, on_balance, day, environment, key_id,
                surface, labels)
            SELECT value ->> 0, batch ->> 'lease', CAST(value ->> 1 AS bigint),
                CAST(value ->> 2 AS bigint), value ->> 3, value ->> 4, value ->> 5, value ->> 6,
                value ->> 7
            FROM jsonb_array_elements(batch -> 'begun');
    END IF;

    DELETE FROM ledger_holds
        WHERE call IN (SELECT value ->> 0 FROM jsonb_array_elements(batch -> 'ended'));

    INSERT INTO ledger_entries (id, kind, at_us, amount, on_balance, marks, day, environment,
            key_id, surface, input_tokens, output_tokens, labels, call_id, reference)
        SELECT value ->> 0, value ->> 1, CAST(value ->> 2 AS bigint), CAST(value ->> 3 AS bigint),
            CAST(value ->> 4 AS bigint), CAST(value ->> 5 AS bigint), value ->> 6, value ->> 7,
            value ->> 8, value ->> 9, CAST(value ->> 10 AS bigint), CAST(value ->> 11 AS bigint),
            value ->> 12, value ->> 13, value ->> 14
        FROM jsonb_array_elements(batch -> 'entries');

    UPDATE ledger_accounts a SET spent = a.spent + CAST(value ->> 1 AS bigint),
            held = a.held + CAST(value ->> 2 AS bigint)
        FROM jsonb_array_elements(batch -> 'accounts') AS asked(value)
        WHERE a.id = value ->> 0 AND (value ->> 1 <> '0' OR value ->> 2 <> '0');

    SELECT string_agg(a.id || ' ' || a.credited || ' ' || a.spent || ' ' || a.held, ',')
        INTO told FROM jsonb_array_elements(batch -> 'accounts') AS asked(value)
        JOIN ledger_accounts a ON a.id = value ->> 0;
    RETURN coalesce(told, '');
END
$body$;
