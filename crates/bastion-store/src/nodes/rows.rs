//! Nodes as rows.
//!
//! It must never end a lease twice, nor bring one back.

use bastion_types::Timestamp;

use super::identity::Identity;
use super::lease::LeaseId;
use super::record::{LeaseEnding, NodeRecord};
use crate::StoreError;
use crate::database::{Database, Transaction};
use crate::row::Row;
use crate::statement::statement;

/// Settled rows that are kept beside the newest ones.
const KEPT_EPOCHS: i64 = 1000;

const ALIVE: &str = "SELECT COUNT(*) AS alive FROM nodes WHERE ended_at_us IS NULL";
const NEXT_EPOCH: &str = "SELECT COALESCE(MAX(epoch), 0) + 1 AS epoch FROM nodes";
const INSERT: &str = "INSERT INTO nodes (lease, epoch, host, process, version, began_at_us, \
     heartbeat_at_us) VALUES ($1, $2, $3, $4, $5, $6, $6)";
const BEAT: &str = "UPDATE nodes SET heartbeat_at_us = $2 WHERE lease = $1 AND ended_at_us IS NULL";
const END_ALL: &str =
    "UPDATE nodes SET ended_at_us = $1, ending = 'replaced' WHERE ended_at_us IS NULL";
const END_LAPSED: &str = "UPDATE nodes SET ended_at_us = $1, ending = 'lapsed' \
     WHERE ended_at_us IS NULL AND heartbeat_at_us < $2 AND lease <> $3";
const CLOSE: &str = "UPDATE nodes SET ended_at_us = $2, ending = 'closed' \
     WHERE lease = $1 AND ended_at_us IS NULL";
const ENDED: &str = "SELECT lease FROM nodes WHERE ended_at_us IS NOT NULL \
     AND settled_at_us IS NULL ORDER BY epoch LIMIT $1";
const BEHIND: &str = "SELECT lease FROM nodes WHERE ended_at_us IS NULL \
     AND heartbeat_at_us <= $1 AND lease <> $2 LIMIT 1";
const SETTLE: &str = "UPDATE nodes SET settled_at_us = $2 \
     WHERE lease = $1 AND ended_at_us IS NOT NULL AND settled_at_us IS NULL";
const LIST: &str = "SELECT lease, epoch, host, process, version, began_at_us, heartbeat_at_us, \
     ended_at_us, ending, settled_at_us FROM nodes ORDER BY epoch DESC LIMIT $1";
const FORGET: &str = "DELETE FROM nodes WHERE settled_at_us IS NOT NULL \
     AND epoch < (SELECT MAX(epoch) FROM nodes) - $1";

/// What both databases are asked to prepare.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[
    ALIVE, NEXT_EPOCH, INSERT, BEAT, END_ALL, END_LAPSED, CLOSE, ENDED, BEHIND, SETTLE, LIST,
    FORGET,
];

/// A new lease; the lock of nodes is held.
pub(super) async fn insert(
    transaction: &mut Transaction,
    lease: &LeaseId,
    identity: &Identity,
    now_us: i64,
) -> Result<(), StoreError> {
    let next = transaction.row(statement(NEXT_EPOCH)).await?;
    let epoch = next.ok_or_else(|| StoreError::corrupt("the leases"))?.number("epoch")?;
    let insert = statement(INSERT)
        .bind(lease.as_str())
        .bind(epoch)
        .bind(identity.host.as_str())
        .bind(i64::from(identity.process))
        .bind(identity.version)
        .bind(now_us);
    transaction.run(insert).await?;
    Ok(())
}

/// How many leases have not ended.
pub(super) async fn count_alive(transaction: &mut Transaction) -> Result<u32, StoreError> {
    let row = transaction.row(statement(ALIVE)).await?;
    let alive = row.ok_or_else(|| StoreError::corrupt("the leases"))?.number("alive")?;
    Ok(u32::try_from(alive).unwrap_or(u32::MAX))
}

