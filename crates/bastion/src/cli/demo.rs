//! `bastion demo`: everything in one process, nothing to configure, gone when it ends.
//!
//! It must never call its answers anything but simulated.

mod told;
mod traffic;

use std::collections::HashMap;
use std::path::PathBuf;

use anyhow::Context;
use bastion_config::{Loaded, RenderStyle, Sources, load};
use bastion_runtime::Drain;
use bastion_sim::{Pace, Sim, SimOptions};
use bastion_store::{KeyBonds, NewKey};
use bastion_types::{ApiKey, EnvironmentName, Secret, ServiceName, UpstreamName};
use clap::Args;

use crate::exit::Exit;
use crate::out;
use crate::wiring::{Credentials, House, Log, Plan, Signals, Storage, control_runtime, rehearsals};
use told::Told;

const UPSTREAM: &str = "simulated";

/// The public catalogue, as the simulated upstream plays it.
const MODELS: &str = include_str!("demo/models.toml");

const EXAMPLES: &str = "\
Examples:
  bastion demo                                   callers on 127.0.0.1:8080, operators on 8081
  bastion demo --port 0 --json                   free ports, told in one line of JSON
  bastion demo --traffic                         with a gentle mix of calls";

/// What `demo` is started with.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DemoArguments {
    /// Where callers connect; operators get the next port; 0 takes two free ones
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Send a gentle mix of calls
    #[arg(long)]
    traffic: bool,
    /// Tell addresses and key in one line of JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &DemoArguments) -> anyhow::Result<Exit> {
    // At a terminal the first thing to read is the curl line, not the log.
    let log = Log::start("warn")?;
    control_runtime()?.block_on(serve(arguments, log))
}

async fn serve(arguments: &DemoArguments, log: Log) -> anyhow::Result<Exit> {
    let signals = Signals::listen()?;
    let upstream_key = ApiKey::generate(&environment("dev")?)?;
    let sim = Sim::bind(SimOptions {
        pace: Pace::REALISTIC,
        keys: vec![upstream_key.reveal().to_owned()],
        ..SimOptions::default()
    })?;
    let loaded = configuration(arguments.port, &sim)?;
    let secret = Secret::new(upstream_key.reveal().to_owned());
    let given = HashMap::from([(UpstreamName::parse(UPSTREAM)?, secret)]);
    let plan = Plan {
        loaded,
        path: None,
        storage: Storage::Memory,
        credentials: Credentials::Given(given),
        log,
        rehearse: rehearsals,
    };
    let drain = Drain::new();
    let upstream = sim.serve(drain.clone());
    let gateway = async {
        let opened = House::open(plan).await;
        let ended = match opened {
            Ok(house) => live(house, arguments, signals, &drain).await,
            Err(cause) => Err(cause),
        };
        drain.begin();
        ended
    };
    let ((), ended) = tokio::join!(upstream, gateway);
    ended.map(|()| Exit::Done)
}

async fn live(
    house: House,
    arguments: &DemoArguments,
    signals: Signals,
    drain: &Drain,
) -> anyhow::Result<()> {
    let (key, _) = house
        .store
        .keys()
        .create(NewKey {
            organization: bastion_types::OrganizationName::parse("default")?,
            environment: environment("dev")?,
            service: ServiceName::parse("demo")?,
            expires_at: None,
            rpm: None,
            tpm: None,
            concurrency: None,
            bonds: KeyBonds::default(),
        })
        .await?;
    announce(&house, &key, arguments.json);
    let calls = async {
        if arguments.traffic {
            traffic::send(house.callers, &key, drain).await;
        }
    };
    let serving = async {
        house.serve_until(signals).await;
        drain.begin();
    };
    tokio::join!(calls, serving);
    house.close().await;
    Ok(())
}

fn environment(name: &str) -> anyhow::Result<EnvironmentName> {
    Ok(EnvironmentName::parse(name)?)
}

/// The configuration of the demo, read like any other.
fn configuration(port: u16, sim: &Sim) -> anyhow::Result<Loaded> {
    let operators = match port {
        0 => 0,
        port => {
            port.checked_add(1).context("--port must be below 65535: operators get the next")?
        }
    };
    let upstream = sim.address();
    let mut text = format!(
        "[server]\nlisten = \"127.0.0.1:{port}\"\n[operator]\nlisten = \"127.0.0.1:{operators}\"\n\
         [upstreams.{UPSTREAM}]\nbase_url = \"http://{upstream}/v1\"\nregion = \"CA\"\n\
         api_key = \"env:BASTION_DEMO_IS_GIVEN_ITS_KEY\"\n[environments.dev]\n"
    );
    text.push_str(MODELS);
    let sources = Sources { file: Some((PathBuf::from("demo"), text)), environment: Vec::new() };
    load(&sources).map_err(|report| anyhow::Error::msg(report.render(RenderStyle::Plain)))
}

fn announce(house: &House, key: &ApiKey, json: bool) {
    let told = Told {
        callers: house.callers,
        operators: house.operators,
        key: key.reveal(),
        token: house.token.expose(),
    };
    out::line(&if json { told.json() } else { told.text() });
}

#[cfg(test)]
mod tests {
    use bastion_config::INIT_TOML;

    use super::*;

    #[test]
    fn the_demo_has_the_models_that_init_writes() {
        let begin = INIT_TOML.find("[models.").unwrap();
        let end = INIT_TOML.find("# A key belongs").unwrap();
        let models = INIT_TOML[begin..end].replace("\"bastion\"", &format!("\"{UPSTREAM}\""));
        assert!(MODELS.ends_with(&format!("{}\n", models.trim_end())), "{MODELS}");
    }
}
