//! What of a call stands in columns of its own, because reads are led by it.
//!
//! It must never hold what no read asks for.

use bastion_types::{EnvironmentName, KeyId, RequestId, Timestamp};

use crate::StoreError;
use crate::row::Row;

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
    pub(super) fn of(row: &Row) -> Result<Columns, StoreError> {
        let status = row.number("status")?;
        let environment = EnvironmentName::parse(row.text("environment")?);
        Ok(Columns {
            id: RequestId::parse(row.text("id")?).ok_or_else(|| damaged("an id"))?,
            at: Timestamp::from_micros(row.number("at_us")?),
            environment: environment.map_err(|_| damaged("an environment"))?,
            key_id: KeyId::parse(row.text("key_id")?).ok_or_else(|| damaged("a key's id"))?,
            status: u16::try_from(status).map_err(|_| damaged("a status"))?,
        })
    }
}

fn damaged(what: &str) -> StoreError {
    StoreError::corrupt(&format!("{what} of a call"))
}
