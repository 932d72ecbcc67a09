//! Keys and their secrets as rows.
//!
//! It must never see a plain key, and never guess: a row that cannot be read is an error.

use std::collections::HashMap;
use std::sync::Arc;

use super::entry::{KeyEntry, LastUse, StoredSecret};
use super::record::KeyBonds;
use crate::StoreError;
use crate::database::{Database, Transaction};
use crate::row::Row;
use crate::statement::statement;
use bastion_types::{
    Enforce, EnvironmentName, HashedKey, KeyId, Money, OrganizationName, ServiceName, SurfaceName,
    Timestamp,
};

macro_rules! select_keys {
    ($which:literal) => {
        concat!(
            "SELECT id, organization, environment, service, created_at_us, expires_at_us, ",
            "revoked_at_us, last_used_at_us, rpm, tpm, concurrency, surfaces, enforce, ",
            "monthly_cap_nanos, daily_cap_nanos, change_number FROM keys",
            $which
        )
    };
}
macro_rules! select_secrets {
    ($which:literal) => {
        concat!(
            "SELECT key_id, hash, created_at_us, ends_at_us FROM key_secrets",
            $which,
            " ORDER BY key_id, created_at_us"
        )
    };
}
const SELECT_KEYS: &str = select_keys!("");
const SELECT_KEY: &str = select_keys!(" WHERE id = $1");
const SELECT_CHANGED_KEYS: &str = select_keys!(" WHERE change_number > $1");
const SELECT_SECRETS: &str = select_secrets!("");
const SELECT_CHANGED_SECRETS: &str =
    select_secrets!(" WHERE key_id IN (SELECT id FROM keys WHERE change_number > $1)");
const SELECT_SECRETS_OF_KEY: &str = select_secrets!(" WHERE key_id = $1");
const INSERT_KEY: &str = "INSERT INTO keys (id, organization, environment, service, \
     created_at_us, expires_at_us, rpm, tpm, concurrency, surfaces, enforce, monthly_cap_nanos, \
     daily_cap_nanos) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
const PUT_SECRET: &str = "INSERT INTO key_secrets (hash, key_id, created_at_us, ends_at_us) \
     VALUES ($1, $2, $3, $4) ON CONFLICT (hash) DO UPDATE SET ends_at_us = excluded.ends_at_us";
const DELETE_SECRET: &str = "DELETE FROM key_secrets WHERE hash = $1";
const SET_REVOKED: &str = "UPDATE keys SET revoked_at_us = $2 WHERE id = $1";
const SET_LAST_USE: &str = "UPDATE keys SET last_used_at_us = $2 WHERE id = $1 \
     AND (last_used_at_us IS NULL OR last_used_at_us < $2)";

/// What both databases are asked to prepare.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[
    SELECT_KEYS,
    SELECT_KEY,
    SELECT_CHANGED_KEYS,
    SELECT_CHANGED_SECRETS,
    SELECT_SECRETS,
    SELECT_SECRETS_OF_KEY,
    INSERT_KEY,
    PUT_SECRET,
    DELETE_SECRET,
    SET_REVOKED,
    SET_LAST_USE,
];

/// All keys with their secrets.
pub(super) async fn load(db: &Database) -> Result<HashMap<KeyId, Arc<KeyEntry>>, StoreError> {
    let keys = db.rows(statement(SELECT_KEYS)).await?;
    let secrets = db.rows(statement(SELECT_SECRETS)).await?;
    let entries = entries(&keys, &secrets)?.into_iter();
    Ok(entries.map(|entry| (entry.id, Arc::new(entry))).collect())
}

/// The keys that were changed after the change of this number. Whatever changes meanwhile has a
/// number of its own and comes with the next look.
pub(super) async fn load_changed(db: &Database, after: i64) -> Result<Vec<KeyEntry>, StoreError> {
    let mut transaction = db.begin().await?;
    let keys = transaction.rows(statement(SELECT_CHANGED_KEYS).bind(after)).await?;
    let secrets = transaction.rows(statement(SELECT_CHANGED_SECRETS).bind(after)).await?;
    transaction.commit().await?;
    entries(&keys, &secrets)
}

/// One key with its secrets, as the database has it now.
pub(super) async fn load_one(
    transaction: &mut Transaction,
    id: KeyId,
) -> Result<Option<KeyEntry>, StoreError> {
    let keys = transaction.rows(statement(SELECT_KEY).bind(id.as_str())).await?;
    let secrets = transaction.rows(statement(SELECT_SECRETS_OF_KEY).bind(id.as_str())).await?;
    Ok(entries(&keys, &secrets)?.pop())
}

fn entries(keys: &[Row], secret_rows: &[Row]) -> Result<Vec<KeyEntry>, StoreError> {
    let mut secrets: HashMap<KeyId, Vec<StoredSecret>> = HashMap::new();
    for row in secret_rows {
        let id = key_id(row.text("key_id")?)?;
        secrets.entry(id).or_default().push(secret(row)?);
    }
    let whole = |row| {
        let id = key_id(Row::text(row, "id")?)?;
        entry(row, id, secrets.remove(&id).unwrap_or_default())
    };
    keys.iter().map(whole).collect()
}

