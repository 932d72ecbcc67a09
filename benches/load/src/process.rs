//! The processes that are measured, started on free ports and ended by their ids.
//!
//! None may outlive the harness.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};

/// How long a process may take until it listens.
const START: Duration = Duration::from_secs(10);

/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// A process that listens.
pub(crate) struct Process {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Where its operators ask; the same where it has none.
    pub(crate) operators: SocketAddr,
    /// What callers show.
    pub(crate) key: String,
    /// What callers show whose environment has a cap.
    pub(crate) capped_key: String,
}

impl Drop for Process {
    fn drop(&mut self) {
        // TERM lets nginx and the gateway end well; it is theirs to be quick.
        let told = Command::new("kill").arg(self.child.id().to_string()).status();
        if told.is_err() {
            self.child.kill().ok();
        }
        self.child.wait().ok();
    }
}

impl Process {
    /// The upstream: this program again.
    pub(crate) fn upstream() -> anyhow::Result<Process> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("upstream")
            .stdout(Stdio::piped())
            .spawn()
            .context("the upstream does not start")?;
        let address = first_line(child.stdout.take())?.parse()?;
        Ok(Process::of(child, (address, address)))
    }

    /// Debian's nginx, as a plain proxy: connections are kept, nothing is buffered.
    pub(crate) fn nginx(folder: &Path, upstream: SocketAddr) -> anyhow::Result<Process> {
        let address = free_port()?;
        std::fs::write(folder.join("nginx.conf"), nginx_conf(address, upstream))?;
        let child = Command::new("/usr/sbin/nginx")
            .arg("-p")
            .arg(folder)
            .args(["-c", "nginx.conf", "-e", "error.log"])
            .spawn()
            .context("nginx does not start; install Debian's nginx-light")?;
        let process = Process::of(child, (address, address));
        process.listens()?;
        Ok(process)
    }

    /// The gateway, with a key of its own; started with a library, if one is named.
    pub(crate) fn bastion(
        folder: &Path,
        (binary, preload): (&Path, Option<&Path>),
        upstream: SocketAddr,
    ) -> anyhow::Result<Process> {
        std::fs::write(folder.join("bastion.toml"), bastion_toml(upstream))?;
        let command = || {
            let mut command = Command::new(binary);
            command.current_dir(folder).env("BENCH_UPSTREAM_KEY", "bench-upstream");
            command
        };
        let log = std::fs::File::create(folder.join("log"))?;
        let mut serve = command();
        if let Some(library) = preload {
            serve.env("LD_PRELOAD", library);
        }
        let mut child = serve.arg("serve").stderr(log).spawn().context("bastion does not start")?;
        let ready = match ready_line(folder, &mut child) {
            Ok(ready) => ready,
            Err(cause) => {
                child.kill().ok();
                return Err(cause);
            }
        };
        let word = |name: &str| ready.split(' ').find_map(|word| word.strip_prefix(name));
        let address = word("callers=").context("no address of callers")?.parse()?;
        let operators = word("operators=").context("no operators")?.parse()?;
        let mut process = Process::of(child, (address, operators));
        let operators = format!("http://{operators}");
        let key = |environment: &str| {
            let of = ["keys", "create", "--service", "bench", "--env", environment];
            let made = command().args(of).args(["--server", &operators]).output()?;
            anyhow::ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
            Ok(String::from_utf8(made.stdout)?.trim().to_owned())
        };
        process.key = key("dev")?;
        process.capped_key = key("capped")?;
        Ok(process)
    }

    fn of(child: Child, (address, operators): (SocketAddr, SocketAddr)) -> Process {
        Process { child, address, operators, key: String::new(), capped_key: String::new() }
    }

    /// Its process's id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn listens(&self) -> anyhow::Result<()> {
        let began = SystemTime::now();
        while TcpStream::connect(self.address).is_err() {
            anyhow::ensure!(began.elapsed()? < START, "nothing listens at {}", self.address);
            std::thread::park_timeout(LOOK_AGAIN);
        }
        Ok(())
    }
}

fn first_line(from: Option<impl std::io::Read>) -> anyhow::Result<String> {
    let mut line = String::new();
    BufReader::new(from.context("no output")?).read_line(&mut line)?;
    Ok(line.trim().to_owned())
}

fn ready_line(folder: &Path, child: &mut Child) -> anyhow::Result<String> {
    let began = SystemTime::now();
    loop {
        let log = std::fs::read_to_string(folder.join("log"))?;
        if let Some(line) = log.lines().find(|line| line.starts_with("ready callers=")) {
            return Ok(line.to_owned());
        }
        if child.try_wait()?.is_some() || began.elapsed()? > START {
            bail!("bastion is not ready:\n{log}");
        }
        std::thread::park_timeout(LOOK_AGAIN);
    }
}

fn free_port() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn nginx_conf(address: SocketAddr, upstream: SocketAddr) -> String {
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {name};"))
        .join(" ");
    format!(
        "daemon off; master_process off; pid nginx.pid;\nevents {{ worker_connections 8192; }}\n\
         http {{ access_log off; {temporary}\nupstream up {{ server {upstream}; keepalive 512; }}\n\
         server {{ listen {address}; keepalive_requests 100000000; location / {{ proxy_pass \
         http://up; proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_buffering off; \
         }} }} }}\n"
    )
}

fn bastion_toml(upstream: SocketAddr) -> String {
    format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[operator]\nlisten = \"127.0.0.1:0\"\n\
         [upstreams.bench]\nbase_url = \"http://{upstream}/v1\"\napi_key = \
         \"env:BENCH_UPSTREAM_KEY\"\n[models.bench]\nupstream = \"bench\"\ncontext_tokens = \
         131072\nmax_output_tokens = 8192\nprice = {{ input = \"0.05\", output = \"0.20\" }}\n\
         [environments.dev]\n[environments.capped]\nmonthly_cap = \"1000000\"\n"
    )
}
