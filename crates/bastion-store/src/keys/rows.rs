//! Keys and their secrets as rows.
//!
//! It must never see a plain key, and never guess: a row that cannot be read is an error.

use std::collections::HashMap;
use std::sync::Arc;

use bastion_types::{EnvironmentName, HashedKey, KeyId, OrganizationName, ServiceName, Timestamp};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::entry::{KeyEntry, LastUse, StoredSecret};
use crate::StoreError;
use crate::sqlite::Database;

const SELECT_KEYS: &str = "SELECT id, organization, environment, service, created_at_us, \
     expires_at_us, revoked_at_us, last_used_at_us, rpm, tpm, concurrency FROM keys";
const SELECT_SECRETS: &str = "SELECT key_id, hash, created_at_us, ends_at_us FROM key_secrets \
     ORDER BY key_id, created_at_us";
const INSERT_KEY: &str = "INSERT INTO keys (id, organization, environment, service, \
     created_at_us, expires_at_us, rpm, tpm, concurrency) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const PUT_SECRET: &str = "INSERT INTO key_secrets (hash, key_id, created_at_us, ends_at_us) \
     VALUES ($1, $2, $3, $4) ON CONFLICT (hash) DO UPDATE SET ends_at_us = excluded.ends_at_us";
const DELETE_SECRET: &str = "DELETE FROM key_secrets WHERE hash = $1";
const SET_REVOKED: &str = "UPDATE keys SET revoked_at_us = $2 WHERE id = $1";
const SET_LAST_USE: &str = "UPDATE keys SET last_used_at_us = $2 WHERE id = $1";

/// All keys with their secrets.
pub(super) async fn load(db: &Database) -> Result<HashMap<KeyId, Arc<KeyEntry>>, StoreError> {
    let mut secrets: HashMap<KeyId, Vec<StoredSecret>> = HashMap::new();
    for row in sqlx::query(SELECT_SECRETS).fetch_all(db.reader()).await? {
        let id = key_id(row.try_get("key_id")?)?;
        secrets.entry(id).or_default().push(secret(&row)?);
    }
    let mut entries = HashMap::new();
    for row in sqlx::query(SELECT_KEYS).fetch_all(db.reader()).await? {
        let id = key_id(row.try_get("id")?)?;
        let entry = entry(&row, id, secrets.remove(&id).unwrap_or_default())?;
        entries.insert(id, Arc::new(entry));
    }
    Ok(entries)
}

fn entry(row: &SqliteRow, id: KeyId, secrets: Vec<StoredSecret>) -> Result<KeyEntry, StoreError> {
    let name = |_| StoreError::corrupt("a name of a key");
    let last_used_at = time(row, "last_used_at_us")?;
    Ok(KeyEntry {
        id,
        organization: OrganizationName::parse(row.try_get("organization")?).map_err(name)?,
        environment: EnvironmentName::parse(row.try_get("environment")?).map_err(name)?,
        service: ServiceName::parse(row.try_get("service")?).map_err(name)?,
        created_at: Timestamp::from_micros(row.try_get("created_at_us")?),
        expires_at: time(row, "expires_at_us")?,
        revoked_at: time(row, "revoked_at_us")?,
        rpm: limit(row, "rpm")?,
        tpm: limit(row, "tpm")?,
        concurrency: limit(row, "concurrency")?,
        secrets,
        last_use: LastUse::new(last_used_at),
    })
}

fn secret(row: &SqliteRow) -> Result<StoredSecret, StoreError> {
    let hash: &[u8] = row.try_get("hash")?;
    let hash = hash.try_into().map_err(|_| StoreError::corrupt("a hash of a key"))?;
    Ok(StoredSecret {
        hash: HashedKey::from_bytes(hash),
        created_at: Timestamp::from_micros(row.try_get("created_at_us")?),
        ends_at: time(row, "ends_at_us")?,
    })
}

fn key_id(text: &str) -> Result<KeyId, StoreError> {
    KeyId::parse(text).ok_or_else(|| StoreError::corrupt("an id of a key"))
}

fn time(row: &SqliteRow, column: &str) -> Result<Option<Timestamp>, StoreError> {
    let micros: Option<i64> = row.try_get(column)?;
    Ok(micros.map(Timestamp::from_micros))
}

fn limit<N: TryFrom<i64>>(row: &SqliteRow, column: &str) -> Result<Option<N>, StoreError> {
    let number: Option<i64> = row.try_get(column)?;
    number.map(N::try_from).transpose().map_err(|_| StoreError::corrupt("a limit of a key"))
}

/// A new key with its secrets.
pub(super) async fn insert_key(
    connection: &mut SqliteConnection,
    entry: &KeyEntry,
) -> Result<(), StoreError> {
    sqlx::query(INSERT_KEY)
        .bind(entry.id.as_str())
        .bind(entry.organization.as_str())
        .bind(entry.environment.as_str())
        .bind(entry.service.as_str())
        .bind(entry.created_at.micros())
        .bind(entry.expires_at.map(Timestamp::micros))
        .bind(entry.rpm.map(i64::from))
        .bind(entry.tpm.map(|tpm| i64::try_from(tpm).unwrap_or(i64::MAX)))
        .bind(entry.concurrency.map(i64::from))
        .execute(&mut *connection)
        .await?;
    put_secrets(connection, entry).await
}

/// The secrets of `after` in place of those of `before`.
pub(super) async fn replace_secrets(
    connection: &mut SqliteConnection,
    before: &KeyEntry,
    after: &KeyEntry,
) -> Result<(), StoreError> {
    for old in &before.secrets {
        let kept = after.secrets.iter().any(|new| new.hash.matches(&old.hash));
        if !kept {
            let hash = old.hash.as_bytes().as_slice();
            sqlx::query(DELETE_SECRET).bind(hash).execute(&mut *connection).await?;
        }
    }
    put_secrets(connection, after).await
}

async fn put_secrets(
    connection: &mut SqliteConnection,
    entry: &KeyEntry,
) -> Result<(), StoreError> {
    for secret in &entry.secrets {
        sqlx::query(PUT_SECRET)
            .bind(secret.hash.as_bytes().as_slice())
            .bind(entry.id.as_str())
            .bind(secret.created_at.micros())
            .bind(secret.ends_at.map(Timestamp::micros))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Marks a key as revoked.
pub(super) async fn set_revoked(
    connection: &mut SqliteConnection,
    id: KeyId,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(SET_REVOKED).bind(id.as_str()).bind(at.micros()).execute(connection).await?;
    Ok(())
}

/// Notes when a key was last used.
pub(super) async fn set_last_use(
    connection: &mut SqliteConnection,
    id: KeyId,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(SET_LAST_USE).bind(id.as_str()).bind(at.micros()).execute(connection).await?;
    Ok(())
}
