//! A connection to Redis that was looked at: it has the right version and lets us in.
//!
//! It must never let anyone wait longer than the reply time-out.

use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value,
};
use tokio::time::{Instant, timeout, timeout_at};

use super::question::{Question, Reply, SCRIPT, Terms};
use super::trouble::{LEAST_VERSION, Trouble};
use crate::book::Book;

/// Until a connection stands; nobody's call waits for it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Commands that wait to be written; those beyond wait for a place, within their time-out.
const MAX_COMMANDS_IN_LINE: usize = 1024;

/// What evicts keys under pressure, and with them what was counted.
const EVICTS_NOTHING: &str = "noeviction";

/// A connection; all calls of the process share it.
pub(super) struct Link {
    connection: MultiplexedConnection,
    timeout: Duration,
    /// Redis may forget what it counts: this is its policy.
    pub(super) evicts_by: Option<String>,
}

impl Link {
    /// Connects, and looks whether this Redis will do.
    pub(super) async fn open(client: &Client, reply_timeout: Duration) -> Result<Link, Trouble> {
        let opening = async {
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(CONNECT_TIMEOUT))
                .set_response_timeout(Some(CONNECT_TIMEOUT))
                .set_pipeline_buffer_size(MAX_COMMANDS_IN_LINE);
            let trouble = |error| Trouble::of(&error, CONNECT_TIMEOUT.as_millis());
            let mut connection = client
                .get_multiplexed_async_connection_with_config(&config)
                .await
                .map_err(trouble)?;
            let info: String =
                redis::cmd("INFO").query_async(&mut connection).await.map_err(trouble)?;
            let evicts_by = look_at(&info)?;
            SCRIPT.load_async(&mut connection).await.map_err(trouble)?;
            connection.set_response_timeout(reply_timeout);
            Ok(Link { connection, timeout: reply_timeout, evicts_by })
        };
        // The handshake has several steps; together they get no longer.
        let slow = |_| Trouble::Slow(CONNECT_TIMEOUT.as_millis());
        timeout(CONNECT_TIMEOUT, opening).await.map_err(slow)?
    }

    /// When an answer that is asked for now must be there.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }

    /// One run of the script, or why not by then.
    pub(super) async fn tell(
        &self,
        question: Question<'_>,
        (book, terms): (&Book, &Terms),
        deadline: Instant,
    ) -> Result<Reply, Trouble> {
        let command = question.command(book, terms);
        let mut connection = self.connection.clone();
        let timeout_ms = self.timeout.as_millis();
        let telling = async {
            match run(&mut connection, &command).await {
                Err(error) if is_unknown_script(&error) => {
                    // Redis was started anew, or its scripts were flushed.
                    SCRIPT.load_async(&mut connection).await?;
                    run(&mut connection, &command).await
                }
                told => told,
            }
        };
        let told = timeout_at(deadline, telling).await.map_err(|_| Trouble::Slow(timeout_ms))?;
        let value = told.map_err(|error| Trouble::of(&error, timeout_ms))?;
        Reply::read(&value).ok_or_else(|| Trouble::Nonsense("of the script".to_owned()))
    }
}

async fn run(connection: &mut MultiplexedConnection, command: &Cmd) -> RedisResult<Value> {
    connection.req_packed_command(command).await?.extract_error()
}

fn is_unknown_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

/// The policy by which it evicts, if it does; or why it will not do.
fn look_at(info: &str) -> Result<Option<String>, Trouble> {
    let field = |name: &str| {
        let mut lines = info.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(field, _)| *field == name).map(|(_, value)| value.trim())
    };
    let Some(version) = field("redis_version") else {
        return Err(Trouble::Nonsense("INFO names no version".to_owned()));
    };
    let mut numbers = version.split('.').map_while(|part| part.parse::<u32>().ok());
    if (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) < LEAST_VERSION {
        return Err(Trouble::TooOld { version: version.to_owned() });
    }
    if field("role").is_some_and(|role| role == "slave") {
        return Err(Trouble::ReadOnly("it is a replica".to_owned()));
    }
    let has_limit = field("maxmemory").is_some_and(|bytes| bytes != "0");
    let policy = field("maxmemory_policy").filter(|policy| *policy != EVICTS_NOTHING);
    Ok(policy.filter(|_| has_limit).map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_version_and_a_replica_will_not_do() {
        let old = |version: &str| look_at(&format!("# Server\r\nredis_version:{version}\r\n"));
        for version in ["2.8.24", "5.0.14", "nonsense"] {
            let told = old(version).unwrap_err().to_string();
            assert!(told.contains(version) && told.contains("6.0"), "{told}");
        }
        for version in ["6.0.0", "6.2.14", "7.0.15", "8.2", "10.0.1"] {
            assert_eq!(old(version), Ok(None));
        }
        assert!(matches!(look_at("pong"), Err(Trouble::Nonsense(_))));
        let replica = look_at("redis_version:7.0.15\r\nrole:slave\r\n").unwrap_err().to_string();
        assert!(replica.contains("primary"), "{replica}");
    }

    #[test]
    fn a_policy_that_forgets_is_known() {
        let policy = |bytes: &str, policy: &str| {
            let info =
                format!("redis_version:7.0.0\nmaxmemory:{bytes}\nmaxmemory_policy:{policy}\n");
            look_at(&info).unwrap()
        };
        assert_eq!(policy("0", "allkeys-lru"), None, "without a limit nothing is evicted");
        assert_eq!(policy("1000", "noeviction"), None);
        assert_eq!(policy("1000", "volatile-ttl").as_deref(), Some("volatile-ttl"));
    }
}
