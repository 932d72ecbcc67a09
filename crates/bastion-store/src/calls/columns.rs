//! What of a call stands in columns of its own, because reads are led by it.
//!
//! It must never hold what no read asks for.

use bastion_types::{EnvironmentName, KeyId, RequestId, Timestamp};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::StoreError;

/// The columns of a call's row, but for its document.
pub(super) struct Columns {
    pub(super) id: RequestId,
    pub(super) at: Timestamp,
    pub(super) environment: EnvironmentName,
    pub(super) key_id: KeyId,
    pub(super) status: u16,
}

impl Columns {
    /// Reads them.
    pub(super) fn of(row: &SqliteRow) -> Result<Columns, StoreError> {
        let status: i64 = row.try_get("status")?;
        let environment = EnvironmentName::parse(row.try_get("environment")?);
        Ok(Columns {
            id: RequestId::parse(row.try_get("id")?).ok_or_else(|| damaged("an id"))?,
            at: Timestamp::from_micros(row.try_get("at_us")?),
            environment: environment.map_err(|_| damaged("an environment"))?,
            key_id: KeyId::parse(row.try_get("key_id")?).ok_or_else(|| damaged("a key's id"))?,
            status: u16::try_from(status).map_err(|_| damaged("a status"))?,
        })
    }
}

fn damaged(what: &str) -> StoreError {
    StoreError::corrupt(&format!("{what} of a call"))
}
