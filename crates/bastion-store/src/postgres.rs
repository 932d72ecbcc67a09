//! PostgreSQL: its pool, its transactions and what its error codes mean.
//!
//! Everything runs in explicit transactions with unnamed statements, so that a pooler may
//! stand between in transaction mode. It must never wait without a limit, never give a connection
//! back whose transaction is still open, and never put a value into a statement's text in a form
//! that the value could end.

use std::future::Future;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{
    PgArguments, PgConnectOptions, PgConnection, PgPool, PgPoolOptions, Postgres,
};
use sqlx::query::Query;
use sqlx::{ConnectOptions, Connection};

use crate::StoreError;
use crate::patience::Patience;
use crate::row::Row;
use crate::statement::{Cached, Statement, Value, made_statement, statement};

/// Connections of one process.
const MAX_CONNECTIONS: u32 = 8;
/// How long a caller of the store waits for a connection.
pub(crate) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long the first connection may take.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an answer of the server is waited for; its own limits below are shorter.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the answer to what may take its time is waited for.
const STEP_TIMEOUT: Duration = Duration::from_mins(10);
/// A connection that is dead says so at once; one that says nothing is not tried again.
const DEAD_WITHIN: Duration = Duration::from_secs(1);
/// An idle connection is closed after so long.
const IDLE_TIMEOUT: Duration = Duration::from_mins(5);
/// The oldest version that is known to work: 13.
const OLDEST_VERSION: i64 = 130_000;

/// The server ends a statement after 4 s, and a transaction whose process says nothing for 10 s:
/// one that is frozen in the middle must not hold locks that others wait for.
const BEGIN: &str = "BEGIN; SET LOCAL statement_timeout = 4000; \
     SET LOCAL idle_in_transaction_session_timeout = 10000";
/// For schema steps and for what reads a whole history: they may take their time.
const NO_HURRY: &str = "SET LOCAL statement_timeout = 0; \
     SET LOCAL idle_in_transaction_session_timeout = 0";
const COMMIT: &str = "COMMIT";
/// Where a JSON text begins and ends inside a statement.
const JSON_QUOTE: &str = "$json$";
const VERSION: &str = "SELECT CAST(current_setting('server_version_num') AS BIGINT) AS number";
const NOW: &str =
    "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT) AS now_us";
/// Held until the transaction ends; the number says what for.
const LOCK: &str = "SELECT pg_advisory_xact_lock($1)";

/// What processes tell each other goes over the listener's channel, without words: who hears it looks.
const ANNOUNCE: &str = "SELECT pg_notify('bastion', '')";

/// Classes and codes of SQLSTATE.
/// Source: <https://www.postgresql.org/docs/15/errcodes-appendix.html>.
mod state {
    pub(super) const CONNECTION: &str = "08";
    pub(super) const READ_ONLY: &str = "25006";
    pub(super) const IDLE_TRANSACTION: &str = "25P03";
    pub(super) const LOGIN: &str = "28";
    pub(super) const NO_DATABASE: &str = "3D000";
    pub(super) const ROLLED_BACK: &str = "40";
    pub(super) const NO_RIGHT: &str = "42501";
    pub(super) const DISK_FULL: &str = "53100";
    pub(super) const RESOURCES: &str = "53";
    pub(super) const NOT_AVAILABLE: &str = "55P03";
    pub(super) const CANCELLED: &str = "57014";
    pub(super) const SHUTDOWN: &str = "57P";
    /// What speaks of the values: data that cannot be, a constraint that is violated.
    pub(super) const OF_VALUES: [&str; 2] = ["22", "23"];
}

/// A server's database; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct PostgresDatabase {
    pool: PgPool,
    patience: Patience,
}

