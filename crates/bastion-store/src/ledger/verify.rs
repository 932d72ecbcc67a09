//! The ledger from nothing: every sum worked out anew from entries and open holds.
//!
//! It must never trust a sum, and never mend one: a difference is for people.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use bastion_types::Money;
use serde::Serialize;

use super::Ledger;
use crate::StoreError;
use crate::statement::{Row, statement};

const COUNTS: &str = "SELECT (SELECT COUNT(*) FROM ledger_entries) AS entries, \
     (SELECT COUNT(*) FROM ledger_holds) AS holds";

/// What each account's rows of a table add up to, in one of the three sums.
macro_rules! moved {
    ($table:literal, $sums:literal, $filter:literal) => {
        concat!(
            "SELECT 'balance' AS id, ",
            $sums,
            " FROM ",
            $table,
            " WHERE on_balance <> 0 AND ",
            $filter,
            " UNION ALL SELECT 'env/' || environment || '/' || day, ",
            $sums,
            " FROM ",
            $table,
            " WHERE environment IS NOT NULL AND ",
            $filter,
            " UNION ALL SELECT 'env/' || environment || '/' || substr(day, 1, 7), ",
            $sums,
            " FROM ",
            $table,
            " WHERE environment IS NOT NULL AND ",
            $filter,
            " UNION ALL SELECT 'surface/' || environment || '/' || surface || '/' || day, ",
            $sums,
            " FROM ",
            $table,
            " WHERE surface IS NOT NULL AND ",
            $filter,
            " UNION ALL SELECT 'surface/' || environment || '/' || surface || '/' || ",
            "substr(day, 1, 7), ",
            $sums,
            " FROM ",
            $table,
            " WHERE surface IS NOT NULL AND ",
            $filter,
            " UNION ALL SELECT 'key/' || key_id || '/' || day, ",
            $sums,
            " FROM ",
            $table,
            " WHERE key_id IS NOT NULL AND ",
            $filter,
            " UNION ALL SELECT 'key/' || key_id || '/' || substr(day, 1, 7), ",
            $sums,
            " FROM ",
            $table,
            " WHERE key_id IS NOT NULL AND ",
            $filter
        )
    };
}

/// One statement is one moment: nobody needs to be kept from writing. At most a hundred rows.
const DIFFERENCES: &str = concat!(
    "WITH moved AS (",
    "SELECT 'balance' AS id, amount AS credited, 0 AS spent, 0 AS held FROM ledger_entries ",
    "WHERE kind = 'top_up' UNION ALL ",
    moved!("ledger_entries", "0 AS credited, amount AS spent, 0 AS held", "kind <> 'top_up'"),
    " UNION ALL ",
    moved!("ledger_holds", "0 AS credited, 0 AS spent, amount AS held", "TRUE"),
    "), counted AS (SELECT id, CAST(SUM(credited) AS BIGINT) AS credited, ",
    "CAST(SUM(spent) AS BIGINT) AS spent, CAST(SUM(held) AS BIGINT) AS held ",
    "FROM moved GROUP BY id), compared AS (SELECT COALESCE(a.id, c.id) AS id, ",
    "COALESCE(a.credited, 0) AS kept_credited, COALESCE(c.credited, 0) AS credited, ",
    "COALESCE(a.spent, 0) AS kept_spent, COALESCE(c.spent, 0) AS spent, ",
    "COALESCE(a.held, 0) AS kept_held, COALESCE(c.held, 0) AS held ",
    "FROM ledger_accounts a FULL JOIN counted c ON c.id = a.id) ",
    "SELECT * FROM compared WHERE kept_credited <> credited OR kept_spent <> spent ",
    "OR kept_held <> held ORDER BY id LIMIT 100"
);

/// What both databases are asked to prepare.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[COUNTS, DIFFERENCES];

/// The three sums: as they are told, and where they are kept.
const SUMS: [(&str, &str); 3] =
    [("credited", "kept_credited"), ("spent", "kept_spent"), ("held", "kept_held")];

/// What the ledger is found to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Is every sum what its entries and holds say?
    pub ok: bool,
    /// Entries there are.
    pub entries: i64,
    /// Holds that are open.
    pub holds_open: i64,
    /// Where it is not; at most a hundred.
    pub differences: Vec<Difference>,
}

/// A sum that is not what its entries or holds say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The account.
    pub account: String,
    /// `credited`, `spent` or `held`.
    pub sum: &'static str,
    /// What is kept.
    pub kept: Money,
    /// What entries or holds add up to.
    pub counted: Money,
}

impl Ledger {
    /// Works every sum out anew and compares. It reads everything there is, at one moment, and
    /// keeps nobody from writing.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn verify(&self) -> Result<Verdict, StoreError> {
        let db = self.inner.bank.db();
        let mut differences = Vec::new();
        for row in db.rows(statement(DIFFERENCES)).await? {
            differences.extend(of_row(&row)?);
        }
        let counts = db.row(statement(COUNTS)).await?;
        let counts = counts.ok_or_else(|| StoreError::corrupt("the ledger's counts"))?;
        Ok(Verdict {
            ok: differences.is_empty(),
            entries: counts.number("entries")?,
            holds_open: counts.number("holds")?,
            differences,
        })
    }
}

fn of_row(row: &Row) -> Result<Vec<Difference>, StoreError> {
    let mut differences = Vec::new();
    for (sum, kept_in) in SUMS {
        let kept = Money::from_nanos(row.number(kept_in)?);
        let counted = Money::from_nanos(row.number(sum)?);
        if kept != counted {
            differences.push(Difference {
                account: row.text("id")?.to_owned(),
                sum,
                kept,
                counted,
            });
        }
    }
    Ok(differences)
}
