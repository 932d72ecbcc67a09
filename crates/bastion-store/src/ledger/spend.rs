//! What was spent in a month, from the entries; off the path of calls.
//!
//! It must never read more entries than the month's.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use bastion_types::{CalendarMonth, EnvironmentName, Money, RequestId, Span, Timestamp, Zone};
use serde::Serialize;

use super::Ledger;
use crate::StoreError;
use crate::database::Dialect;
use crate::row::Row;
use crate::statement::statement;

/// A call counts on the day of its hold, in a zone that is at most so far from UTC and by a clock
/// that went back at most so far. Ids begin with their time.
const AROUND: Span = Span::from_secs(4 * 24 * 60 * 60);

/// The longest month.
const MONTH: Span = Span::from_secs(31 * 24 * 60 * 60);

/// What charges are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpendBy {
    /// The environment.
    Environment,
    /// The caller's name.
    Service,
    /// The key.
    Key,
    /// The use case.
    Surface,
    /// The model, as callers name it.
    Model,
    /// The end user.
    User,
    /// Who answered.
    Upstream,
}

/// One row of a month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SpendRow {
    /// None: charges that name none.
    pub name: Option<String>,
    /// Charged, with corrections.
    pub amount: Money,
    /// Calls that were charged.
    pub calls: i64,
    /// Their tokens of input.
    pub input_tokens: i64,
    /// Their tokens of output.
    pub output_tokens: i64,
    /// Those of them whose charge is an estimate, at least in part.
    pub estimated_calls: i64,
    /// What the upstreams say that they cost, in a currency of their own; none: none said it.
    pub stated_amount: Option<Money>,
}

/// A month.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spent {
    /// The most expensive rows, at most a thousand.
    pub rows: Vec<SpendRow>,
    /// Of all rows, those beyond them, too.
    pub total: Money,
    /// How many rows there are beyond them.
    pub further: u64,
}

/// At most a thousand rows: the most expensive ones.
macro_rules! spend {
    ($by:expr, $labels:literal) => {
        concat!(
            "SELECT name, CAST(SUM(amount) AS BIGINT) AS amount, CAST(SUM(calls) AS BIGINT) AS ",
            "calls, CAST(SUM(input_tokens) AS BIGINT) AS input_tokens, CAST(SUM(output_tokens) ",
            "AS BIGINT) AS output_tokens, CAST(SUM(estimated) AS BIGINT) AS estimated, ",
            "CAST(SUM(stated) AS BIGINT) AS stated, ",
            "CAST(SUM(SUM(amount)) OVER () AS BIGINT) AS total, ",
            "CAST(COUNT(*) OVER () AS BIGINT) AS names FROM (",
            "SELECT ",
            $by,
            " AS name, amount, 1 AS calls, input_tokens, output_tokens, ",
            "CASE WHEN marks & 3 <> 0 THEN 1 ELSE 0 END AS estimated, CAST(",
            $labels,
            " ->> 'stated_nanos' AS BIGINT) AS stated FROM ledger_entries ",
            "WHERE kind = 'charge' AND id >= $1 AND id < $2 AND day >= $3 AND day <= $4 ",
            "UNION ALL SELECT ",
            $by,
            " AS name, amount, 0 AS calls, input_tokens, ",
            "output_tokens, 0 AS estimated, NULL AS stated FROM ledger_entries ",
            "WHERE kind <> 'charge' AND kind <> 'top_up' AND day >= $3 AND day <= $4",
            ") AS moved GROUP BY name ORDER BY 2 DESC, 1 LIMIT 1000"
        )
    };
}

/// The statement of one database, which opens labels so.
macro_rules! on {
    ($labels:literal, $by:expr) => {
        match $by {
            SpendBy::Environment => spend!("environment", $labels),
            SpendBy::Key => spend!("key_id", $labels),
            SpendBy::Surface => spend!("surface", $labels),
            SpendBy::Service => spend!(concat!($labels, " ->> 'service'"), $labels),
            SpendBy::Model => spend!(concat!($labels, " ->> 'model'"), $labels),
            SpendBy::User => spend!(concat!($labels, " ->> 'user'"), $labels),
            SpendBy::Upstream => spend!(concat!($labels, " ->> 'upstream'"), $labels),
        }
    };
}

