//! The ledger's statements. A list is handed over as one JSON text, so that a statement is the same
//! whatever the list's length; how a list is opened, and a row locked, is all that differs between the
//! databases. What only PostgreSQL is asked stands below; SQLite's own statements in `sqlite.rs`.
//!
//! It must never add up: sums are what the books say.

use crate::database::Dialect;

/// What is asked of either database.
pub(super) struct Texts {
    pub(super) accounts: &'static str,
    pub(super) holds: &'static str,
    pub(super) charges: &'static str,
}

/// The statements, with how a database opens a list of texts, and locks rows.
macro_rules! texts {
    ($list:literal, $lock:literal) => {
        Texts {
            // Everyone locks in the same order: balance, environments, surfaces, keys.
            accounts: concat!(
                "SELECT id, credited, spent, held FROM ledger_accounts WHERE id IN (", $list,
                ") ORDER BY CASE WHEN id LIKE 'key/%' THEN 1 ELSE 0 END, id", $lock
            ),
            holds: concat!("SELECT * FROM ledger_holds WHERE call IN (", $list, ")", $lock),
            charges: concat!(
                "SELECT e.id, e.amount, e.marks, e.on_balance, CAST(COALESCE((SELECT SUM(h.amount) FROM ",
                "ledger_entries h WHERE h.call_id = e.id AND h.reference NOT LIKE 'late/%'), 0) ",
                "AS BIGINT) AS by_hand, CAST(CASE WHEN EXISTS (SELECT 1 FROM ",
                "ledger_entries l WHERE l.reference = 'late/' || e.id) THEN 1 ELSE 0 END AS BIGINT)",
                " AS corrected FROM ledger_entries e WHERE e.id IN (", $list, ")"
            ),
        }
    };
}

/// SQLite has one writer: it needs no locks.
const SQLITE: Texts = texts!("SELECT value FROM json_each($1)", "");

const POSTGRES: Texts =
    texts!("SELECT jsonb_array_elements_text(CAST($1 AS jsonb))", " FOR UPDATE");

pub(super) const OPEN_ACCOUNTS: &str = "INSERT INTO ledger_accounts (id, credited, spent, held) \
     SELECT value ->> 0, 0, 0, 0 FROM jsonb_array_elements(CAST($1 AS jsonb)) AS opened(value) \
     ORDER BY 1 ON CONFLICT (id) DO NOTHING";

pub(super) const PUT_ACCOUNTS: &str = "INSERT INTO ledger_accounts (id, credited, spent, held) \
     SELECT value ->> 0, CAST(value ->> 1 AS BIGINT), CAST(value ->> 2 AS BIGINT), \
     CAST(value ->> 3 AS BIGINT) FROM jsonb_array_elements(CAST($1 AS jsonb)) AS opened(value) \
     ON CONFLICT (id) DO UPDATE SET credited = excluded.credited, spent = excluded.spent, \
     held = excluded.held";

pub(super) const PUT_HOLDS: &str = "INSERT INTO ledger_holds (call, lease, amount, on_balance, \
     day, environment, key_id, surface, labels) SELECT value ->> 0, $2, \
     CAST(value ->> 1 AS BIGINT), CAST(value ->> 2 AS BIGINT), value ->> 3, value ->> 4, \
     value ->> 5, value ->> 6, value ->> 7 FROM jsonb_array_elements(CAST($1 AS jsonb)) \
     AS opened(value) ON CONFLICT (call) DO UPDATE SET amount = excluded.amount";

pub(super) const END_HOLDS: &str = "DELETE FROM ledger_holds WHERE call IN \
     (SELECT jsonb_array_elements_text(CAST($1 AS jsonb)))";

pub(super) const ADD_ENTRIES: &str = "INSERT INTO ledger_entries (id, kind, at_us, amount, \
     on_balance, marks, day, environment, key_id, surface, input_tokens, output_tokens, labels, \
     call_id, reference) SELECT value ->> 0, value ->> 1, CAST(value ->> 2 AS BIGINT), \
     CAST(value ->> 3 AS BIGINT), CAST(value ->> 4 AS BIGINT), CAST(value ->> 5 AS BIGINT), \
     value ->> 6, value ->> 7, value ->> 8, value ->> 9, CAST(value ->> 10 AS BIGINT), \
     CAST(value ->> 11 AS BIGINT), value ->> 12, value ->> 13, value ->> 14 \
     FROM jsonb_array_elements(CAST($1 AS jsonb)) AS opened(value)";

/// A lock that others share with it, and that ending the lease waits for.
pub(super) const LEASE: &str =
    "SELECT lease FROM nodes WHERE lease = $1 AND ended_at_us IS NULL FOR SHARE";

pub(super) const HELD: &str = "SELECT COUNT(*) AS holds, \
     CAST(COALESCE(SUM(amount), 0) AS BIGINT) AS amount, \
     CAST(COALESCE(SUM(on_balance), 0) AS BIGINT) AS on_balance FROM ledger_holds \
     WHERE call IN (SELECT jsonb_array_elements_text(CAST($1 AS jsonb)))";

/// What only PostgreSQL is asked to prepare.
#[cfg(test)]
const STATEMENTS: &[&str] =
    &[OPEN_ACCOUNTS, PUT_ACCOUNTS, PUT_HOLDS, END_HOLDS, ADD_ENTRIES, LEASE, HELD];

impl Texts {
    /// This database's.
    pub(super) fn of(dialect: Dialect) -> &'static Texts {
        match dialect {
            Dialect::Sqlite => &SQLITE,
            Dialect::Postgres => &POSTGRES,
        }
    }

    /// All of them.
    #[cfg(test)]
    fn all(&self) -> [&'static str; 3] {
        [self.accounts, self.holds, self.charges]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::Database;

    async fn check(db: &Database) {
        let own = if db.dialect() == Dialect::Postgres { STATEMENTS } else { &[] };
        let all = Texts::of(db.dialect()).all();
        for (number, text) in all.iter().chain(own).enumerate() {
            let told = db.prepares(number, text).await;
            assert!(told.is_ok(), "{:?}: {text}: {told:?}", db.dialect());
        }
        if db.dialect() == Dialect::Postgres {
            let text = format!("SELECT {}($1)", super::super::message::FUNCTION);
            let told = db.prepares(all.len() + STATEMENTS.len(), &text).await;
            assert!(told.is_ok(), "{text}: {told:?}");
        }
    }

    #[tokio::test]
    async fn every_statement_of_the_ledger_is_prepared_by_its_database() {
        for db in crate::fresh::databases().await {
            check(&db).await;
        }
    }
}
