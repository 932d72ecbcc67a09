//! The list of the schema's steps for each database, in their order.
//!
//! A step that is released must never change: its checksum stands in every database.

use sqlx::SqlStr;
use sqlx::migrate::{Migration, MigrationType};

use crate::database::Dialect;

/// One step.
pub(super) struct Step {
    pub(super) version: i64,
    pub(super) name: &'static str,
    pub(super) script: &'static str,
}

/// New steps are added at the end, with the same number in both lists.
pub(super) const SQLITE: &[Step] = &[
    Step {
        version: 1,
        name: "keys and calls",
        script: include_str!("../../migrations/sqlite/0001_keys_and_calls.sql"),
    },
    Step {
        version: 2,
        name: "calls in their order",
        script: include_str!("../../migrations/sqlite/0002_calls_in_their_order.sql"),
    },
    Step {
        version: 3,
        name: "a call is a document",
        script: include_str!("../../migrations/sqlite/0003_a_call_is_a_document.sql"),
    },
    Step {
        version: 4,
        name: "nodes",
        script: include_str!("../../migrations/sqlite/0004_nodes.sql"),
    },
    Step {
        version: 5,
        name: "evidence",
        script: include_str!("../../migrations/sqlite/0005_evidence.sql"),
    },
    Step {
        version: 6,
        name: "surfaces of keys",
        script: include_str!("../../migrations/sqlite/0006_surfaces_of_keys.sql"),
    },
    Step {
        version: 7,
        name: "the ledger",
        script: include_str!("../../migrations/sqlite/0007_the_ledger.sql"),
    },
    Step {
        version: 8,
        name: "a batch in one message",
        script: include_str!("../../migrations/sqlite/0008_a_batch_in_one_message.sql"),
    },
];

/// Begins where SQLite stood when PostgreSQL came.
pub(super) const POSTGRES: &[Step] = &[
    Step {
        version: 3,
        name: "keys and calls",
        script: include_str!("../../migrations/postgres/0003_keys_and_calls.sql"),
    },
    Step {
        version: 4,
        name: "nodes",
        script: include_str!("../../migrations/postgres/0004_nodes.sql"),
    },
    Step {
        version: 5,
        name: "evidence",
        script: include_str!("../../migrations/postgres/0005_evidence.sql"),
    },
    Step {
        version: 6,
        name: "surfaces of keys",
        script: include_str!("../../migrations/postgres/0006_surfaces_of_keys.sql"),
    },
    Step {
        version: 7,
        name: "the ledger",
        script: include_str!("../../migrations/postgres/0007_the_ledger.sql"),
    },
    Step {
        version: 8,
        name: "a batch in one message",
        script: include_str!("../../migrations/postgres/0008_a_batch_in_one_message.sql"),
    },
];

/// The steps of a database.
pub(super) fn of(dialect: Dialect) -> &'static [Step] {
    match dialect {
        Dialect::Sqlite => SQLITE,
        Dialect::Postgres => POSTGRES,
    }
}

impl Step {
    /// SHA-384 of the script, as sqlx makes it.
    pub(super) fn checksum(&self) -> Vec<u8> {
        let script = SqlStr::from_static(self.script);
        let step =
            Migration::new(self.version, self.name.into(), MigrationType::Simple, script, false);
        step.checksum.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_databases_have_the_same_steps_from_the_fourth_on() {
        let of = |steps: &[Step]| -> Vec<_> {
            steps.iter().filter(|s| s.version > 3).map(|s| (s.version, s.name)).collect()
        };
        assert_eq!(of(SQLITE), of(POSTGRES));
        assert!(SQLITE.is_sorted_by_key(|step| step.version));
    }
}
