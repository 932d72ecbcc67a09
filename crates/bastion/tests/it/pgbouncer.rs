//! The noun `Pgbouncer`: Debian's `PgBouncer` in transaction mode before a PostgreSQL.
//!
//! It must never outlive its test: dropped, it is ended by its process's id.

use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use crate::bastion::LIMIT;
use crate::port;
use crate::postgres::{NOBODY, Postgres, is_root};

/// Where Debian puts it; it is not on everybody's path.
const PGBOUNCER: &str = "/usr/sbin/pgbouncer";

/// Between two looks whether it listens.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Debian's defaults, but for the mode, the places and fewer connections to the server than the
/// gateways have to it: they must share.
const SETTINGS: &str = "[databases]\n* = host=127.0.0.1 port={server}\n[pgbouncer]\n\
    listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = trust\n\
    auth_file = users\npool_mode = transaction\ndefault_pool_size = 6\nlogfile = log\n";

/// A pooler, running or not.
pub(crate) struct Pgbouncer {
    port: u16,
    folder: TempDir,
    child: Child,
}

impl Pgbouncer {
    /// Running, before this server.
    pub(crate) fn before(postgres: &Postgres) -> Pgbouncer {
        let folder = tempfile::tempdir().unwrap();
        if is_root() {
            std::os::unix::fs::chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let port = port::free();
        let settings = SETTINGS
            .replace("{server}", &postgres.port().to_string())
            .replace("{port}", &port.to_string());
        std::fs::write(folder.path().join("settings.ini"), settings).unwrap();
        std::fs::write(folder.path().join("users"), "\"bastion\" \"\"\n").unwrap();
        let child = run(&folder);
        let pooler = Pgbouncer { port, folder, child };
        pooler.listens();
        pooler
    }

    /// The URL of the server's database, through it.
    pub(crate) fn url(&self) -> String {
        format!("postgres://bastion@127.0.0.1:{}/postgres", self.port)
    }

    /// Ends it without mercy.
    pub(crate) fn go(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it where it was.
    pub(crate) fn come(&mut self) {
        self.child = run(&self.folder);
        self.listens();
    }

    /// Sends a signal by its name, such as `STOP`.
    pub(crate) fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        kill.arg(format!("-{name}")).arg(self.child.id().to_string());
        assert!(kill.status().unwrap().success());
    }

    fn listens(&self) {
        let began = SystemTime::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let log = std::fs::read_to_string(self.folder.path().join("log"));
            assert!(began.elapsed().unwrap() < LIMIT, "PgBouncer does not listen: {log:?}");
            std::thread::park_timeout(LOOK_AGAIN);
        }
    }
}

fn run(folder: &TempDir) -> Child {
    let mut pooler = Command::new(PGBOUNCER);
    pooler.arg("settings.ini").current_dir(folder.path());
    // Like the server, it does not run as root.
    if is_root() {
        pooler.uid(NOBODY).gid(NOBODY);
    }
    pooler.stdout(Stdio::null()).stderr(Stdio::null());
    pooler.spawn().expect("Debian's pgbouncer is installed by scripts/test")
}

impl Drop for Pgbouncer {
    fn drop(&mut self) {
        if self.child.try_wait().unwrap().is_none() {
            self.go();
        }
    }
}