impl PostgresDatabase {
    /// Connects once, to know that the server, the user and the database are there.
    ///
    /// # Errors
    /// When they are not, or the server is too old.
    pub(crate) async fn connect(options: PgConnectOptions) -> Result<PostgresDatabase, StoreError> {
        let options = options
            .application_name("bastion")
            // PgBouncer refuses what it does not know; no float is ever asked for.
            .extra_float_digits(None)
            .disable_statement_logging();
        let mut first = within(CONNECT_TIMEOUT, PgConnection::connect_with(&options)).await?;
        // Without a transaction a pooler may send each message to another server: one is enough.
        let row = within(ANSWER_TIMEOUT, sqlx::raw_sql(VERSION).fetch_one(&mut first)).await?;
        knows(Row::Postgres(row).number("number")?)?;
        within(ANSWER_TIMEOUT, first.close()).await?;
        let pool = PgPoolOptions::new()
            .max_connections(MAX_CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .idle_timeout(IDLE_TIMEOUT)
            // The first statement of a transaction tells as much, without a way more.
            .test_before_acquire(false)
            .connect_lazy_with(options);
        Ok(PostgresDatabase { pool, patience: Patience::new() })
    }

    /// A transaction on a connection that answers.
    pub(crate) async fn begin(&self) -> Result<PostgresTransaction, StoreError> {
        // After a restart of the server every connection of the pool is dead.
        let first_try = tokio::time::Instant::now();
        for _ in 0..MAX_CONNECTIONS {
            let mut begun = PostgresTransaction { connection: Some(self.acquire().await?) };
            match begun.script(BEGIN).await {
                Err(StoreError::Unreachable { .. }) if first_try.elapsed() < DEAD_WITHIN => {}
                Err(cause) => return Err(cause),
                Ok(()) => return Ok(begun),
            }
        }
        let mut begun = PostgresTransaction { connection: Some(self.acquire().await?) };
        begun.script(BEGIN).await?;
        Ok(begun)
    }

    /// One statement in a transaction of its own; how many rows it changed.
    pub(crate) async fn run(&self, statement: Statement<'_>) -> Result<u64, StoreError> {
        let mut transaction = self.begin().await?;
        let changed = transaction.run(statement).await?;
        transaction.commit().await?;
        Ok(changed)
    }

    /// All rows.
    pub(crate) async fn rows(&self, statement: Statement<'_>) -> Result<Vec<Row>, StoreError> {
        let mut transaction = self.begin().await?;
        let rows = transaction.rows(statement).await?;
        transaction.commit().await?;
        Ok(rows)
    }

    /// All rows, however long the server needs: it reads a whole history.
    pub(crate) async fn rows_patiently(
        &self,
        statement: Statement<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        let _turn = self.patience.turn().await?;
        let mut transaction = self.begin().await?;
        transaction.script(NO_HURRY).await?;
        let running = query(statement).fetch_all(transaction.connection()?);
        let rows = within(STEP_TIMEOUT, running).await?;
        transaction.commit().await?;
        Ok(rows.into_iter().map(Row::Postgres).collect())
    }

    /// The first row.
    pub(crate) async fn row(&self, statement: Statement<'_>) -> Result<Option<Row>, StoreError> {
        let mut transaction = self.begin().await?;
        let row = transaction.row(statement).await?;
        transaction.commit().await?;
        Ok(row)
    }

    /// One of our functions with a JSON text, in a transaction of its own, as one message: a process
    /// that is frozen in the middle holds no lock. What the function returns, a TEXT.
    pub(crate) async fn call(
        &self,
        function: &'static str,
        json: &str,
    ) -> Result<String, StoreError> {
        let argument = json_literal(json);
        let text = format!("{BEGIN}; SELECT {function}({argument}) AS told; {COMMIT}");
        let mut connection = PostgresTransaction { connection: Some(self.acquire().await?) };
        // All rows: the one that there is comes before the word that the commit was done.
        let running = sqlx::raw_sql(made_statement(text, Cached::No).text)
            .fetch_all(connection.connection()?);
        let row = within(ANSWER_TIMEOUT, running).await?.pop().map(Row::Postgres);
        let row = row.ok_or_else(|| StoreError::corrupt("what a function returned"))?;
        // Only a connection whose transaction is over goes back to the pool.
        drop(connection.connection.take());
        Ok(row.text("told")?.to_owned())
    }

    /// Its connections, each of which is anybody's between two transactions.
    pub(crate) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Closes every connection.
    pub(crate) async fn close(&self) {
        if tokio::time::timeout(ANSWER_TIMEOUT, self.pool.close()).await.is_err() {
            tracing::warn!("the database did not take its connections back in time");
        }
    }

    async fn acquire(&self) -> Result<PoolConnection<Postgres>, StoreError> {
        match self.pool.acquire().await {
            Err(sqlx::Error::PoolTimedOut) if self.pool.size() == 0 => {
                Err(StoreError::Unreachable { what: "no connection came about".to_owned() })
            }
            acquired => Ok(acquired?),
        }
    }
}

/// A transaction. Dropped without [`commit`](PostgresTransaction::commit), its connection is
/// closed and the server rolls it back: no half-read answer is left for the next one.
#[derive(Debug)]
pub(crate) struct PostgresTransaction {
    connection: Option<PoolConnection<Postgres>>,
}

impl PostgresTransaction {
    /// How many rows the statement changed.
    pub(crate) async fn run(&mut self, statement: Statement<'_>) -> Result<u64, StoreError> {
        let running = query(statement).execute(self.connection()?);
        Ok(within(ANSWER_TIMEOUT, running).await?.rows_affected())
    }

