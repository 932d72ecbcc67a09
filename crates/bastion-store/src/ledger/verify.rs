//! The ledger from nothing: every sum worked out anew from entries and open holds.
//!
//! It must never trust a sum, and never mend one: a difference is for people.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use bastion_types::Money;
use serde::Serialize;

use super::Ledger;
use crate::StoreError;
use crate::row::Row;
use crate::statement::statement;

const COUNTS: &str = "SELECT (SELECT COUNT(*) FROM ledger_entries) AS entries, \
     (SELECT COUNT(*) FROM ledger_holds) AS holds";

/// What counts on a scope's day and on its month.
macro_rules! spread {
    ($scope:literal, $named:literal) => {
        concat!(
            "UNION ALL SELECT ",
            $scope,
            " || day, credited, spent, held FROM moved WHERE ",
            $named,
            " IS NOT NULL UNION ALL SELECT ",
            $scope,
            " || substr(day, 1, 7), credited, spent, held FROM moved WHERE ",
            $named,
            " IS NOT NULL "
        )
    };
}

/// Every sum anew, beside the one that is kept; at most a hundred rows where they differ. History is
/// read once, added up by whom and when it concerns, and only that is spread over the accounts. One
/// statement is one moment: nobody needs to be kept from writing.
const DIFFERENCES: &str = concat!(
    "WITH moved AS (",
    "SELECT on_balance, environment, surface, key_id, day, ",
    "SUM(CASE WHEN kind = 'top_up' THEN amount ELSE 0 END) AS credited, ",
    "SUM(CASE WHEN kind = 'top_up' THEN 0 ELSE amount END) AS spent, 0 AS held ",
    "FROM ledger_entries GROUP BY on_balance, environment, surface, key_id, day ",
    "UNION ALL SELECT on_balance, environment, surface, key_id, day, ",
    "0 AS credited, 0 AS spent, SUM(amount) AS held ",
    "FROM ledger_holds GROUP BY on_balance, environment, surface, key_id, day), spread AS (",
    "SELECT 'balance' AS id, credited, spent, held FROM moved WHERE on_balance <> 0 ",
    spread!("'env/' || environment || '/'", "environment"),
    spread!("'surface/' || environment || '/' || surface || '/'", "surface"),
    spread!("'key/' || key_id || '/'", "key_id"),
    "), counted AS (SELECT id, CAST(SUM(credited) AS BIGINT) AS credited, ",
    "CAST(SUM(spent) AS BIGINT) AS spent, CAST(SUM(held) AS BIGINT) AS held ",
    "FROM spread GROUP BY id), compared AS (SELECT COALESCE(a.id, c.id) AS id, ",
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
    /// keeps nobody from writing. It may take minutes: no statement's usual limit holds for it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn verify(&self) -> Result<Verdict, StoreError> {
        let db = self.inner.bank.db();
        let mut differences = Vec::new();
        for row in db.rows_patiently(statement(DIFFERENCES)).await? {
            differences.extend(of_row(&row)?);
        }
        let counts = db.rows_patiently(statement(COUNTS)).await?;
        let counts = counts.first().ok_or_else(|| StoreError::corrupt("the ledger's counts"))?;
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