fn entry(row: &Row, id: KeyId, secrets: Vec<StoredSecret>) -> Result<KeyEntry, StoreError> {
    let name = |_| StoreError::corrupt("a name of a key");
    let last_used_at = time(row, "last_used_at_us")?;
    Ok(KeyEntry {
        id,
        organization: OrganizationName::parse(row.text("organization")?).map_err(name)?,
        environment: EnvironmentName::parse(row.text("environment")?).map_err(name)?,
        service: ServiceName::parse(row.text("service")?).map_err(name)?,
        created_at: Timestamp::from_micros(row.number("created_at_us")?),
        expires_at: time(row, "expires_at_us")?,
        revoked_at: time(row, "revoked_at_us")?,
        rpm: limit(row, "rpm")?,
        tpm: limit(row, "tpm")?,
        concurrency: limit(row, "concurrency")?,
        change: row.number("change_number")?,
        bonds: bonds(row)?,
        secrets,
        last_use: LastUse::new(last_used_at),
    })
}

fn bonds(row: &Row) -> Result<KeyBonds, StoreError> {
    let corrupt = || StoreError::corrupt("what a key is bound to");
    let surfaces = serde_json::from_str(row.text("surfaces")?);
    let cap = |column| Ok::<_, StoreError>(row.maybe_number(column)?.map(Money::from_nanos));
    Ok(KeyBonds {
        surfaces: surfaces.map_err(|_| corrupt())?,
        enforce: Enforce::parse(row.text("enforce")?).ok_or_else(corrupt)?,
        monthly_cap: cap("monthly_cap_nanos")?,
        daily_cap: cap("daily_cap_nanos")?,
    })
}

/// A list of names as JSON, which names need no escape in.
fn surfaces_text(surfaces: &[SurfaceName]) -> String {
    let quoted: Vec<String> = surfaces.iter().map(|name| format!("\"{name}\"")).collect();
    format!("[{}]", quoted.join(","))
}

fn secret(row: &Row) -> Result<StoredSecret, StoreError> {
    let hash = row.bytes("hash")?.try_into().map_err(|_| StoreError::corrupt("a hash of a key"))?;
    Ok(StoredSecret {
        hash: HashedKey::from_bytes(hash),
        created_at: Timestamp::from_micros(row.number("created_at_us")?),
        ends_at: time(row, "ends_at_us")?,
    })
}

fn key_id(text: &str) -> Result<KeyId, StoreError> {
    KeyId::parse(text).ok_or_else(|| StoreError::corrupt("an id of a key"))
}

fn time(row: &Row, column: &str) -> Result<Option<Timestamp>, StoreError> {
    Ok(row.maybe_number(column)?.map(Timestamp::from_micros))
}

fn limit<N: TryFrom<i64>>(row: &Row, column: &str) -> Result<Option<N>, StoreError> {
    row.maybe_number(column)?
        .map(N::try_from)
        .transpose()
        .map_err(|_| StoreError::corrupt("a limit of a key"))
}

/// A new key with its secrets.
pub(super) async fn insert_key(
    transaction: &mut Transaction,
    entry: &KeyEntry,
) -> Result<(), StoreError> {
    let surfaces = surfaces_text(&entry.bonds.surfaces);
    let insert = statement(INSERT_KEY)
        .bind(entry.id.as_str())
        .bind(entry.organization.as_str())
        .bind(entry.environment.as_str())
        .bind(entry.service.as_str())
        .bind(entry.created_at.micros())
        .bind(entry.expires_at.map(Timestamp::micros))
        .bind(entry.rpm.map(i64::from))
        .bind(entry.tpm.map(|tpm| i64::try_from(tpm).unwrap_or(i64::MAX)))
        .bind(entry.concurrency.map(i64::from))
        .bind(surfaces.as_str())
        .bind(entry.bonds.enforce.as_str())
        .bind(entry.bonds.monthly_cap.map(Money::nanos))
        .bind(entry.bonds.daily_cap.map(Money::nanos));
    transaction.run(insert).await?;
    put_secrets(transaction, entry).await
}

/// The secrets of `after` in place of those of `before`.
pub(super) async fn replace_secrets(
    transaction: &mut Transaction,
    before: &KeyEntry,
    after: &KeyEntry,
) -> Result<(), StoreError> {
    for old in &before.secrets {
        let kept = after.secrets.iter().any(|new| new.hash.matches(&old.hash));
        if !kept {
            let hash = old.hash.as_bytes().as_slice();
            transaction.run(statement(DELETE_SECRET).bind(hash)).await?;
        }
    }
    put_secrets(transaction, after).await
}

async fn put_secrets(transaction: &mut Transaction, entry: &KeyEntry) -> Result<(), StoreError> {
    for secret in &entry.secrets {
        let put = statement(PUT_SECRET)
            .bind(secret.hash.as_bytes().as_slice())
            .bind(entry.id.as_str())
            .bind(secret.created_at.micros())
            .bind(secret.ends_at.map(Timestamp::micros));
        transaction.run(put).await?;
    }
    Ok(())
}

/// Marks a key as revoked.
pub(super) async fn set_revoked(
    transaction: &mut Transaction,
    id: KeyId,
    at: Timestamp,
) -> Result<(), StoreError> {
    transaction.run(statement(SET_REVOKED).bind(id.as_str()).bind(at.micros())).await?;
    Ok(())
}

/// Notes when a key was last used, unless a later use is known.
pub(super) async fn set_last_use(
    transaction: &mut Transaction,
    id: KeyId,
    at: Timestamp,
) -> Result<(), StoreError> {
    transaction.run(statement(SET_LAST_USE).bind(id.as_str()).bind(at.micros())).await?;
    Ok(())
}