    /// All rows.
    pub(crate) async fn rows(&mut self, statement: Statement<'_>) -> Result<Vec<Row>, StoreError> {
        let running = query(statement).fetch_all(self.connection()?);
        let rows = within(ANSWER_TIMEOUT, running).await?;
        Ok(rows.into_iter().map(Row::Postgres).collect())
    }

    /// The first row.
    pub(crate) async fn row(
        &mut self,
        statement: Statement<'_>,
    ) -> Result<Option<Row>, StoreError> {
        let running = query(statement).fetch_optional(self.connection()?);
        Ok(within(ANSWER_TIMEOUT, running).await?.map(Row::Postgres))
    }

    /// Several statements without values.
    pub(crate) async fn script(&mut self, script: &'static str) -> Result<(), StoreError> {
        within(ANSWER_TIMEOUT, sqlx::raw_sql(script).execute(self.connection()?)).await?;
        Ok(())
    }

    /// Statements that may take longer than any other: schema steps.
    pub(crate) async fn long_script(&mut self, script: &'static str) -> Result<(), StoreError> {
        within(STEP_TIMEOUT, sqlx::raw_sql(script).execute(self.connection()?)).await?;
        Ok(())
    }

    /// The server's time in microseconds since 1970.
    pub(crate) async fn now_us(&mut self) -> Result<i64, StoreError> {
        let row = self.row(statement(NOW)).await?;
        row.ok_or_else(|| StoreError::corrupt("the server's time"))?.number("now_us")
    }

    /// Holds the lock of this number until the transaction ends.
    pub(crate) async fn lock(&mut self, number: i64) -> Result<(), StoreError> {
        self.row(statement(LOCK).bind(number)).await?;
        Ok(())
    }

    /// The same for schema steps: whoever takes them now may need long.
    pub(crate) async fn lock_patiently(&mut self, number: i64) -> Result<(), StoreError> {
        self.script(NO_HURRY).await?;
        let waiting = query(statement(LOCK).bind(number)).execute(self.connection()?);
        within(STEP_TIMEOUT, waiting).await?;
        Ok(())
    }

    /// Tells every process that listens, once this has been committed.
    pub(crate) async fn announce(&mut self) -> Result<(), StoreError> {
        self.row(statement(ANNOUNCE)).await?;
        Ok(())
    }

    /// Makes it last.
    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        self.script(COMMIT).await?;
        // Only a connection whose transaction is over goes back to the pool.
        drop(self.connection.take());
        Ok(())
    }

    fn connection(&mut self) -> Result<&mut PgConnection, StoreError> {
        self.connection.as_deref_mut().ok_or(StoreError::Closed)
    }
}

impl Drop for PostgresTransaction {
    fn drop(&mut self) {
        drop(self.connection.take().map(PoolConnection::detach));
    }
}

/// A JSON text inside a statement. Between two quotes of this form nothing is special but the dollar
/// sign, and JSON can write that in another way: whatever the text is, it cannot end the literal.
fn json_literal(json: &str) -> String {
    let safe = json.replace('$', "\\u0024");
    format!("CAST({JSON_QUOTE}{safe}{JSON_QUOTE} AS jsonb)")
}

