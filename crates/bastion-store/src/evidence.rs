//! What the launch gate goes by: runs of drills, from where keys were used, where calls went.
//!
//! It must never hold a body or a whole address, and never turn a run that was cut into a verdict.

mod observed;
mod regions;
mod rows;
mod run;
mod sighting;

use bastion_types::{EnvironmentName, Region, RunId, Timestamp};

#[cfg(test)]
pub(crate) use observed::STATEMENTS as OBSERVED_STATEMENTS;
pub use observed::{NewestCalls, ObservedCalls, ObservedText};
#[cfg(test)]
pub(crate) use regions::STATEMENTS as REGION_STATEMENTS;
pub use regions::{ReachedCalls, RegionCalls};
#[cfg(test)]
pub(crate) use rows::STATEMENTS;
pub use run::{DrillOutcome, DrillRun, Ending, RunFilter};
pub use sighting::Sighting;

use crate::StoreError;
use crate::database::{Database, Dialect};

/// Most runs that one read returns.
pub const MAX_RUNS_READ: u32 = 200;

/// Sightings of one key that are kept: more say nothing more.
pub const MAX_SIGHTINGS_OF_KEY: usize = 256;

/// Most sightings that one read returns, over all keys.
const MAX_SIGHTINGS_READ: u32 = 100_000;

/// The evidence; cheap to clone.
#[derive(Debug, Clone)]
pub struct Evidence {
    db: Database,
}

impl Evidence {
    pub(crate) fn new(db: Database) -> Evidence {
        Evidence { db }
    }

    /// Writes down that a run begins.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn begin_run(&self, run: &DrillRun) -> Result<(), StoreError> {
        self.db.run(rows::insert_run(run)).await?;
        Ok(())
    }

    /// Writes down how a run ended; one that has ended already stays as it is, unless another
    /// process only thought so.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn end_run(&self, id: RunId, ending: &Ending) -> Result<(), StoreError> {
        self.db.run(rows::end_run(id, ending)).await?;
        Ok(())
    }

    /// Runs whose process cannot be at them any more are interrupted: those that should have ended
    /// before `now`.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn interrupt_overdue(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.db.run(rows::interrupt(now, now)).await
    }

    /// At the start of a process: where it is the only one that uses this database, whatever
    /// still runs does not; else what is overdue.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn interrupt_at_start(&self, now: Timestamp) -> Result<u64, StoreError> {
        let alone = self.db.dialect() == Dialect::Sqlite;
        let overdue_at = if alone { Timestamp::from_micros(i64::MAX) } else { now };
        self.db.run(rows::interrupt(now, overdue_at)).await
    }

    /// One run.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn run(&self, id: RunId) -> Result<Option<DrillRun>, StoreError> {
        self.db.row(rows::select_run(id)).await?.as_ref().map(rows::run).transpose()
    }

    /// The runs that fit `filter`, newest first; at most `limit`, at most [`MAX_RUNS_READ`].
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn runs(&self, filter: &RunFilter, limit: u32) -> Result<Vec<DrillRun>, StoreError> {
        let statement = rows::select_runs(filter, limit.min(MAX_RUNS_READ));
        self.db.rows(statement).await?.iter().map(rows::run).collect()
    }

    /// Of each drill the newest run in an environment that came to a verdict.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn latest_verdicts(
        &self,
        environment: &EnvironmentName,
    ) -> Result<Vec<DrillRun>, StoreError> {
        let statement = rows::select_latest(environment, MAX_RUNS_READ);
        self.db.rows(statement).await?.iter().map(rows::run).collect()
    }

    /// Adds sightings; one that is known is as young as its newest.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn sight(&self, sightings: &[Sighting]) -> Result<(), StoreError> {
        if sightings.is_empty() {
            return Ok(());
        }
        let mut transaction = self.db.begin().await?;
        for sighting in sightings {
            transaction.run(rows::upsert_sighting(sighting)).await?;
        }
        transaction.commit().await
    }

    /// From where keys were used since a moment, newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn sightings_since(&self, since: Timestamp) -> Result<Vec<Sighting>, StoreError> {
        let statement = rows::select_sightings(since, MAX_SIGHTINGS_READ);
        self.db.rows(statement).await?.iter().map(rows::sighting).collect()
    }

    /// Where an environment's calls since a moment were sent, by region; `regions` are the ones
    /// that are told apart.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn reached(
        &self,
        environment: &EnvironmentName,
        since: Timestamp,
        regions: &[Region],
    ) -> Result<ReachedCalls, StoreError> {
        regions::reached(&self.db, environment, since, regions).await
    }

    /// What an environment's newest calls since a moment used, by use case and model: at most twenty
    /// thousand calls, and since when those are.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn observed(
        &self,
        environment: &EnvironmentName,
        since: Timestamp,
    ) -> Result<NewestCalls, StoreError> {
        observed::observed(&self.db, environment, since, observed::MAX_CALLS).await
    }

    /// Deletes runs that began and sightings that were last renewed before these moments.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn delete_before(
        &self,
        runs: Timestamp,
        sightings: Timestamp,
    ) -> Result<u64, StoreError> {
        let deleted = self.db.run(rows::delete_runs(runs)).await?;
        Ok(deleted.saturating_add(self.db.run(rows::delete_sightings(sightings)).await?))
    }
}

#[cfg(test)]
mod tests;
