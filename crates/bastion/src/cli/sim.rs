//! `bastion sim`: the simulated upstream alone, for tests and drills.
//!
//! It must never pass for a real model: it says so when it starts and in every answer.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::Context;
use bastion_runtime::Drain;
use bastion_sim::{Pace, Script, Sim, SimOptions};
use clap::{Args, ValueEnum};

use crate::exit::Exit;
use crate::out;
use crate::wiring::{Log, Signals, control_runtime};

/// Longest script that is read, in bytes.
const MAX_SCRIPT_BYTES: u64 = 4 * 1024 * 1024;

const EXAMPLES: &str = "\
Examples:
  bastion sim                                    on 127.0.0.1:9090, as fast as a model
  bastion sim --port 0 --pace off                on a free port, without any wait
  bastion sim --script faults.toml --key qbt_test

What it received stands at GET /sim/log. Its answers are simulated and say so.";

/// What `sim` is started with.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SimArguments {
    /// Where it listens on 127.0.0.1; 0 takes a free port
    #[arg(long, default_value_t = 9090)]
    port: u16,
    /// Answers to play instead of the generated ones (TOML)
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// Decides every word of the answers
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How fast answers come
    #[arg(long, value_enum, default_value_t = PaceName::Realistic)]
    pace: PaceName,
    /// A key that is accepted; without any, every key is
    #[arg(long = "key", value_name = "KEY")]
    keys: Vec<String>,
    /// Requests a minute of each key; beyond it 429
    #[arg(long, value_name = "N")]
    rate: Option<u32>,
    /// Tokens that the account may still use; then 402
    #[arg(long, value_name = "TOKENS")]
    balance: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PaceName {
    /// 150 ms to the first token, 8 ms for each further one
    Realistic,
    /// Everything at once
    Off,
}

pub(crate) fn run(arguments: &SimArguments) -> anyhow::Result<Exit> {
    let options = SimOptions {
        listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), arguments.port),
        seed: arguments.seed,
        pace: match arguments.pace {
            PaceName::Realistic => Pace::REALISTIC,
            PaceName::Off => Pace::Off,
        },
        keys: arguments.keys.clone(),
        rate_per_minute: arguments.rate,
        balance_tokens: arguments.balance,
        script: arguments.script.as_deref().map(read_script).transpose()?,
        ..SimOptions::default()
    };
    let _log = Log::start("info")?;
    control_runtime()?.block_on(serve(options))
}

fn read_script(path: &std::path::Path) -> anyhow::Result<Script> {
    let name = path.display();
    let length = std::fs::metadata(path).with_context(|| format!("{name} cannot be read"))?.len();
    anyhow::ensure!(length <= MAX_SCRIPT_BYTES, "{name} is longer than {MAX_SCRIPT_BYTES} bytes");
    let text = std::fs::read_to_string(path).with_context(|| format!("{name} cannot be read"))?;
    Script::parse(&text).with_context(|| format!("{name} is no script"))
}

async fn serve(options: SimOptions) -> anyhow::Result<Exit> {
    let mut signals = Signals::listen()?;
    let sim = Sim::bind(options)?;
    let drain = Drain::new();
    out::note(&format!("ready simulated=http://{}/v1", sim.address()));
    let ending = drain.clone();
    let serving = sim.serve(drain);
    tokio::join!(serving, async {
        signals.end().await;
        ending.begin();
    });
    Ok(Exit::Done)
}