fn query(statement: Statement<'_>) -> Query<'_, Postgres, PgArguments> {
    let query = sqlx::query(statement.text).persistent(false);
    statement.values.into_iter().fold(query, |query, value| match value {
        Value::Number(number) => query.bind(number),
        Value::Text(text) => query.bind(text),
        Value::Shared(text) => query.bind(text),
        Value::Bytes(bytes) => query.bind(bytes.into_owned()),
    })
}

/// Ends `work` with 'no answer' after so long.
pub(crate) async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, StoreError> {
    let Ok(done) = tokio::time::timeout(limit, work).await else {
        let what = format!("no answer within {} s", limit.as_secs());
        return Err(StoreError::Unreachable { what });
    };
    Ok(done?)
}

/// Is a server of this version (150016 is 15.16) new enough?
fn knows(version: i64) -> Result<(), StoreError> {
    if version >= OLDEST_VERSION {
        return Ok(());
    }
    Err(StoreError::OldServer { found: version / 10_000, oldest: OLDEST_VERSION / 10_000 })
}

/// What an error of PostgreSQL, or of a pooler, means.
pub(crate) fn by_state(code: Option<&str>, message: &str) -> StoreError {
    let what = message.to_owned();
    let code = code.unwrap_or_default();
    match code {
        state::DISK_FULL => StoreError::DatabaseFull,
        state::READ_ONLY => StoreError::DatabaseReadOnly,
        state::NO_RIGHT | state::NO_DATABASE => StoreError::Refused { what },
        state::CANCELLED | state::NOT_AVAILABLE => StoreError::Busy,
        state::IDLE_TRANSACTION => StoreError::Unreachable { what },
        _ if code.starts_with(state::LOGIN) => StoreError::Refused { what },
        _ if code.starts_with(state::RESOURCES) => StoreError::Busy,
        _ if code.starts_with(state::ROLLED_BACK) => StoreError::Busy,
        _ if code.starts_with(state::SHUTDOWN) => StoreError::Unreachable { what },
        _ if code.starts_with(state::CONNECTION) => StoreError::Unreachable { what },
        _ if state::OF_VALUES.iter().any(|class| code.starts_with(class)) => {
            StoreError::RowRefused { what }
        }
        _ => StoreError::Failed { what },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_of_postgresql_becomes_its_cause() {
        let check = |state: &str, expect: &str| {
            let error = by_state(Some(state), "m");
            assert!(format!("{error:?}").starts_with(expect), "{state}: {error:?}");
        };
        check("53100", "DatabaseFull");
        check("25006", "DatabaseReadOnly");
        check("28P01", "Refused");
        check("28000", "Refused");
        check("3D000", "Refused");
        check("42501", "Refused");
        check("53300", "Busy");
        check("57014", "Busy");
        check("55P03", "Busy");
        check("40001", "Busy");
        check("40P01", "Busy");
        check("57P01", "Unreachable");
        check("57P03", "Unreachable");
        check("25P03", "Unreachable");
        check("08P01", "Unreachable");
        check("42P01", "Failed");
    }

    #[test]
    fn no_text_ends_its_own_literal() {
        for text in ["$json$", "$$", "'; DROP TABLE keys; --", "a\\$json$\\", "\u{0}$j", "$json"] {
            let json = serde_json::to_string(text).unwrap();
            let literal = json_literal(&json);
            let inside = literal.strip_prefix("CAST($json$").unwrap();
            let inside = inside.strip_suffix("$json$ AS jsonb)").unwrap();
            assert!(!inside.contains('$'), "{inside}");
            assert_eq!(serde_json::from_str::<String>(inside).unwrap(), text);
        }
    }

    #[test]
    fn an_old_server_is_told() {
        knows(130_000).unwrap();
        knows(150_016).unwrap();
        let told = knows(120_022).unwrap_err().to_string();
        assert!(told.contains("PostgreSQL 12") && told.contains("13 or later"), "{told}");
    }
}
