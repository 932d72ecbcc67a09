//! What hears announcements of other processes.
//!
//! It must never listen through a pooler in transaction mode: the server's connection that listened
//! is the next transaction's, which then gets announcements in the middle of its answers.

use sqlx::Executor;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};

use crate::StoreError;
use crate::postgres::{ACQUIRE_TIMEOUT, ANSWER_TIMEOUT, CONNECT_TIMEOUT, PostgresDatabase, within};
use crate::row::Row;

/// Where announcements are heard.
const CHANNEL: &str = "bastion";

/// Which process of the server answers, since when it runs, and what time it is there.
const WHO: &str = "SELECT CAST(pg_backend_pid() AS BIGINT) AS process, \
     CAST(EXTRACT(EPOCH FROM backend_start) * 1000000 AS BIGINT) AS began_us, \
     CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT) AS now_us \
     FROM pg_stat_activity WHERE pid = pg_backend_pid()";

/// How often it is asked: a pooler would have to give a fresh server's connection each time, and
/// the same one.
const TIMES: u32 = 4;

/// A connection of its own that listens.
#[derive(Debug)]
pub(crate) struct Listener {
    inner: PgListener,
}

/// Who answered on a connection.
struct Server {
    process: i64,
    began_us: i64,
    now_us: i64,
}

impl Listener {
    /// Listens, unless a pooler stands between; then nothing was changed.
    pub(crate) async fn of(database: &PostgresDatabase) -> Result<Option<Listener>, StoreError> {
        let pool = database.pool();
        // One connection, apart from the pool: it is never given back.
        let own = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_lazy_with(PgConnectOptions::clone(&pool.connect_options()));
        let mut beside = pool.acquire().await?;
        let before = who(&mut *beside).await?;
        let mut inner = within(CONNECT_TIMEOUT, PgListener::connect_with(&own)).await?;
        let first = who(&mut inner).await?;
        for _ in 0..TIMES {
            let (other, again) = (who(&mut *beside).await?, who(&mut inner).await?);
            if !is_own(&before, &first, [&other, &again]) {
                return Ok(None);
            }
        }
        drop(beside);
        within(ANSWER_TIMEOUT, inner.listen(CHANNEL)).await?;
        Ok(Some(Listener { inner }))
    }

    /// Ends with the next announcement, or when the connection was lost and made anew.
    ///
    /// # Errors
    /// When the connection is lost for good.
    pub(crate) async fn heard(&mut self) -> Result<(), StoreError> {
        self.inner.try_recv().await?;
        Ok(())
    }
}

/// A process of the server belongs to one connection if it began behind that connection's begin,
/// stays the same, and is never found on another one that is open.
fn is_own(before: &Server, first: &Server, [other, again]: [&Server; 2]) -> bool {
    first.began_us > before.now_us
        && again.process == first.process
        && again.began_us == first.began_us
        && other.process != first.process
        && other.process == before.process
}

/// Asked in one message: without a transaction a second one may go to another server.
async fn who<'c>(
    connection: impl Executor<'c, Database = sqlx::Postgres>,
) -> Result<Server, StoreError> {
    let row = within(ANSWER_TIMEOUT, connection.fetch_one(sqlx::raw_sql(WHO))).await?;
    let row = Row::Postgres(row);
    Ok(Server {
        process: row.number("process")?,
        began_us: row.number("began_us")?,
        now_us: row.number("now_us")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_others_meet_or_that_was_there_before_is_a_poolers() {
        let server = |process, began_us| Server { process, began_us, now_us: 100 };
        let (before, first) = (server(1, 10), server(2, 101));
        let check = |first: &Server, other, again, expect| {
            assert_eq!(is_own(&before, first, [&server(other, 10), &again]), expect);
        };
        check(&first, 1, server(2, 101), true);
        check(&server(2, 50), 1, server(2, 50), false);
        check(&first, 1, server(3, 101), false);
        check(&first, 2, server(2, 101), false);
        check(&first, 3, server(2, 101), false);
    }
}
