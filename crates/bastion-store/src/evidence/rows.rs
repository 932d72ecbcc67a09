//! Runs and sightings as rows.
//!
//! It must never guess: a row that cannot be read is an error.

use bastion_types::{EnvironmentName, KeyId, RunId, Timestamp};

use super::run::{DrillOutcome, DrillRun, Ending, RunFilter};
use super::sighting::Sighting;
use crate::StoreError;
use crate::row::Row;
use crate::statement::{Statement, statement};

/// As `MAX_SIGHTINGS_OF_KEY`.
pub(super) const MOST_OF_KEY: i64 = 256;

/// Sorts behind every id.
const AFTER_ALL: &str = "run_~";

const INSERT_RUN: &str = "INSERT INTO drill_runs (id, drill, environment, started_at_us, until_us, \
     ended_at_us, outcome, policy_hash, version, reason, figures) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

const END_RUN: &str = "UPDATE drill_runs SET ended_at_us = $2, outcome = $3, reason = $4, \
     figures = $5 WHERE id = $1 AND (outcome = 'running' OR reason = $6)";

/// Another process's guess, by its own clock: the one that ran the drill knows better.
const WRITTEN_OFF: &str = "the process that ran it ended before the drill did";

const INTERRUPT: &str = "UPDATE drill_runs SET ended_at_us = $1, outcome = 'interrupted', \
     reason = $3 WHERE outcome = 'running' AND until_us < $2";

const SELECT_RUN: &str = "SELECT * FROM drill_runs WHERE id = $1";

const SELECT_RUNS: &str = "SELECT * FROM drill_runs WHERE id < $1 \
     AND (CAST($2 AS TEXT) IS NULL OR drill = $2) \
     AND (CAST($3 AS TEXT) IS NULL OR environment = $3) ORDER BY id DESC LIMIT $4";

const SELECT_LATEST: &str = "SELECT * FROM drill_runs WHERE id IN \
     (SELECT MAX(id) FROM drill_runs WHERE environment = $1 AND outcome IN ('pass', 'fail') \
     GROUP BY drill) ORDER BY drill LIMIT $2";

/// A key that has its share of rows gets no new ones; what is known grows younger all the same.
const UPSERT_SIGHTING: &str = "INSERT INTO key_sightings \
     (key_id, agent, network, first_seen_at_us, last_seen_at_us) \
     SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS BIGINT), \
     CAST($5 AS BIGINT) WHERE (SELECT COUNT(*) FROM key_sightings WHERE key_id = $1) < $6 \
     OR EXISTS (SELECT 1 FROM key_sightings WHERE key_id = $1 AND agent = $2 AND network = $3) \
     ON CONFLICT (key_id, agent, network) DO UPDATE SET last_seen_at_us = excluded.last_seen_at_us \
     WHERE key_sightings.last_seen_at_us < excluded.last_seen_at_us";

const SELECT_SIGHTINGS: &str = "SELECT * FROM key_sightings WHERE last_seen_at_us >= $1 \
     ORDER BY last_seen_at_us DESC, key_id, agent, network LIMIT $2";

const DELETE_RUNS: &str = "DELETE FROM drill_runs WHERE started_at_us < $1";

const DELETE_SIGHTINGS: &str = "DELETE FROM key_sightings WHERE last_seen_at_us < $1";

/// What both databases are asked to prepare.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[
    INSERT_RUN,
    END_RUN,
    INTERRUPT,
    SELECT_RUN,
    SELECT_RUNS,
    SELECT_LATEST,
    UPSERT_SIGHTING,
    SELECT_SIGHTINGS,
    DELETE_RUNS,
    DELETE_SIGHTINGS,
];

pub(super) fn insert_run(run: &DrillRun) -> Statement<'_> {
    statement(INSERT_RUN)
        .bind(run.id.to_string())
        .bind(run.drill.as_str())
        .bind(run.environment.as_str())
        .bind(run.started_at.micros())
        .bind(run.until.micros())
        .bind(run.ended_at.map(Timestamp::micros))
        .bind(run.outcome.as_str())
        .bind(run.policy_hash.as_str())
        .bind(run.version.as_str())
        .bind(run.reason.as_str())
        .bind(run.figures.to_string())
}

