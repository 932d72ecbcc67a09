//! Where calls were sent, counted from their records.
//!
//! It must never take a region from a text that a caller wrote: those are escaped in a record.

use bastion_types::{EnvironmentName, Region, RequestId, Timestamp};

use crate::StoreError;
use crate::database::Database;
use crate::statement::statement;

/// Calls that reached an upstream, with the region of that upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionCalls {
    /// The region itself, without those inside it.
    pub region: Region,
    /// How many calls.
    pub calls: u64,
}

/// Where the calls of an environment went.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReachedCalls {
    /// Calls that reached an upstream.
    pub reached: u64,
    /// Of those, by region; regions without a call are left out.
    pub by_region: Vec<RegionCalls>,
}

impl ReachedCalls {
    /// Calls to upstreams of none of the regions that were asked for.
    pub fn elsewhere(&self) -> u64 {
        let counted = self.by_region.iter().map(|row| row.calls).fold(0, u64::saturating_add);
        self.reached.saturating_sub(counted)
    }
}

/// The document's fields as they are written: quotation marks inside a value are escaped, so a
/// caller's text cannot look like them.
const COUNT: &str = "SELECT COUNT(*) AS calls FROM calls \
     WHERE environment = $1 AND id >= $2 AND record LIKE $3";

/// What both databases are asked to prepare.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[COUNT];

const REACHED: &str = "%\"upstream\":\"%";

pub(super) async fn reached(
    db: &Database,
    environment: &EnvironmentName,
    since: Timestamp,
    regions: &[Region],
) -> Result<ReachedCalls, StoreError> {
    let lowest = RequestId::lowest_at(since);
    let count = async |pattern: &str| -> Result<u64, StoreError> {
        let counting =
            statement(COUNT).bind(environment.as_str()).bind(lowest.as_str()).bind(pattern);
        let rows = db.rows_patiently(counting).await?;
        let calls = rows.first().map(|row| row.number("calls")).transpose()?.unwrap_or(0);
        Ok(u64::try_from(calls).unwrap_or(0))
    };
    let mut found = ReachedCalls { reached: count(REACHED).await?, by_region: Vec::new() };
    for region in regions {
        let calls = count(&format!("%\"region\":\"{region}\"%")).await?;
        if calls > 0 {
            found.by_region.push(RegionCalls { region: region.clone(), calls });
        }
    }
    Ok(found)
}
