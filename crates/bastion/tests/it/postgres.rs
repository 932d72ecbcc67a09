//! The noun `Postgres`: Debian's PostgreSQL on a free port, in a folder of its own.
//!
//! It must never outlive its test: dropped, it is ended by its process's id.

use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use crate::bastion::LIMIT;

/// PostgreSQL refuses to run as root.
pub(crate) const NOBODY: u32 = 65534;

/// Between two looks whether it listens.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Tests kill it and never the machine.
const SETTINGS: &str = "fsync = off\nfull_page_writes = off\nshared_buffers = 16MB\n\
    unix_socket_directories = ''\nlisten_addresses = '127.0.0.1'\n";

/// A PostgreSQL, running or not.
pub(crate) struct Postgres {
    port: u16,
    folder: TempDir,
    child: Option<Child>,
}

impl Postgres {
    /// Running, with one empty database.
    pub(crate) fn start() -> Postgres {
        let folder = tempfile::tempdir().unwrap();
        if is_root() {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut postgres = Postgres { port, folder, child: None };
        let mut init = postgres.program("initdb");
        init.args(["--username=bastion", "--auth=trust", "--encoding=UTF8", "--no-sync"]);
        init.args(["--locale=C.UTF-8", "--pgdata"]).arg(postgres.data());
        let made = init.stdout(Stdio::null()).status();
        assert!(made.unwrap().success(), "initdb fails");
        let settings = postgres.data().join("postgresql.conf");
        std::fs::write(settings, SETTINGS).unwrap();
        postgres.come();
        postgres
    }

    /// The URL of its database.
    pub(crate) fn url(&self) -> String {
        format!("postgres://bastion@127.0.0.1:{}/postgres", self.port)
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Starts it where it was.
    pub(crate) fn come(&mut self) {
        let mut server = self.program("postgres");
        server.arg("-D").arg(self.data()).args(["-p", &self.port.to_string()]);
        server.stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(server.spawn().unwrap());
        let began = SystemTime::now();
        while !self.program("pg_isready").args(self.address()).output().unwrap().status.success() {
            assert!(began.elapsed().unwrap() < LIMIT, "PostgreSQL does not listen");
            std::thread::park_timeout(LOOK_AGAIN);
        }
    }

    /// Ends it and cuts everybody off.
    pub(crate) fn go(&mut self) {
        if let Some(mut child) = self.child.take() {
            self.kill("INT", &child.id().to_string());
            child.wait().unwrap();
        }
    }

    /// Kills all of its processes without mercy.
    pub(crate) fn die(&mut self) {
        self.signal("KILL");
        if let Some(mut child) = self.child.take() {
            child.wait().unwrap();
        }
    }

    /// What a statement answers, as its first column's first value; an administrator asks.
    pub(crate) fn ask(&self, statement: &str) -> String {
        let mut psql = self.program("psql");
        psql.args(self.address()).args(["--username=bastion", "--dbname=postgres"]);
        psql.args(["--no-psqlrc", "--tuples-only", "--no-align", "--command", statement]);
        let done = psql.output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{statement}: {said}");
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    /// Sends a signal to all of its processes, such as `STOP` or `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        let own = self.child.as_ref().unwrap().id();
        let children = std::fs::read_to_string(format!("/proc/{own}/task/{own}/children")).unwrap();
        for id in children.split_whitespace() {
            self.kill(name, id);
        }
        self.kill(name, &own.to_string());
    }

    fn kill(&self, name: &str, id: &str) {
        // One of its processes may have ended by itself meanwhile.
        let sent =
            Command::new("kill").arg(format!("-{name}")).arg(id).stderr(Stdio::null()).status();
        assert!(sent.is_ok(), "{}", self.port);
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn address(&self) -> [String; 2] {
        ["--host=127.0.0.1".to_owned(), format!("--port={}", self.port)]
    }

    fn program(&self, name: &str) -> Command {
        let mut program = Command::new(programs().join(name));
        program.current_dir(self.folder.path());
        if is_root() {
            program.uid(NOBODY).gid(NOBODY);
        }
        program
    }
}

/// May this test change users, and mount?
pub(crate) fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Debian keeps the server's programs out of the path, by version.
pub(crate) fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql");
    let versions = versions.expect("Debian's postgresql is installed by scripts/test");
    let newest = versions.map(|version| version.unwrap().path()).max();
    newest.as_deref().unwrap_or(Path::new("/")).join("bin")
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.signal("CONT");
        }
        self.go();
    }
}
