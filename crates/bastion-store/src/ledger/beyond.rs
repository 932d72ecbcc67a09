//! Charges at their holds: their upstreams reported more than their calls were bounded by.
//!
//! It must never read more entries than the month's.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use bastion_types::{CalendarMonth, EnvironmentName};

use super::Ledger;
use super::spend::ids_of;
use crate::StoreError;
use crate::database::Dialect;
use crate::row::Row;
use crate::statement::statement;

/// An environment's charges at their holds in a month.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BeyondHolds {
    /// How many.
    pub calls: u64,
    /// By model and upstream, the most first; at most twenty.
    pub rows: Vec<BeyondHold>,
}

/// So many charges of one model at one upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeyondHold {
    /// The model as callers name it; none where the charge names none.
    pub model: Option<String>,
    /// Who answered; none where the charge names none.
    pub upstream: Option<String>,
    /// How many.
    pub calls: u64,
}

/// The mark is 4, as in [`Marks`](super::Marks); the most first, at most twenty. What came late stands
/// in a correction, whose id says nothing of its time.
macro_rules! beyond {
    ($labels:literal) => {
        concat!(
            "SELECT model, upstream, CAST(COUNT(*) AS BIGINT) AS calls, ",
            "CAST(SUM(COUNT(*)) OVER () AS BIGINT) AS total FROM (SELECT ",
            $labels,
            " ->> 'model' AS model, ",
            $labels,
            " ->> 'upstream' AS upstream FROM ledger_entries WHERE kind = 'charge' ",
            "AND id >= $1 AND id < $2 AND day >= $3 AND day <= $4 AND environment = $5 ",
            "AND marks & 4 <> 0 UNION ALL SELECT ",
            $labels,
            " ->> 'model' AS model, ",
            $labels,
            " ->> 'upstream' AS upstream FROM ledger_entries WHERE kind <> 'charge' ",
            "AND day >= $3 AND day <= $4 AND environment = $5 AND marks & 4 <> 0",
            ") AS marked GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT 20"
        )
    };
}

/// The statement of one database.
pub(crate) fn beyond_statement(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => beyond!("labels"),
        Dialect::Postgres => beyond!("CAST(labels AS jsonb)"),
    }
}

impl Ledger {
    /// An environment's charges of a month for which more was reported than was held, the most
    /// first: what the provider bills for them is more than they say. It reads every entry of the
    /// month, and may take a while.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn beyond_their_holds(
        &self,
        environment: &EnvironmentName,
        month: CalendarMonth,
    ) -> Result<BeyondHolds, StoreError> {
        let db = self.inner.bank.db();
        let (from, to) = ids_of(month);
        let asked = statement(beyond_statement(db.dialect()))
            .bind(from)
            .bind(to)
            .bind(format!("{month}-01"))
            .bind(format!("{month}-31"))
            .bind(environment.as_str());
        let rows = db.rows_patiently(asked).await?;
        let count = |row: &Row, name: &str| {
            Ok::<_, StoreError>(u64::try_from(row.number(name)?).unwrap_or_default())
        };
        let read = |row: &Row| {
            Ok(BeyondHold {
                model: row.maybe_text("model")?.map(str::to_owned),
                upstream: row.maybe_text("upstream")?.map(str::to_owned),
                calls: count(row, "calls")?,
            })
        };
        Ok(BeyondHolds {
            calls: rows.first().map_or(Ok(0), |row| count(row, "total"))?,
            rows: rows.iter().map(read).collect::<Result<_, StoreError>>()?,
        })
    }
}