pub(super) fn end_run(id: RunId, ending: &Ending) -> Statement<'_> {
    statement(END_RUN)
        .bind(id.to_string())
        .bind(ending.at.micros())
        .bind(ending.outcome.as_str())
        .bind(ending.reason.as_str())
        .bind(ending.figures.to_string())
        .bind(WRITTEN_OFF)
}

/// Those that should have ended before `overdue_at`.
pub(super) fn interrupt<'q>(now: Timestamp, overdue_at: Timestamp) -> Statement<'q> {
    statement(INTERRUPT).bind(now.micros()).bind(overdue_at.micros()).bind(WRITTEN_OFF)
}

pub(super) fn select_run<'q>(id: RunId) -> Statement<'q> {
    statement(SELECT_RUN).bind(id.to_string())
}

pub(super) fn select_runs(filter: &RunFilter, limit: u32) -> Statement<'_> {
    let before = filter.before.map_or_else(|| AFTER_ALL.to_owned(), |id| id.to_string());
    statement(SELECT_RUNS)
        .bind(before)
        .bind(filter.drill.as_deref())
        .bind(filter.environment.as_ref().map(EnvironmentName::as_str))
        .bind(i64::from(limit))
}

pub(super) fn select_latest(environment: &EnvironmentName, limit: u32) -> Statement<'_> {
    statement(SELECT_LATEST).bind(environment.as_str()).bind(i64::from(limit))
}

pub(super) fn upsert_sighting(sighting: &Sighting) -> Statement<'_> {
    statement(UPSERT_SIGHTING)
        .bind(sighting.key_id.as_str())
        .bind(sighting.agent.as_str())
        .bind(sighting.network.as_str())
        .bind(sighting.first_seen_at.micros())
        .bind(sighting.last_seen_at.micros())
        .bind(MOST_OF_KEY)
}

pub(super) fn select_sightings<'q>(since: Timestamp, limit: u32) -> Statement<'q> {
    statement(SELECT_SIGHTINGS).bind(since.micros()).bind(i64::from(limit))
}

pub(super) fn delete_runs<'q>(before: Timestamp) -> Statement<'q> {
    statement(DELETE_RUNS).bind(before.micros())
}

pub(super) fn delete_sightings<'q>(before: Timestamp) -> Statement<'q> {
    statement(DELETE_SIGHTINGS).bind(before.micros())
}

pub(super) fn run(row: &Row) -> Result<DrillRun, StoreError> {
    let damaged = |what: &str| StoreError::corrupt(&format!("{what} of a drill's run"));
    let ended_at = row.maybe_number("ended_at_us")?;
    let figures = row.text("figures")?;
    Ok(DrillRun {
        id: RunId::parse(row.text("id")?).ok_or_else(|| damaged("an id"))?,
        drill: row.text("drill")?.to_owned(),
        environment: EnvironmentName::parse(row.text("environment")?)
            .map_err(|_| damaged("an environment"))?,
        started_at: Timestamp::from_micros(row.number("started_at_us")?),
        until: Timestamp::from_micros(row.number("until_us")?),
        ended_at: ended_at.map(Timestamp::from_micros),
        outcome: DrillOutcome::parse(row.text("outcome")?).ok_or_else(|| damaged("an outcome"))?,
        policy_hash: row.text("policy_hash")?.to_owned(),
        version: row.text("version")?.to_owned(),
        reason: row.text("reason")?.to_owned(),
        figures: serde_json::from_str(figures).map_err(|_| damaged("the figures"))?,
    })
}

pub(super) fn sighting(row: &Row) -> Result<Sighting, StoreError> {
    let key_id = row.text("key_id")?;
    let key_id = KeyId::parse(key_id);
    Ok(Sighting {
        key_id: key_id.ok_or_else(|| StoreError::corrupt("a key's id of a sighting"))?,
        agent: row.text("agent")?.to_owned(),
        network: row.text("network")?.to_owned(),
        first_seen_at: Timestamp::from_micros(row.number("first_seen_at_us")?),
        last_seen_at: Timestamp::from_micros(row.number("last_seen_at_us")?),
    })
}