/// What was taken from an environment's charges in a month.
const GIVEN_BACK: &str = "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) AS amount FROM \
     ledger_entries WHERE kind <> 'charge' AND kind <> 'top_up' AND amount < 0 \
     AND environment = $1 AND day >= $2 AND day <= $3";

/// What both databases are asked to prepare.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[GIVEN_BACK];

/// Those that are not the same on both.
#[cfg(test)]
pub(crate) fn statements(dialect: Dialect) -> impl Iterator<Item = &'static str> {
    SpendBy::ALL.into_iter().map(move |by| by.text(dialect))
}

impl SpendBy {
    /// As they are written.
    pub const NAMES: [&'static str; 7] =
        ["env", "service", "key", "surface", "model", "user", "upstream"];

    const ALL: [SpendBy; 7] = [
        SpendBy::Environment,
        SpendBy::Service,
        SpendBy::Key,
        SpendBy::Surface,
        SpendBy::Model,
        SpendBy::User,
        SpendBy::Upstream,
    ];

    /// Reads what [`SpendBy::as_str`] writes.
    pub fn parse(text: &str) -> Option<SpendBy> {
        SpendBy::ALL.into_iter().find(|by| by.as_str() == text)
    }

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            SpendBy::Environment => "env",
            SpendBy::Service => "service",
            SpendBy::Key => "key",
            SpendBy::Surface => "surface",
            SpendBy::Model => "model",
            SpendBy::User => "user",
            SpendBy::Upstream => "upstream",
        }
    }

    fn text(self, dialect: Dialect) -> &'static str {
        match dialect {
            Dialect::Sqlite => on!("labels", self),
            Dialect::Postgres => on!("CAST(labels AS jsonb)", self),
        }
    }
}

impl Ledger {
    /// What was spent in a month, the most first; at most a thousand rows. It reads every entry of
    /// the month, and may take a while.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn spend(&self, by: SpendBy, month: CalendarMonth) -> Result<Spent, StoreError> {
        let db = self.inner.bank.db();
        let (from, to) = ids_of(month);
        let asked = statement(by.text(db.dialect()))
            .bind(from)
            .bind(to)
            .bind(format!("{month}-01"))
            .bind(format!("{month}-31"));
        let rows = db.rows_patiently(asked).await?;
        let Some(first) = rows.first() else { return Ok(Spent::default()) };
        let beyond = first.number("names")?.saturating_sub_unsigned(count(rows.len()));
        Ok(Spent {
            total: Money::from_nanos(first.number("total")?),
            further: u64::try_from(beyond).unwrap_or_default(),
            rows: rows.iter().map(read).collect::<Result<_, _>>()?,
        })
    }
}

impl Ledger {
    /// What refunds and corrections took from an environment's charges in a month: so much more may
    /// have been spent at some instant.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn given_back(
        &self,
        environment: &EnvironmentName,
        month: CalendarMonth,
    ) -> Result<Money, StoreError> {
        let asked = statement(GIVEN_BACK)
            .bind(environment.as_str())
            .bind(format!("{month}-01"))
            .bind(format!("{month}-31"));
        let row = self.inner.bank.db().row(asked).await?;
        let row = row.ok_or_else(|| StoreError::corrupt("what was given back"))?;
        Ok(Money::from_nanos(row.number("amount")?.saturating_abs()))
    }
}

/// Between which ids the charges of a month stand, whatever its zone.
pub(super) fn ids_of(month: CalendarMonth) -> (String, String) {
    let end = Zone::UTC.end_of_month(month).unwrap_or(Timestamp::from_micros(i64::MAX));
    let (from, to) = (end.minus(MONTH).minus(AROUND), end.plus(AROUND));
    (RequestId::lowest_at(from).to_string(), RequestId::lowest_at(to).to_string())
}

fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}

fn read(row: &Row) -> Result<SpendRow, StoreError> {
    Ok(SpendRow {
        name: row.maybe_text("name")?.map(str::to_owned),
        amount: Money::from_nanos(row.number("amount")?),
        calls: row.number("calls")?,
        input_tokens: row.number("input_tokens")?,
        output_tokens: row.number("output_tokens")?,
        estimated_calls: row.number("estimated")?,
        stated_amount: row.maybe_number("stated")?.map(Money::from_nanos),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_is_told_apart_by_reads_back() {
        for name in SpendBy::NAMES {
            assert_eq!(SpendBy::parse(name).unwrap().as_str(), name);
        }
        assert_eq!(SpendBy::parse("colour"), None);
    }
}
