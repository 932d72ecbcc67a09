//! The noun `Bastion`: the real binary, started as an operator would, in a folder of its own.
//!
//! It must never outlive its test: dropped, its process is ended by its id.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use tempfile::TempDir;

use crate::place::Place;

/// What anything may take here before the test fails.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// Between two looks for a record: many tests look at once, on a machine that is busy with them.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// The key that the gateway shows to the simulated upstream; it must show up nowhere else.
pub(crate) const UPSTREAM_KEY: &str = "qbt_it_upstream_secret_000000000001";

/// The configuration that tests begin with; `{upstream}` is the simulated upstream's base URL.
pub(crate) const CONFIG: &str = r#"
[server]
listen = "127.0.0.1:0"
timeout = { header = "2s", body = "2s", drain = "5s" }
[operator]
listen = "127.0.0.1:0"

[upstreams.simulated]
base_url = "{upstream}"
api_key = "env:IT_UPSTREAM_KEY"
region = "CA"
timeout = { connect = "1s", first_event = "2s", idle = "1s", answer = "2s" }

[models."gpt-oss-20b"]
upstream = "simulated"
kind = "chat"
[models.renamed]
upstream = "simulated"
upstream_model = "Qwen3-32B"
kind = "chat"

[retry]
attempts = 1
breaker = { failures = 1000 }

[environments.dev]
[environments.prod]
regions = ["CA"]
[environments.quebec]
regions = ["CA-QC"]
"#;

/// A command of the binary, with a clean environment.
pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bastion"));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("BASTION_DATA_DIR", folder.join("data"))
        .env("IT_UPSTREAM_KEY", UPSTREAM_KEY)
        .current_dir(folder);
    command
}

/// Lines that a process has written to stderr.
#[derive(Clone, Default)]
pub(crate) struct Lines {
    written: Arc<(Mutex<Written>, Condvar)>,
}

#[derive(Default)]
struct Written {
    lines: Vec<String>,
    ended: bool,
}

impl Lines {
    fn read(&self, from: impl std::io::Read + Send + 'static) {
        let written = Arc::clone(&self.written);
        std::thread::spawn(move || {
            for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                written.0.lock().unwrap().lines.push(line);
                written.1.notify_all();
            }
            written.0.lock().unwrap().ended = true;
            written.1.notify_all();
        });
    }

    /// Everything so far.
    pub(crate) fn text(&self) -> String {
        self.written.0.lock().unwrap().lines.join("\n")
    }

    /// The first line that holds `part`, waited for.
    pub(crate) fn wait_for(&self, part: &str) -> String {
        let found = |state: &Written| state.lines.iter().find(|l| l.contains(part)).cloned();
        let state = self.written.0.lock().unwrap();
        let waiting = |state: &mut Written| found(state).is_none() && !state.ended;
        let (state, _) = self.written.1.wait_timeout_while(state, LIMIT, waiting).unwrap();
        let all = || state.lines.join("\n");
        found(&state).unwrap_or_else(|| panic!("no line with {part:?} in:\n{}", all()))
    }
}

/// A running gateway.
pub(crate) struct Bastion {
    /// Where callers connect.
    pub(crate) callers: SocketAddr,
    /// Where operators connect.
    pub(crate) operators: SocketAddr,
    /// What it logs.
    pub(crate) log: Lines,
    folder: TempDir,
    child: Child,
    /// Behind the process: its database goes when nobody is connected.
    place: Option<Place>,
}

/// A key as `keys create --json` tells it.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) text: String,
}

impl Bastion {
    /// In front of this upstream, with the configuration that tests begin with.
    pub(crate) fn before(upstream: SocketAddr) -> Bastion {
        Bastion::with(&CONFIG.replace("{upstream}", &format!("http://{upstream}/v1")))
    }