/// A sign of life; false when the lease has ended.
pub(super) async fn beat(
    transaction: &mut Transaction,
    lease: &LeaseId,
    now_us: i64,
) -> Result<bool, StoreError> {
    Ok(transaction.run(statement(BEAT).bind(lease.as_str()).bind(now_us)).await? > 0)
}

/// Ends every lease that has not ended.
pub(super) async fn end_all(transaction: &mut Transaction, now_us: i64) -> Result<(), StoreError> {
    transaction.run(statement(END_ALL).bind(now_us)).await?;
    Ok(())
}

/// Ends the leases of others whose last sign of life is older than `oldest_us`.
pub(super) async fn end_lapsed(
    transaction: &mut Transaction,
    (now_us, oldest_us): (i64, i64),
    mine: &LeaseId,
) -> Result<(), StoreError> {
    let end = statement(END_LAPSED).bind(now_us).bind(oldest_us).bind(mine.as_str());
    let ended = transaction.run(end).await?;
    if ended > 0 {
        tracing::warn!(ended, "leases of nodes that gave no sign of life have ended");
    }
    Ok(())
}

/// Ends a lease whose process closes.
pub(super) async fn close(
    transaction: &mut Transaction,
    lease: &LeaseId,
    now_us: i64,
) -> Result<(), StoreError> {
    transaction.run(statement(CLOSE).bind(lease.as_str()).bind(now_us)).await?;
    Ok(())
}

/// Ended leases that are not settled, oldest first.
pub(super) async fn ended(db: &Database, at_most: u32) -> Result<Vec<LeaseId>, StoreError> {
    let rows = db.rows(statement(ENDED).bind(i64::from(at_most))).await?;
    rows.iter().map(|row| Ok(LeaseId::stored(row.text("lease")?))).collect()
}

/// Is there a process, beside the one of this lease, whose last sign of life is not newer?
pub(super) async fn has_behind(
    db: &Database,
    since_us: i64,
    mine: &LeaseId,
) -> Result<bool, StoreError> {
    let behind = statement(BEHIND).bind(since_us).bind(mine.as_str());
    Ok(db.row(behind).await?.is_some())
}

/// Marks an ended lease as settled; false when it is already, or has not ended.
pub(super) async fn settle(
    transaction: &mut Transaction,
    lease: &LeaseId,
    now_us: i64,
) -> Result<bool, StoreError> {
    Ok(transaction.run(statement(SETTLE).bind(lease.as_str()).bind(now_us)).await? > 0)
}

/// Deletes settled rows that are long over.
pub(super) async fn forget(transaction: &mut Transaction) -> Result<(), StoreError> {
    transaction.run(statement(FORGET).bind(KEPT_EPOCHS)).await?;
    Ok(())
}

/// The newest nodes.
pub(super) async fn list(
    db: &Database,
    mine: &LeaseId,
    at_most: u32,
) -> Result<Vec<NodeRecord>, StoreError> {
    let rows = db.rows(statement(LIST).bind(i64::from(at_most))).await?;
    rows.iter().map(|row| record(row, mine)).collect()
}

fn record(row: &Row, mine: &LeaseId) -> Result<NodeRecord, StoreError> {
    let time = |column| Ok::<_, StoreError>(Timestamp::from_micros(row.number(column)?));
    let ending = row.maybe_text("ending")?;
    let ending = ending.map(|text| LeaseEnding::parse(text).ok_or_else(damaged)).transpose()?;
    let id = row.text("lease")?;
    Ok(NodeRecord {
        id: id.to_owned(),
        epoch: row.number("epoch")?,
        host: row.text("host")?.to_owned(),
        process: row.number("process")?,
        version: row.text("version")?.to_owned(),
        began_at: time("began_at_us")?,
        heartbeat_at: time("heartbeat_at_us")?,
        ended_at: row.maybe_number("ended_at_us")?.map(Timestamp::from_micros),
        ending,
        settled: row.maybe_number("settled_at_us")?.is_some(),
        this: id == mine.as_str(),
    })
}

fn damaged() -> StoreError {
    StoreError::corrupt("an ending of a node")
}
