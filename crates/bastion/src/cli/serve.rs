//! `bastion serve`: the gateway, until SIGTERM.
//!
//! It must never listen before the whole configuration is valid.

use std::path::PathBuf;

use bastion_config::{Loaded, load, read_sources};
use clap::Args;

use crate::exit::Exit;
use crate::out;
use crate::wiring::{Credentials, House, Log, Plan, Signals, Storage, control_runtime, rehearsals};

const EXAMPLES: &str = "\
Examples:
  bastion serve                                  with ./bastion.toml
  bastion serve --config /etc/bastion.toml
  BASTION_SERVER__LISTEN=127.0.0.1:9000 bastion serve

SIGTERM drains and ends with 0; SIGHUP reads the configuration again and keeps the old one on any
error. BASTION_LOG sets what is logged (error, warn, info, debug).";

/// What `serve` is started with.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ServeArguments {
    /// The configuration's file
    #[arg(long, env = "BASTION_CONFIG", default_value = "bastion.toml", value_name = "FILE")]
    config: PathBuf,
}

pub(crate) fn run(arguments: &ServeArguments) -> anyhow::Result<Exit> {
    let sources = read_sources(&arguments.config, std::env::vars_os())?;
    let loaded = match load(&sources) {
        Ok(loaded) => loaded,
        Err(report) => {
            out::note(&report.render(out::style_of_stderr()));
            return Ok(Exit::Usage);
        }
    };
    if !loaded.warnings.is_empty() {
        out::note(&loaded.warnings.render(out::style_of_stderr()));
    }
    let log = Log::start("info")?;
    control_runtime()?.block_on(serve(loaded, arguments.config.clone(), log))
}

async fn serve(loaded: Loaded, path: PathBuf, log: Log) -> anyhow::Result<Exit> {
    let signals = Signals::listen()?;
    let house = House::open(Plan {
        loaded,
        path: Some(path),
        storage: Storage::Configured,
        credentials: Credentials::References,
        log,
        rehearse: rehearsals,
    })
    .await?;
    out::note(&format!("ready callers={} operators={}", house.callers, house.operators));
    house.serve(signals).await;
    Ok(Exit::Done)
}