    /// With this configuration.
    pub(crate) fn with(config: &str) -> Bastion {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("bastion.toml"), config).unwrap();
        Bastion::start(folder, |_| {})
    }

    /// In this folder, which holds `bastion.toml`; `change` may add to the command.
    pub(crate) fn start(folder: TempDir, change: impl FnOnce(&mut Command)) -> Bastion {
        let mut serve = command(folder.path());
        serve.arg("serve");
        let place = Place::of(folder.path());
        if let Some(place) = &place {
            place.tell(&mut serve);
        }
        change(&mut serve);
        let mut bastion = Bastion::run(folder, serve);
        bastion.place = place;
        bastion
    }

    /// What this command starts in this folder.
    pub(crate) fn run(folder: TempDir, mut serve: Command) -> Bastion {
        let mut child = serve.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let log = Lines::default();
        log.read(child.stderr.take().unwrap());
        let ready = log.wait_for("ready callers=");
        let address = |name: &str| -> SocketAddr {
            let word = ready.split(' ').find_map(|word| word.strip_prefix(name)).unwrap();
            word.parse().unwrap()
        };
        let (callers, operators) = (address("callers="), address("operators="));
        Bastion { callers, operators, log, folder, child, place: None }
    }

    /// Its folder: `bastion.toml` and `data`.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its configuration's file.
    pub(crate) fn config_file(&self) -> PathBuf {
        self.folder.path().join("bastion.toml")
    }

    /// Runs a command that speaks to this gateway.
    pub(crate) fn command(&self, arguments: &[&str]) -> Output {
        let server = format!("http://{}", self.operators);
        command(self.folder()).args(arguments).args(["--server", &server]).output().unwrap()
    }

    /// A new key.
    pub(crate) fn key(&self, environment: &str, more: &[&str]) -> Key {
        let begin = ["keys", "create", "--env", environment, "--service", "it", "--json"];
        let made = self.command(&[&begin[..], more].concat());
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let told: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
        let text = |field: &str| told[field].as_str().unwrap().to_owned();
        Key { id: text("id"), text: text("api_key") }
    }

    /// The operators' token.
    pub(crate) fn token(&self) -> String {
        let path = self.folder().join("data/operator.token");
        std::fs::read_to_string(path).unwrap().trim().to_owned()
    }

    /// Sends a signal by its name, such as `TERM` or `HUP`.
    pub(crate) fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        kill.arg(format!("-{name}")).arg(self.child.id().to_string());
        assert!(kill.status().unwrap().success());
    }

    /// Waits for its end and tells the exit code.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        let began = std::time::SystemTime::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(
                began.elapsed().unwrap_or_default() < LIMIT,
                "it did not end:\n{}",
                self.log.text()
            );
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }
}

impl Bastion {
    /// Its process's id.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Ends it without mercy, if it still runs, and gives its folder for the next one.
    pub(crate) fn into_folder(mut self) -> TempDir {
        // What is kept for the folder stays for whoever starts in it.
        std::mem::forget(self.place.take());
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }

    /// The recorded calls, newest first, once `is` holds for them.
    pub(crate) async fn calls_when(
        &self,
        is: impl Fn(&[serde_json::Value]) -> bool,
    ) -> Vec<serde_json::Value> {
        let operators = crate::client::Client::with_text(self.operators, &self.token());
        let mut last = Vec::new();
        let find = async {
            loop {
                let page = operators.get("/admin/v1/calls?limit=200").await.json();
                last.clone_from(page["data"].as_array().unwrap());
                if is(&last) {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        let found = tokio::time::timeout(LIMIT, find).await.is_ok();
        assert!(found, "the records stay so: {last:#?}");
        last
    }

    /// The one recorded call that has this code.
    pub(crate) async fn call_with_code(&self, code: &str) -> serde_json::Value {
        let calls = self.calls_when(|calls| calls.iter().any(|call| call["code"] == code)).await;
        calls.into_iter().find(|call| call["code"] == code).unwrap()
    }
}

impl Drop for Bastion {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            self.child.wait().unwrap();
        }
    }
}

impl Bastion {
    /// The record of a call, waited for.
    pub(crate) async fn last_call(&self, id: &str) -> serde_json::Value {
        let operators = crate::client::Client::with_text(self.operators, &self.token());
        let find = async {
            loop {
                let answer = operators.get(&format!("/admin/v1/calls/{id}")).await;
                if answer.status == 200 {
                    return answer.json();
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        tokio::time::timeout(LIMIT, find).await.unwrap_or_else(|_| panic!("no record of {id}"))
    }
}

impl Bastion {
    /// Waits until so many reloads ended so.
    pub(crate) async fn reloaded(&self, outcome: &str, times: u32) {
        let operators = crate::client::Client::with_text(self.operators, "");
        let line = format!("bastion_config_reloads_total{{outcome=\"{outcome}\"}} {times}");
        let counted = async {
            while !operators.get("/metrics").await.text().contains(&line) {
                tokio::task::yield_now().await;
            }
        };
        let counted = tokio::time::timeout(LIMIT, counted).await;
        assert!(counted.is_ok(), "no {line} after:\n{}", self.log.text());
    }
}
