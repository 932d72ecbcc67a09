//! `bastion store`: the schema of the store, looked at or brought up to date by hand.
//!
//! It must never touch a database that is newer than this binary, and never begin without being
//! asked to.

use std::path::PathBuf;

use bastion_config::{load, read_sources};
use bastion_store::SchemaState;
use clap::{Args, Subcommand};
use serde_json::json;

use crate::exit::Exit;
use crate::out;
use crate::wiring::{control_runtime, place};

const EXAMPLES: &str = "\
Examples:
  bastion store migrate --check
  bastion store migrate";

const MIGRATE_EXAMPLES: &str = "\
Examples:
  bastion store migrate --check                  1 when steps are missing
  bastion store migrate --config /etc/bastion.toml

All missing steps are taken in one transaction, under a lock: whoever comes second finds nothing
left to do. Take a backup first.";

/// The store's schema: look at it, or bring it up to date
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct StoreArguments {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Take the steps of the schema that are missing
    Migrate(MigrateArguments),
}

/// Take the steps of the schema that are missing
#[derive(Debug, Args)]
#[command(after_help = MIGRATE_EXAMPLES)]
struct MigrateArguments {
    /// Only look: 0 when nothing is missing, 1 when something is
    #[arg(long)]
    check: bool,
    /// The configuration's file
    #[arg(long, env = "BASTION_CONFIG", default_value = "bastion.toml", value_name = "FILE")]
    config: PathBuf,
    /// One line of JSON: {"found","known","missing"}
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// When the configuration cannot be read or the store does not take the steps.
pub(crate) fn run(arguments: &StoreArguments) -> anyhow::Result<Exit> {
    let Act::Migrate(act) = &arguments.act;
    migrate(act)
}

fn migrate(arguments: &MigrateArguments) -> anyhow::Result<Exit> {
    let sources = read_sources(&arguments.config, std::env::vars_os())?;
    let loaded = match load(&sources) {
        Ok(loaded) => loaded,
        Err(report) => {
            out::note(&report.render(out::style_of_stderr()));
            return Ok(Exit::Usage);
        }
    };
    let place = place(&loaded.config)?;
    let runtime = control_runtime()?;
    let state = if arguments.check {
        runtime.block_on(place.look())?
    } else {
        runtime.block_on(place.migrate())?
    };
    out::line(&if arguments.json { json_of(state) } else { line_of(state, arguments.check) });
    Ok(if arguments.check && state.missing > 0 { Exit::No } else { Exit::Done })
}

fn json_of(state: SchemaState) -> String {
    json!({ "found": state.found, "known": state.known, "missing": state.missing }).to_string()
}

fn line_of(state: SchemaState, only_looked: bool) -> String {
    let SchemaState { found, known, missing } = state;
    match (missing, only_looked) {
        (0, _) => format!("the schema is at step {known}; nothing is missing"),
        (_, true) => format!(
            "the schema is at step {found} of {known}; run 'bastion store migrate' to take what is \
             missing"
        ),
        (_, false) => format!("the schema went from step {found} to {known}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_and_done_is_told() {
        let behind = SchemaState { found: 3, known: 5, missing: 2 };
        assert!(line_of(behind, true).contains("at step 3 of 5; run 'bastion store migrate'"));
        assert_eq!(line_of(behind, false), "the schema went from step 3 to 5");
        assert_eq!(json_of(behind), r#"{"found":3,"known":5,"missing":2}"#);
        let whole = SchemaState { found: 5, known: 5, missing: 0 };
        assert!(line_of(whole, false).ends_with("nothing is missing"));
    }
}
