//! The noun `Postgres`: Debian's PostgreSQL on a free port, in a folder of its own.
//!
//! It must never outlive its test: dropped, it is ended by its process's id.

use std::io::Write;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use crate::bastion::LIMIT;
use crate::port;

/// PostgreSQL refuses to run as root.
pub(crate) const NOBODY: u32 = 65534;

/// Between two looks whether it listens.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Tests kill it and never the machine.
const SETTINGS: &str = "fsync = off\nfull_page_writes = off\nshared_buffers = 16MB\n\
    unix_socket_directories = ''\nlisten_addresses = '127.0.0.1'\n";

/// Everybody is let in, but for one user who must show a password.
const WHO_MAY: &str = "host all locked 127.0.0.1/32 scram-sha-256\n\
    host all all 127.0.0.1/32 trust\n";

/// Mounts a small disk that nobody else sees, and runs what follows as the user of this number.
const ON_A_SMALL_DISK: &str = r#"
    disk=$1 user=$2; shift 2
    mount -t tmpfs -o "size=20m,uid=$user,gid=$user,mode=700" tmpfs "$disk" || exit 77
    exec setpriv --reuid "$user" --regid "$user" --clear-groups "$@"
"#;

/// A PostgreSQL, running or not.
pub(crate) struct Postgres {
    port: u16,
    folder: TempDir,
    child: Option<Child>,
    database: &'static str,
}

impl Postgres {
    /// Running, with one empty database.
    pub(crate) fn start() -> Postgres {
        let mut postgres = Postgres::made("postgres");
        postgres.come();
        postgres
    }

    /// Running, its database on a disk with little room, which goes with the process; none where this
    /// system allows no mounts.
    pub(crate) fn with_little_room() -> Option<Postgres> {
        let mut probe = Command::new("unshare");
        probe.args(["-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).stderr(Stdio::null());
        if !is_root() || !probe.status().is_ok_and(|done| done.success()) {
            return None;
        }
        let mut postgres = Postgres::made("little");
        std::fs::create_dir(postgres.disk()).unwrap();
        postgres.come();
        let place = format!("CREATE TABLESPACE little LOCATION '{}'", postgres.disk().display());
        postgres.ask_in("postgres", &place);
        postgres.ask_in("postgres", "CREATE DATABASE little TABLESPACE little");
        Some(postgres)
    }

    /// Its files, with this database as the one that it is about.
    fn made(database: &'static str) -> Postgres {
        let folder = tempfile::tempdir().unwrap();
        if is_root() {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let postgres = Postgres { port: port::free(), folder, child: None, database };
        let mut init = postgres.program("initdb");
        init.args(["--username=bastion", "--auth=trust", "--encoding=UTF8", "--no-sync"]);
        init.args(["--locale=C.UTF-8", "--pgdata"]).arg(postgres.data());
        let made = init.stdout(Stdio::null()).status();
        assert!(made.unwrap().success(), "initdb fails");
        std::fs::write(postgres.data().join("postgresql.conf"), SETTINGS).unwrap();
        std::fs::write(postgres.data().join("pg_hba.conf"), WHO_MAY).unwrap();
        postgres
    }

    /// The URL of its database.
    pub(crate) fn url(&self) -> String {
        format!("postgres://bastion@127.0.0.1:{}/{}", self.port, self.database)
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Starts it where it was.
    pub(crate) fn come(&mut self) {
        let mut server = self.server();
        server.arg("-D").arg(self.data()).args(["-p", &self.port.to_string()]);
        server.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = server.spawn().unwrap();
        let began = SystemTime::now();
        while !self.program("pg_isready").args(self.address()).output().unwrap().status.success() {
            assert!(began.elapsed().unwrap() < LIMIT, "PostgreSQL does not listen");
            std::thread::park_timeout(LOOK_AGAIN);
            // It ends at once while a process of one that was killed still has its memory.
            if child.try_wait().unwrap().is_some() {
                child = server.spawn().unwrap();
            }
        }
        self.child = Some(child);
    }

    fn server(&self) -> Command {
        if !self.disk().exists() {
            return self.program("postgres");
        }
        let mut server = Command::new("unshare");
        server.args(["-m", "sh", "-c", ON_A_SMALL_DISK, "sh"]).arg(self.disk());
        server.arg(NOBODY.to_string()).arg(programs().join("postgres"));
        server.current_dir(self.folder.path());
        server
    }

    /// Takes all the room of the small disk; the file that does.
    pub(crate) fn fill(&self) -> PathBuf {
        let process = self.child.as_ref().unwrap().id();
        fill(Path::new(&format!("/proc/{process}/root{}", self.disk().display())))
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

    /// What a statement answers, as its first column's values, a line each; an administrator asks.
    pub(crate) fn ask(&self, statement: &str) -> String {
        self.ask_in(self.database, statement)
    }

    fn ask_in(&self, database: &str, statement: &str) -> String {
        let mut psql = self.program("psql");
        psql.args(self.address()).args(["--username=bastion", "--dbname", database]);
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

    fn disk(&self) -> PathBuf {
        self.folder.path().join("disk")
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

/// Takes all the room that is left on the disk of this folder; the file that does.
pub(crate) fn fill(folder: &Path) -> PathBuf {
    let path = folder.join("filler");
    let mut filler = std::fs::File::create(&path).unwrap();
    for size in [64 * 1024, 4096, 1] {
        while filler.write(&vec![0; size]).is_ok_and(|written| written > 0) {}
    }
    path
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
